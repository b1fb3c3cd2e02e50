//! MP3 (MPEG-1, MPEG-2 and MPEG-2.5 audio, layer III): all that it says of itself stands before every frame
//! (ISO/IEC 11172-3 §2.4.1.3, ISO/IEC 13818-3 §2.4.2.3).

use super::{Malformed, Sound};

/// MP3 parameters, from a frame. It is made into other sound, and not packaged itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mp3 {
    /// What comes out of the decoder.
    pub sound: Sound,
    /// Samples of each channel in one frame: 1152, or 576 at 24 kHz and below.
    pub frame_samples: u32,
}

/// Kilobits a second by the header's index, for MPEG-1 and for the halved rates; index 0 says nothing ("free format").
const RATES: [[u32; 15]; 2] = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
/// Samples a second of MPEG-1; MPEG-2 has half of them, MPEG-2.5 a quarter.
const SAMPLING: [u32; 3] = [44_100, 48_000, 32_000];
/// More frames than one message holds.
const MOST_FRAMES: u32 = 64;

impl Mp3 {
    /// Reads the first frame of a payload.
    pub fn from_frame(payload: &[u8]) -> Result<Self, Malformed> {
        Header::read(payload).map(|header| header.mp3).ok_or(Malformed("MP3 frame"))
    }

    /// Parameters of a later frame, if it says anything new.
    pub fn changed_by(&self, payload: &[u8]) -> Result<Option<Self>, Malformed> {
        let now = Self::from_frame(payload)?;
        Ok((now != *self).then_some(now))
    }
}

/// How many samples of each channel the frames of a payload play; `None` for what begins with none.
pub(super) fn samples(payload: &[u8]) -> Option<u32> {
    let (mut samples, mut rest) = (0, payload);
    for _ in 0..MOST_FRAMES {
        let Some(header) = Header::read(rest) else { break };
        samples += header.mp3.frame_samples;
        // A frame whose length is unsaid, or cut short, is the last one.
        let Some(len) = header.len else { break };
        rest = rest.get(len..).unwrap_or_default();
    }
    Some(samples).filter(|&samples| samples > 0)
}

struct Header {
    mp3: Mp3,
    /// Bytes of the frame, header included; at least 24.
    len: Option<usize>,
}

impl Header {
    fn read(frame: &[u8]) -> Option<Self> {
        let (&[first, second, third, fourth], _) = frame.split_first_chunk::<4>()?;
        let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
        let (rate_index, sampling_index) = (usize::from(third >> 4), usize::from(third >> 2 & 3));
        // Layer III is 01; version 01 is reserved.
        if first != 0xff || second & 0xe0 != 0xe0 || layer != 1 || version == 1 {
            return None;
        }
        let shift = match version {
            3 => 0,
            2 => 1,
            _ => 2,
        };
        let is_first = shift == 0;
        let rate = SAMPLING.get(sampling_index)? >> shift;
        let kbps = *RATES[usize::from(!is_first)].get(rate_index)?;
        let frame_samples = if is_first { 1152 } else { 576 };
        let channels = if fourth >> 6 == 3 { 1 } else { 2 };
        let padding = u32::from(third >> 1 & 1);
        let len = (kbps > 0).then(|| (frame_samples / 8 * kbps * 1000 / rate + padding) as usize);
        Some(Self { mp3: Mp3 { sound: Sound { rate, channels }, frame_samples }, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 128 kbit/s, 44.1 kHz, joint stereo, no checksum: 417 bytes.
    const FRAME: [u8; 4] = [0xff, 0xfb, 0x90, 0x44];

    fn frames(heads: &[[u8; 4]], len: usize) -> Vec<u8> {
        let frame = |head: &[u8; 4]| [&head[..], &vec![0; len - 4]].concat();
        heads.iter().flat_map(frame).collect()
    }

    #[test]
    fn a_header_says_rate_channels_and_length() {
        for (head, rate, channels, samples, len) in [
            (FRAME, 44_100, 2, 1152, 417),
            ([0xff, 0xfa, 0xe6, 0xc0], 48_000, 1, 1152, 961),
            // MPEG-2 at 22.05 kHz, MPEG-2.5 at 8 kHz.
            ([0xff, 0xf3, 0x80, 0xc0], 22_050, 1, 576, 208),
            ([0xff, 0xe3, 0x18, 0xc0], 8_000, 1, 576, 72),
        ] {
            let header = Header::read(&head).unwrap();
            assert_eq!(header.mp3.sound, Sound { rate, channels });
            assert_eq!((header.mp3.frame_samples, header.len), (samples, Some(len)), "{head:02x?}");
        }
    }

    #[test]
    fn what_is_no_layer_three_is_refused() {
        let [a, b, c, d] = FRAME;
        let wrong: [&[u8]; 8] = [
            &[],
            &[a, b, c],
            &[0xfe, b, c, d],
            // Layers I and II, a reserved version, a forbidden rate, a reserved sampling.
            &[a, 0xff, c, d],
            &[a, 0xfd, c, d],
            &[a, 0xeb, c, d],
            &[a, b, 0xf0, d],
            &[a, b, 0x9c, d],
        ];
        for frame in wrong {
            assert!(Mp3::from_frame(frame).is_err(), "{frame:02x?}");
            assert_eq!(samples(frame), None);
        }
    }

    #[test]
    fn all_frames_of_a_payload_are_counted() {
        assert_eq!(samples(&frames(&[FRAME], 417)), Some(1152));
        assert_eq!(samples(&frames(&[FRAME, FRAME, FRAME], 417)), Some(3 * 1152));
        // Cut short, followed by something else, of unsaid length.
        assert_eq!(samples(&FRAME), Some(1152));
        assert_eq!(samples(&[frames(&[FRAME], 417), vec![0; 50]].concat()), Some(1152));
        assert_eq!(samples(&[0xff, 0xfb, 0x00, 0x44, 9]), Some(1152));
        assert_eq!(samples(&frames(&[[0xff, 0xe3, 0x18, 0xc0]; 1000], 72)), Some(64 * 576));
    }

    #[test]
    fn a_change_is_told_once() {
        let mp3 = Mp3::from_frame(&FRAME).unwrap();
        // Another bit rate is nothing new, another sampling is.
        assert_eq!(mp3.changed_by(&[0xff, 0xfb, 0xb0, 0x44]), Ok(None));
        let other = mp3.changed_by(&[0xff, 0xfb, 0x94, 0x44]).unwrap().unwrap();
        assert_eq!(other.sound.rate, 48_000);
    }
}
