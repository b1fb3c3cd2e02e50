//! What each codec's parameters say, read from the bitstream and never from metadata.

pub mod aac;
pub mod avc;
mod bits;

use std::fmt;

use bytes::Bytes;

pub use aac::Aac;
pub use avc::Avc;

use crate::Kind;

/// A codec with the parameters a decoder must be given before the first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// H.264 / MPEG-4 part 10.
    Avc(Avc),
    /// MPEG-4 Advanced Audio Coding, HE-AAC included.
    Aac(Aac),
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
            Self::Avc(_) => Kind::Video,
            Self::Aac(_) => Kind::Audio,
        }
    }

    /// A short name for people, logs and metrics: `h264`, `aac`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Avc(_) => "h264",
            Self::Aac(_) => "aac",
        }
    }

    /// Ticks a second of this codec's media timeline in CMAF: 90 000 for video, the sample rate for audio
    /// (conformance C7).
    pub fn timescale(&self) -> u32 {
        match self {
            Self::Avc(_) => 90_000,
            Self::Aac(aac) => aac.core_rate,
        }
    }

    /// The picture, for a video codec.
    pub fn picture(&self) -> Option<&Picture> {
        match self {
            Self::Avc(avc) => Some(&avc.picture),
            Self::Aac(_) => None,
        }
    }

    /// The sound, for an audio codec.
    pub fn sound(&self) -> Option<Sound> {
        match self {
            Self::Avc(_) => None,
            Self::Aac(aac) => Some(aac.sound),
        }
    }

    /// One frame of silence, for a sound codec that has one at hand.
    pub fn silence(&self) -> Option<Bytes> {
        match self {
            Self::Avc(_) => None,
            Self::Aac(aac) => aac.silence(),
        }
    }

    /// How long one frame plays, in ticks of [`Codec::timescale`]; `None` where only the next frame tells.
    pub fn frame_ticks(&self, _payload: &[u8]) -> Option<u32> {
        match self {
            Self::Avc(_) => None,
            Self::Aac(aac) => Some(aac.frame_samples),
        }
    }
}

/// The codec's name for a CODECS attribute (RFC 6381): `avc1.64001f`, `mp4a.40.2`.
impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Avc(avc) => write!(f, "avc1.{:02x}{:02x}{:02x}", avc.profile, avc.constraints, avc.level),
            Self::Aac(aac) => write!(f, "mp4a.40.{}", aac.object_type),
        }
    }
}
