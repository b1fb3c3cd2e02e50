use ff::format::sample::{Sample, Type};
use ff::{ChannelLayout, Packet, Rational, codec, decoder, frame};
use ffmpeg_next as ff;
use media::Time;
use transcode::protocol::sound::{Coding, Input};

use crate::Error;

/// Decodes one source of sound.
pub enum Decoder {
    /// By libavcodec.
    Coded {
        /// The decoder, open.
        decoder: decoder::Audio,
        /// What goes before every raw block of AAC.
        adts: Option<Adts>,
    },
    /// G.711 needs none.
    Pcm {
        /// A-law, or else µ-law.
        is_a_law: bool,
        /// Interleaved channels.
        channels: u16,
    },
}

impl Decoder {
    /// A decoder for that source.
    pub fn open(input: &Input) -> Result<Self, Error> {
        let find = |names: &[&str]| names.iter().find_map(|name| decoder::find_by_name(name));
        let (found, adts) = match input.coding {
            Coding::PcmA | Coding::PcmMu => {
                let is_a_law = input.coding == Coding::PcmA;
                return Ok(Self::Pcm { is_a_law, channels: input.channels.clamp(1, 2) });
            }
            Coding::Aac => (find(&["aac"]), Some(Adts::of(&input.config)?)),
            Coding::Opus => (find(&["libopus", "opus"]), None),
            Coding::Flac => (find(&["flac"]), None),
            Coding::Ac3 => (find(&["ac3"]), None),
            Coding::EnhancedAc3 => (find(&["eac3"]), None),
            Coding::Mp3 => (find(&["mp3float", "mp3"]), None),
        };
        let found = found.ok_or_else(|| Error(format!("there is no decoder for {:?}", input.coding)))?;
        let mut decoder = codec::Context::new_with_codec(found).decoder();
        decoder.set_packet_time_base(Rational(1, 1_000_000_000));
        let decoder = decoder.open_as(found)?.audio()?;
        Ok(Self::Coded { decoder, adts })
    }

    /// Decodes a frame that begins at `at`; each piece comes with its time.
    pub fn decode(
        &mut self,
        at: Time,
        payload: &[u8],
        mut piece: impl FnMut(Time, &frame::Audio) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (decoder, adts) = match self {
            Self::Pcm { is_a_law, channels } => return piece(at, &expand(payload, *is_a_law, *channels)),
            Self::Coded { decoder, adts } => (decoder, adts),
        };
        let header = adts.as_ref().map(|adts| adts.header(payload.len())).transpose()?;
        let mut packet = Packet::copy(&[header.as_ref().map_or(&[][..], |header| header), payload].concat());
        packet.set_pts(Some(at.0));
        decoder.send_packet(&packet)?;
        let mut decoded = frame::Audio::empty();
        while decoder.receive_frame(&mut decoded).is_ok() {
            let at = decoded.pts().map_or(at, Time);
            piece(at, &decoded)?;
        }
        Ok(())
    }

    /// What was is no longer believed: the next frame has nothing to do with it.
    pub fn reset(&mut self) {
        if let Self::Coded { decoder, .. } = self {
            decoder.flush();
        }
    }
}

/// Writes ADTS headers (ISO/IEC 14496-3 §1.A.3.2), by which the decoder learns what an AudioSpecificConfig says.
pub struct Adts {
    object_type: u8,
    rate_index: u8,
    channels: u8,
}

impl Adts {
    /// From an AudioSpecificConfig. Refuses what ADTS cannot say.
    fn of(config: &[u8]) -> Result<Self, Error> {
        let word = config.iter().take(8).fold(0u64, |word, &byte| word << 8 | u64::from(byte));
        let word = word << (64 - 8 * config.len().clamp(1, 8));
        let bits = |at: u32, count: u32| (word << at >> (64 - count)) as u8;
        let unsaid = || Error("this kind of AAC cannot be decoded".into());
        let (outer, rate_index, channels) = (bits(0, 5), bits(5, 4), bits(9, 4));
        // With SBR said first, the core's type follows the rate that it plays at.
        let (object_type, rest) = match (outer, bits(13, 4)) {
            (5 | 29, 15) => return Err(unsaid()),
            (5 | 29, _) => (bits(17, 5), 22),
            _ => (outer, 13),
        };
        let has_short_frames = bits(rest, 1) == 1;
        if !(1..=4).contains(&object_type) || rate_index > 12 || !(1..=7).contains(&channels) || has_short_frames {
            return Err(unsaid());
        }
        Ok(Self { object_type, rate_index, channels })
    }

    fn header(&self, payload: usize) -> Result<[u8; 7], Error> {
        let len = u16::try_from(payload + 7).ok().filter(|&len| len < 1 << 13);
        let len = len.ok_or_else(|| Error("a block of AAC is too long".into()))?;
        Ok([
            0xff,
            // MPEG-4, no checksum.
            0xf1,
            (self.object_type - 1) << 6 | self.rate_index << 2 | self.channels >> 2,
            (self.channels & 3) << 6 | (len >> 11) as u8,
            (len >> 3) as u8,
            (len << 5) as u8 | 0x1f,
            0xfc,
        ])
    }
}

/// Expands G.711 (ITU-T G.711 tables 1 and 2).
fn expand(payload: &[u8], is_a_law: bool, channels: u16) -> frame::Audio {
    let samples = payload.len() / usize::from(channels);
    let layout = if channels == 2 { ChannelLayout::STEREO } else { ChannelLayout::MONO };
    let mut frame = frame::Audio::new(Sample::I16(Type::Packed), samples.max(1), layout);
    frame.set_rate(8000);
    let linear = if is_a_law { a_law } else { mu_law };
    for (sample, &code) in frame.plane_mut::<i16>(0).iter_mut().zip(payload) {
        *sample = linear(code);
    }
    frame
}

fn a_law(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (exponent, mantissa) = (code >> 4 & 7, i16::from(code & 15) << 4);
    let magnitude = if exponent == 0 { mantissa + 8 } else { (mantissa + 0x108) << (exponent - 1) };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

fn mu_law(code: u8) -> i16 {
    let code = !code;
    let magnitude = (((i16::from(code & 15) << 3) + 0x84) << (code >> 4 & 7)) - 0x84;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adts_says_what_the_config_said() {
        // LC 44.1 kHz stereo, a raw block of 100 bytes.
        let header = Adts::of(&[0x12, 0x10]).unwrap().header(100).unwrap();
        assert_eq!(header, [0xff, 0xf1, 0x50, 0x80, 0x0d, 0x7f, 0xfc]);
        // HE-AAC: its core is LC at 24 kHz.
        let sbr = Adts::of(&[0x2b, 0x11, 0x88, 0x00]).unwrap();
        assert_eq!((sbr.object_type, sbr.rate_index, sbr.channels), (2, 6, 2));
        assert!(Adts::of(&[]).is_err() && Adts::of(&[0xff; 8]).is_err());
        assert!(Adts::of(&[0x12, 0x10]).unwrap().header(1 << 13).is_err());
    }

    #[test]
    fn g711_codes_are_the_tables() {
        assert_eq!([0xd5, 0x55, 0xaa, 0x2a].map(a_law), [8, -8, 32256, -32256]);
        assert_eq!([0xff, 0x7f, 0x80, 0x00].map(mu_law), [0, 0, 32124, -32124]);
    }
}
