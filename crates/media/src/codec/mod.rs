//! What each codec's parameters say, read from the bitstream and never from metadata.

pub mod aac;
pub mod ac3;
pub mod av1;
pub mod avc;
mod bits;
pub mod flac;
pub mod g711;
pub mod hevc;
pub mod mp3;
pub mod nal;
pub mod opus;
pub mod vp8;
pub mod vp9;
mod vui;

use std::fmt;

use bytes::Bytes;

pub use aac::Aac;
pub use ac3::Ac3;
pub use av1::Av1;
pub use avc::Avc;
pub use flac::Flac;
pub use g711::{G711, Law};
pub use hevc::Hevc;
pub use mp3::Mp3;
pub use opus::Opus;
pub use vp8::Vp8;
pub use vp9::Vp9;

use crate::Kind;

/// A codec with the parameters a decoder must be given before the first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// H.264 / MPEG-4 part 10.
    Avc(Avc),
    /// H.265 / HEVC.
    Hevc(Hevc),
    /// AV1.
    Av1(Av1),
    /// VP8.
    Vp8(Vp8),
    /// VP9.
    Vp9(Vp9),
    /// MPEG-4 Advanced Audio Coding, HE-AAC included.
    Aac(Aac),
    /// Opus.
    Opus(Opus),
    /// FLAC.
    Flac(Flac),
    /// AC-3 and E-AC-3.
    Ac3(Ac3),
    /// MP3, which is not packaged.
    Mp3(Mp3),
    /// G.711, which is not packaged.
    G711(G711),
}

/// A bitstream that does not say what it must; `0` names the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub struct Malformed(pub &'static str);

/// What the pictures of a video track look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels after cropping.
    pub width: u32,
    /// Pixels after cropping.
    pub height: u32,
    /// Width to height of one pixel, in lowest terms; 1:1 where unsaid.
    pub pixel_aspect: (u32, u32),
    /// Frames in seconds as a fraction (`(30000, 1001)`), where the bitstream says so.
    pub frame_rate: Option<(u32, u32)>,
    /// Colour description (ISO/IEC 23091-2), where the bitstream says so.
    pub colour: Option<Colour>,
}

/// Code points of ISO/IEC 23091-2, for the `colr` box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Colour primaries.
    pub primaries: u8,
    /// Transfer characteristics.
    pub transfer: u8,
    /// Matrix coefficients.
    pub matrix: u8,
    /// Samples use the full range of values.
    pub full_range: bool,
}

/// What the sound of an audio track looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Samples a second as played (after SBR).
    pub rate: u32,
    /// Channels as played (after PS).
    pub channels: u16,
}

impl Codec {
    /// Pictures or sound.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Avc(_) | Self::Hevc(_) | Self::Av1(_) | Self::Vp8(_) | Self::Vp9(_) => Kind::Video,
            Self::Aac(_) | Self::Opus(_) | Self::Flac(_) | Self::Ac3(_) | Self::Mp3(_) | Self::G711(_) => Kind::Audio,
        }
    }

    /// It goes into CMAF files.
    pub fn fits_cmaf(&self) -> bool {
        !matches!(self, Self::Mp3(_) | Self::G711(_))
    }

    /// A short name for people, logs and metrics: `h264`, `aac`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Avc(_) => "h264",
            Self::Hevc(_) => "hevc",
            Self::Av1(_) => "av1",
            Self::Vp8(_) => "vp8",
            Self::Vp9(_) => "vp9",
            Self::Aac(_) => "aac",
            Self::Opus(_) => "opus",
            Self::Flac(_) => "flac",
            Self::Ac3(ac3) if ac3.enhanced => "eac3",
            Self::Ac3(_) => "ac3",
            Self::Mp3(_) => "mp3",
            Self::G711(G711 { law: Law::A, .. }) => "pcma",
            Self::G711(G711 { law: Law::Mu, .. }) => "pcmu",
        }
    }

    /// Ticks a second of this codec's media timeline in CMAF: 90 000 for video, the sample rate for audio
    /// (conformance C7).
    pub fn timescale(&self) -> u32 {
        match self {
            Self::Avc(_) | Self::Hevc(_) | Self::Av1(_) | Self::Vp8(_) | Self::Vp9(_) => 90_000,
            Self::Aac(aac) => aac.core_rate,
            Self::Opus(_) => opus::RATE,
            Self::Flac(flac) => flac.sound.rate,
            Self::Ac3(ac3) => ac3.sound.rate,
            Self::Mp3(mp3) => mp3.sound.rate,
            Self::G711(_) => g711::RATE,
        }
    }

    /// The picture, for a video codec.
    pub fn picture(&self) -> Option<&Picture> {
        match self {
            Self::Avc(avc) => Some(&avc.picture),
            Self::Hevc(hevc) => Some(&hevc.picture),
            Self::Av1(av1) => Some(&av1.picture),
            Self::Vp8(vp8) => Some(&vp8.picture),
            Self::Vp9(vp9) => Some(&vp9.picture),
            Self::Aac(_) | Self::Opus(_) | Self::Flac(_) | Self::Ac3(_) | Self::Mp3(_) | Self::G711(_) => None,
        }
    }

    /// The sound, for an audio codec.
    pub fn sound(&self) -> Option<Sound> {
        match self {
            Self::Avc(_) | Self::Hevc(_) | Self::Av1(_) | Self::Vp8(_) | Self::Vp9(_) => None,
            Self::Aac(aac) => Some(aac.sound),
            Self::Opus(opus) => Some(opus.sound()),
            Self::Flac(flac) => Some(flac.sound),
            Self::Ac3(ac3) => Some(ac3.sound),
            Self::Mp3(mp3) => Some(mp3.sound),
            Self::G711(g711) => Some(g711.sound()),
        }
    }

    /// One frame of silence, for a sound codec that has one at hand.
    pub fn silence(&self) -> Option<Bytes> {
        match self {
            Self::Aac(aac) => aac.silence(),
            Self::Opus(opus) => Some(opus.silence()),
            Self::Flac(flac) => flac.silence(),
            Self::G711(g711) => Some(g711.silence()),
            _ => None,
        }
    }

    /// How long one frame plays that is like most, in ticks of [`Codec::timescale`]; `None` for pictures.
    pub fn usual_frame_ticks(&self) -> Option<u32> {
        match self {
            Self::Avc(_) | Self::Hevc(_) | Self::Av1(_) | Self::Vp8(_) | Self::Vp9(_) => None,
            Self::Aac(aac) => Some(aac.frame_samples),
            Self::Opus(_) => Some(opus::RATE / 50),
            Self::Flac(flac) => flac.block_samples,
            Self::Ac3(_) => Some(ac3::FRAME),
            Self::Mp3(mp3) => Some(mp3.frame_samples),
            Self::G711(_) => Some(g711::RATE / 50),
        }
    }

    /// How long one frame plays, in ticks of [`Codec::timescale`]; `None` where only the next frame tells.
    pub fn frame_ticks(&self, payload: &[u8]) -> Option<u32> {
        match self {
            Self::Avc(_) | Self::Hevc(_) | Self::Av1(_) | Self::Vp8(_) | Self::Vp9(_) => None,
            Self::Aac(aac) => Some(aac.frame_samples),
            Self::Opus(_) => opus::packet_samples(payload),
            Self::Flac(flac) => flac.samples(payload),
            Self::Ac3(_) => ac3::samples(payload),
            Self::Mp3(_) => mp3::samples(payload),
            Self::G711(g711) => g711.samples(payload),
        }
    }
}

/// The codec's name for a CODECS attribute (RFC 6381): `avc1.64001f`, `mp4a.40.2`.
impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Avc(avc) => write!(f, "avc1.{:02x}{:02x}{:02x}", avc.profile, avc.constraints, avc.level),
            Self::Hevc(hevc) => write!(f, "hvc1.{}", hevc.profile),
            Self::Av1(av1) => {
                let tier = if av1.high_tier { 'H' } else { 'M' };
                write!(f, "av01.{}.{:02}{tier}.{:02}", av1.profile, av1.level, av1.depth)
            }
            Self::Vp8(vp8) => write!(f, "vp08.{:02}.00.08", vp8.profile),
            Self::Vp9(vp9) => write!(f, "vp09.{:02}.{:02}.{:02}", vp9.profile, vp9.level, vp9.depth),
            Self::Aac(aac) => write!(f, "mp4a.40.{}", aac.object_type),
            Self::Opus(_) => f.write_str("opus"),
            Self::Flac(_) => f.write_str("fLaC"),
            Self::Ac3(ac3) => f.write_str(if ac3.enhanced { "ec-3" } else { "ac-3" }),
            Self::Mp3(_) => f.write_str("mp4a.6b"),
            // As MP4 would call them, were they in one.
            Self::G711(g711) => f.write_str(if g711.law == Law::A { "alaw" } else { "ulaw" }),
        }
    }
}
