//! VP8: all that it says of itself stands in its keyframes.

use bytes::Bytes;

use super::{Malformed, Picture};

/// VP8 parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vp8 {
    /// `version` of the bitstream, 0 to 3: which filters it uses.
    pub profile: u8,
    /// What the pictures look like.
    pub picture: Picture,
}

impl Vp8 {
    /// Reads the head of a keyframe (RFC 6386 §9.1).
    pub fn from_keyframe(frame: &[u8]) -> Result<Self, Malformed> {
        let Some(&[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1]) = frame.first_chunk::<10>() else {
            return Err(Malformed("VP8 keyframe"));
        };
        // The two highest bits ask to be scaled up on the screen, which nobody does.
        let edge = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
        let (width, height) = (edge(w0, w1), edge(h0, h1));
        let profile = tag >> 1 & 7;
        if tag & 1 == 1 || profile > 3 || width == 0 || height == 0 {
            return Err(Malformed("VP8 keyframe"));
        }
        let picture = Picture { width, height, pixel_aspect: (1, 1), frame_rate: None, colour: None };
        Ok(Self { profile, picture })
    }

    /// The body of a `vpcC` box, behind its version: no level, 8 bits, 4:2:0, nothing said of colour.
    pub fn to_record(&self) -> Bytes {
        Bytes::copy_from_slice(&[self.profile, 0, 8 << 4 | 1 << 1, 2, 2, 2, 0, 0])
    }
}

/// A decoder may start at this frame.
pub fn is_keyframe(frame: &[u8]) -> bool {
    matches!(frame, [tag, _, _, 0x9d, 0x01, 0x2a, ..] if tag & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libvpx makes of 320x180.
    const KEYFRAME: [u8; 10] = [0x50, 0x42, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00];

    #[test]
    fn a_keyframe_says_its_size() {
        let vp8 = Vp8::from_keyframe(&KEYFRAME).unwrap();
        assert_eq!((vp8.picture.width, vp8.picture.height, vp8.profile), (320, 180, 0));
        assert!(is_keyframe(&KEYFRAME));
        assert_eq!(crate::Codec::Vp8(vp8).to_string(), "vp08.00.00.08");
    }

    #[test]
    fn other_frames_are_no_keyframes() {
        let mut inter = KEYFRAME;
        inter[0] |= 1;
        assert!(!is_keyframe(&inter) && Vp8::from_keyframe(&inter).is_err());
        for len in 0..10 {
            assert!(Vp8::from_keyframe(&KEYFRAME[..len]).is_err(), "{len}");
        }
    }
}
