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
}

impl Frame {
    /// Presentation time.
    pub fn pts(&self) -> Time {
        self.dts + self.reorder
    }
}
