use bytes::BufMut;
use media::Frame;

use super::{Cut, MAX_PAYLOAD, pieces};

/// Behind the required octet and the one that says what follows.
pub(super) const VP8_PICTURE_ID_AT: usize = 2;
/// Behind the required octet.
pub(super) const VP9_PICTURE_ID_AT: usize = 1;

const VP8_DESCRIPTOR: usize = 4;
const VP9_DESCRIPTOR: usize = 3;
/// Scalability structure: one layer and its size.
const VP9_STRUCTURE: usize = 5;

/// VP8 (RFC 7741 §4.2) with a picture id of 15 bits, which each viewer fills in (P9). No TL0PICIDX: which temporal
/// layer a frame belongs to is not known here, and without it a receiver takes each picture to need the one before.
pub(super) fn cut_vp8(frame: &Frame, cut: &mut Cut) {
    for (at, piece) in pieces(&frame.payload, MAX_PAYLOAD - VP8_DESCRIPTOR).enumerate() {
        cut.packet(|out| {
            let begins_partition = u8::from(at == 0) << 4;
            out.put_slice(&[0x80 | begins_partition, 0x80, 0x80, 0]);
            out.put_slice(piece);
        });
    }
}

/// VP9 (RFC 9628 §4.2), flexible mode off, without layers, with a picture id of 15 bits.
pub(super) fn cut_vp9(width: u16, height: u16, frame: &Frame, cut: &mut Cut) {
    let structure = if frame.is_sync && width > 0 && height > 0 { VP9_STRUCTURE } else { 0 };
    let mut rest = pieces(&frame.payload, MAX_PAYLOAD - VP9_DESCRIPTOR - structure).enumerate().peekable();
    while let Some((at, piece)) = rest.next() {
        let (is_first, is_last) = (at == 0, rest.peek().is_none());
        let has_structure = is_first && structure > 0;
        let flag = |is_set: bool, bit: u8| u8::from(is_set) << bit;
        cut.packet(|out| {
            // I, P, B, E, V, Z: picture id, predicted, begin, end, structure, not for a higher layer.
            out.put_u8(
                0x80 | flag(!frame.is_sync, 6) | flag(is_first, 3) | flag(is_last, 2) | flag(has_structure, 1) | 1,
            );
            out.put_slice(&[0x80, 0]);
            if has_structure {
                out.put_u8(0x10); // one spatial layer, its size given
                out.put_u16(width);
                out.put_u16(height);
            }
            out.put_slice(piece);
        });
    }
}
