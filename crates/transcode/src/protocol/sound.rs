//! Sound: one track in, others out of it.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use media::Codec;
use media::codec::Law;

use super::{Malformed, end, split, write_short};

/// One source of sound and what is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The source.
    pub input: Input,
    /// What to make, at most [`Sound::OUTPUTS`].
    pub outputs: Vec<Output>,
}

/// How a source of sound is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The codec.
    pub coding: Coding,
    /// What it needs to know before the first frame: for AAC its AudioSpecificConfig, for FLAC its STREAMINFO.
    pub config: Bytes,
    /// Samples a second.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
}

/// One rendition of sound to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its number in [`super::Unit::output`], from 1.
    pub id: u8,
    /// The codec: Opus or AAC. Sound is stereo and 48 kHz.
    pub coding: Coding,
    /// Bits a second to aim at.
    pub bitrate_bps: u32,
}

/// A codec of sound, as far as workers know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Coding {
    /// AAC.
    Aac = 1,
    /// Opus.
    Opus = 2,
    /// FLAC.
    Flac = 3,
    /// AC-3.
    Ac3 = 4,
    /// E-AC-3.
    EnhancedAc3 = 5,
    /// G.711, A-law.
    PcmA = 6,
    /// G.711, µ-law.
    PcmMu = 7,
    /// MP3.
    Mp3 = 8,
}

impl Coding {
    const ALL: [Self; 8] =
        [Self::Aac, Self::Opus, Self::Flac, Self::Ac3, Self::EnhancedAc3, Self::PcmA, Self::PcmMu, Self::Mp3];

    fn parse(number: u8) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|coding| *coding as u8 == number).ok_or(Malformed("codec"))
    }
}

impl Input {
    /// As a worker is told of that codec; `None` for what workers cannot decode.
    pub fn of(codec: &Codec) -> Option<Self> {
        let (coding, config) = match codec {
            Codec::Aac(aac) => (Coding::Aac, aac.config.clone()),
            // More channels come with a table that the decoder would have to be given.
            Codec::Opus(opus) if opus.mapping.0 == 0 => (Coding::Opus, Bytes::new()),
            Codec::Flac(flac) => (Coding::Flac, flac.info.clone()),
            Codec::Ac3(ac3) if ac3.enhanced => (Coding::EnhancedAc3, Bytes::new()),
            Codec::Ac3(_) => (Coding::Ac3, Bytes::new()),
            Codec::Mp3(_) => (Coding::Mp3, Bytes::new()),
            Codec::G711(g711) if g711.law == Law::A => (Coding::PcmA, Bytes::new()),
            Codec::G711(_) => (Coding::PcmMu, Bytes::new()),
            _ => return None,
        };
        let sound = codec.sound()?;
        Some(Self { coding, config, rate: sound.rate, channels: sound.channels })
    }
}

impl Sound {
    /// The most outputs of one job.
    pub const OUTPUTS: usize = 16;
    const PART: Malformed = Malformed("job for sound");

    pub(super) fn parse(mut body: Bytes) -> Result<Self, Malformed> {
        let short = |_| Self::PART;
        let coding = Coding::parse(body.try_get_u8().map_err(short)?)?;
        let rate = body.try_get_u32().map_err(short)?;
        let channels = body.try_get_u16().map_err(short)?;
        let config = split(&mut body, Self::PART)?;
        let count = usize::from(body.try_get_u8().map_err(short)?);
        if count > Self::OUTPUTS {
            return Err(Self::PART);
        }
        let mut outputs = Vec::with_capacity(count);
        for _ in 0..count {
            let id = body.try_get_u8().map_err(short)?;
            let coding = Coding::parse(body.try_get_u8().map_err(short)?)?;
            let bitrate_bps = body.try_get_u32().map_err(short)?;
            outputs.push(Output { id, coding, bitrate_bps });
        }
        end(&body, "job for sound")?;
        Ok(Self { input: Input { coding, config, rate, channels }, outputs })
    }

    /// Outputs beyond the most are left out: they do not exist.
    pub(super) fn write(&self, out: &mut BytesMut) {
        let Input { coding, config, rate, channels } = &self.input;
        out.put_u8(*coding as u8);
        out.put_u32(*rate);
        out.put_u16(*channels);
        write_short(config, out);
        let count = self.outputs.len().min(Self::OUTPUTS);
        out.put_u8(count as u8);
        for Output { id, coding, bitrate_bps } in self.outputs.iter().take(count) {
            out.put_u8(*id);
            out.put_u8(*coding as u8);
            out.put_u32(*bitrate_bps);
        }
    }
}
