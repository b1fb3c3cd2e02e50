//! H.265 in RTP (RFC 7798), units in decoding order (`sprop-max-don-diff` 0).

use super::Piece;
use crate::Malformed;
use crate::take::{Take, need};

/// Several units in one packet (§4.4.2).
pub const AP: u8 = 48;
/// Part of a unit (§4.4.3).
pub const FU: u8 = 49;

const PART: &str = "H.265 payload";

/// Hands out the pieces of one packet's payload in order.
pub fn read<'a>(payload: &'a [u8], mut each: impl FnMut(Piece<'a, 2>)) -> Result<(), Malformed> {
    let mut src = payload;
    let [first, second] = need(src.array(), PART)?;
    match first >> 1 & 0x3f {
        0..AP => each(Piece::Whole(payload)),
        AP => {
            while !src.is_empty() {
                let len = usize::from(need(src.u16(), PART)?);
                let nal = need(src.run(len), PART)?;
                if !nal.is_empty() {
                    each(Piece::Whole(nal));
                }
            }
        }
        FU => {
            let fu = need(src.u8(), PART)?;
            let header = [first & 0x81 | (fu & 0x3f) << 1, second];
            each(Piece::Part { header, is_first: fu & 0x80 != 0, is_last: fu & 0x40 != 0, data: src });
        }
        _ => return Err(Malformed(PART)),
    }
    Ok(())
}

/// Whether an access unit may begin with this payload.
pub fn may_begin(payload: &[u8]) -> bool {
    let mut first = None;
    let mut note = |piece: Piece<'_, 2>| {
        first.get_or_insert(match piece {
            Piece::Whole(&[header, _, next, ..]) => begins_unit(header, next),
            Piece::Part { header: [header, _], is_first, data: &[next, ..], .. } => {
                is_first && begins_unit(header, next)
            }
            _ => false,
        });
    };
    read(payload, &mut note).is_ok() && first == Some(true)
}

/// Slices say with their first bit whether they are the first of a picture.
fn begins_unit(header: u8, next: u8) -> bool {
    match header >> 1 & 0x3f {
        0..=31 => next & 0x80 != 0,
        32..=35 | 39 => true,
        _ => false,
    }
}
