use std::time::Duration;

/// How a publisher's media is received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Our own source in RTCP; any number but 0.
    pub ssrc: u32,
    /// Our name in RTCP, at most 255 bytes.
    pub cname: String,
    /// When a video track's newest group is older than this, a keyframe is asked for; `None` asks only when one
    /// is needed.
    pub keyframe_interval: Option<Duration>,
    /// The longest that packets wait for one that is missing.
    pub max_wait: Duration,
    /// Packets of one source that wait at most.
    pub max_waiting: usize,
    /// The largest frame that is put together.
    pub max_frame_bytes: usize,
    /// The most that REMB offers, bits a second.
    pub max_bitrate_bps: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ssrc: 1,
            cname: "onair".to_owned(),
            keyframe_interval: Some(Duration::from_secs(2)),
            max_wait: Duration::from_millis(500),
            max_waiting: 2048,
            max_frame_bytes: 4 << 20,
            max_bitrate_bps: 20_000_000,
        }
    }
}
