//! FLAC: the STREAMINFO block and the heads of frames (RFC 9639).

use bytes::{BufMut, Bytes, BytesMut};

use super::bits::Bits;
use super::{Malformed, Sound};

/// FLAC parameters, from STREAMINFO (RFC 9639 §8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flac {
    /// STREAMINFO, 34 bytes. What it says of a whole file is zero, which means unknown: sizes of frames, the number of
    /// samples and the checksum. Encoders that stop send it again with these filled in, and nothing has changed by that.
    pub info: Bytes,
    /// Samples of a block, where all have as many.
    pub block_samples: Option<u32>,
    /// Bits of a sample, 4 to 32.
    pub depth: u8,
    /// What comes out of the decoder.
    pub sound: Sound,
}

const PART: &str = "FLAC stream info";
const INFO_LEN: usize = 34;

impl Flac {
    /// Reads STREAMINFO: bare, behind its block header, or behind `fLaC` as files and Enhanced RTMP begin.
    pub fn from_config(config: &[u8]) -> Result<Self, Malformed> {
        let blocks = config.strip_prefix(b"fLaC").unwrap_or(config);
        // Type 0, first of the blocks, perhaps the last one too.
        let info = match blocks {
            [0x00 | 0x80, 0, 0, 34, info @ ..] => info,
            info => info,
        };
        let info = info.get(..INFO_LEN).ok_or(Malformed(PART))?;
        let mut bits = Bits::new(info, PART);
        let (least, most) = (bits.read(16)?, bits.read(16)?);
        bits.skip(24 + 24)?; // sizes of frames
        let rate = bits.read(20)?;
        let channels = bits.read(3)? as u16 + 1;
        let depth = bits.read(5)? as u8 + 1;
        if rate == 0 || depth < 4 || most < 16 {
            return Err(bits.malformed());
        }
        let mut live = BytesMut::from(info);
        live.iter_mut().enumerate().for_each(|(at, byte)| match at {
            4..10 | 14.. => *byte = 0,
            13 => *byte &= 0xf0,
            _ => {}
        });
        Ok(Self {
            info: live.freeze(),
            block_samples: (least == most).then_some(most),
            depth,
            sound: Sound { rate, channels },
        })
    }

    /// The body of a `dfLa` box, behind its version (conformance C13).
    pub fn to_box(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(4 + INFO_LEN);
        // The last block, STREAMINFO, 34 bytes.
        out.put_slice(&[0x80, 0, 0, INFO_LEN as u8]);
        out.put_slice(&self.info);
        out.freeze()
    }

    /// How many samples of each channel a frame plays; `None` for what is no frame.
    pub(super) fn samples(&self, frame: &[u8]) -> Option<u32> {
        let &[0xff, 0xf8 | 0xf9, sizes, _, number] = frame.first_chunk::<5>()? else { return None };
        // The block's size stands behind its number, which is coded as UTF-8 codes characters (§9.1.5).
        let behind = 4 + match number.leading_ones() {
            0 => 1,
            count @ 2..=7 => count as usize,
            _ => return None,
        };
        Some(match sizes >> 4 {
            0 => return None,
            1 => 192,
            code @ 2..=5 => 576 << (code - 2),
            6 => u32::from(*frame.get(behind)?) + 1,
            7 => u32::from(u16::from_be_bytes([*frame.get(behind)?, *frame.get(behind + 1)?])) + 1,
            code => 256 << (code - 8),
        })
    }

    /// One block of silence: every channel constant, and zero.
    pub(super) fn silence(&self) -> Option<Bytes> {
        let samples = u16::try_from(self.block_samples?.checked_sub(1)?).ok()?;
        let mut out = BytesMut::with_capacity(64);
        // Blocks of one size, told in 16 bits; rate and depth as STREAMINFO says; independent channels; number 0.
        out.put_slice(&[0xff, 0xf8, 0x70, (self.sound.channels.checked_sub(1)? as u8) << 4, 0]);
        out.put_u16(samples);
        out.put_u8(crc8(&out));
        let bits = usize::from(self.sound.channels) * (8 + usize::from(self.depth));
        out.put_bytes(0, bits.div_ceil(8));
        out.put_u16(crc16(&out));
        Some(out.freeze())
    }
}

fn crc8(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |crc, byte| (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 }))
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x8005 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 4608, 48 kHz, stereo, 16 bits.
    fn info() -> Vec<u8> {
        let mut info = vec![0x12, 0x00, 0x12, 0x00, 0, 0, 0, 0, 0, 0];
        info.extend(((48_000u64 << 44) | (1 << 41) | (15 << 36)).to_be_bytes());
        info.extend([0; 16]);
        info
    }

    #[test]
    fn stream_info_is_read_in_every_wrapping() {
        let plain = Flac::from_config(&info()).unwrap();
        assert_eq!((plain.sound, plain.depth), (Sound { rate: 48_000, channels: 2 }, 16));
        assert_eq!(plain.block_samples, Some(4608));
        let block = [&[0x80, 0, 0, 34][..], &info()].concat();
        assert_eq!(Flac::from_config(&block), Ok(plain.clone()));
        assert_eq!(Flac::from_config(&[b"fLaC", &block[..]].concat()), Ok(plain.clone()));
        // C13.
        assert_eq!(plain.to_box(), block);
        assert_eq!(crate::Codec::Flac(plain.clone()).to_string(), "fLaC");
        let mut whole = info();
        whole[5] = 9;
        whole[13] |= 3;
        whole[17] = 0xaa;
        whole[33] = 1;
        assert_eq!(Flac::from_config(&whole).as_ref(), Ok(&plain), "what is known at the end is nothing new");
        for len in 0..INFO_LEN {
            assert!(Flac::from_config(&info()[..len]).is_err());
        }
        assert!(Flac::from_config(&[0; 40]).is_err());
    }

    #[test]
    fn frames_say_how_many_samples_they_play() {
        let flac = Flac::from_config(&info()).unwrap();
        for (frame, samples) in [
            (&[0xff, 0xf8, 0xc9, 0x18, 0x00][..], Some(4096)),
            (&[0xff, 0xf8, 0x59, 0x18, 0x00], Some(4608)),
            (&[0xff, 0xf8, 0x69, 0x18, 0xc2, 0x80, 0x2f], Some(48)),
            (&[0xff, 0xf9, 0x79, 0x18, 0x00, 0x11, 0xff], Some(4608)),
            (&[0xff, 0xf9, 0x79, 0x18, 0x00, 0x11], None),
            (&[0xff, 0xf8, 0x69, 0x18, 0xff, 0x80, 0x2f], None),
            (&[0xff, 0xf8, 0x09, 0x18, 0x00], None),
            (&[0x0b, 0x77, 0x59, 0x18, 0x00], None),
            (&[], None),
        ] {
            assert_eq!(flac.samples(frame), samples, "{frame:02x?}");
        }
    }

    /// A10.
    #[test]
    fn silence_is_a_frame_like_any_other() {
        let flac = Flac::from_config(&info()).unwrap();
        let silence = flac.silence().unwrap();
        assert_eq!((flac.samples(&silence), silence.len()), (Some(4608), 8 + 6 + 2));
        assert_eq!(crc16(&silence), 0);
    }
}
