use super::super::bits::{Bits, lowest_terms, unescape};
use super::super::vui::{Signal, cropped};
use super::super::{Malformed, Picture};
use super::Profile;

/// What we want to know of a sequence parameter set (H.265 §7.3.2.2).
pub(super) struct Sps {
    pub(super) profile: Profile,
    pub(super) chroma_format: u8,
    pub(super) luma_depth: u8,
    pub(super) chroma_depth: u8,
    pub(super) temporal_layers: u8,
    pub(super) temporal_nesting: bool,
    pub(super) picture: Picture,
}

impl Sps {
    /// Reads one SPS NAL unit, header included.
    pub(super) fn parse(nal: &[u8]) -> Result<Self, Malformed> {
        let plain = unescape(nal);
        let mut bits = Bits::new(&plain, "SPS");
        bits.skip(16 + 4)?; // NAL header, sps_video_parameter_set_id
        let sub_layers = bits.read(3)? as u8;
        if sub_layers > 6 {
            return Err(bits.malformed());
        }
        let temporal_nesting = bits.flag()?;
        let profile = read_profile(&mut bits, sub_layers)?;
        bits.ue()?; // sps_seq_parameter_set_id
        let chroma_format = bits.small(3)?;
        let separate_planes = chroma_format == 3 && bits.flag()?;
        let (coded_width, coded_height) = (bits.ue()?, bits.ue()?);
        let mut crop = [0; 4];
        if bits.flag()? {
            for edge in &mut crop {
                *edge = bits.ue()?;
            }
        }
        let (across, down) = match (chroma_format, separate_planes) {
            (1, _) => (2, 2),
            (2, _) => (2, 1),
            _ => (1, 1),
        };
        let width = cropped(coded_width, 1, crop[0], crop[1], across).ok_or(bits.malformed())?;
        let height = cropped(coded_height, 1, crop[2], crop[3], down).ok_or(bits.malformed())?;
        let luma_depth = 8 + bits.small(8)?;
        let chroma_depth = 8 + bits.small(8)?;

        let mut picture = Picture { width, height, pixel_aspect: (1, 1), frame_rate: None, colour: None };
        // What breaks off from here on spoils only what it would have said.
        let _ = read_vui(&mut bits, sub_layers, &mut picture);
        let temporal_layers = sub_layers + 1;
        Ok(Self { profile, chroma_format, luma_depth, chroma_depth, temporal_layers, temporal_nesting, picture })
    }
}

/// `profile_tier_level` (§7.3.3); of sub-layers it is only known how long they are.
fn read_profile(bits: &mut Bits<'_>, sub_layers: u8) -> Result<Profile, Malformed> {
    let space = bits.read(2)? as u8;
    let high_tier = bits.flag()?;
    let idc = bits.read(5)? as u8;
    let compatibility = bits.read(32)?;
    let mut constraints = [0; 6];
    for byte in &mut constraints {
        *byte = bits.byte()?;
    }
    let level = bits.byte()?;
    let mut present = Vec::with_capacity(8);
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        bits.skip(2 * usize::from(8 - sub_layers))?;
    }
    for (has_profile, has_level) in present {
        bits.skip(if has_profile { 88 } else { 0 } + if has_level { 8 } else { 0 })?;
    }
    Ok(Profile { space, high_tier, idc, compatibility, constraints, level })
}

/// Walks from the bit depths to the end of what the VUI says about timing.
fn read_vui(bits: &mut Bits<'_>, sub_layers: u8, picture: &mut Picture) -> Result<(), Malformed> {
    let order_bits = u32::from(bits.small(12)?) + 4;
    let first = if bits.flag()? { 0 } else { sub_layers };
    for _ in first..=sub_layers {
        for _ in 0..3 {
            bits.ue()?;
        }
    }
    for _ in 0..6 {
        bits.ue()?; // block sizes and depths
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?; // asymmetric partitions, sample adaptive offset
    if bits.flag()? {
        bits.skip(8)?; // PCM
        for _ in 0..2 {
            bits.ue()?;
        }
        bits.skip(1)?;
    }
    skip_reference_sets(bits)?;
    if bits.flag()? {
        for _ in 0..bits.small(32)? {
            bits.skip(order_bits as usize + 1)?;
        }
    }
    bits.skip(2)?; // temporal motion vectors, strong intra smoothing
    if !bits.flag()? {
        return Ok(());
    }
    Signal::read(bits, picture)?;
    bits.skip(3)?; // neutral chroma, fields, frame or field in SEI
    if bits.flag()? {
        for _ in 0..4 {
            bits.ue()?;
        }
    }
    if bits.flag()? {
        let (units, scale) = (bits.read(32)?, bits.read(32)?);
        picture.frame_rate = lowest_terms(scale, units).filter(|&(num, den)| (1..=300).contains(&num.div_ceil(den)));
    }
    Ok(())
}

/// `scaling_list_data` (§7.3.4).
fn skip_scaling_lists(bits: &mut Bits<'_>) -> Result<(), Malformed> {
    for size in 0..4u32 {
        for _ in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            if !bits.flag()? {
                bits.ue()?;
                continue;
            }
            if size > 1 {
                bits.se()?;
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                bits.se()?;
            }
        }
    }
    Ok(())
}

/// All `st_ref_pic_set`s (§7.3.7), of which only the lengths matter.
fn skip_reference_sets(bits: &mut Bits<'_>) -> Result<(), Malformed> {
    let mut before = 0u32;
    for index in 0..bits.small(64)? {
        before = if index > 0 && bits.flag()? {
            bits.skip(1)?;
            bits.ue()?;
            let mut count = 0;
            for _ in 0..=before {
                if bits.flag()? || bits.flag()? {
                    count += 1;
                }
            }
            count
        } else {
            let count = u32::from(bits.small(16)?) + u32::from(bits.small(16)?);
            for _ in 0..count {
                bits.ue()?;
                bits.skip(1)?;
            }
            count
        };
    }
    Ok(())
}
