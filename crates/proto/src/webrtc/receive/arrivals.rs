use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wire::rtcp::{Arrival, Twcc};

/// Arrivals are remembered this long, so that a packet that comes late is told of in its place.
const MEMORY: Duration = Duration::from_millis(500);
/// Packets told of in one message: with the worst of deltas and statuses some 500 bytes.
const MOST: i64 = 200;
/// Told of early when so many packets have come.
const MANY: u32 = 100;
/// Packets further ahead of the last are no loss but something broken.
const FAR: i64 = 4000;
/// Arrivals remembered at most.
const MOST_SEEN: usize = 16_384;
/// The unit of deltas.
const TICK_US: i64 = 250;
/// The unit of the reference time.
const REFERENCE_US: i64 = 64_000;

/// When packets arrived, for transport-wide feedback (P5; draft-holmer-rmcat-transport-wide-cc-extensions-01).
#[derive(Debug)]
pub(super) struct Arrivals {
    epoch: Instant,
    /// Microseconds after the epoch, by unwrapped number.
    seen: BTreeMap<i64, i64>,
    highest: Option<i64>,
    /// The first number to tell of next.
    next: i64,
    /// Packets that came since the last message.
    fresh: u32,
    last_sent: Option<Instant>,
    count: u8,
}

impl Arrivals {
    /// Messages go out this often, while anything comes.
    const INTERVAL: Duration = Duration::from_millis(60);

    pub(super) fn new(epoch: Instant) -> Self {
        Self { epoch, seen: BTreeMap::new(), highest: None, next: 0, fresh: 0, last_sent: None, count: 0 }
    }

    /// A packet with that transport-wide number has come.
    pub(super) fn on_packet(&mut self, now: Instant, sequence: u16) {
        let at = i64::try_from(now.saturating_duration_since(self.epoch).as_micros()).unwrap_or(i64::MAX);
        // Far above zero, so that a packet from before the first has a place.
        let highest = self.highest.unwrap_or(i64::from(sequence) + 0x1_0000);
        let step = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        let number = highest + step;
        if step.abs() > FAR {
            self.seen.clear();
            self.next = number;
        }
        if self.highest.is_none() {
            self.next = number;
        }
        self.highest = Some(if step.abs() > FAR { number } else { highest.max(number) });
        let oldest = at.saturating_sub(i64::try_from(MEMORY.as_micros()).unwrap_or_default());
        while let Some(first) =
            self.seen.first_entry().filter(|first| *first.get() < oldest && *first.key() < self.next)
        {
            first.remove();
        }
        // The first arrival counts; what came long after its like is not worth the words.
        let is_old = self.seen.first_key_value().is_some_and(|(first, _)| number + 2 * MOST < *first);
        if !is_old && !self.seen.contains_key(&number) {
            self.seen.insert(number, at);
            if self.seen.len() > MOST_SEEN {
                self.seen.pop_first();
            }
            self.next = self.next.min(number);
            self.fresh = self.fresh.saturating_add(1);
        }
    }

    /// When the next message is due.
    pub(super) fn due_at(&self, now: Instant) -> Option<Instant> {
        if self.fresh == 0 {
            return None;
        }
        let is_many = self.fresh >= MANY;
        Some(self.last_sent.filter(|_| !is_many).map_or(now, |sent| sent + Self::INTERVAL))
    }

    /// The next message, if one is due.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Twcc> {
        self.due_at(now).filter(|due| *due <= now)?;
        let highest = self.highest?;
        // A message begins with a packet that came.
        let Some((&first, &begin)) = self.seen.range(self.next..).next() else {
            self.fresh = 0;
            return None;
        };
        let reference = begin.div_euclid(REFERENCE_US);
        let mut before = reference * REFERENCE_US;
        let mut arrivals = Vec::new();
        let mut number = first;
        while number <= highest && number < first + MOST {
            let Some(&at) = self.seen.get(&number) else {
                arrivals.push(Arrival::Lost);
                number += 1;
                continue;
            };
            // Rounded as a sum, so that errors do not add up. What is too far away begins the next message.
            let ticks = (at - before + TICK_US / 2).div_euclid(TICK_US);
            let Ok(delta) = i16::try_from(ticks) else { break };
            before += i64::from(delta) * TICK_US;
            arrivals.push(Arrival::After(delta));
            number += 1;
        }
        self.next = number;
        // The rest, if there is any, goes at once.
        self.last_sent = Some(now);
        self.fresh = if number > highest { 0 } else { MANY };
        let count = self.count;
        self.count = count.wrapping_add(1);
        Some(Twcc { base_sequence: first as u16, count, reference_64ms: (reference & 0xff_ffff) as u32, arrivals })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Numbers and milliseconds that a message tells of; lost packets without a time.
    fn told(message: &Twcc) -> Vec<(u16, Option<i64>)> {
        let mut at = i64::from(message.reference_64ms) * REFERENCE_US;
        let numbers = message.arrivals.iter().enumerate();
        let tell = |(step, arrival): (usize, &Arrival)| match arrival {
            Arrival::Lost => (message.base_sequence.wrapping_add(step as u16), None),
            Arrival::After(delta) => {
                at += i64::from(*delta) * TICK_US;
                (message.base_sequence.wrapping_add(step as u16), Some(at / 1000))
            }
        };
        numbers.map(tell).collect()
    }

    /// P5.
    #[test]
    fn arrivals_are_told_over_a_wrap_with_losses_between() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(start);
        assert_eq!(arrivals.due_at(start), None);
        for (ms, sequence) in [(100, 65_534), (101, 65_535), (109, 2)] {
            arrivals.on_packet(start + MS * ms, sequence);
        }
        let first = arrivals.poll(start + 110 * MS).unwrap();
        assert_eq!(told(&first), [(65_534, Some(100)), (65_535, Some(101)), (0, None), (1, None), (2, Some(109))]);
        // One that comes late is told of in its place, and what follows it again.
        arrivals.on_packet(start + 120 * MS, 1);
        assert_eq!(arrivals.due_at(start + 120 * MS), Some(start + 170 * MS));
        assert_eq!(arrivals.poll(start + 130 * MS), None);
        let second = arrivals.poll(start + 170 * MS).unwrap();
        assert_eq!((told(&second), second.count), (vec![(1, Some(120)), (2, Some(109))], 1));
    }

    #[test]
    fn a_flood_and_leaps_stay_bounded_and_leave_in_small_messages() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(start);
        let mut told = 0;
        for at in 0..60_000u32 {
            let now = start + MS / 50 * at;
            arrivals.on_packet(now, (at / 10_000 * 20_000 + at) as u16);
            while let Some(message) = arrivals.poll(now) {
                assert!(message.arrivals.len() <= MOST as usize);
                let came = message.arrivals.iter().filter(|arrival| **arrival != Arrival::Lost);
                told += came.count();
            }
            assert!(arrivals.seen.len() <= MOST_SEEN);
        }
        assert!((59_000..=60_000).contains(&told), "{told}");
    }

    #[test]
    fn a_pause_too_long_for_a_delta_begins_another_message() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(start);
        arrivals.on_packet(start, 7);
        arrivals.on_packet(start + Duration::from_secs(20), 8);
        let now = start + Duration::from_secs(20);
        let messages: Vec<_> = std::iter::from_fn(|| arrivals.poll(now)).collect();
        let all: Vec<_> = messages.iter().flat_map(told).collect();
        assert_eq!(all, [(7, Some(0)), (8, Some(20_000))]);
    }
}
