use std::time::Duration;

/// What one hub, one broadcast and one track may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Broadcasts at a time.
    pub broadcasts: usize,
    /// Tracks of one broadcast.
    pub tracks: usize,
    /// How long a broadcast waits for its publisher to come back.
    pub grace: Duration,
    /// After how much silence another publisher may take a broadcast over.
    pub takeover_after: Duration,
    /// Groups kept of one track.
    pub track_groups: usize,
    /// Payload bytes kept of one track; the newest group stays even when it alone has more.
    pub track_bytes: usize,
    /// Media time kept of one track.
    pub track_age: Duration,
    /// Frames of one group, at most 65 520. A group that reaches a bound is closed, and what follows
    /// is refused until the next frame at which a viewer may start.
    pub group_frames: usize,
    /// Payload bytes of one group.
    pub group_bytes: usize,
    /// Media time of one group.
    pub group_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            broadcasts: 1000,
            tracks: 16,
            grace: Duration::from_secs(10),
            takeover_after: Duration::from_secs(5),
            track_groups: 64,
            track_bytes: 32 << 20,
            track_age: Duration::from_secs(4),
            group_frames: 16 << 10,
            group_bytes: 32 << 20,
            group_age: Duration::from_secs(60),
        }
    }
}
