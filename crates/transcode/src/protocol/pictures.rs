//! Pictures: one track in, decoded once, and the rungs of a ladder out of it.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use media::codec::nal;
use media::{Codec, Time};

use super::{Malformed, end, split, write_short};

/// One source of pictures and what is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictures {
    /// The source.
    pub input: Input,
    /// Pictures that are shown before this are decoded and otherwise left alone. Each rung begins with a keyframe.
    pub begin: Time,
    /// Frames in so many seconds, as far as the server knows; zero where it does not.
    pub frame_rate: (u32, u32),
    /// What to make, at most [`Pictures::RUNGS`], the largest first.
    pub rungs: Vec<Rung>,
}

/// How a source of pictures is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The codec.
    pub coding: Coding,
    /// What goes before every keyframe: for H.264 and HEVC parameter sets behind start codes, for AV1 its configuration
    /// units.
    pub config: Bytes,
}

/// One rung to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Its number in [`super::Unit::output`], from 1.
    pub id: u8,
    /// The codec.
    pub coding: Coding,
    /// Pixels, even.
    pub width: u16,
    /// Pixels, even.
    pub height: u16,
    /// Bits a second to aim at.
    pub bitrate_bps: u32,
    /// Frames a second at most; 0 is as many as the source has.
    pub most_fps: u16,
    /// How much processor time it is worth.
    pub effort: Effort,
    /// Whether WebRTC shall be able to carry it to every viewer: H.264 in its Constrained Baseline profile.
    pub for_webrtc: bool,
    /// What is tried first to encode it.
    pub hardware: Hardware,
}

/// A codec of pictures, as far as workers know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Coding {
    /// H.264. Frames are units behind lengths on the way in and behind start codes on the way out.
    H264 = 1,
    /// HEVC, likewise.
    Hevc = 2,
    /// VP8; not made.
    Vp8 = 3,
    /// VP9.
    Vp9 = 4,
    /// AV1.
    Av1 = 5,
}

/// How much processor time a picture is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Effort {
    /// As live encoders usually have it.
    Standard = 1,
    /// As little as can be.
    Low = 2,
}

/// What encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Hardware {
    /// The processor.
    None = 0,
    /// NVENC.
    Nvenc = 1,
    /// Quick Sync Video.
    Qsv = 2,
    /// VAAPI.
    Vaapi = 3,
}

impl Coding {
    const ALL: [Self; 5] = [Self::H264, Self::Hevc, Self::Vp8, Self::Vp9, Self::Av1];

    pub(super) fn parse(number: u8) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|coding| *coding as u8 == number).ok_or(Malformed("codec"))
    }

    /// As workers know that codec; `None` for sound.
    pub fn of(codec: &Codec) -> Option<Self> {
        Some(match codec {
            Codec::Avc(_) => Self::H264,
            Codec::Hevc(_) => Self::Hevc,
            Codec::Vp8(_) => Self::Vp8,
            Codec::Vp9(_) => Self::Vp9,
            Codec::Av1(_) => Self::Av1,
            _ => return None,
        })
    }
}

impl Effort {
    fn parse(number: u8) -> Result<Self, Malformed> {
        [Self::Standard, Self::Low].into_iter().find(|it| *it as u8 == number).ok_or(Malformed("effort"))
    }
}

impl Hardware {
    const ALL: [Self; 4] = [Self::None, Self::Nvenc, Self::Qsv, Self::Vaapi];

    /// As it is called in the configuration; `None` of the processor.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Nvenc => Some("nvenc"),
            Self::Qsv => Some("qsv"),
            Self::Vaapi => Some("vaapi"),
        }
    }

    /// What is called so in the configuration.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == Some(name))
    }

    /// Whether that encoder, as FFmpeg calls it, is one of its own.
    pub fn has(self, encoder: &str) -> bool {
        self.name().is_some_and(|name| encoder.ends_with(name))
    }

    fn parse(number: u8) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|it| *it as u8 == number).ok_or(Malformed("hardware"))
    }
}

impl Input {
    /// As a worker is told of that codec; `None` for sound.
    pub fn of(codec: &Codec) -> Option<Self> {
        let coding = Coding::of(codec)?;
        let config = match codec {
            Codec::Avc(avc) => with_start_codes(avc.sps.iter().chain(&avc.pps)),
            Codec::Hevc(hevc) => with_start_codes(hevc.vps.iter().chain(&hevc.sps).chain(&hevc.pps)),
            // Behind the four bytes of the record.
            Codec::Av1(av1) => av1.config.get(4..).map_or_else(Bytes::new, Bytes::copy_from_slice),
            _ => Bytes::new(),
        };
        Some(Self { coding, config })
    }

    /// A frame as decoders want it: after what it needs to know, if it is a keyframe, and with start codes.
    pub fn access_unit(&self, payload: &[u8], is_sync: bool) -> Vec<u8> {
        let mut unit = Vec::with_capacity(self.config.len() + payload.len() + 16);
        if is_sync {
            unit.extend_from_slice(&self.config);
        }
        if matches!(self.coding, Coding::H264 | Coding::Hevc) {
            // What lies about its length is cut there.
            for nal in nal::nals(payload).map_while(Result::ok) {
                unit.extend_from_slice(&START_CODE);
                unit.extend_from_slice(nal);
            }
        } else {
            unit.extend_from_slice(payload);
        }
        unit
    }
}

const START_CODE: [u8; 4] = [0, 0, 0, 1];

fn with_start_codes<'a>(nals: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let mut config = BytesMut::new();
    for nal in nals {
        config.put_slice(&START_CODE);
        config.put_slice(nal);
    }
    config.freeze()
}

impl Pictures {
    /// The most rungs of one job.
    pub const RUNGS: usize = 16;
    const PART: Malformed = Malformed("job for pictures");

    pub(super) fn parse(mut body: Bytes) -> Result<Self, Malformed> {
        let short = |_| Self::PART;
        let coding = Coding::parse(body.try_get_u8().map_err(short)?)?;
        let config = split(&mut body, Self::PART)?;
        let begin = Time(body.try_get_i64().map_err(short)?);
        let frame_rate = (body.try_get_u32().map_err(short)?, body.try_get_u32().map_err(short)?);
        let count = usize::from(body.try_get_u8().map_err(short)?);
        if count > Self::RUNGS {
            return Err(Self::PART);
        }
        let mut rungs = Vec::with_capacity(count);
        for _ in 0..count {
            rungs.push(Rung {
                id: body.try_get_u8().map_err(short)?,
                coding: Coding::parse(body.try_get_u8().map_err(short)?)?,
                width: body.try_get_u16().map_err(short)?,
                height: body.try_get_u16().map_err(short)?,
                bitrate_bps: body.try_get_u32().map_err(short)?,
                most_fps: body.try_get_u16().map_err(short)?,
                effort: Effort::parse(body.try_get_u8().map_err(short)?)?,
                for_webrtc: match body.try_get_u8().map_err(short)? {
                    0 => false,
                    1 => true,
                    _ => return Err(Self::PART),
                },
                hardware: Hardware::parse(body.try_get_u8().map_err(short)?)?,
            });
        }
        end(&body, "job for pictures")?;
        Ok(Self { input: Input { coding, config }, begin, frame_rate, rungs })
    }

    /// Rungs beyond the most are left out: they do not exist.
    pub(super) fn write(&self, out: &mut BytesMut) {
        let Self { input, begin, frame_rate, rungs } = self;
        out.put_u8(input.coding as u8);
        write_short(&input.config, out);
        out.put_i64(begin.0);
        out.put_u32(frame_rate.0);
        out.put_u32(frame_rate.1);
        let count = rungs.len().min(Self::RUNGS);
        out.put_u8(count as u8);
        for rung in rungs.iter().take(count) {
            out.put_u8(rung.id);
            out.put_u8(rung.coding as u8);
            out.put_u16(rung.width);
            out.put_u16(rung.height);
            out.put_u32(rung.bitrate_bps);
            out.put_u16(rung.most_fps);
            out.put_u8(rung.effort as u8);
            out.put_u8(rung.for_webrtc.into());
            out.put_u8(rung.hardware as u8);
        }
    }
}
