//! What the link to a viewer carries: a lean form of Google's congestion control (draft-ietf-rmcat-gcc-02) with the
//! measure of packet trains in place of its probes' state machine.

mod departures;
mod trend;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use wire::rtcp::Twcc;

use departures::{Arrived, Departures};
use trend::{State, Trend};

/// Over how much of the receiver's time its rate is measured, and over how much where it is the link that sets it.
const ACKED_US: i64 = 500_000;
/// What arrives within this long is counted as one.
const ACKED_STEP_US: i64 = 5_000;
const RECENT_US: i64 = 150_000;
/// Where an estimate begins, and what it never falls below.
const BEGIN_BPS: f64 = 1_000_000.0;
const MIN_BPS: f64 = 50_000.0;
const MAX_BPS: f64 = 1e9;
/// Losses are counted over this long.
const LOSS_WINDOW: Duration = Duration::from_secs(1);
/// What was learnt of the link's width holds for this long.
const CAPACITY_AGE: Duration = Duration::from_secs(15);
/// The shortest way of late is that without a queue; it is looked for over twice this.
const BASE_AGE: Duration = Duration::from_secs(5);
/// A queue of this length is none of jitter.
const LONG_QUEUE: Duration = Duration::from_millis(100);
/// This may be one, if it is there twice.
const SHORT_QUEUE: Duration = Duration::from_millis(20);
const MIDDLE_QUEUE: Duration = Duration::from_millis(50);
/// What can be had of the rate at which a train arrives.
const TRAIN: f64 = 0.9;
/// Trains so much slower than what came before do not fit the link any more.
const CUT: f64 = 0.75;
/// A link that was too narrow is handled with care for so long.
const NARROW_AGE: Duration = Duration::from_secs(10);
/// So much of what was sent is lost, that it is time to act at once.
const HEAVY_LOSS: f64 = 0.3;
/// So much, that a queue may be full.
const SOME_LOSS: f64 = 0.08;
/// Without feedback for this long nothing is known any more (P6).
const STALE: Duration = Duration::from_secs(5);

/// Knows the link by what the viewer reports: transport-wide feedback, else REMB, else losses alone.
#[derive(Debug)]
pub(super) struct Estimate {
    departures: Departures,
    trend: Trend,
    acked: VecDeque<(i64, u32)>,
    acked_bytes: u64,
    /// Newest arrival by the receiver's clock, µs.
    newest_us: i64,
    /// The first, once there was one.
    first_us: Option<i64>,
    target_bps: Option<f64>,
    updated: Option<Instant>,
    lost: u32,
    counted: u32,
    counted_since: Instant,
    capacity: Option<(f64, Instant)>,
    way: Way,
    troubled: Option<Instant>,
    lowered: Option<Instant>,
    /// A long queue and a trend say the same.
    is_certain: bool,
    /// When they last did.
    narrow: Option<Instant>,
    source: Source,
    /// A first train has crossed the link.
    is_proven: bool,
}

/// Where the target comes from; better ones replace lesser ones for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Reports,
    Remb,
    Transport,
}

impl Estimate {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            departures: Departures::new(now),
            trend: Trend::default(),
            acked: VecDeque::new(),
            acked_bytes: 0,
            newest_us: 0,
            first_us: None,
            target_bps: None,
            updated: None,
            lost: 0,
            counted: 0,
            counted_since: now,
            capacity: None,
            way: Way::default(),
            troubled: None,
            lowered: None,
            is_certain: false,
            narrow: None,
            source: Source::Reports,
            is_proven: false,
        }
    }

    /// Bytes that it takes beside itself.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.departures.heap_bytes() + self.acked.capacity() * size_of::<(i64, u32)>() + self.trend.heap_bytes()
    }

    /// A packet leaves; returns its transport-wide number (P5).
    pub(super) fn depart(&mut self, now: Instant, bytes: usize) -> u16 {
        self.departures.push(now, bytes)
    }

    /// The transport-wide number of the packet that leaves next.
    pub(super) fn next_number(&self) -> u16 {
        self.departures.next_number()
    }

    /// Bits per second, as far as anything is known.
    pub(super) fn target_bps(&self, now: Instant) -> Option<u64> {
        let is_fresh = self.updated.is_some_and(|at| now.saturating_duration_since(at) < STALE);
        self.target_bps.filter(|_| is_fresh).map(|bps| bps as u64)
    }

    /// How fast packets in a row were seen to arrive. In trouble it is believed only of a link that no packet crosses without
    /// a queue: jitter makes trains look slow, too.
    pub(super) fn capacity_bps(&self, now: Instant) -> Option<u64> {
        let is_recent = |&(_, at): &(f64, Instant)| now.saturating_duration_since(at) < CAPACITY_AGE;
        let is_believed = !self.is_troubled(now) || self.way.least_queue() >= SHORT_QUEUE;
        self.capacity.filter(|seen| is_recent(seen) && is_believed).map(|(bps, _)| bps as u64)
    }

    /// Queues grow, or packets are lost: no time to try for more.
    pub(super) fn is_troubled(&self, now: Instant) -> bool {
        self.troubled.is_some_and(|at| now.saturating_duration_since(at) < Duration::from_secs(2))
    }

    /// Packets have crossed the link in a row, so that its width is more than a guess.
    pub(super) fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// The link has become too narrow, and no mistake: packets that come behind a pause come without a queue.
    pub(super) fn is_certain(&self) -> bool {
        self.is_certain
    }

    /// It was, a moment ago: what is sent must fit it. Jitter alone is no reason.
    pub(super) fn is_narrow(&self, now: Instant) -> bool {
        self.narrow.is_some_and(|at| now.saturating_duration_since(at) < NARROW_AGE)
    }

    /// How long the queue before the viewer is, as far as its packets tell.
    pub(super) fn queue(&self) -> Duration {
        self.way.queue()
    }

    /// Takes transport-wide feedback.
    pub(super) fn on_feedback(&mut self, now: Instant, feedback: &Twcc) {
        self.source = Source::Transport;
        let mut train = Train::default();
        self.way.begin(now);
        let mut widest: Option<f64> = None;
        let Self { departures, acked, acked_bytes, newest_us, first_us, trend, way, .. } = self;
        departures.look_up(now, feedback, |Arrived { sent_us, arrived_us, bytes }| {
            *acked_bytes += u64::from(bytes);
            match acked.back_mut() {
                Some((at, before)) if (0..ACKED_STEP_US).contains(&(arrived_us - *at)) => *before += bytes,
                _ => acked.push_back((arrived_us, bytes)),
            }
            *newest_us = (*newest_us).max(arrived_us);
            first_us.get_or_insert(arrived_us);
            trend.on_packet(sent_us, arrived_us);
            way.on_packet(arrived_us - sent_us);
            if let Some(bps) = train.extend(sent_us, arrived_us, bytes) {
                widest = Some(widest.map_or(bps, |widest: f64| widest.max(bps)));
            }
        });
        // What was lost before the last answer to it is answered.
        let (lost, counted) = self.departures.settle(now, self.lowered);
        (self.lost, self.counted) = (self.lost + lost, self.counted + counted);
        if let Some(bps) = train.measure() {
            widest = Some(widest.map_or(bps, |widest| widest.max(bps)));
        }
        while let Some(&(at, bytes)) = self.acked.front()
            && at < self.newest_us - ACKED_US
        {
            self.acked_bytes -= u64::from(bytes);
            self.acked.pop_front();
        }
        if let Some(bps) = widest {
            self.learn_capacity(now, bps);
        }
        self.control(now, widest);
    }

    /// Takes a receiver's own estimate, where that is all there is.
    pub(super) fn on_remb(&mut self, now: Instant, bitrate_bps: u64) {
        if self.source <= Source::Remb {
            self.source = Source::Remb;
            self.target_bps = Some((bitrate_bps as f64).clamp(MIN_BPS, MAX_BPS));
            self.updated = Some(now);
        }
    }

    /// Takes the losses of a receiver's report; `rate_bps` was being sent.
    pub(super) fn on_report(&mut self, now: Instant, fraction_lost: u8, rate_bps: u64) {
        if self.source != Source::Reports {
            return;
        }
        let rate = (rate_bps as f64).max(MIN_BPS);
        self.updated = Some(now);
        match (self.target_bps, fraction_lost) {
            (target, 26..) => {
                self.target_bps = Some(target.map_or(rate, |target| target.min(rate)) * 0.75);
                self.troubled = Some(now);
            }
            (Some(target), 0..13) => self.target_bps = Some((target * 1.05).min(MAX_BPS)),
            _ => {}
        }
    }

    /// What arrived of late, bits per second.
    fn recent(&self) -> f64 {
        let is_recent = |&&(at, _): &&(i64, u32)| at > self.newest_us - RECENT_US;
        let bytes: u64 = self.acked.iter().rev().filter(is_recent).map(|&(_, bytes)| u64::from(bytes)).sum();
        bytes as f64 * 8e6 / RECENT_US as f64
    }

    fn learn_capacity(&mut self, now: Instant, bps: f64) {
        let known = self.capacity.filter(|&(_, at)| now.saturating_duration_since(at) < CAPACITY_AGE);
        let share = if known.is_some_and(|(known, _)| bps < known) { 0.2 } else { 0.5 };
        let learnt = known.map_or(bps, |(known, _)| known + share * (bps - known));
        self.capacity = Some((learnt, now));
    }

    fn control(&mut self, now: Instant, train: Option<f64>) {
        let elapsed = self.updated.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let elapsed = elapsed.as_secs_f64().min(1.0);
        self.updated = Some(now);
        let has_window = self.first_us.is_some_and(|first| self.newest_us - first >= ACKED_US);
        let acked = has_window.then_some(self.acked_bytes as f64 * 8e6 / ACKED_US as f64);
        let mut target = self.target_bps.unwrap_or(BEGIN_BPS);
        let queue = self.queue();
        // Trains that take longer than the stream has time for, behind a queue that all packets met: no need to wait for a
        // trend.
        let is_cut = self.way.least_queue() >= SHORT_QUEUE
            && queue >= MIDDLE_QUEUE
            && train.zip(acked).is_some_and(|(train, acked)| train < CUT * acked);
        let loss = f64::from(self.lost) / f64::from(self.counted.max(1));
        self.is_certain = false;
        match self.trend.state() {
            _ if is_cut => {
                self.is_certain = true;
                self.narrow = Some(now);
                target = target.min(TRAIN * train.unwrap_or(target));
                (self.troubled, self.lowered) = (Some(now), Some(now));
                self.trend.forgive();
            }
            // Without a queue it is noise.
            State::Overused if queue < SHORT_QUEUE => {}
            State::Overused => {
                self.is_certain = queue >= LONG_QUEUE || queue >= MIDDLE_QUEUE && loss > SOME_LOSS;
                self.narrow = if self.is_certain { Some(now) } else { self.narrow };
                // A link with a queue lets through what it is wide, whatever was sent before it narrowed, or before a dearer
                // rung was gone to. Where it may be jitter, so short a time does not tell the worse.
                let newest = train.unwrap_or(0.0).max(self.recent());
                let width = acked.map(|acked| newest.max(if self.is_certain { 0.3 * acked } else { acked }));
                target = target.min(0.85 * width.unwrap_or(target));
                (self.troubled, self.lowered) = (Some(now), Some(now));
                self.trend.forgive();
            }
            State::Underused => {}
            State::Normal => {
                // What was never sent proves nothing: the estimate does not run away from the stream.
                let ceiling = (1.5 * acked.unwrap_or(0.0) + 10_000.0).max(target);
                target = (target * 1.08f64.powf(elapsed)).min(ceiling);
                // And what came without a queue, can come.
                target = target.max(0.95 * acked.unwrap_or(0.0));
                if let Some(train) = train {
                    // The first says more than where an estimate begins.
                    let is_first = !std::mem::replace(&mut self.is_proven, true);
                    target = if is_first { TRAIN * train } else { target };
                    target = target.max((TRAIN * train).min(2.0 * target));
                }
            }
        }
        let is_due = now.saturating_duration_since(self.counted_since) >= LOSS_WINDOW || loss > HEAVY_LOSS;
        if is_due && self.counted >= 20 {
            if loss > 0.1 {
                target *= 1.0 - 0.5 * loss;
                (self.troubled, self.lowered) = (Some(now), Some(now));
            }
            (self.lost, self.counted, self.counted_since) = (0, 0, now);
        }
        self.target_bps = Some(target.clamp(MIN_BPS, MAX_BPS));
    }
}

/// How long packets were on their way, by clocks that are not the same: only differences mean anything.
#[derive(Debug, Default)]
struct Way {
    newest_us: i64,
    /// The shortest that the newest message tells of.
    least_us: Option<i64>,
    /// The shortest of late, and of the time before.
    shortest_us: Option<i64>,
    former_us: Option<i64>,
    since: Option<Instant>,
}

impl Way {
    /// A message begins.
    fn begin(&mut self, now: Instant) {
        self.least_us = None;
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= BASE_AGE {
            (self.former_us, self.shortest_us, self.since) = (self.shortest_us, None, Some(now));
        }
    }

    fn on_packet(&mut self, way_us: i64) {
        self.newest_us = way_us;
        self.least_us = Some(self.least_us.map_or(way_us, |least| least.min(way_us)));
        self.shortest_us = Some(self.shortest_us.map_or(way_us, |shortest| shortest.min(way_us)));
    }

    fn queue(&self) -> Duration {
        self.above_shortest(self.newest_us)
    }

    /// What all packets met of which the newest message tells.
    fn least_queue(&self) -> Duration {
        self.least_us.map_or(Duration::ZERO, |least| self.above_shortest(least))
    }

    fn above_shortest(&self, way_us: i64) -> Duration {
        let base = self.former_us.into_iter().chain(self.shortest_us).min().unwrap_or(way_us);
        Duration::from_micros(u64::try_from(way_us - base).unwrap_or(0))
    }
}

/// Packets that left in one go.
#[derive(Debug, Default)]
struct Train {
    /// When its first and last left.
    sent_us: Option<(i64, i64)>,
    first_us: i64,
    last_us: i64,
    /// Of all but the first.
    bytes: u32,
    packets: u32,
}

impl Train {
    /// Packets further apart than this did not leave in one go.
    const GAP_US: i64 = 1_000;
    /// A shorter train measures its own noise.
    const MIN_PACKETS: u32 = 6;

    /// Couples a packet to the train; returns what one that is now complete measured.
    fn extend(&mut self, sent_us: i64, arrived_us: i64, bytes: u32) -> Option<f64> {
        if let Some((_, last)) = &mut self.sent_us
            && sent_us - *last <= Self::GAP_US
            && arrived_us >= self.last_us
        {
            (*last, self.last_us) = (sent_us, arrived_us);
            self.bytes += bytes;
            self.packets += 1;
            return None;
        }
        let measured = self.measure();
        *self =
            Self { sent_us: Some((sent_us, sent_us)), first_us: arrived_us, last_us: arrived_us, bytes: 0, packets: 1 };
        measured
    }

    /// Bits per second at which it arrived. Times come in steps of 250 µs.
    fn measure(&self) -> Option<f64> {
        let (first, last) = self.sent_us?;
        let spread = (self.last_us - self.first_us).max(last - first).max(250);
        (self.packets >= Self::MIN_PACKETS).then(|| f64::from(self.bytes) * 8e6 / spread as f64)
    }
}
