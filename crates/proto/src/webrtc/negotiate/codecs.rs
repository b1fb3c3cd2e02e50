use media::codec::{G711, Law};
use media::{Codec, Kind};
use wire::sdp::{Format, Section};

/// How frames are put into RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coding {
    /// H.264 (RFC 6184); packetization mode 1, or 0 where the peer has only that.
    H264 {
        /// Mode 1: aggregated and fragmented units are allowed.
        fragments: bool,
    },
    /// HEVC (RFC 7798), in one stream and in decoding order.
    Hevc,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628), profile 0.
    Vp9,
    /// AV1 (AOM's payload specification), profile 0.
    Av1,
    /// Opus (RFC 7587).
    Opus,
    /// G.711 µ-law (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// Names of what is taken, for refusals.
pub(super) const VIDEO: &str = "H264, H265, VP8, VP9, AV1";
pub(super) const AUDIO: &str = "opus, PCMU, PCMA";

impl Coding {
    /// Pictures or sound.
    pub fn kind(self) -> Kind {
        match self {
            Self::H264 { .. } | Self::Hevc | Self::Vp8 | Self::Vp9 | Self::Av1 => Kind::Video,
            Self::Opus | Self::Pcmu | Self::Pcma => Kind::Audio,
        }
    }

    /// How a codec is sent; `None` for those that WebRTC does not carry.
    pub fn carrying(codec: &Codec) -> Option<Self> {
        match codec {
            Codec::Avc(_) => Some(Self::H264 { fragments: true }),
            Codec::Hevc(_) => Some(Self::Hevc),
            Codec::Vp8(_) => Some(Self::Vp8),
            Codec::Vp9(_) => Some(Self::Vp9),
            Codec::Av1(_) => Some(Self::Av1),
            Codec::Opus(_) => Some(Self::Opus),
            Codec::G711(G711 { law: Law::Mu, channels: 1 }) => Some(Self::Pcmu),
            Codec::G711(G711 { law: Law::A, channels: 1 }) => Some(Self::Pcma),
            _ => None,
        }
    }

    /// The encoding name in descriptions.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 { .. } => "H264",
            Self::Hevc => "H265",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// Ticks a second of its RTP clock.
    pub fn clock(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma => 8_000,
            _ => 90_000,
        }
    }

    /// What an offered format is to us; `None` for what we do not take.
    pub fn of(format: &Format) -> Option<Self> {
        let name = format.name.to_ascii_lowercase();
        match (name.as_str(), format.clock) {
            // Absent means mode 0 (P15, RFC 6184 §8.1).
            ("h264", 90_000) => match format.parameter("packetization-mode") {
                None | Some("0") => Some(Self::H264 { fragments: false }),
                Some("1") => Some(Self::H264 { fragments: true }),
                Some(_) => None,
            },
            // Sent on several streams, or ahead of decoding order, it would be another format (RFC 7798 §7.1).
            ("h265", 90_000) if matches!(format.parameter("tx-mode"), None | Some("SRST")) => Some(Self::Hevc),
            ("vp8", 90_000) => Some(Self::Vp8),
            ("vp9", 90_000) if matches!(format.parameter("profile-id"), None | Some("0")) => Some(Self::Vp9),
            ("av1", 90_000) if matches!(format.parameter("profile"), None | Some("0")) => Some(Self::Av1),
            // The clock is 48 000 and the channels 2 in every offer, whatever is sent (P22).
            ("opus", 48_000) => Some(Self::Opus),
            ("pcmu", 8000) => Some(Self::Pcmu),
            ("pcma", 8000) => Some(Self::Pcma),
            ("", 0) if format.payload == 0 => Some(Self::Pcmu),
            ("", 0) if format.payload == 8 => Some(Self::Pcma),
            _ => None,
        }
    }
}

/// A payload format that both sides use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// How frames are put into packets.
    pub coding: Coding,
    /// The offer's payload type.
    pub payload_type: u8,
    /// Payload type of its retransmissions (RFC 4588), where both have them.
    pub rtx: Option<u8>,
    /// RTP clock, ticks a second.
    pub clock: u32,
    /// The offer's parameters.
    pub parameters: String,
    /// Lost packets may be asked for.
    pub nack: bool,
    /// A keyframe may be asked for.
    pub pli: bool,
    /// The other way to ask for one.
    pub fir: bool,
    /// Feedback on the whole transport (P5).
    pub transport_cc: bool,
    /// The older kind, where there is only that.
    pub remb: bool,
}

impl Agreed {
    /// The best of a section's formats: the offer's order decides, only that H.264 with fragments comes
    /// before H.264 without.
    pub(super) fn choose(section: &Section, kind: Kind) -> Option<Self> {
        let usable = section.formats.iter().filter_map(|format| Some((format, Coding::of(format)?)));
        let usable = usable.filter(|(_, coding)| coding.kind() == kind);
        let mut best: Option<(&Format, Coding)> = None;
        for (format, coding) in usable {
            let is_better = match best {
                None => true,
                Some((_, Coding::H264 { fragments: false })) => coding == Coding::H264 { fragments: true },
                Some(_) => false,
            };
            if is_better {
                best = Some((format, coding));
            }
        }
        best.map(|(format, coding)| Self::new(section, format, coding))
    }

    pub(super) fn new(section: &Section, format: &Format, coding: Coding) -> Self {
        let repair = section.formats.iter().find(|other| other.repairs() == Some(format.payload));
        let transport_cc = format.has_feedback("transport-cc");
        Self {
            coding,
            payload_type: format.payload,
            rtx: repair.map(|repair| repair.payload),
            clock: if format.clock == 0 { 8000 } else { format.clock },
            parameters: format.parameters.clone(),
            nack: format.has_feedback("nack"),
            pli: format.has_feedback("nack pli"),
            fir: format.has_feedback("ccm fir"),
            transport_cc,
            remb: !transport_cc && format.has_feedback("goog-remb"),
        }
    }

    /// The formats of the answer: the chosen one, and its retransmissions.
    pub(super) fn answer(&self, offered: &Section) -> Vec<Format> {
        let feedback = |format: &Format| {
            let wanted = [
                ("goog-remb", self.remb),
                ("transport-cc", self.transport_cc),
                ("ccm fir", self.fir),
                ("nack", self.nack),
                ("nack pli", self.pli),
            ];
            let wanted = wanted.into_iter().filter(|(_, is_wanted)| *is_wanted && format.payload == self.payload_type);
            wanted.map(|(name, _)| name.to_owned()).collect()
        };
        let chosen = [Some(self.payload_type), self.rtx].into_iter().flatten();
        let formats = chosen.filter_map(|payload| offered.format(payload));
        formats.map(|format| Format { feedback: feedback(format), ..format.clone() }).collect()
    }
}
