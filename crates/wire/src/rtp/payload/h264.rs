//! H.264 in RTP (RFC 6184), packetization modes 0 and 1.

use super::Piece;
use crate::Malformed;
use crate::take::{Take, need};

/// Several units in one packet, each behind its length (§5.7.1).
pub const STAP_A: u8 = 24;
/// Part of a unit (§5.8).
pub const FU_A: u8 = 28;

const PART: &str = "H.264 payload";

/// Hands out the pieces of one packet's payload in order.
///
/// Kinds that only mode 2 knows, or nobody, are malformed.
pub fn read<'a>(payload: &'a [u8], mut each: impl FnMut(Piece<'a, 1>)) -> Result<(), Malformed> {
    let mut src = payload;
    let indicator = need(src.u8(), PART)?;
    match indicator & 0x1f {
        1..=23 => each(Piece::Whole(payload)),
        STAP_A => {
            while !src.is_empty() {
                let len = usize::from(need(src.u16(), PART)?);
                let nal = need(src.run(len), PART)?;
                // Zeros at the end are some encoder's padding.
                if !nal.is_empty() {
                    each(Piece::Whole(nal));
                }
            }
        }
        FU_A => {
            let fu = need(src.u8(), PART)?;
            let header = [indicator & 0xe0 | fu & 0x1f];
            each(Piece::Part { header, is_first: fu & 0x80 != 0, is_last: fu & 0x40 != 0, data: src });
        }
        _ => return Err(Malformed(PART)),
    }
    Ok(())
}

/// Whether an access unit may begin with this payload: with a parameter set, a delimiter, a message, or the first slice
/// of a picture. Only a packet from within a picture is surely none.
pub fn may_begin(payload: &[u8]) -> bool {
    let mut first = None;
    let mut note = |piece: Piece<'_, 1>| {
        first.get_or_insert(match piece {
            Piece::Whole(&[header, next, ..]) => begins_unit(header, next),
            Piece::Part { header: [header], is_first, data: &[next, ..], .. } => is_first && begins_unit(header, next),
            _ => false,
        });
    };
    read(payload, &mut note).is_ok() && first == Some(true)
}

/// `first_mb_in_slice` is 0 where the first bit of the slice header is set.
fn begins_unit(header: u8, next: u8) -> bool {
    match header & 0x1f {
        1 | 2 | 5 => next & 0x80 != 0,
        6..=9 => true,
        _ => false,
    }
}
