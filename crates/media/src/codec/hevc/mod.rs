//! H.265 / HEVC: parameter sets, the record that carries them, and what stands in an access unit.

mod record;
mod sps;
mod unit;

#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;

pub use unit::AccessUnit;

use super::{Malformed, Picture};
use sps::Sps;

/// H.265 parameters: the sets a decoder needs, and what the first SPS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hevc {
    /// Video parameter sets, each one NAL unit without start code.
    pub vps: Vec<Bytes>,
    /// Sequence parameter sets.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets.
    pub pps: Vec<Bytes>,
    /// Profile, tier and level.
    pub profile: Profile,
    /// `chroma_format_idc`: 1 is 4:2:0.
    pub chroma_format: u8,
    /// Bits of a luma sample, 8 to 16.
    pub luma_depth: u8,
    /// Bits of a chroma sample, 8 to 16.
    pub chroma_depth: u8,
    /// Temporal sub-layers, 1 to 7.
    pub temporal_layers: u8,
    /// Sub-layers may be switched up anywhere.
    pub temporal_nesting: bool,
    /// What the pictures look like.
    pub picture: Picture,
}

/// The general part of `profile_tier_level` (H.265 §7.3.3). Displays as in a CODECS attribute behind `hvc1.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `general_profile_space`, 0 to 3.
    pub space: u8,
    /// `general_tier_flag`: the high tier.
    pub high_tier: bool,
    /// `general_profile_idc`, 0 to 31.
    pub idc: u8,
    /// `general_profile_compatibility_flag`s, the first in the highest bit.
    pub compatibility: u32,
    /// The six bytes of constraint flags.
    pub constraints: [u8; 6],
    /// `general_level_idc`: thirty times the level.
    pub level: u8,
}

/// As ISO/IEC 14496-15 annex E.3 says: `1.6.L93.B0`.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.space {
            1 => f.write_str("A")?,
            2 => f.write_str("B")?,
            3 => f.write_str("C")?,
            _ => {}
        }
        let tier = if self.high_tier { 'H' } else { 'L' };
        write!(f, "{}.{:X}.{tier}{}", self.idc, self.compatibility.reverse_bits(), self.level)?;
        let last = self.constraints.iter().rposition(|&byte| byte != 0).map_or(0, |at| at + 1);
        self.constraints.iter().take(last).try_for_each(|byte| write!(f, ".{byte:X}"))
    }
}

impl Hevc {
    /// From parameter sets as they stand in the stream, NAL headers included. Sets that occur twice count once.
    pub fn from_parameter_sets(
        vps: impl IntoIterator<Item = Bytes>,
        sps: impl IntoIterator<Item = Bytes>,
        pps: impl IntoIterator<Item = Bytes>,
    ) -> Result<Self, Malformed> {
        let vps = sets_of_type(vps, unit::VPS, "VPS")?;
        let sps = sets_of_type(sps, unit::SPS, "SPS")?;
        let pps = sets_of_type(pps, unit::PPS, "PPS")?;
        let first = sps.first().ok_or(Malformed("SPS"))?;
        let Sps { profile, chroma_format, luma_depth, chroma_depth, temporal_layers, temporal_nesting, picture } =
            Sps::parse(first)?;
        Ok(Self {
            vps,
            sps,
            pps,
            profile,
            chroma_format,
            luma_depth,
            chroma_depth,
            temporal_layers,
            temporal_nesting,
            picture,
        })
    }
}

/// At least one set, none twice, none of another kind.
fn sets_of_type(
    sets: impl IntoIterator<Item = Bytes>,
    nal_type: u8,
    part: &'static str,
) -> Result<Vec<Bytes>, Malformed> {
    let mut kept: Vec<Bytes> = Vec::new();
    for set in sets {
        if unit::nal_type(&set) != Some(nal_type) || set.len() > usize::from(u16::MAX) || kept.len() >= 64 {
            return Err(Malformed(part));
        }
        if !kept.contains(&set) {
            kept.push(set);
        }
    }
    if kept.is_empty() { Err(Malformed(part)) } else { Ok(kept) }
}
