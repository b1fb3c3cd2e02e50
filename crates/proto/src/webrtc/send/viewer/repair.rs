use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// A packet is sent again at most so often (P2).
const MAX_TIMES: u8 = 5;
/// And not sooner after the last time than a round trip, or this.
const MIN_GAP: Duration = Duration::from_millis(15);
/// Requests that wait, and packets remembered as asked for.
const MAX_PENDING: usize = 512;
const MAX_REMEMBERED: usize = 2048;
/// Bytes of repairs that may leave at once, and as a share of the stream in the long run.
const BURST: f64 = 96_000.0;
const SHARE: f64 = 0.75;
/// What may be repaired of a stream that fills its link, as a share of it.
const LEAST: f64 = 0.25;
/// What may leave at once, as a stretch of what the link is believed to carry.
const BURST_SECONDS: f64 = 0.2;

/// Decides which packets are sent again, so that requests cannot make us send more than about twice the stream (P2).
#[derive(Debug)]
pub(super) struct Repair {
    pending: VecDeque<u64>,
    /// How often each packet was sent again, and when last.
    times: BTreeMap<u64, (u8, Instant)>,
    budget: f64,
    last: Instant,
}

impl Repair {
    pub(super) fn new(now: Instant) -> Self {
        Self { pending: VecDeque::new(), times: BTreeMap::new(), budget: BURST, last: now }
    }

    /// Takes a request; false if it is over a limit.
    pub(super) fn want(&mut self, now: Instant, sequence: u64, round_trip: Option<Duration>) -> bool {
        let gap = round_trip.map_or(MIN_GAP, |round_trip| (round_trip * 3 / 4).max(MIN_GAP));
        let (times, last) = self.times.get(&sequence).copied().unwrap_or((0, now));
        let is_too_soon = times > 0 && now.saturating_duration_since(last) < gap;
        if times >= MAX_TIMES || is_too_soon || self.pending.len() >= MAX_PENDING {
            return false;
        }
        self.times.insert(sequence, (times + 1, now));
        if self.times.len() > MAX_REMEMBERED {
            self.times.pop_first();
        }
        self.pending.push_back(sequence);
        true
    }

    /// Bytes that it takes beside itself, about.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.pending.capacity() * size_of::<u64>() + self.times.len() * 2 * size_of::<(u64, (u8, Instant))>()
    }

    /// The next packet to send again.
    pub(super) fn next(&mut self) -> Option<u64> {
        self.pending.pop_front()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether so many bytes may go now beside a stream of that rate; if so, they are counted. On a narrow
    /// link, believed to carry no more than `target_bps`, they may take what the stream leaves, and a little in any case.
    pub(super) fn afford(&mut self, now: Instant, bytes: usize, rate_bps: u64, target_bps: Option<u64>) -> bool {
        let mut per_second = (SHARE * rate_bps as f64 / 8.0).clamp(25_000.0, 5_000_000.0);
        let mut burst = BURST;
        if let Some(target) = target_bps.map(|bps| bps as f64 / 8.0) {
            let rate = rate_bps as f64 / 8.0;
            per_second = per_second.min((target - rate).max(LEAST * rate));
            burst = burst.min(BURST_SECONDS * target + 4_000.0);
        }
        let elapsed = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = self.last.max(now);
        self.budget = (self.budget + elapsed * per_second).min(burst);
        let is_enough = self.budget >= bytes as f64;
        if is_enough {
            self.budget -= bytes as f64;
        }
        is_enough
    }

    /// Leaves undone what was asked for of before that packet.
    pub(super) fn drop_before(&mut self, sequence: u64) {
        self.pending.retain(|wanted| *wanted >= sequence);
    }

    /// Forgets what can no longer be asked for.
    pub(super) fn forget_before(&mut self, sequence: u64) {
        while self.times.first_key_value().is_some_and(|(&first, _)| first < sequence) {
            self.times.pop_first();
        }
    }
}
