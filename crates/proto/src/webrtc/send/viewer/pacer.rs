use std::time::{Duration, Instant};

/// Keyframes are spread to at most this many times the stream's rate (P26).
const FACTOR: f64 = 2.5;
/// What may leave at once, however slow the stream: an ordinary frame.
const MIN_BURST: f64 = 24_000.0;
/// What may leave at once, as a stretch of the paced rate; and never more than a receiver's socket has room for.
const BURST: f64 = 0.030;
const MAX_BURST: f64 = 64_000.0;
/// However wide the link: a receiver has to keep up, too. A keyframe of 100 kB has left after 1.5 ms.
const MAX_PACE_BPS: f64 = 200_000_000.0;
/// A link that has hardly more room than the stream needs gets so many times what it is believed to carry, in trouble
/// no more than that, and so much at once.
const NARROW: f64 = 1.25;
/// Pictures are held back no longer than this for a queue to drain: there is room for a keyframe then.
const MAX_HOLD: Duration = Duration::from_millis(200);
const NARROW_BURST: f64 = 6_000.0;
/// The pace over a link of which nothing is known; what leaves at once is enough to measure it by.
const BEGIN_BPS: f64 = 1_000_000.0;
const BEGIN_BURST: f64 = 12_000.0;
/// When it has to wait, this much is gathered before it goes on, so that calls stay few; and no more than one of them takes.
const STEP: Duration = Duration::from_millis(5);
const STEP_BYTES: f64 = 24_000.0;
/// Where nothing is known of a stream.
const UNKNOWN_BPS: f64 = 4_000_000.0;

/// What a link is not to be asked for more than.
#[derive(Clone, Copy, Debug)]
pub(super) enum Care {
    /// None that is known of.
    Free,
    /// Nothing is known of it, and the stream has a rung that does without knowing.
    Begin,
    /// It is narrow, and believed to carry so many bits per second.
    Narrow { target_bps: u64 },
}

/// Says when the next packet of a picture may leave: a bucket of bytes that fills at the paced rate.
#[derive(Debug)]
pub(super) struct Pacer {
    /// Bytes that may leave now; below zero after a burst of what cannot wait.
    budget: f64,
    bytes_per_second: f64,
    /// However slow: what may leave at once.
    least_burst: f64,
    held_until: Instant,
    last: Instant,
}

impl Pacer {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            budget: MIN_BURST,
            bytes_per_second: FACTOR * UNKNOWN_BPS / 8.0,
            least_burst: MIN_BURST,
            held_until: now,
            last: now,
        }
    }

    /// Sets the pace for a stream of that rate, over a link that was seen to carry so much, where that is known, and where
    /// queues may be growing.
    pub(super) fn adjust(&mut self, rate_bps: u64, capacity_bps: Option<u64>, is_troubled: bool, care: Care) {
        let rate = if rate_bps == 0 { UNKNOWN_BPS } else { rate_bps as f64 };
        let spread = FACTOR * rate;
        let pace = match capacity_bps {
            None => spread,
            // A wide link needs no spreading, a narrow one must not be asked for more than it has.
            Some(capacity) => (0.8 * capacity as f64).min(MAX_PACE_BPS.max(spread)).max(spread.min(1.2 * rate)),
        };
        // What was seen of it may be no more.
        let pace = if is_troubled { pace.min(spread) } else { pace };
        let (most, least_burst) = match care {
            Care::Free => (f64::INFINITY, MIN_BURST),
            Care::Begin => (BEGIN_BPS, BEGIN_BURST),
            Care::Narrow { target_bps } => (if is_troubled { 1.0 } else { NARROW } * target_bps as f64, NARROW_BURST),
        };
        self.least_burst = if most < pace { least_burst } else { MIN_BURST };
        self.bytes_per_second = (pace.min(most) / 8.0).max(10_000.0);
    }

    /// Bytes that may leave at once.
    fn burst(&self) -> f64 {
        (self.bytes_per_second * BURST).clamp(self.least_burst, MAX_BURST)
    }

    /// No pictures until a queue of that length has drained.
    pub(super) fn hold(&mut self, now: Instant, queue: Duration) {
        self.held_until = now + queue.min(MAX_HOLD);
    }

    pub(super) fn may_send(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = self.last.max(now);
        self.budget = (self.budget + elapsed * self.bytes_per_second).min(self.burst());
        self.budget > 0.0 && now >= self.held_until
    }

    pub(super) fn spend(&mut self, bytes: usize) {
        // What cannot wait (sound, repairs) puts pictures off by no more than a burst.
        self.budget = (self.budget - bytes as f64).max(-self.burst());
    }

    /// When it may go on, if it may not now.
    pub(super) fn ready_at(&self) -> Instant {
        let wanted = (self.bytes_per_second * STEP.as_secs_f64()).min(STEP_BYTES);
        let full = Duration::from_secs_f64(((wanted - self.budget) / self.bytes_per_second).clamp(0.0005, 1.0));
        (self.last + full).max(self.held_until)
    }
}
