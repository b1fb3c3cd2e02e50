//! AV1: the configuration record, the sequence header in it, and open bitstream units.

use bytes::{BufMut, Bytes, BytesMut};

use super::bits::{Bits, lowest_terms};
use super::{Colour, Malformed, Picture};

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
        let Header { profile, level, high_tier, depth, packed, picture } = header;
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
    body: &'a [u8],
    /// With its header.
    whole: &'a [u8],
}

/// The units of a temporal unit. One whose size lies is the last, and is left out.
fn units_of(payload: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        let &header = rest.first()?;
        let mut at = if header & 4 == 0 { 1 } else { 2 };
        let len = if header & 2 == 0 { rest.len().checked_sub(at)? } else { leb128(rest, &mut at)? };
        let (whole, after) = rest.split_at_checked(at.checked_add(len)?)?;
        rest = after;
        Some(Unit { kind: header >> 3 & 0xf, body: whole.get(at..)?, whole })
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

/// What `sequence_header_obu` says (AV1 §5.5).
struct Header {
    profile: u8,
    /// Of the first operating point, as the tier.
    level: u8,
    high_tier: bool,
    depth: u8,
    /// Depth and sampling of colour as the third byte of a record has them.
    packed: u8,
    picture: Picture,
}

impl Header {
    fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut bits = Bits::new(body, PART);
        let profile = bits.read(3)? as u8;
        bits.skip(1)?; // still_picture
        let is_reduced = bits.flag()?;
        let (mut frame_rate, mut point) = (None, None);
        if is_reduced {
            point = Some((bits.read(5)? as u8, false));
        } else {
            let delay_bits = read_timing(&mut bits, &mut frame_rate)?;
            let has_display_delay = bits.flag()?;
            for _ in 0..=bits.read(5)? {
                bits.skip(12)?; // operating_point_idc
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
            }
        }
        let (level, high_tier) = point.unwrap_or_default();
        let (width_bits, height_bits) = (bits.read(4)? + 1, bits.read(4)? + 1);
        let (width, height) = (bits.read(width_bits)? + 1, bits.read(height_bits)? + 1);
        let picture = Picture { width, height, pixel_aspect: (1, 1), frame_rate, colour: None };
        // 4:2:0 in eight bits, which is nearly always right.
        let mut header = Self { profile, level, high_tier, depth: 8, packed: 0x0c, picture };
        // What breaks off from here on spoils only the colour.
        let _ = header.read_colour(&mut bits, is_reduced);
        Ok(header)
    }

    fn read_colour(&mut self, bits: &mut Bits<'_>, is_reduced: bool) -> Result<(), Malformed> {
        if !is_reduced && bits.flag()? {
            bits.skip(4 + 3)?; // lengths of frame ids
        }
        bits.skip(3)?; // superblocks, filter intra, intra edge filter
        if !is_reduced {
            bits.skip(4)?; // interintra, masked, warped, dual filter
            let has_order = bits.flag()?;
            if has_order {
                bits.skip(2)?;
            }
            let screen_content = if bits.flag()? { true } else { bits.flag()? };
            if screen_content && !bits.flag()? {
                bits.skip(1)?; // integer motion vectors
            }
            if has_order {
                bits.skip(3)?;
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What SVT-AV1 makes of 1280x720 at 30000/1001.
    const CONFIG: [u8; 18] =
        [0x81, 0x05, 0x0c, 0x00, 0x0a, 0x0c, 0x02, 0x00, 0x00, 0x2d, 0x6a, 0x67, 0xfd, 0x9e, 0x01, 0x7c, 0x00, 0x20];

    #[test]
    fn a_record_of_svt_av1_is_read() {
        let av1 = Av1::from_config(&CONFIG).unwrap();
        assert_eq!((av1.picture.width, av1.picture.height), (1280, 720));
        assert_eq!((av1.profile, av1.level, av1.high_tier, av1.depth), (0, 5, false, 8));
        assert_eq!(crate::Codec::Av1(av1).to_string(), "av01.0.05M.08");
    }

    #[test]
    fn a_temporal_unit_alone_says_as_much_as_a_record() {
        let av1 = Av1::from_config(&CONFIG).unwrap();
        let unit = [&[0x12, 0x00][..], &CONFIG[4..], &[0x32, 0x02, 0x10, 0x00]].concat();
        let alone = Av1::from_unit(&unit).unwrap();
        assert_eq!(alone, av1);
        assert_eq!(av1.changed_by(&unit), Ok(None));
        let mut wider = unit.clone();
        wider[8] ^= 0x10;
        assert!(av1.changed_by(&wider).unwrap().is_some());
        assert!(is_keyframe(&unit));
        for inter in
            [&[0x32, 0x02, 0x30, 0x00][..], &[0x32, 0x02, 0x90, 0x00], &[0x32, 0x02, 0x00, 0x00], &[0x32, 0x00]]
        {
            assert!(!is_keyframe(inter), "{inter:02x?}");
        }
    }

    #[test]
    fn what_is_cut_short_is_refused_without_panic() {
        for len in 0..12 {
            assert!(Av1::from_config(&CONFIG[..len]).is_err(), "{len}");
        }
        assert!(Av1::from_config(&[0xff; 40]).is_err());
    }

    #[test]
    fn delimiters_go_and_sizes_that_lie_do_no_harm() {
        // C13.
        let unit = Bytes::from_static(&[0x12, 0x00, 0x0a, 0x02, 1, 2, 0x32, 0x01, 9]);
        assert!(has_sequence_header(&unit));
        let stripped = without_delimiters(unit.clone());
        assert_eq!(stripped, unit[2..]);
        assert_eq!(without_delimiters(stripped.clone()), stripped);
        let twice = Bytes::from_static(&[0x32, 0x01, 9, 0x12, 0x00, 0x32, 0x01, 8]);
        assert_eq!(without_delimiters(twice), &[0x32, 0x01, 9, 0x32, 0x01, 8][..]);
        assert!(!has_sequence_header(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]));
    }
}
