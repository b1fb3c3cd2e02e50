//! AC-3 and E-AC-3: all that they say of themselves stands in every frame (ETSI TS 102 366).

use bytes::{BufMut, Bytes, BytesMut};

use super::bits::Bits;
use super::{Malformed, Sound};

/// AC-3 or E-AC-3 parameters, from a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ac3 {
    /// E-AC-3, also called Dolby Digital Plus.
    pub enhanced: bool,
    /// The body of a `dac3` or `dec3` box (annex F; conformance C13).
    pub config: Bytes,
    /// What comes out of the decoder.
    pub sound: Sound,
}

/// Kilobits a second by `frmsizecod` / 2 (table 4.13).
const RATES: [u16; 19] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
/// Channels by `acmod`, without the low-frequency one.
const CHANNELS: [u16; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
/// Samples of a block, of which a frame of AC-3 has six.
const BLOCK: u32 = 256;
/// Samples of an access unit as nearly all encoders make it.
pub(super) const FRAME: u32 = 6 * BLOCK;
/// More frames than an access unit can have: eight substreams with eight more to each, six of one block.
const MOST_FRAMES: usize = 512;

const PART: &str = "AC-3 frame";

impl Ac3 {
    /// Reads one access unit: a frame of AC-3, or the frames of E-AC-3 that belong to the same time.
    pub fn from_frame(unit: &[u8]) -> Result<Self, Malformed> {
        let mut frames = Frames(unit);
        let main = frames.next().ok_or(Malformed(PART))??;
        let all = std::iter::once(Ok(main)).chain(frames).take(MOST_FRAMES).collect::<Result<Vec<_>, _>>()?;
        if main.is_dependent {
            return Err(Malformed(PART));
        }
        let enhanced = main.bsid > 10;
        let mut channels = main.channels();
        let config = if enhanced {
            // What stands beside the first substream is another programme; what depends on it adds channels.
            let after_main = all.iter().skip(1);
            let dependents = after_main.take_while(|frame| frame.is_dependent);
            let (mut count, mut places) = (0, 0);
            for frame in dependents {
                count += 1;
                places |= frame.places();
            }
            channels += places_channels(places);
            enhanced_config(&all, count, places)
        } else {
            main.plain_config()
        };
        Ok(Self { enhanced, config, sound: Sound { rate: main.rate, channels } })
    }

    /// Parameters of a later frame, if it says anything new. The data rate, which E-AC-3 may change at every frame,
    /// is nothing new.
    pub fn changed_by(&self, unit: &[u8]) -> Result<Option<Self>, Malformed> {
        let now = Self::from_frame(unit)?;
        let same_rest = match (self.enhanced, self.config.split_first_chunk::<2>(), now.config.split_first_chunk::<2>())
        {
            (true, Some(([_, was], rest)), Some(([_, is], now_rest))) => rest == now_rest && was & 7 == is & 7,
            _ => self.config == now.config,
        };
        let is_same = same_rest && self.enhanced == now.enhanced && self.sound == now.sound;
        Ok((!is_same).then_some(now))
    }
}

/// How many samples of each channel an access unit plays; `None` for what is none.
pub fn samples(unit: &[u8]) -> Option<u32> {
    let mut samples = 0u32;
    for frame in Frames(unit).take(MOST_FRAMES) {
        let frame = frame.ok()?;
        if !frame.is_dependent && frame.substream == 0 {
            samples += frame.blocks * BLOCK;
        }
    }
    Some(samples).filter(|&samples| samples > 0)
}

/// The head of one frame.
#[derive(Clone, Copy)]
struct Frame {
    len: usize,
    /// Index of the sampling rate as the boxes have it: 3 is one of the halved rates.
    fscod: u8,
    rate: u32,
    blocks: u32,
    bsid: u8,
    bsmod: u8,
    acmod: u8,
    has_low: bool,
    /// `frmsizecod` / 2 of AC-3.
    rate_code: u8,
    is_dependent: bool,
    substream: u8,
    /// Where a dependent substream's channels belong, the first place in the highest bit.
    channel_map: Option<u16>,
}

/// The frames of an access unit.
struct Frames<'a>(&'a [u8]);

impl Iterator for Frames<'_> {
    type Item = Result<Frame, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let unit = std::mem::take(&mut self.0);
        let frame = Frame::read(unit);
        if let Ok(frame) = &frame {
            let Some(rest) = unit.get(frame.len..) else { return Some(Err(Malformed(PART))) };
            self.0 = rest;
        }
        Some(frame)
    }
}

impl Frame {
    fn read(frame: &[u8]) -> Result<Self, Malformed> {
        let mut bits = Bits::new(frame, PART);
        if bits.read(16)? != 0x0b77 {
            return Err(bits.malformed());
        }
        // In both of them at the same place.
        match frame.get(5).ok_or(Malformed(PART))? >> 3 {
            bsid @ 0..=10 => Self::read_plain(&mut bits, bsid),
            bsid @ 11..=16 => Self::read_enhanced(&mut bits, bsid),
            _ => Err(bits.malformed()),
        }
    }

    /// `syncinfo` and `bsi` of AC-3 (§4.4.1, §4.4.2).
    fn read_plain(bits: &mut Bits<'_>, bsid: u8) -> Result<Self, Malformed> {
        bits.skip(16)?; // crc1
        let fscod = bits.read(2)? as u8;
        let size_code = bits.read(6)?;
        bits.skip(5)?; // bsid
        let bsmod = bits.read(3)? as u8;
        let acmod = bits.read(3)? as u8;
        if acmod & 1 == 1 && acmod != 1 {
            bits.skip(2)?; // centre mix level
        }
        if acmod & 4 == 4 {
            bits.skip(2)?; // surround mix level
        }
        if acmod == 2 {
            bits.skip(2)?; // Dolby Surround
        }
        let has_low = bits.flag()?;
        let rate_code = size_code as u8 / 2;
        let kbps = usize::from(*RATES.get(usize::from(rate_code)).ok_or(bits.malformed())?);
        let (rate, words) = match fscod {
            0 => (48_000, kbps * 2),
            1 => (44_100, kbps * 96_000 / 44_100 + size_code as usize % 2),
            2 => (32_000, kbps * 3),
            _ => return Err(bits.malformed()),
        };
        // 9 and 10 halve the rate once and twice.
        let rate = rate >> bsid.saturating_sub(8);
        let (is_dependent, substream, channel_map) = (false, 0, None);
        let len = words * 2;
        Ok(Self {
            len,
            fscod,
            rate,
            blocks: 6,
            bsid,
            bsmod,
            acmod,
            has_low,
            rate_code,
            is_dependent,
            substream,
            channel_map,
        })
    }

    /// `syncinfo` and the beginning of `bsi` of E-AC-3 (§E.1.2.1, §E.1.2.2).
    fn read_enhanced(bits: &mut Bits<'_>, bsid: u8) -> Result<Self, Malformed> {
        let kind = bits.read(2)?;
        let substream = bits.read(3)? as u8;
        let len = (bits.read(11)? as usize + 1) * 2;
        let fscod = bits.read(2)? as u8;
        let code = bits.read(2)?;
        let (rate, blocks) = match (fscod, code) {
            (3, 0) => (24_000, 6),
            (3, 1) => (22_050, 6),
            (3, 2) => (16_000, 6),
            (3, _) => return Err(bits.malformed()),
            (0, code) => (48_000, [1, 2, 3, 6][code as usize & 3]),
            (1, code) => (44_100, [1, 2, 3, 6][code as usize & 3]),
            (_, code) => (32_000, [1, 2, 3, 6][code as usize & 3]),
        };
        let acmod = bits.read(3)? as u8;
        let has_low = bits.flag()?;
        bits.skip(5)?; // bsid
        // Dialogue level, and a compression word; twice for two mono channels.
        for _ in 0..if acmod == 0 { 2 } else { 1 } {
            bits.skip(5)?;
            if bits.flag()? {
                bits.skip(8)?;
            }
        }
        let is_dependent = kind == 1;
        let channel_map = if is_dependent && bits.flag()? { Some(bits.read(16)? as u16) } else { None };
        if kind == 3 || len < 8 {
            return Err(bits.malformed());
        }
        Ok(Self {
            len,
            fscod,
            rate,
            blocks,
            bsid,
            // Behind pages of mixing levels; what is not complete main sound is not broadcast.
            bsmod: 0,
            acmod,
            has_low,
            rate_code: 0,
            is_dependent,
            substream,
            channel_map,
        })
    }

    fn channels(&self) -> u16 {
        CHANNELS.get(usize::from(self.acmod)).copied().unwrap_or(2) + u16::from(self.has_low)
    }

    /// `chan_loc` of a dependent substream: the nine places that an independent one cannot have.
    fn places(&self) -> u16 {
        let map = self.channel_map.unwrap_or(0);
        let bit = |at: u16| map >> (15 - at) & 1;
        (0..8).fold(bit(14) << 8, |places, place| places | bit(5 + place) << place)
    }

    /// `AC3SpecificBox` (§F.4).
    fn plain_config(&self) -> Bytes {
        let mut word = u32::from(self.fscod);
        word = word << 5 | u32::from(self.bsid);
        word = word << 3 | u32::from(self.bsmod);
        word = word << 3 | u32::from(self.acmod);
        word = word << 1 | u32::from(self.has_low);
        word = word << 5 | u32::from(self.rate_code);
        word <<= 5;
        Bytes::copy_from_slice(&word.to_be_bytes()[1..])
    }
}

/// Places 0, 1, 4, 5 and 6 are pairs.
fn places_channels(places: u16) -> u16 {
    let ones = (places & 0x1ff).count_ones() + (places & 0b0_0111_0011).count_ones();
    ones as u16
}

/// `EC3SpecificBox` (§F.6). `dependents` and `places` are the first independent substream's.
fn enhanced_config(frames: &[Frame], dependents: u8, places: u16) -> Bytes {
    let independents: Vec<_> = {
        let mut seen = 0u8;
        let mut is_new = |frame: &&Frame| {
            let bit = 1u8 << (frame.substream & 7);
            let is_new = !frame.is_dependent && seen & bit == 0;
            seen |= if frame.is_dependent { 0 } else { bit };
            is_new
        };
        frames.iter().filter(|frame| is_new(frame)).collect()
    };
    let bytes: usize = frames.iter().map(|frame| frame.len).sum();
    let samples: u32 = frames
        .iter()
        .filter(|frame| !frame.is_dependent && frame.substream == 0)
        .map(|frame| frame.blocks * BLOCK)
        .sum();
    let rate = frames.first().map_or(0, |frame| frame.rate);
    let kbps = (bytes as u64 * 8 * u64::from(rate) / u64::from(samples.max(1)) / 1000).min(0x1fff) as u16;
    let mut out = BytesMut::with_capacity(8);
    out.put_u16(kbps << 3 | (independents.len().saturating_sub(1) as u16 & 7));
    for (at, frame) in independents.into_iter().enumerate() {
        let (dependents, places) = if at == 0 { (dependents & 0x0f, places) } else { (0, 0) };
        out.put_u8(frame.fscod << 6 | (frame.bsid & 0x1f) << 1);
        out.put_u8(frame.bsmod << 4 | (frame.acmod & 7) << 1 | u8::from(frame.has_low));
        if dependents > 0 {
            out.put_u16(u16::from(dependents) << 9 | places & 0x1ff);
        } else {
            out.put_u8(0);
        }
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of what ffmpeg makes at 48 kHz in 5.1 and 384 kbit/s, and as many bytes as it says.
    fn plain() -> Vec<u8> {
        let mut frame = vec![0x0b, 0x77, 0, 0, 0x1c, 0x40, 0xe1];
        frame.resize(1536, 0);
        frame
    }

    /// E-AC-3, stereo, 48 kHz, six blocks, 768 bytes.
    fn enhanced() -> Vec<u8> {
        let mut frame = vec![0x0b, 0x77, 0x01, 0x7f, 0x34, 0x86, 0xff];
        frame.resize(768, 0);
        frame
    }

    /// A dependent substream with Lrs/Rrs, as 7.1 has it.
    fn dependent() -> Vec<u8> {
        // kind 1, substream 0, 64 bytes; 48 kHz, six blocks, 2/0, no LFE; bsid 16; dialnorm, no compr; map.
        let mut bits = String::from("01 000 00000011111 00 11 010 0 10000 11111 0 1 0000001000000000");
        bits.retain(|c| c != ' ');
        while !bits.len().is_multiple_of(8) {
            bits.push('0');
        }
        let mut frame = vec![0x0b, 0x77];
        frame.extend((0..bits.len()).step_by(8).map(|at| u8::from_str_radix(&bits[at..at + 8], 2).unwrap()));
        frame.resize(64, 0);
        frame
    }

    #[test]
    fn a_frame_of_ac3_becomes_its_box() {
        let ac3 = Ac3::from_frame(&plain()).unwrap();
        assert_eq!(ac3.sound, Sound { rate: 48_000, channels: 6 });
        // C13: 48 kHz, bsid 8, bsmod 0, 3/2, LFE, code 14.
        assert_eq!(ac3.config, [0x10, 0x3d, 0xc0][..]);
        assert_eq!(samples(&plain()), Some(1536));
        assert_eq!(crate::Codec::Ac3(ac3).to_string(), "ac-3");
    }

    #[test]
    fn a_frame_of_eac3_becomes_its_box() {
        let ac3 = Ac3::from_frame(&enhanced()).unwrap();
        assert_eq!(ac3.sound, Sound { rate: 48_000, channels: 2 });
        // C13: 192 kbit/s, one substream; 48 kHz, bsid 16, 2/0.
        assert_eq!(ac3.config, [0x06, 0x00, 0x20, 0x04, 0x00][..]);
        assert_eq!(samples(&enhanced()), Some(1536));
        assert_eq!(crate::Codec::Ac3(ac3).to_string(), "ec-3");
    }

    #[test]
    fn dependent_substreams_add_channels_and_no_time() {
        let unit = [enhanced(), dependent()].concat();
        let ac3 = Ac3::from_frame(&unit).unwrap();
        assert_eq!(ac3.sound.channels, 4);
        assert_eq!(ac3.config.len(), 6);
        assert_eq!(ac3.config[4..], [0x02, 0x02], "one dependent substream, at Lrs/Rrs");
        assert_eq!(samples(&unit), Some(1536));
    }

    #[test]
    fn another_data_rate_is_nothing_new_and_other_channels_are() {
        let ac3 = Ac3::from_frame(&enhanced()).unwrap();
        let mut lean = enhanced();
        lean[2..4].copy_from_slice(&[0x00, 0xff]);
        lean.truncate(512);
        assert_eq!(ac3.changed_by(&lean), Ok(None));
        let with_more = [enhanced(), dependent()].concat();
        assert!(ac3.changed_by(&with_more).unwrap().is_some());
        assert!(ac3.changed_by(&plain()).unwrap().is_some_and(|now| !now.enhanced));
    }

    #[test]
    fn what_is_cut_short_or_no_frame_is_refused() {
        for len in 0..plain().len() {
            assert!(Ac3::from_frame(&plain()[..len]).is_err(), "{len}");
            assert_eq!(samples(&plain()[..len]), None);
        }
        assert!(Ac3::from_frame(&[0xff; 600]).is_err());
        assert!(Ac3::from_frame(&dependent()).is_err());
    }
}
