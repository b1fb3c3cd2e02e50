//! Advanced Audio Coding: the AudioSpecificConfig and raw data blocks.

use bytes::Bytes;

use super::bits::Bits;
use super::{Malformed, Sound};

/// AAC parameters, from the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aac {
    /// The publisher's AudioSpecificConfig, byte for byte.
    pub config: Bytes,
    /// Audio object type for the CODECS string: 2 LC, 5 HE (SBR), 29 HE v2 (SBR and PS).
    pub object_type: u8,
    /// Samples a second of the core coder, which counts `frame_samples`. Half of `sound.rate` with SBR.
    pub core_rate: u32,
    /// Samples of one raw data block at `core_rate`: 1024 or 960 (512 or 480 with low delay).
    pub frame_samples: u32,
    /// What comes out of the decoder.
    pub sound: Sound,
}

/// Sampling frequencies by index (table 1.18).
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// No AudioSpecificConfig that names one stream of sound is longer.
const LONGEST_CONFIG: usize = 1024;

const SBR: u8 = 5;
const PS: u8 = 29;
const LOW_DELAY: u8 = 23;

impl Aac {
    /// Reads an AudioSpecificConfig with general audio in it: LC, Main, SSR, LTP, LD, HE and HE v2, the latter two
    /// signalled in either of the two explicit ways (§1.6.5.2). It is kept as it came (conformance C10).
    pub fn from_config(config: &[u8]) -> Result<Self, Malformed> {
        let mut bits = Bits::new(config, "AudioSpecificConfig");
        if config.len() > LONGEST_CONFIG {
            return Err(bits.malformed());
        }
        let outer = object_type(&mut bits)?;
        let core_rate = sampling_rate(&mut bits)?;
        let layout = bits.read(4)?;

        let (mut sbr, mut ps) = (outer == SBR || outer == PS, outer == PS);
        let mut rate = core_rate;
        let core = if sbr {
            rate = sampling_rate(&mut bits)?;
            object_type(&mut bits)?
        } else {
            outer
        };
        let general = general_audio(&mut bits, core, layout, core_rate)?;

        // Signalling that old decoders pass over, behind the config they know.
        if !sbr && bits.left() >= 16 && bits.read(11)? == 0x2b7 && object_type(&mut bits)? == SBR && bits.flag()? {
            sbr = true;
            rate = sampling_rate(&mut bits)?;
            ps = bits.left() >= 12 && bits.read(11)? == 0x548 && bits.flag()?;
        }
        let channels = if ps { general.channels.max(2) } else { general.channels };
        Ok(Self {
            config: Bytes::copy_from_slice(config),
            object_type: match (ps, sbr) {
                (true, _) => PS,
                (false, true) => SBR,
                (false, false) => core,
            },
            core_rate: general.rate,
            frame_samples: general.frame_samples,
            sound: Sound { rate, channels },
        })
    }
}

impl Aac {
    /// One raw data block of silence, for any stream whose channels are laid out by number and not by an element of
    /// their own. With SBR the decoder goes without its help for that block.
    pub fn silence(&self) -> Option<Bytes> {
        let mut bits = Bits::new(&self.config, "AudioSpecificConfig");
        let outer = object_type(&mut bits).ok()?;
        sampling_rate(&mut bits).ok()?;
        let block: &[u8] = match (outer, bits.read(4).ok()?) {
            (0 | 3 | 6..=28 | 30.., _) => return None,
            (_, 1) => &[0x01, 0x18, 0x20, 0x07],
            (_, 2) => &[0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c],
            (_, 3) => &[0x01, 0x18, 0x20, 0x01, 0x08, 0x80, 0x23, 0x04, 0x60, 0xe0],
            (_, 4) => &[0x01, 0x18, 0x20, 0x01, 0x08, 0x80, 0x23, 0x04, 0x60, 0x03, 0x18, 0x20, 0x07],
            (_, 5) => &[0x01, 0x18, 0x20, 0x01, 0x08, 0x80, 0x23, 0x04, 0x60, 0x23, 0x10, 0x04, 0x60, 0x8c, 0x1c],
            (_, 6) => &[
                0x01, 0x18, 0x20, 0x01, 0x08, 0x80, 0x23, 0x04, 0x60, 0x23, 0x10, 0x04, 0x60, 0x8c, 0x0c, 0x23, 0x00,
                0x00, 0xe0,
            ],
            (_, 7) => &[
                0x01, 0x18, 0x20, 0x01, 0x08, 0x80, 0x23, 0x04, 0x60, 0x23, 0x10, 0x04, 0x60, 0x8c, 0x04, 0xa2, 0x00,
                0x8c, 0x11, 0x81, 0x84, 0x60, 0x00, 0x1c,
            ],
            _ => return None,
        };
        Some(Bytes::from_static(block))
    }
}

/// A raw data block without the ADTS header that some encoders leave before it (conformance C10).
pub fn without_adts(block: Bytes) -> Bytes {
    // A raw block cannot begin with twelve set bits: that would be its end element.
    match *block {
        [0xff, flags, _, high, middle, low, ..] if flags & 0xf6 == 0xf0 => {
            let header = if flags & 1 == 1 { 7 } else { 9 };
            let len = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low >> 5);
            if len == block.len() && len >= header { block.slice(header..) } else { block }
        }
        _ => block,
    }
}

fn object_type(bits: &mut Bits<'_>) -> Result<u8, Malformed> {
    Ok(match bits.read(5)? as u8 {
        31 => 32 + bits.read(6)? as u8,
        plain => plain,
    })
}

fn sampling_rate(bits: &mut Bits<'_>) -> Result<u32, Malformed> {
    let rate = match bits.read(4)? {
        15 => bits.read(24)?,
        index => RATES.get(index as usize).copied().unwrap_or(0),
    };
    if (1_000..=192_000).contains(&rate) { Ok(rate) } else { Err(bits.malformed()) }
}

struct General {
    rate: u32,
    channels: u16,
    frame_samples: u32,
}

/// GASpecificConfig (§4.4.1).
fn general_audio(bits: &mut Bits<'_>, core: u8, layout: u32, rate: u32) -> Result<General, Malformed> {
    if !matches!(core, 1..=4 | 6 | 7 | 17 | 19..=23) {
        return Err(bits.malformed());
    }
    let is_short = bits.flag()?;
    if bits.flag()? {
        bits.skip(14)?; // coreCoderDelay
    }
    let is_extended = bits.flag()?;
    let channels = match layout {
        0 => program_channels(bits)?,
        1..=6 => layout as u16,
        7 | 12 | 14 => 8,
        11 => 7,
        13 => 24,
        _ => return Err(bits.malformed()),
    };
    if matches!(core, 6 | 20) {
        bits.skip(3)?; // layerNr
    }
    if is_extended {
        match core {
            22 => bits.skip(16)?,               // numOfSubFrame, layer_length
            17 | 19 | 20 | 23 => bits.skip(3)?, // resilience flags
            _ => {}
        }
        bits.skip(1)?; // extensionFlag3
    }
    let frame_samples = match (core == LOW_DELAY, is_short) {
        (false, false) => 1024,
        (false, true) => 960,
        (true, false) => 512,
        (true, true) => 480,
    };
    Ok(General { rate, channels, frame_samples })
}

/// Counts the channels that a program_config_element lists (§4.5.1.2).
fn program_channels(bits: &mut Bits<'_>) -> Result<u16, Malformed> {
    bits.skip(4 + 2 + 4)?; // tag, object type, rate
    let front = bits.read(4)?;
    let side = bits.read(4)?;
    let back = bits.read(4)?;
    let low = bits.read(2)?;
    let data = bits.read(3)?;
    let coupling = bits.read(4)?;
    for mixdown_bits in [4, 4, 3] {
        if bits.flag()? {
            bits.skip(mixdown_bits)?;
        }
    }
    let mut channels = low as u16;
    for _ in 0..front + side + back {
        channels += if bits.flag()? { 2 } else { 1 };
        bits.skip(4)?;
    }
    bits.skip(4 * low as usize + 4 * data as usize + 5 * coupling as usize)?;
    bits.align();
    let comment = bits.read(8)? as usize;
    bits.skip(8 * comment)?;
    if channels == 0 { Err(bits.malformed()) } else { Ok(channels) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aac(config: &[u8]) -> Aac {
        let aac = Aac::from_config(config).unwrap();
        assert_eq!(aac.config, config, "C10: kept byte for byte");
        aac
    }

    #[test]
    fn lc_at_both_usual_rates_mono_and_stereo() {
        let stereo = aac(&[0x12, 0x10]);
        assert_eq!((stereo.object_type, stereo.core_rate, stereo.frame_samples), (2, 44_100, 1024));
        assert_eq!(stereo.sound, Sound { rate: 44_100, channels: 2 });
        assert_eq!(aac(&[0x11, 0x88]).sound, Sound { rate: 48_000, channels: 1 });
        // Five bytes: LC and the word that there is no SBR, as OBS and ffmpeg send it.
        let with_tail = aac(&[0x12, 0x10, 0x56, 0xe5, 0x00]);
        assert_eq!((with_tail.object_type, with_tail.sound.rate), (2, 44_100));
    }

    #[test]
    fn he_aac_is_seen_in_hierarchical_signalling() {
        // AOT 5, 24 kHz core, stereo, 48 kHz out, AOT 2.
        let he = aac(&[0x2b, 0x11, 0x88, 0x00]);
        assert_eq!((he.object_type, he.core_rate, he.frame_samples), (5, 24_000, 1024));
        assert_eq!(he.sound, Sound { rate: 48_000, channels: 2 });
        // AOT 29, 24 kHz mono core: parametric stereo.
        let he2 = aac(&[0xeb, 0x09, 0x88, 0x00]);
        assert_eq!((he2.object_type, he2.core_rate), (29, 24_000));
        assert_eq!(he2.sound, Sound { rate: 48_000, channels: 2 });
    }

    #[test]
    fn he_aac_is_seen_in_backward_compatible_signalling() {
        // AOT 2, 24 kHz, stereo, then 0x2b7, AOT 5, present, 48 kHz.
        let he = aac(&[0x13, 0x10, 0x56, 0xe5, 0x98]);
        assert_eq!((he.object_type, he.core_rate, he.sound.rate), (5, 24_000, 48_000));
        // The same with mono core and 0x548, present.
        let he2 = aac(&[0x13, 0x08, 0x56, 0xe5, 0x9d, 0x48, 0x80]);
        assert_eq!((he2.object_type, he2.core_rate), (29, 24_000));
        assert_eq!(he2.sound, Sound { rate: 48_000, channels: 2 });
    }

    #[test]
    fn rates_outside_the_table_survive() {
        // AOT 2, index 15, 37 800 Hz, stereo (C10).
        let rate = 37_800u32;
        let bits = (0b10 << 4 | 0b1111) << 31 | u64::from(rate) << 7 | 2 << 3;
        let bytes = (bits << 24).to_be_bytes();
        let odd = aac(&bytes[..5]);
        assert_eq!((odd.core_rate, odd.sound.channels, odd.frame_samples), (37_800, 2, 1024));
    }

    #[test]
    fn seven_point_one_and_short_frames() {
        assert_eq!(aac(&[0x11, 0xb8]).sound.channels, 8);
        assert_eq!(aac(&[0x11, 0x94]).frame_samples, 960);
    }

    #[test]
    fn a_program_config_element_counts_its_channels() {
        // As ffmpeg writes 5.1(side): SCE, CPE in front; CPE at the side; one LFE.
        let mut bits = String::from("00010 0011 0000 0 0 0"); // LC, 48 kHz, layout 0, GASpecificConfig
        bits += "0000 01 0011 0010 0001 0000 01 000 0000 0 0 0";
        bits += "0 0000 1 0000 1 0001 0000";
        let mut bits: String = bits.replace(' ', "");
        while !bits.len().is_multiple_of(8) {
            bits.push('0');
        }
        bits += "00000000";
        let bytes: Vec<u8> =
            (0..bits.len()).step_by(8).map(|i| u8::from_str_radix(&bits[i..i + 8], 2).unwrap()).collect();
        assert_eq!(aac(&bytes).sound, Sound { rate: 48_000, channels: 6 });
    }

    #[test]
    fn what_is_cut_short_or_not_aac_is_refused() {
        for config in [&[][..], &[0x12], &[0xff; 8], &[0x17, 0x80], &[0x11, 0x80, 0x04, 0xff], &[0x2b, 0x11]] {
            assert_eq!(Aac::from_config(config), Err(Malformed("AudioSpecificConfig")), "{config:02x?}");
        }
        assert!(Aac::from_config(&[0x11; 2000]).is_err());
    }

    #[test]
    fn an_adts_header_goes_only_when_it_is_one() {
        let with_header = Bytes::from_static(&[0xff, 0xf1, 0x50, 0x80, 0x01, 0x3f, 0xfc, 0x21, 0x10]);
        assert_eq!(without_adts(with_header), [0x21, 0x10][..]);
        let raw = Bytes::from_static(&[0x21, 0x10, 0x04]);
        assert_eq!(without_adts(raw.clone()), raw);
        let lying = Bytes::from_static(&[0xff, 0xf1, 0x50, 0x80, 0x7f, 0xff, 0xfc, 0x21]);
        assert_eq!(without_adts(lying.clone()), lying);
    }
}
