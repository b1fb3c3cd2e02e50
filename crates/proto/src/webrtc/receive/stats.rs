use std::time::Duration;

use media::{Kind, TrackId};

/// How reception goes, for the API and the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// One for every layer that may come, in the order of the offer.
    pub tracks: Vec<TrackStats>,
    /// There and back, as far as retransmissions or the transport have shown.
    pub rtt: Option<Duration>,
    /// Packets that belong to nothing that was agreed on, or were malformed.
    pub ignored: u64,
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackStats {
    /// The track it is.
    pub id: TrackId,
    /// Pictures or sound.
    pub kind: Kind,
    /// Its simulcast id.
    pub rid: Option<String>,
    /// Packets come in a moment ago.
    pub is_active: bool,
    /// Packets received, retransmissions among them.
    pub packets: u64,
    /// Bytes of payload received.
    pub bytes: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came when asked for again.
    pub repaired: u64,
    /// Share of packets lost in the last seconds before repair, 0 to 1.
    pub loss: f32,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// Over the last second.
    pub bitrate_bps: u64,
    /// Frames passed on.
    pub frames: u64,
    /// Frames that were incomplete, or could not be decoded without one that was (P23).
    pub dropped: u64,
    /// Keyframes among `frames`.
    pub keyframes: u64,
    /// How often a keyframe was asked for.
    pub keyframe_requests: u64,
}
