use std::sync::Arc;
use std::time::{Instant, SystemTime};

use media::{Span, Time, Track};

use crate::broadcast::State;
use crate::claim::{Claim, Dropped};

/// A broadcast in figures.
#[derive(Clone, Debug)]
pub struct Stats {
    /// How it stands.
    pub state: State,
    /// Who publishes, or did last.
    pub publisher: Claim,
    /// Since when that publisher does.
    pub since: SystemTime,
    /// How often the timeline broke.
    pub discontinuities: u32,
    /// One entry a track, in the catalog's order.
    pub tracks: Vec<TrackStats>,
}

/// A track in figures.
#[derive(Clone, Debug)]
pub struct TrackStats {
    /// Its parameters, as declared last.
    pub track: Arc<Track>,
    /// Frames kept since it was declared first.
    pub frames: u64,
    /// Their payload.
    pub bytes: u64,
    /// Payload bits a second over the last seconds.
    pub bitrate_bps: u64,
    /// Frames a second over the last seconds.
    pub frame_rate: f64,
    /// Media time between the starts of the last two groups; for video, the keyframe interval.
    pub group_interval: Option<Span>,
    /// Decode time of the newest frame.
    pub newest: Option<Time>,
    /// Nothing is kept until a frame comes at which a viewer may start.
    pub awaits_sync: bool,
    /// Frames whose stamp could not be believed and was put right (conformance A6, A7).
    pub restamped: u64,
    /// Frames that were dropped.
    pub drops: Drops,
    /// Cursors that read it now.
    pub subscribers: usize,
}

/// Dropped frames by reason; see [`Dropped`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// [`Dropped::AwaitingSync`].
    pub awaiting_sync: u64,
    /// [`Dropped::GroupTooLong`].
    pub group_too_long: u64,
    /// [`Dropped::Overlap`].
    pub overlap: u64,
    /// [`Dropped::Ahead`].
    pub ahead: u64,
    /// [`Dropped::BadSize`].
    pub bad_size: u64,
}

impl Drops {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.awaiting_sync + self.group_too_long + self.overlap + self.ahead + self.bad_size
    }

    pub(crate) fn count(&mut self, why: Dropped) {
        *match why {
            Dropped::AwaitingSync => &mut self.awaiting_sync,
            Dropped::GroupTooLong => &mut self.group_too_long,
            Dropped::Overlap => &mut self.overlap,
            Dropped::Ahead => &mut self.ahead,
            Dropped::BadSize => &mut self.bad_size,
        } += 1;
    }
}

impl Stats {
    /// Payload bits a second of all tracks over the last seconds.
    pub fn bitrate_bps(&self) -> u64 {
        self.tracks.iter().map(|track| track.bitrate_bps).sum()
    }
}

/// Seconds over which rates are taken.
const WINDOW_SECS: u64 = 5;

/// Counts frames and bytes, and what came in the last seconds.
pub(crate) struct Meter {
    since: Instant,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    /// By second since `since`, modulo the length.
    buckets: [Bucket; WINDOW_SECS as usize + 1],
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    second: u64,
    frames: u64,
    bytes: u64,
}

impl Meter {
    pub(crate) fn new(since: Instant) -> Self {
        Self { since, frames: 0, bytes: 0, buckets: Default::default() }
    }

    pub(crate) fn count(&mut self, bytes: usize, at: Instant) {
        let bytes = bytes as u64;
        self.frames += 1;
        self.bytes += bytes;
        let second = at.saturating_duration_since(self.since).as_secs();
        let index = (second % self.buckets.len() as u64) as usize;
        if let Some(bucket) = self.buckets.get_mut(index) {
            if bucket.second != second {
                *bucket = Bucket { second, ..Bucket::default() };
            }
            bucket.frames += 1;
            bucket.bytes += bytes;
        }
    }

    /// Bits and frames a second over the last whole seconds, or over what there is in the first one.
    pub(crate) fn rates(&self, now: Instant) -> (u64, f64) {
        let age = now.saturating_duration_since(self.since);
        let second = age.as_secs();
        if second == 0 {
            let secs = age.as_secs_f64().max(0.1);
            return ((self.bytes as f64 * 8.0 / secs) as u64, self.frames as f64 / secs);
        }
        let window = second.saturating_sub(WINDOW_SECS)..second;
        let in_window = || self.buckets.iter().filter(|bucket| window.contains(&bucket.second));
        let secs = window.end - window.start;
        let bytes: u64 = in_window().map(|bucket| bucket.bytes).sum();
        let frames: u64 = in_window().map(|bucket| bucket.frames).sum();
        (bytes * 8 / secs, frames as f64 / secs as f64)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rates_follow_the_last_seconds() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        for ms in (0..20_000).step_by(40) {
            let bytes = if ms < 10_000 { 10 } else { 1000 };
            meter.count(bytes, start + Duration::from_millis(ms));
        }
        assert_eq!(meter.rates(start + Duration::from_millis(20_000)), (200_000, 25.0));
        assert_eq!(meter.rates(start + Duration::from_millis(30_000)), (0, 0.0));
        assert_eq!((meter.frames, meter.bytes), (500, 252_500));
    }
}
