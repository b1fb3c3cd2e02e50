use std::collections::VecDeque;
use std::time::{Duration, Instant};

use wire::rtcp::{Arrival, Twcc};

/// Packets are remembered for so long, and so many of them.
const AGE: Duration = Duration::from_secs(3);
const MAX: usize = 4096;
/// What is missing so long after it could have been heard of is lost; before that it may only be late.
const SETTLED: Duration = Duration::from_millis(250);
/// What nothing was heard of so long after it left is not counted.
const UNHEARD: Duration = Duration::from_millis(1500);

/// What was sent, by its transport-wide number.
#[derive(Debug, Default)]
pub(super) struct Departures {
    packets: VecDeque<Departure>,
    /// Number of the next packet, wraps counted.
    next: u64,
    /// The clock of the receiver at its last message, in units of 64 ms, wraps counted.
    reference: Option<i64>,
    epoch: Option<Instant>,
    /// Number of the first packet whose fate is not final.
    unsettled: u64,
    /// How soon an arrival was heard of, at best.
    echo: Option<Duration>,
}

#[derive(Debug)]
struct Departure {
    at: Instant,
    bytes: u32,
    fate: Fate,
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Unknown,
    Missed,
    Arrived,
}

/// A packet that has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arrived {
    /// When it left.
    pub(super) sent: Instant,
    /// The same, in µs of a clock of ours.
    pub(super) sent_us: i64,
    /// When it came, in µs of the receiver's clock.
    pub(super) arrived_us: i64,
    /// How large it was.
    pub(super) bytes: u32,
}

impl Departures {
    pub(super) fn next_number(&self) -> u16 {
        self.next as u16
    }

    pub(super) fn push(&mut self, now: Instant, bytes: usize) -> u16 {
        self.epoch.get_or_insert(now);
        while self.packets.len() >= MAX
            || self.packets.front().is_some_and(|oldest| now.saturating_duration_since(oldest.at) > AGE)
        {
            self.packets.pop_front();
        }
        self.packets.push_back(Departure { at: now, bytes: bytes as u32, fate: Fate::Unknown });
        let number = self.next as u16;
        self.next += 1;
        number
    }

    /// How many packets were lost of how many whose fate has become final since the last call; those that left before
    /// `since` are passed over.
    pub(super) fn settle(&mut self, now: Instant, since: Option<Instant>) -> (u32, u32) {
        let oldest = self.next - self.packets.len() as u64;
        self.unsettled = self.unsettled.max(oldest);
        let (mut lost, mut counted) = (0, 0);
        let settled = SETTLED + 2 * self.echo.unwrap_or_default();
        while let Some(packet) = self.packets.get((self.unsettled - oldest) as usize)
            && now.saturating_duration_since(packet.at) >= if packet.fate == Fate::Unknown { UNHEARD } else { settled }
        {
            if since.is_none_or(|since| packet.at >= since) {
                lost += u32::from(packet.fate == Fate::Missed);
                counted += u32::from(packet.fate != Fate::Unknown);
            }
            self.unsettled += 1;
        }
        (lost, counted)
    }

    /// The arrivals that were not told before, in the order of sending.
    pub(super) fn look_up(&mut self, now: Instant, feedback: &Twcc) -> Vec<Arrived> {
        let step = |reference: i64| {
            // 24 bits, beside the last one seen.
            let step = (feedback.reference_64ms.wrapping_sub(reference as u32) << 8) as i32 >> 8;
            reference.saturating_add(step.into())
        };
        let reference = self.reference.map_or(feedback.reference_64ms.into(), step);
        self.reference = Some(reference);
        let back = (self.next as u16).wrapping_sub(feedback.base_sequence);
        let first = self.next.checked_sub(back.into());
        let oldest = self.next - self.packets.len() as u64;
        let mut arrived_us = reference.saturating_mul(64_000);
        let mut seen = Vec::new();
        for (offset, arrival) in feedback.arrivals.iter().enumerate() {
            if let Arrival::After(delta) = arrival {
                arrived_us = arrived_us.saturating_add(i64::from(*delta) * 250);
            }
            let at = first.and_then(|first| (first + offset as u64).checked_sub(oldest));
            let packet = at.and_then(|at| self.packets.get_mut(usize::try_from(at).ok()?));
            let (Some(packet), Some(epoch)) = (packet, self.epoch) else { continue };
            match (arrival, &packet.fate) {
                (Arrival::Lost, Fate::Unknown) => packet.fate = Fate::Missed,
                (Arrival::After(_), Fate::Unknown | Fate::Missed) => {
                    packet.fate = Fate::Arrived;
                    let echo = now.saturating_duration_since(packet.at);
                    self.echo = Some(self.echo.map_or(echo, |best| best.min(echo)));
                    let sent_us = packet.at.saturating_duration_since(epoch).as_micros() as i64;
                    seen.push(Arrived { sent: packet.at, sent_us, arrived_us, bytes: packet.bytes });
                }
                _ => {}
            }
        }
        seen
    }
}
