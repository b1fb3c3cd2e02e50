use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Codec, FourCc, MAX_TRACKS};
use crate::Malformed;
use crate::take::{Take, need};

/// How an enhanced message spreads over tracks (`AvMultitrackType`).
pub(super) const ONE_TRACK: u8 = 0;
pub(super) const MANY_TRACKS: u8 = 1;
pub(super) const MANY_TRACKS_MANY_CODECS: u8 = 2;

/// `ModEx` in place of a packet type: something that changes this message comes before it.
pub(super) const MOD_EX: u8 = 7;

/// One track's share of an enhanced message.
pub(super) struct Share {
    pub(super) id: u8,
    pub(super) codec: Codec,
    pub(super) data: Bytes,
}

/// Moves the front of `bytes` up to where `rest`, a tail of it, begins.
pub(super) fn advance_to(bytes: &mut Bytes, rest_len: usize) {
    bytes.advance(bytes.len().saturating_sub(rest_len));
}

/// Reads what stands before the packet type proper: returns that type and the nanoseconds to add to the
/// message's timestamp (conformance R19). Extensions we do not know are stepped over.
pub(super) fn mod_ex(mut packet: u8, src: &mut &[u8]) -> Result<(u8, u32), Malformed> {
    let mut nanos = 0;
    while packet == MOD_EX {
        let mut size = usize::from(need(src.u8(), "ModEx size")?) + 1;
        if size == 256 {
            size = usize::from(need(src.u16(), "ModEx size")?) + 1;
        }
        let data = need(src.run(size), "ModEx data")?;
        let kind = need(src.u8(), "ModEx type")?;
        if let (0, &[a, b, c, ..]) = (kind >> 4, data) {
            nanos = u32::from_be_bytes([0, a, b, c]).min(999_999);
        }
        packet = kind & 0x0f;
    }
    Ok((packet, nanos))
}

/// Reads the body of an enhanced message: FourCC and payload, once or per track (conformance R20).
/// `multitrack` is the `AvMultitrackType`, where the message said it is one.
pub(super) fn shares(body: &Bytes, multitrack: Option<u8>) -> Result<Vec<Share>, Malformed> {
    let mut src = &body[..];
    let many_codecs = multitrack == Some(MANY_TRACKS_MANY_CODECS);
    if multitrack.is_some_and(|kind| kind > MANY_TRACKS_MANY_CODECS) {
        return Err(Malformed("multitrack type"));
    }
    let mut codec = None;
    if !many_codecs {
        codec = Some(four_cc(&mut src)?);
    }
    let Some(kind) = multitrack else {
        return Ok(codec.map(|codec| Share { id: 0, codec, data: body.slice_ref(src) }).into_iter().collect());
    };
    let mut shares = Vec::new();
    while shares.is_empty() || !src.is_empty() {
        if shares.len() == MAX_TRACKS {
            return Err(Malformed("multitrack: too many tracks"));
        }
        let codec = match codec {
            Some(codec) => codec,
            None => four_cc(&mut src)?,
        };
        let id = need(src.u8(), "track id")?;
        let data = if kind == ONE_TRACK {
            std::mem::take(&mut src)
        } else {
            let size = need(src.u24(), "track size")?;
            need(src.run(size as usize), "track data")?
        };
        shares.push(Share { id, codec, data: body.slice_ref(data) });
    }
    Ok(shares)
}

fn four_cc(src: &mut &[u8]) -> Result<Codec, Malformed> {
    Ok(Codec::FourCc(FourCc(need(src.array(), "FourCC")?)))
}

/// One track's share of a message to be written: `head` comes before `data` in the payload.
pub(super) struct Piece<'a> {
    pub(super) id: u8,
    pub(super) codec: Codec,
    pub(super) head: &'a [u8],
    pub(super) data: &'a [u8],
}

/// Writes an enhanced message: `first` holds the bits above the packet type, `multitrack` is the packet
/// type that announces several tracks.
pub(super) fn write(first: u8, packet: u8, multitrack: u8, nanos: u32, pieces: &[Piece<'_>], out: &mut BytesMut) {
    let single = matches!(pieces, [Piece { id: 0, .. }]);
    write_head(first, if single { packet } else { multitrack }, nanos, out);
    let mut codecs = pieces.iter().map(|piece| piece.codec);
    let first_codec = codecs.next();
    let one_codec = codecs.all(|codec| Some(codec) == first_codec);
    let kind = match (pieces.len(), one_codec) {
        (0 | 1, _) => ONE_TRACK,
        (_, true) => MANY_TRACKS,
        (_, false) => MANY_TRACKS_MANY_CODECS,
    };
    if !single {
        out.put_u8(kind << 4 | packet);
    }
    if let (true, Some(codec)) = (kind != MANY_TRACKS_MANY_CODECS, first_codec) {
        write_codec(codec, out);
    }
    for piece in pieces {
        if kind == MANY_TRACKS_MANY_CODECS {
            write_codec(piece.codec, out);
        }
        if !single {
            out.put_u8(piece.id);
        }
        if kind != ONE_TRACK {
            out.put_uint((piece.head.len() + piece.data.len()) as u64, 3);
        }
        out.put_slice(piece.head);
        out.put_slice(piece.data);
    }
}

/// Writes the first byte, and a ModEx before the packet type where there are nanoseconds to tell.
pub(super) fn write_head(first: u8, packet: u8, nanos: u32, out: &mut BytesMut) {
    if nanos == 0 {
        out.put_u8(first | packet);
    } else {
        out.put_slice(&[first | MOD_EX, 2]);
        out.put_uint(u64::from(nanos), 3);
        // ModEx type 0 in the high bits: a timestamp offset in nanoseconds.
        out.put_u8(packet);
    }
}

fn write_codec(codec: Codec, out: &mut BytesMut) {
    match codec {
        Codec::FourCc(FourCc(code)) => out.put_slice(&code),
        // Has no FourCC: readers will say that they do not know it, which is true.
        // These have no FourCC.
        Codec::G711 { .. } => out.put_slice(&[0; 4]),
        Codec::Legacy(id) => out.put_slice(&[0, 0, 0, id]),
    }
}
