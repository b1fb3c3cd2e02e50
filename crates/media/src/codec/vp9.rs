//! VP9: the configuration record, and the size in a keyframe.

use bytes::{BufMut, Bytes, BytesMut};

use super::bits::Bits;
use super::{Colour, Malformed, Picture};

/// VP9 parameters: what the configuration record says, and the size that only keyframes tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vp9 {
    /// 0 to 3.
    pub profile: u8,
    /// Ten times the level; 0 where unsaid.
    pub level: u8,
    /// Bits of a sample: 8, 10 or 12.
    pub depth: u8,
    /// 0 and 1 are 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma: u8,
    /// What the pictures look like.
    pub picture: Picture,
}

impl Vp9 {
    /// From a VPCodecConfigurationRecord, with or without the version before it, and the first keyframe.
    pub fn from_config(record: &[u8], keyframe: &[u8]) -> Result<Self, Malformed> {
        let record = record.strip_prefix(&[1, 0, 0, 0]).unwrap_or(record);
        let Some(&[profile, level, packed, primaries, transfer, matrix]) = record.first_chunk::<6>() else {
            return Err(Malformed("vpcC"));
        };
        let Head { width, height, .. } = Head::read(keyframe)?;
        let full_range = packed & 1 == 1;
        let is_said = (primaries, transfer, matrix) != (2, 2, 2) || full_range;
        let colour = is_said.then_some(Colour { primaries, transfer, matrix, full_range });
        let (depth, chroma) = (packed >> 4, packed >> 1 & 7);
        if profile > 3 || !matches!(depth, 8 | 10 | 12) {
            return Err(Malformed("vpcC"));
        }
        let picture = Picture { width, height, pixel_aspect: (1, 1), frame_rate: None, colour };
        Ok(Self { profile, level, depth, chroma, picture })
    }

    /// From a keyframe alone, as WebRTC sends it. The level is one that has room for the picture.
    pub fn from_keyframe(frame: &[u8]) -> Result<Self, Malformed> {
        let Head { profile, depth, chroma, colour, width, height } = Head::read(frame)?;
        let picture = Picture { width, height, pixel_aspect: (1, 1), frame_rate: None, colour };
        Ok(Self { profile, level: level_for(width, height), depth, chroma, picture })
    }

    /// The same for pictures of another size, which are predicted from those that these parameters are about.
    pub fn of_size(mut self, width: u32, height: u32) -> Self {
        (self.picture.width, self.picture.height) = (width, height);
        self.level = level_for(width, height);
        self
    }

    /// The body of a `vpcC` box, behind its version (conformance C13).
    pub fn to_record(&self) -> Bytes {
        let unsaid = Colour { primaries: 2, transfer: 2, matrix: 2, full_range: false };
        let colour = self.picture.colour.unwrap_or(unsaid);
        let mut out = BytesMut::with_capacity(8);
        out.put_slice(&[self.profile, self.level]);
        out.put_u8(self.depth << 4 | (self.chroma & 7) << 1 | u8::from(colour.full_range));
        out.put_slice(&[colour.primaries, colour.transfer, colour.matrix, 0, 0]);
        out.freeze()
    }
}

/// A decoder may start at this frame.
pub fn is_keyframe(frame: &[u8]) -> bool {
    Head::read(frame).is_ok()
}

/// Makes of a keyframe one that is decoded and not shown, as those are that stand before others of their picture: some decoders
/// show every frame that says so, others the last (VP9 §6.2, `show_frame`).
pub fn hide_keyframe(frame: &mut [u8]) {
    if let Ok(Head { profile, .. }) = Head::read(frame)
        && let Some(first) = frame.first_mut()
    {
        // Behind the marker, the profile (a bit more of the last one), `show_existing_frame` and `frame_type`.
        *first &= if profile == 3 { !1 } else { !2 };
    }
}

/// The lowest level that has room for so many pixels thirty times a second (VP9 levels, ten times each).
fn level_for(width: u32, height: u32) -> u8 {
    let pixels = u64::from(width) * u64::from(height);
    let rooms = [
        (10, 27_648),
        (11, 73_728),
        (20, 122_880),
        (21, 245_760),
        (30, 552_960),
        (31, 983_040),
        (40, 2_228_224),
        (50, 8_912_896),
    ];
    rooms.into_iter().find(|&(_, most)| pixels <= most).map_or(60, |(level, _)| level)
}

/// What the uncompressed header of a keyframe says (VP9 §6.2).
struct Head {
    profile: u8,
    depth: u8,
    chroma: u8,
    colour: Option<Colour>,
    width: u32,
    height: u32,
}

impl Head {
    fn read(frame: &[u8]) -> Result<Self, Malformed> {
        let mut bits = Bits::new(frame, "VP9 keyframe");
        if bits.read(2)? != 2 {
            return Err(bits.malformed());
        }
        let (low, high) = (bits.read(1)?, bits.read(1)?);
        let profile = (high << 1 | low) as u8;
        if profile == 3 {
            bits.skip(1)?;
        }
        let (shows_existing, is_inter) = (bits.flag()?, bits.flag()?);
        bits.skip(2)?; // show_frame, error_resilient_mode
        if shows_existing || is_inter || bits.read(24)? != 0x49_83_42 {
            return Err(bits.malformed());
        }
        let depth = match profile {
            0 | 1 => 8,
            _ if bits.flag()? => 12,
            _ => 10,
        };
        let space = bits.read(3)?;
        let full_range = if space == 7 { true } else { bits.flag()? };
        let mut chroma = 1;
        if profile & 1 == 1 {
            chroma = 3;
            if space != 7 {
                let (across, down) = (bits.flag()?, bits.flag()?);
                chroma = if across && !down { 2 } else { 3 };
            }
            bits.skip(1)?; // reserved
        }
        let codes = match space {
            1 | 3 => Some((6, 6, 6)),
            2 => Some((1, 1, 1)),
            4 => Some((7, 7, 7)),
            5 => Some((9, 14, 9)),
            7 => Some((1, 13, 0)),
            _ => None,
        };
        let colour = codes.map(|(primaries, transfer, matrix)| Colour { primaries, transfer, matrix, full_range });
        Ok(Self { profile, depth, chroma, colour, width: bits.read(16)? + 1, height: bits.read(16)? + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libvpx makes of 1280x720: the box without its header, and the first bytes of a keyframe.
    const CONFIG: [u8; 12] = [0x01, 0, 0, 0, 0x00, 0x1f, 0x82, 0x02, 0x02, 0x02, 0x00, 0x00];
    const KEYFRAME: [u8; 10] = [0x82, 0x49, 0x83, 0x42, 0x00, 0x4f, 0xf0, 0x2c, 0xf6, 0x00];

    #[test]
    fn a_record_and_a_keyframe_of_libvpx_are_read() {
        let vp9 = Vp9::from_config(&CONFIG, &KEYFRAME).unwrap();
        assert_eq!((vp9.picture.width, vp9.picture.height), (1280, 720));
        assert_eq!((vp9.profile, vp9.level, vp9.depth, vp9.chroma), (0, 31, 8, 1));
        assert_eq!(vp9.to_record(), CONFIG[4..]);
        assert_eq!(Vp9::from_config(&CONFIG[4..], &KEYFRAME), Ok(vp9.clone()));
        assert_eq!(crate::Codec::Vp9(vp9).to_string(), "vp09.00.31.08");
    }

    #[test]
    fn a_keyframe_alone_says_as_much() {
        let alone = Vp9::from_keyframe(&KEYFRAME).unwrap();
        assert_eq!(alone, Vp9::from_config(&CONFIG, &KEYFRAME).unwrap());
        assert_eq!((alone.clone().of_size(1920, 1080).level, alone.of_size(640, 360).picture.width), (40, 640));
        assert_eq!([level_for(1920, 1080), level_for(3840, 2160), level_for(16_384, 16_384)], [40, 50, 60]);
    }

    #[test]
    fn a_keyframe_that_is_hidden_is_one_all_the_same() {
        let mut hidden = KEYFRAME;
        hide_keyframe(&mut hidden);
        assert_eq!((hidden[0], &hidden[1..]), (0x80, &KEYFRAME[1..]));
        assert_eq!(Vp9::from_keyframe(&hidden), Vp9::from_keyframe(&KEYFRAME));
        let mut inter = [0x86, 0x49, 0x83, 0x42];
        hide_keyframe(&mut inter);
        assert_eq!(inter[0], 0x86);
    }

    #[test]
    fn other_frames_are_no_keyframes() {
        assert!(is_keyframe(&KEYFRAME));
        assert!(!is_keyframe(&[0x86, 0x49, 0x83, 0x42]));
        for len in 0..9 {
            assert!(!is_keyframe(&KEYFRAME[..len]), "{len}");
        }
    }
}
