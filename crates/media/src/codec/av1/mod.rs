//! AV1: the configuration record, the sequence header in it, and open bitstream units.

mod header;
mod layers;
#[cfg(test)]
mod tests;

use bytes::{BufMut, Bytes, BytesMut};

use self::header::Header;
pub use self::layers::{Layered, MAX_SPATIAL};
use super::{Malformed, Picture};

/// AV1 parameters, from the AV1CodecConfigurationRecord (AV1 in ISOBMFF §2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Av1 {
    /// The record as it came: the body of an `av1C` box.
    pub config: Bytes,
    /// `seq_profile`: 0 Main, 1 High, 2 Professional.
    pub profile: u8,
    /// `seq_level_idx` of the first operating point.
    pub level: u8,
    /// `seq_tier`: the high tier.
    pub high_tier: bool,
    /// Bits of a sample: 8, 10 or 12.
    pub depth: u8,
    /// What the pictures look like.
    pub picture: Picture,
}

const PART: &str = "AV1 sequence header";

// `obu_type`.
const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

impl Av1 {
    /// Reads a record that holds a sequence header, as FLV and MP4 carry it.
    pub fn from_config(config: &[u8]) -> Result<Self, Malformed> {
        let (&[0x81, first, second, _], units) = config.split_first_chunk::<4>().ok_or(Malformed("av1C"))? else {
            return Err(Malformed("av1C"));
        };
        let header = units_of(units).find(|unit| unit.kind == SEQUENCE_HEADER).ok_or(Malformed(PART))?;
        let depth = match second >> 5 & 3 {
            0b00 | 0b01 => 8,
            0b10 => 10,
            _ => 12,
        };
        Ok(Self {
            config: Bytes::copy_from_slice(config),
            profile: first >> 5,
            level: first & 0x1f,
            high_tier: second & 0x80 != 0,
            depth,
            picture: Header::read(header.body)?.picture,
        })
    }

    /// From the sequence header in a temporal unit, where there is no record.
    pub fn from_unit(unit: &[u8]) -> Result<Self, Malformed> {
        let body = sequence_header(unit).ok_or(Malformed(PART))?;
        let header = Header::read(body)?;
        let Header { profile, level, high_tier, depth, packed, picture, .. } = header;
        let mut config = BytesMut::with_capacity(body.len() + 16);
        config.put_slice(&[0x81, profile << 5 | level, u8::from(high_tier) << 7 | packed, 0]);
        config.put_u8(SEQUENCE_HEADER << 3 | 2); // with its size
        put_leb128(body.len(), &mut config);
        config.put_slice(body);
        Ok(Self { config: config.freeze(), profile, level, high_tier, depth, picture })
    }

    /// The parameters of a temporal unit, if its sequence header says anything new.
    pub fn changed_by(&self, unit: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(body) = sequence_header(unit) else { return Ok(None) };
        let known = self.config.get(4..).and_then(sequence_header);
        if known == Some(body) { Ok(None) } else { Self::from_unit(unit).map(Some) }
    }
}

/// A temporal unit without its delimiter, which files do not carry (conformance C13). Shares what it can.
pub fn without_delimiters(payload: Bytes) -> Bytes {
    let is_delimiter = |unit: &Unit<'_>| unit.kind == TEMPORAL_DELIMITER;
    let first = units_of(&payload).position(|unit| is_delimiter(&unit));
    match first {
        None => payload,
        // As encoders send it: at the front, and only there.
        Some(0) if units_of(&payload).skip(1).all(|unit| !is_delimiter(&unit)) => {
            let front = units_of(&payload).next().map_or(0, |unit| unit.whole.len());
            payload.slice(front..)
        }
        Some(_) => {
            let mut kept = BytesMut::with_capacity(payload.len());
            units_of(&payload).filter(|unit| !is_delimiter(unit)).for_each(|unit| kept.extend_from_slice(unit.whole));
            kept.freeze()
        }
    }
}

/// Holds a sequence header, as every temporal unit does at which a decoder may start.
pub fn has_sequence_header(payload: &[u8]) -> bool {
    units_of(payload).any(|unit| unit.kind == SEQUENCE_HEADER)
}

/// Its first frame is a keyframe, shown at once: a decoder that knows the sequence header may start here.
pub fn is_keyframe(payload: &[u8]) -> bool {
    let first = units_of(payload).find(|unit| matches!(unit.kind, FRAME | FRAME_HEADER));
    // `show_existing_frame` off, `frame_type` zero, `show_frame` on. Reduced headers of still pictures are no video.
    first.is_some_and(|unit| unit.body.first().is_some_and(|byte| byte & 0xf0 == 0x10))
}

fn sequence_header(unit: &[u8]) -> Option<&[u8]> {
    units_of(unit).find(|unit| unit.kind == SEQUENCE_HEADER).map(|unit| unit.body)
}

/// One open bitstream unit.
struct Unit<'a> {
    kind: u8,
    /// Which spatial layer it is of, by its extension.
    spatial: u8,
    body: &'a [u8],
    /// With its header.
    whole: &'a [u8],
}

/// The units of a temporal unit. One whose size lies is the last, and is left out.
fn units_of(payload: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        let &header = rest.first()?;
        let has_extension = header & 4 != 0;
        let mut at = if has_extension { 2 } else { 1 };
        let len = if header & 2 == 0 { rest.len().checked_sub(at)? } else { leb128(rest, &mut at)? };
        let (whole, after) = rest.split_at_checked(at.checked_add(len)?)?;
        rest = after;
        let spatial = if has_extension { whole.get(1)? >> 3 & 3 } else { 0 };
        Some(Unit { kind: header >> 3 & 0xf, spatial, body: whole.get(at..)?, whole })
    })
}

/// A number in groups of seven bits, the lowest first (AV1 §4.10.5).
fn leb128(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0u64;
    for group in 0..8 {
        let &byte = bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

fn put_leb128(mut value: usize, out: &mut BytesMut) {
    while value > 0x7f {
        out.put_u8(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
