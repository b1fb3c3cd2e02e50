use super::super::bits::{Bits, lowest_terms};
use super::super::{Colour, Malformed, Picture};
use super::PART;

/// What `sequence_header_obu` says (AV1 §5.5).
pub(super) struct Header {
    pub(super) profile: u8,
    /// Of the first operating point, as the tier.
    pub(super) level: u8,
    pub(super) high_tier: bool,
    pub(super) depth: u8,
    /// Depth and sampling of colour as the third byte of a record has them.
    pub(super) packed: u8,
    pub(super) picture: Picture,
    /// The bit at which the operating points begin, with their number; none in the reduced header of a still picture.
    pub(super) points_at: usize,
    pub(super) points: Vec<Point>,
    /// The bit at which the largest size is told, with the lengths of its numbers.
    pub(super) size_at: usize,
    pub(super) width_bits: u32,
    pub(super) height_bits: u32,
    pub(super) has_decoder_model: bool,
    pub(super) tools: Option<Tools>,
}

/// A choice of layers that a decoder may make.
pub(super) struct Point {
    /// `operating_point_idc`: a bit for each temporal layer, above eight of them one for each spatial one; 0 where the
    /// stream has no layers.
    pub(super) idc: u16,
    /// What else is said of it: these bits of the header.
    pub(super) rest: std::ops::Range<usize>,
}

/// What frame headers depend on. `None` for what each of them says itself.
#[derive(Default)]
pub(super) struct Tools {
    /// Bits of a frame's id, and of the distance to another's.
    pub(super) frame_id_bits: Option<(u32, u32)>,
    pub(super) screen_content: Option<bool>,
    pub(super) integer_motion: Option<bool>,
    /// Zero where frames have no order.
    pub(super) order_bits: u32,
}

impl Header {
    pub(super) fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut bits = Bits::new(body, PART);
        let profile = bits.read(3)? as u8;
        bits.skip(1)?; // still_picture
        let is_reduced = bits.flag()?;
        let (mut frame_rate, mut point) = (None, None);
        let (mut points_at, mut points, mut has_decoder_model) = (0, Vec::new(), false);
        if is_reduced {
            point = Some((bits.read(5)? as u8, false));
        } else {
            let delay_bits = read_timing(&mut bits, &mut frame_rate)?;
            let has_display_delay = bits.flag()?;
            has_decoder_model = delay_bits.is_some();
            points_at = bits.at();
            for _ in 0..=bits.read(5)? {
                let idc = bits.read(12)? as u16;
                let begin = bits.at();
                let level = bits.read(5)? as u8;
                let high_tier = level > 7 && bits.flag()?;
                point.get_or_insert((level, high_tier));
                if let Some(delay_bits) = delay_bits
                    && bits.flag()?
                {
                    bits.skip(2 * delay_bits + 1)?;
                }
                if has_display_delay && bits.flag()? {
                    bits.skip(4)?;
                }
                points.push(Point { idc, rest: begin..bits.at() });
            }
        }
        let (level, high_tier) = point.unwrap_or_default();
        let size_at = bits.at();
        let (width_bits, height_bits) = (bits.read(4)? + 1, bits.read(4)? + 1);
        let (width, height) = (bits.read(width_bits)? + 1, bits.read(height_bits)? + 1);
        let picture = Picture { width, height, pixel_aspect: (1, 1), frame_rate, colour: None };
        // 4:2:0 in eight bits, which is nearly always right.
        let mut header = Self {
            profile,
            level,
            high_tier,
            depth: 8,
            packed: 0x0c,
            picture,
            points_at,
            points,
            size_at,
            width_bits,
            height_bits,
            has_decoder_model,
            tools: None,
        };
        // What breaks off from here on spoils only the colour.
        let _ = header.read_colour(&mut bits, is_reduced);
        Ok(header)
    }

    fn read_colour(&mut self, bits: &mut Bits<'_>, is_reduced: bool) -> Result<(), Malformed> {
        let mut tools = Tools::default();
        if !is_reduced && bits.flag()? {
            let distance = bits.read(4)? + 2;
            tools.frame_id_bits = Some((bits.read(3)? + distance + 1, distance));
        }
        bits.skip(3)?; // superblocks, filter intra, intra edge filter
        if !is_reduced {
            bits.skip(4)?; // interintra, masked, warped, dual filter
            let has_order = bits.flag()?;
            if has_order {
                bits.skip(2)?;
            }
            tools.screen_content = if bits.flag()? { None } else { Some(bits.flag()?) };
            if tools.screen_content != Some(false) && !bits.flag()? {
                tools.integer_motion = Some(bits.flag()?);
            }
            if has_order {
                tools.order_bits = bits.read(3)? + 1;
            }
        }
        self.tools = Some(tools);
        bits.skip(3)?; // superresolution, CDEF, restoration
        let is_high = bits.flag()?;
        let is_twelve = self.profile == 2 && is_high && bits.flag()?;
        let is_monochrome = self.profile != 1 && bits.flag()?;
        self.depth = match (is_high, is_twelve) {
            (_, true) => 12,
            (true, false) => 10,
            (false, false) => 8,
        };
        let deep = u8::from(is_high) << 6 | u8::from(is_twelve) << 5;
        self.packed = deep | if is_monochrome { 0x1c } else { 0x0c };
        let mut is_rgb = false;
        if bits.flag()? {
            let (primaries, transfer, matrix) = (bits.byte()?, bits.byte()?, bits.byte()?);
            is_rgb = !is_monochrome && (primaries, transfer, matrix) == (1, 13, 0);
            let full_range = is_rgb || bits.flag()?;
            self.picture.colour = Some(Colour { primaries, transfer, matrix, full_range });
        } else {
            bits.skip(1)?; // range
        }
        if is_monochrome {
            return Ok(());
        }
        // Whether colour is sampled at every second place, across and down.
        let (across, down) = match self.profile {
            _ if is_rgb => (false, false),
            0 => (true, true),
            1 => (false, false),
            _ if is_twelve => {
                let across = bits.flag()?;
                (across, across && bits.flag()?)
            }
            _ => (true, false),
        };
        let place = if across && down { bits.read(2)? as u8 } else { 0 };
        self.packed = deep | u8::from(across) << 3 | u8::from(down) << 2 | place;
        Ok(())
    }
}

/// Timing and decoder model; gives the bits of buffer delays where there is a model.
fn read_timing(bits: &mut Bits<'_>, frame_rate: &mut Option<(u32, u32)>) -> Result<Option<usize>, Malformed> {
    if !bits.flag()? {
        return Ok(None);
    }
    let (units, scale) = (bits.read(32)?, bits.read(32)?);
    if bits.flag()? {
        let ticks = bits.ue()?.saturating_add(1);
        *frame_rate = units.checked_mul(ticks).and_then(|units| lowest_terms(scale, units));
    }
    if !bits.flag()? {
        return Ok(None);
    }
    let delay_bits = bits.read(5)? as usize + 1;
    bits.skip(32 + 5 + 5)?;
    Ok(Some(delay_bits))
}
