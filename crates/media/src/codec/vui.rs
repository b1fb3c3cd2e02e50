use super::bits::{Bits, lowest_terms};
use super::{Colour, Malformed, Picture};

/// Pixels along an edge beyond which no level goes and no player follows.
const LARGEST_EDGE: u32 = 16_384;

/// Sample aspect ratios by `aspect_ratio_idc` (table E-1), from 1.
const ASPECTS: [(u32, u32); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

/// The beginning of video usability information, which H.264 (§E.1.1) and H.265 (§E.2.1) have in common.
pub(super) struct Signal;

impl Signal {
    /// Reads pixel aspect and colour into what is already known, up to the place of chroma samples.
    pub(super) fn read(bits: &mut Bits<'_>, picture: &mut Picture) -> Result<(), Malformed> {
        if bits.flag()? {
            let aspect = match bits.read(8)? {
                255 => lowest_terms(bits.read(16)?, bits.read(16)?),
                idc => ASPECTS.get((idc as usize).wrapping_sub(1)).copied(),
            };
            picture.pixel_aspect = aspect.unwrap_or((1, 1));
        }
        if bits.flag()? {
            bits.skip(1)?; // overscan_appropriate_flag
        }
        if bits.flag()? {
            bits.skip(3)?; // video_format
            let full_range = bits.flag()?;
            if bits.flag()? {
                let (primaries, transfer, matrix) = (bits.byte()?, bits.byte()?, bits.byte()?);
                picture.colour = Some(Colour { primaries, transfer, matrix, full_range });
            } else if full_range {
                picture.colour = Some(Colour { primaries: 2, transfer: 2, matrix: 2, full_range });
            }
        }
        if bits.flag()? {
            bits.ue()?; // chroma sample location, top field
            bits.ue()?; // and bottom field
        }
        Ok(())
    }
}

/// `count` units along an edge less what is cropped on both sides in steps; `None` for sizes that no player takes.
pub(super) fn cropped(count: u32, unit: u32, before: u32, after: u32, step: u32) -> Option<u32> {
    let whole = count.checked_mul(unit)?;
    let cut = before.checked_add(after)?.checked_mul(step)?;
    whole.checked_sub(cut).filter(|edge| (1..=LARGEST_EDGE).contains(edge))
}
