//! H.264 / AVC: parameter sets, the record that carries them, and what stands in an access unit.

mod record;
mod sei;
mod sps;
mod unit;

#[cfg(test)]
pub(super) mod tests;

use bytes::Bytes;

pub use super::nal::{Nals, annex_b, nals};
pub use record::length_size;
pub use sei::x264_keyint;
pub use unit::AccessUnit;

use super::{Malformed, Picture};
use sps::Sps;

/// H.264 parameters: the sets a decoder needs, and what the first SPS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avc {
    /// Sequence parameter sets, each one NAL unit without start code.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets, each one NAL unit without start code.
    pub pps: Vec<Bytes>,
    /// `profile_idc`.
    pub profile: u8,
    /// The byte of constraint flags between profile and level.
    pub constraints: u8,
    /// `level_idc`.
    pub level: u8,
    /// `chroma_format_idc`: 1 is 4:2:0.
    pub chroma_format: u8,
    /// Bits of a luma sample, 8 to 14.
    pub luma_depth: u8,
    /// Bits of a chroma sample, 8 to 14.
    pub chroma_depth: u8,
    /// How many frames may come between a frame and its turn to be shown (`max_num_reorder_frames`): 0 without
    /// B-frames. `None` where the bitstream does not say.
    pub reorder_frames: Option<u8>,
    /// What the pictures look like.
    pub picture: Picture,
}

impl Avc {
    /// From parameter sets as they stand in the stream, NAL headers included. Sets that occur twice count once.
    pub fn from_parameter_sets(
        sps: impl IntoIterator<Item = Bytes>,
        pps: impl IntoIterator<Item = Bytes>,
    ) -> Result<Self, Malformed> {
        let sps = sets_of_type(sps, unit::SPS, "SPS")?;
        let pps = sets_of_type(pps, unit::PPS, "PPS")?;
        let first = sps.first().ok_or(Malformed("SPS"))?;
        let Sps { profile, constraints, level, chroma_format, luma_depth, chroma_depth, reorder_frames, picture } =
            Sps::parse(first)?;
        Ok(Self {
            sps,
            pps,
            profile,
            constraints,
            level,
            chroma_format,
            luma_depth,
            chroma_depth,
            reorder_frames,
            picture,
        })
    }
}

/// At least one set, at most as many as a record has room for, none twice.
fn sets_of_type(
    sets: impl IntoIterator<Item = Bytes>,
    nal_type: u8,
    part: &'static str,
) -> Result<Vec<Bytes>, Malformed> {
    let mut kept: Vec<Bytes> = Vec::new();
    for set in sets {
        let is_right = set.first().is_some_and(|header| header & 0x1f == nal_type);
        if !is_right || set.len() > usize::from(u16::MAX) {
            return Err(Malformed(part));
        }
        if !kept.contains(&set) {
            kept.push(set);
        }
        if kept.len() > 31 {
            return Err(Malformed(part));
        }
    }
    if kept.is_empty() { Err(Malformed(part)) } else { Ok(kept) }
}
