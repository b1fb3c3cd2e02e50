use bytes::Bytes;

use crate::{Span, Time};

/// One encoded access unit on its way from a publisher to every viewer.
///
/// Cheap to clone: `payload` is shared. AVC and HEVC payloads are always length-prefixed NAL units
/// (4 bytes, big-endian) without parameter sets, access unit delimiters or filler; AAC payloads are
/// raw data blocks without ADTS; gateways convert at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Decode time on the broadcast's timeline. Strictly increasing within a track.
    pub dts: Time,
    /// Presentation minus decode time; zero without B-frames. Never negative.
    pub reorder: Span,
    /// A viewer may start here.
    pub is_sync: bool,
    /// The encoded bytes.
    pub payload: Bytes,
    /// Who may do without it.
    pub temporal: Temporal,
}

/// The temporal layer of a frame: frames of the layers up to it never need one of a layer above, so those above can be
/// left out, and pictures come less often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Temporal {
    /// 0 is the lowest, which all need, and every layer of which nothing is known.
    pub layer: u8,
    /// It needs no earlier frame of this layer or one above: who has all frames of the layers below may begin with this
    /// layer here.
    pub switches_up: bool,
}

impl Temporal {
    /// What all need.
    pub const BASE: Self = Self { layer: 0, switches_up: false };
}

impl Frame {
    /// A frame that needs no other and that none is shown before, such as one of sound.
    pub fn alone(dts: Time, payload: Bytes) -> Self {
        Self { dts, reorder: Span::ZERO, is_sync: true, payload, temporal: Temporal::BASE }
    }

    /// Presentation time.
    pub fn pts(&self) -> Time {
        self.dts + self.reorder
    }
}
