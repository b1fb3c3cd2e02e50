use super::super::bits::{Bits, lowest_terms, unescape};
use super::super::vui::{Signal, cropped};
use super::super::{Malformed, Picture};

/// What we want to know of a sequence parameter set (H.264 §7.3.2.1).
#[derive(Debug)]
pub(super) struct Sps {
    pub(super) profile: u8,
    pub(super) constraints: u8,
    pub(super) level: u8,
    pub(super) chroma_format: u8,
    pub(super) luma_depth: u8,
    pub(super) chroma_depth: u8,
    pub(super) reorder_frames: Option<u8>,
    pub(super) picture: Picture,
}

/// Profiles whose SPS describes chroma and bit depth (§7.3.2.1.1).
const WITH_CHROMA: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

impl Sps {
    /// Reads one SPS NAL unit, header included.
    pub(super) fn parse(nal: &[u8]) -> Result<Self, Malformed> {
        let plain = unescape(nal);
        let mut bits = Bits::new(&plain, "SPS");
        bits.skip(8)?; // NAL header
        let (profile, constraints, level) = (bits.byte()?, bits.byte()?, bits.byte()?);
        bits.ue()?; // seq_parameter_set_id

        let (mut chroma_format, mut luma_depth, mut chroma_depth) = (1, 8, 8);
        let mut separate_planes = false;
        if WITH_CHROMA.contains(&profile) {
            chroma_format = bits.small(3)?;
            if chroma_format == 3 {
                separate_planes = bits.flag()?;
            }
            luma_depth = 8 + bits.small(6)?;
            chroma_depth = 8 + bits.small(6)?;
            bits.skip(1)?; // qpprime_y_zero_transform_bypass_flag
            if bits.flag()? {
                for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                    if bits.flag()? {
                        skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }

        bits.ue()?; // log2_max_frame_num_minus4
        skip_picture_order(&mut bits)?;
        bits.ue()?; // max_num_ref_frames
        bits.skip(1)?; // gaps_in_frame_num_value_allowed_flag
        let width_in_mbs = bits.ue()?.saturating_add(1);
        let height_in_units = bits.ue()?.saturating_add(1);
        let frames_only = bits.flag()?;
        if !frames_only {
            bits.skip(1)?; // mb_adaptive_frame_field_flag
        }
        bits.skip(1)?; // direct_8x8_inference_flag
        let lines_in_unit = if frames_only { 16 } else { 32 };

        let mut crop = [0; 4];
        if bits.flag()? {
            for edge in &mut crop {
                *edge = bits.ue()?;
            }
        }
        // Units of the cropping offsets (equations 7-19 to 7-22).
        let (across, down) = match (chroma_format, separate_planes) {
            (1, _) => (2, 2),
            (2, _) => (2, 1),
            _ => (1, 1),
        };
        let down = if frames_only { down } else { down * 2 };
        let width = cropped(width_in_mbs, 16, crop[0], crop[1], across).ok_or(bits.malformed())?;
        let height = cropped(height_in_units, lines_in_unit, crop[2], crop[3], down).ok_or(bits.malformed())?;

        let mut picture = Picture { width, height, pixel_aspect: (1, 1), frame_rate: None, colour: None };
        let mut reorder_frames = None;
        if bits.flag()? {
            // A VUI that breaks off spoils only what it would have said.
            let _ = read_vui(&mut bits, &mut picture, &mut reorder_frames);
        }
        if reorder_frames.is_none() && profile == 66 {
            reorder_frames = Some(0); // Baseline has no B slices
        }
        Ok(Self { profile, constraints, level, chroma_format, luma_depth, chroma_depth, reorder_frames, picture })
    }
}

fn skip_scaling_list(bits: &mut Bits<'_>, len: u32) -> Result<(), Malformed> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..len {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

fn skip_picture_order(bits: &mut Bits<'_>) -> Result<(), Malformed> {
    match bits.ue()? {
        0 => {
            bits.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.skip(1)?; // delta_pic_order_always_zero_flag
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.small(255)? {
                bits.se()?;
            }
        }
        2 => {}
        _ => return Err(bits.malformed()),
    }
    Ok(())
}

/// Reads video usability information (§E.1.1) into what is already known.
fn read_vui(bits: &mut Bits<'_>, picture: &mut Picture, reorder_frames: &mut Option<u8>) -> Result<(), Malformed> {
    Signal::read(bits, picture)?;
    if bits.flag()? {
        let (units_in_tick, time_scale) = (bits.read(32)?, bits.read(32)?);
        bits.skip(1)?; // fixed_frame_rate_flag
        // A tick is a field; a frame is two. Clocks of a thousand ticks and the like say nothing about the rate.
        picture.frame_rate = units_in_tick
            .checked_mul(2)
            .and_then(|units_in_frame| lowest_terms(time_scale, units_in_frame))
            .filter(|&(num, den)| (1..=300).contains(&num.div_ceil(den)));
    }
    let nal_hrd = bits.flag()?;
    if nal_hrd {
        skip_hrd(bits)?;
    }
    let vcl_hrd = bits.flag()?;
    if vcl_hrd {
        skip_hrd(bits)?;
    }
    if nal_hrd || vcl_hrd {
        bits.skip(1)?; // low_delay_hrd_flag
    }
    bits.skip(1)?; // pic_struct_present_flag
    if bits.flag()? {
        bits.skip(1)?; // motion_vectors_over_pic_boundaries_flag
        for _ in 0..4 {
            bits.ue()?; // largest picture, macroblock and motion vectors
        }
        *reorder_frames = Some(bits.small(16)?);
    }
    Ok(())
}

fn skip_hrd(bits: &mut Bits<'_>) -> Result<(), Malformed> {
    let count = bits.small(31)?;
    bits.skip(8)?; // scales
    for _ in 0..=count {
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    bits.skip(20) // lengths of delays
}
