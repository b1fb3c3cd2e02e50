use std::fmt;

use media::codec::Law;

/// A four-character code, case-exact (conformance R17).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    /// H.264.
    pub const AVC: Self = Self(*b"avc1");
    /// H.265.
    pub const HEVC: Self = Self(*b"hvc1");
    /// H.266.
    pub const VVC: Self = Self(*b"vvc1");
    /// AV1.
    pub const AV1: Self = Self(*b"av01");
    /// VP8.
    pub const VP8: Self = Self(*b"vp08");
    /// VP9.
    pub const VP9: Self = Self(*b"vp09");
    /// Advanced Audio Coding.
    pub const AAC: Self = Self(*b"mp4a");
    /// Opus.
    pub const OPUS: Self = Self(*b"Opus");
    /// FLAC.
    pub const FLAC: Self = Self(*b"fLaC");
    /// MP3.
    pub const MP3: Self = Self(*b".mp3");
    /// AC-3.
    pub const AC3: Self = Self(*b"ac-3");
    /// Enhanced AC-3.
    pub const EAC3: Self = Self(*b"ec-3");
}

/// Shows what could be shown of it, so that a stranger's bytes cannot spoil a log line.
impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// What the payload of a track is encoded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// A codec that has a FourCC, also where its legacy number was sent (AVC 7, HEVC 12, AAC 10, MP3 2 and 14).
    FourCc(FourCc),
    /// G.711 at 8 kHz, which only has legacy numbers: 7 for A-law, 8 for µ-law.
    G711 {
        /// How samples are compressed.
        law: Law,
        /// Two channels, or else one.
        is_stereo: bool,
    },
    /// Any other legacy number, 0 to 15: Sorenson H.263 (2), Speex (11) and their like.
    Legacy(u8),
}

impl Codec {
    pub(super) fn from_legacy_video(id: u8) -> Self {
        match id {
            7 => Self::FourCc(FourCc::AVC),
            // Never in the specification, yet what encoders of the years before Enhanced RTMP send.
            12 => Self::FourCc(FourCc::HEVC),
            other => Self::Legacy(other),
        }
    }

    /// From the first byte of an audio message.
    pub(super) fn from_legacy_audio(first: u8) -> Self {
        let is_stereo = first & 1 != 0;
        match first >> 4 {
            10 => Self::FourCc(FourCc::AAC),
            2 | 14 => Self::FourCc(FourCc::MP3),
            7 => Self::G711 { law: Law::A, is_stereo },
            8 => Self::G711 { law: Law::Mu, is_stereo },
            other => Self::Legacy(other),
        }
    }

    /// Coded frames of these begin with a composition time offset (conformance R18).
    pub(super) fn has_composition(self) -> bool {
        matches!(self, Self::FourCc(FourCc::AVC | FourCc::HEVC | FourCc::VVC))
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FourCc(four_cc) => four_cc.fmt(f),
            Self::G711 { .. } => f.write_str("G.711"),
            Self::Legacy(id) => write!(f, "FLV codec {id}"),
        }
    }
}
