use std::collections::VecDeque;
use std::time::Instant;

use wire::rtcp::{Arrival, Twcc};

/// Packets are remembered for so long, and so many of them.
const AGE_US: u32 = 2_000_000;
const MAX: usize = 4096;
/// What is missing so long after it could have been heard of is lost; before that it may only be late.
const SETTLED_US: u32 = 250_000;
/// What nothing was heard of so long after it left is not counted.
const UNHEARD_US: u32 = 1_500_000;

/// What was sent, by its transport-wide number. There is one for every viewer: its entries are small.
#[derive(Debug)]
pub(super) struct Departures {
    packets: VecDeque<Departure>,
    /// Number of the next packet, wraps counted.
    next: u64,
    /// The clock of the receiver at its last message, in units of 64 ms, wraps counted.
    reference: Option<i64>,
    epoch: Instant,
    /// Number of the first packet whose fate is not final.
    unsettled: u64,
    /// How soon an arrival was heard of, at best, µs.
    echo_us: Option<u32>,
}

#[derive(Debug)]
struct Departure {
    /// When, in µs after the epoch; wraps after an hour, as no packet is remembered for long.
    at_us: u32,
    bytes: u16,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Unknown,
    Missed,
    Arrived,
}

/// A packet that has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arrived {
    /// When it left, in µs of a clock of ours.
    pub(super) sent_us: i64,
    /// When it came, in µs of the receiver's clock.
    pub(super) arrived_us: i64,
    /// How large it was.
    pub(super) bytes: u32,
}

impl Departures {
    pub(super) fn new(now: Instant) -> Self {
        Self { packets: VecDeque::new(), next: 0, reference: None, epoch: now, unsettled: 0, echo_us: None }
    }

    pub(super) fn next_number(&self) -> u16 {
        self.next as u16
    }

    fn us(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.epoch).as_micros() as i64
    }

    pub(super) fn push(&mut self, now: Instant, bytes: usize) -> u16 {
        let at_us = self.us(now) as u32;
        while self.packets.len() >= MAX
            || self.packets.front().is_some_and(|oldest| at_us.wrapping_sub(oldest.at_us) > AGE_US)
        {
            self.packets.pop_front();
        }
        self.packets.push_back(Departure {
            at_us,
            bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
            fate: Fate::Unknown,
        });
        let number = self.next as u16;
        self.next += 1;
        number
    }

    /// How many packets were lost of how many whose fate has become final since the last call; those that left before
    /// `since` are passed over.
    pub(super) fn settle(&mut self, now: Instant, since: Option<Instant>) -> (u32, u32) {
        let now_us = self.us(now) as u32;
        let counted_us = since.map(|since| u32::try_from(now.saturating_duration_since(since).as_micros()));
        let counted_us = counted_us.and_then(Result::ok).unwrap_or(u32::MAX);
        let oldest = self.next - self.packets.len() as u64;
        self.unsettled = self.unsettled.max(oldest);
        let (mut lost, mut counted) = (0, 0);
        let settled_us = SETTLED_US.saturating_add(self.echo_us.unwrap_or_default().saturating_mul(2));
        while let Some(packet) = self.packets.get((self.unsettled - oldest) as usize)
            && let age_us = now_us.wrapping_sub(packet.at_us)
            && age_us >= if packet.fate == Fate::Unknown { UNHEARD_US } else { settled_us }
        {
            if age_us <= counted_us {
                lost += u32::from(packet.fate == Fate::Missed);
                counted += u32::from(packet.fate != Fate::Unknown);
            }
            self.unsettled += 1;
        }
        (lost, counted)
    }

    /// Hands over the arrivals that were not told before, in the order of sending.
    pub(super) fn look_up(&mut self, now: Instant, feedback: &Twcc, mut seen: impl FnMut(Arrived)) {
        let step = |reference: i64| {
            // 24 bits, beside the last one seen.
            let step = (feedback.reference_64ms.wrapping_sub(reference as u32) << 8) as i32 >> 8;
            reference.saturating_add(step.into())
        };
        let reference = self.reference.map_or(feedback.reference_64ms.into(), step);
        self.reference = Some(reference);
        let back = (self.next as u16).wrapping_sub(feedback.base_sequence);
        let oldest = self.next - self.packets.len() as u64;
        let mut arrived_us = reference.saturating_mul(64_000);
        let now_us = self.us(now);
        let Some(first) = self.next.checked_sub(back.into()) else { return };
        // Those before the first that is remembered still move the clock.
        let forgotten = usize::try_from(oldest.saturating_sub(first)).unwrap_or(usize::MAX);
        let (gone, known) = feedback.arrivals.split_at(forgotten.min(feedback.arrivals.len()));
        for arrival in gone {
            if let Arrival::After(delta) = arrival {
                arrived_us = arrived_us.saturating_add(i64::from(*delta) * 250);
            }
        }
        let from = usize::try_from(first.saturating_sub(oldest)).unwrap_or(usize::MAX).min(self.packets.len());
        for (arrival, packet) in known.iter().zip(self.packets.range_mut(from..)) {
            match arrival {
                Arrival::Lost => {
                    if packet.fate == Fate::Unknown {
                        packet.fate = Fate::Missed;
                    }
                }
                Arrival::After(delta) => {
                    arrived_us = arrived_us.saturating_add(i64::from(*delta) * 250);
                    if packet.fate != Fate::Arrived {
                        packet.fate = Fate::Arrived;
                        let age_us = (now_us as u32).wrapping_sub(packet.at_us);
                        self.echo_us = Some(self.echo_us.map_or(age_us, |best| best.min(age_us)));
                        seen(Arrived { sent_us: now_us - i64::from(age_us), arrived_us, bytes: packet.bytes.into() });
                    }
                }
            }
        }
    }

    /// Bytes that it takes beside itself.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.packets.capacity() * size_of::<Departure>()
    }
}
