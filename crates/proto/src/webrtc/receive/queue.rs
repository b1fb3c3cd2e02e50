use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// A jump of sequence numbers beyond this is another stream, if the next packet goes on from there (RFC 3550 A.1).
const MAX_DROPOUT: i64 = 3000;
const MAX_TRIES: u32 = 10;

/// A packet that waits for one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) marker: bool,
    pub(super) timestamp: u32,
    pub(super) payload: Bytes,
    /// Its dependency descriptor.
    pub(super) descriptor: Option<Bytes>,
}

/// How long to wait for what is missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Before it is asked for: it may only be late.
    pub(super) reorder: Duration,
    /// Between two requests.
    pub(super) retry: Duration,
    /// Until it is given up.
    pub(super) give_up: Duration,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is the next one. It has been counted as taken; then drain [`Queue::pop`].
    Next(Repair),
    /// It waits for one before it.
    Waits(Repair),
    /// It was there already, or has been given up.
    Late,
    /// Out of any order: dropped, and believed if its successor comes.
    Stray,
    /// The source counts anew from this packet on, which is the next one.
    Restart,
}

/// Whether a packet had been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    /// It had not been asked for.
    None,
    /// It had been asked for so long ago; `None` if several times, so that it cannot be told which request it answers.
    Asked(Option<Duration>),
}

/// What comes out next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Packet(Waiting),
    /// So many packets will never come.
    Lost(u64),
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    ask_at: Instant,
    asked_at: Option<Instant>,
    tries: u32,
    give_up_at: Instant,
}

/// Brings the packets of one source into order. Those in order pass at once; the others wait, within bounds.
#[derive(Debug)]
pub(super) struct Queue {
    max_waiting: usize,
    /// Number of the next packet to come out, unwrapped; `None` before the first.
    next: Option<i64>,
    highest: i64,
    waiting: BTreeMap<i64, Waiting>,
    missing: BTreeMap<i64, Missing>,
    /// The number after that of a stray packet.
    stray: Option<u16>,
    /// No request is due before.
    ask_at: Option<Instant>,
}

impl Queue {
    pub(super) fn new(max_waiting: usize) -> Self {
        Self {
            max_waiting,
            next: None,
            highest: 0,
            waiting: BTreeMap::new(),
            missing: BTreeMap::new(),
            stray: None,
            ask_at: None,
        }
    }

    /// The highest number seen, wraps counted in the upper bits; `None` before the first packet.
    pub(super) fn highest(&self) -> Option<i64> {
        self.next.map(|_| self.highest)
    }

    /// Takes note of a packet; `waiting` makes it one that can wait. A retransmission opens no new ground.
    pub(super) fn insert(
        &mut self,
        now: Instant,
        sequence: u16,
        is_repair: bool,
        patience: Patience,
        waiting: impl FnOnce() -> Waiting,
    ) -> Fate {
        let Some(next) = self.next else {
            if is_repair {
                return Fate::Late;
            }
            return self.begin(sequence, Fate::Next(Repair::None));
        };
        let step = i64::from(sequence.wrapping_sub(self.highest as u16) as i16);
        let number = self.highest + step;
        if !is_repair && step.abs() > MAX_DROPOUT {
            if self.stray == Some(sequence) {
                return self.begin(sequence, Fate::Restart);
            }
            self.stray = Some(sequence.wrapping_add(1));
            return Fate::Stray;
        }
        self.stray = None;
        if number < next || is_repair && step > 0 {
            return Fate::Late;
        }
        if step > 0 {
            self.miss(now, number, patience);
            self.highest = number;
        } else if step == 0 && number != next {
            return Fate::Late;
        }
        let repair = match self.missing.remove(&number) {
            None if step <= 0 => return Fate::Late,
            Some(Missing { asked_at: Some(at), tries, .. }) => {
                Repair::Asked((tries == 1).then(|| now.saturating_duration_since(at)))
            }
            _ => Repair::None,
        };
        if number == next {
            self.next = Some(next + 1);
            return Fate::Next(repair);
        }
        self.waiting.insert(number, waiting());
        Fate::Waits(repair)
    }

    fn begin(&mut self, sequence: u16, fate: Fate) -> Fate {
        self.highest = i64::from(sequence);
        self.next = Some(self.highest + 1);
        self.waiting.clear();
        self.missing.clear();
        (self.stray, self.ask_at) = (None, None);
        fate
    }

    /// Everything between the highest number and this one is missing.
    fn miss(&mut self, now: Instant, number: i64, patience: Patience) {
        let ask_at = now + patience.reorder;
        for missing in self.highest + 1..number {
            let give_up_at = now + patience.give_up;
            self.missing.insert(missing, Missing { ask_at, asked_at: None, tries: 0, give_up_at });
            self.ask_at = Some(self.ask_at.map_or(ask_at, |at| at.min(ask_at)));
        }
    }

    /// Nothing before this packet, which waits, matters any more.
    pub(super) fn give_up_before(&mut self, now: Instant, sequence: u16) {
        let number = self.highest + i64::from(sequence.wrapping_sub(self.highest as u16) as i16);
        self.missing.range_mut(..number).for_each(|(_, missing)| missing.give_up_at = now);
    }

    /// The next packet in order, or what will never come. Nothing while something before may still come.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Step> {
        let next = self.next?;
        if let Some(packet) = self.waiting.remove(&next) {
            self.next = Some(next + 1);
            return Some(Step::Packet(packet));
        }
        let is_full = self.waiting.len() > self.max_waiting || self.missing.len() > self.max_waiting;
        let mut at = next;
        while let Some(missing) = self.missing.get(&at) {
            if missing.give_up_at > now && !is_full {
                break;
            }
            self.missing.remove(&at);
            at += 1;
        }
        self.next = Some(at);
        (at > next).then(|| Step::Lost(at.abs_diff(next)))
    }

    /// Numbers to ask for now, at most `room` of them. Each is asked for a bounded number of times.
    pub(super) fn ask(&mut self, now: Instant, patience: Patience, room: usize) -> Vec<u16> {
        let mut asked = Vec::new();
        if self.ask_at.is_none_or(|at| at > now) {
            return asked;
        }
        let mut earliest = None;
        for (number, missing) in &mut self.missing {
            if missing.tries >= MAX_TRIES {
                continue;
            }
            if missing.ask_at <= now && asked.len() < room {
                missing.tries += 1;
                missing.asked_at = Some(now);
                missing.ask_at = now + patience.retry;
                asked.push(*number as u16);
            }
            earliest = Some(earliest.map_or(missing.ask_at, |at: Instant| at.min(missing.ask_at)));
        }
        self.ask_at = earliest;
        asked
    }

    /// When something is to be asked for, where that is done at all.
    pub(super) fn ask_at(&self) -> Option<Instant> {
        self.ask_at.filter(|_| !self.missing.is_empty())
    }

    /// When the packet that all wait for is given up.
    pub(super) fn give_up_at(&self) -> Option<Instant> {
        self.missing.get(&self.next?).map(|missing| missing.give_up_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        reorder: Duration::from_millis(10),
        retry: Duration::from_millis(50),
        give_up: Duration::from_millis(200),
    };

    struct Bench {
        queue: Queue,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self { queue: Queue::new(16), start: Instant::now() }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn put(&mut self, ms: u64, sequence: u16) -> Fate {
            let timestamp = u32::from(sequence);
            let waiting = || Waiting { marker: false, timestamp, payload: Bytes::new(), descriptor: None };
            self.queue.insert(self.at(ms), sequence, false, PATIENCE, waiting)
        }

        /// What comes out; a loss as 0.
        fn out(&mut self, ms: u64) -> Vec<u32> {
            let now = self.at(ms);
            let steps = std::iter::from_fn(|| self.queue.pop(now));
            steps.map(|step| if let Step::Packet(packet) = step { packet.timestamp } else { 0 }).collect()
        }
    }

    #[test]
    fn packets_in_order_never_wait_over_a_wrap_either() {
        // P24.
        let mut bench = Bench::new();
        for sequence in [65_533, 65_534, 65_535, 0, 1] {
            assert_eq!(bench.put(0, sequence), Fate::Next(Repair::None));
            assert_eq!(bench.out(0), []);
        }
        assert_eq!(bench.queue.highest(), Some(65_537));
    }

    #[test]
    fn what_was_only_late_is_not_asked_for() {
        let mut bench = Bench::new();
        bench.put(0, 9);
        assert_eq!(bench.put(1, 11), Fate::Waits(Repair::None));
        assert!(bench.queue.ask(bench.at(5), PATIENCE, 9).is_empty());
        assert_eq!(bench.put(6, 10), Fate::Next(Repair::None));
        assert_eq!(bench.out(6), [11]);
        assert_eq!(bench.queue.ask_at(), None);
    }

    #[test]
    fn what_is_missing_is_asked_for_until_it_comes_or_is_given_up() {
        // P1, P2.
        let mut bench = Bench::new();
        bench.put(0, 9);
        bench.put(1, 12);
        let mut ask = |ms| bench.queue.ask(bench.start + Duration::from_millis(ms), PATIENCE, 9);
        assert_eq!((ask(11), ask(12), ask(61)), (vec![10, 11], vec![], vec![10, 11]));
        assert_eq!(bench.put(80, 10), Fate::Next(Repair::Asked(None)));
        assert_eq!(bench.out(80), []);
        assert_eq!(bench.out(200), []);
        assert_eq!(bench.queue.give_up_at(), Some(bench.at(201)));
        assert_eq!(bench.out(201), [0, 12]);
        assert_eq!(bench.put(202, 11), Fate::Late);
        assert_eq!(bench.put(202, 12), Fate::Late);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut bench = Bench::new();
        bench.put(0, 0);
        for sequence in 2..40 {
            bench.put(0, sequence);
            bench.out(0);
            assert!(bench.queue.waiting.len() <= 17);
        }
        // Ten thousand numbers at once are no loss but another stream.
        assert_eq!(bench.put(1, 10_000), Fate::Stray);
        assert_eq!(bench.put(1, 40), Fate::Next(Repair::None));
        assert_eq!(bench.put(2, 20_000), Fate::Stray);
        assert_eq!(bench.put(2, 20_001), Fate::Restart);
        assert_eq!(bench.put(2, 20_002), Fate::Next(Repair::None));
    }
}
