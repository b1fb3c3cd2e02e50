mod clock;
mod control;
mod estimate;
mod feedback;
mod headers;
mod ladder;
mod link;
mod pacer;
mod packet;
mod repair;
mod source;
mod tell;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use media::{Kind, TrackId};

use super::{Batch, Log};
use crate::webrtc::negotiate::Terms;
use crate::webrtc::srtp::Sealer;
use clock::Clock;
use control::Wanting;
use estimate::Estimate;
use ladder::{Choice, Ladder, Measure};
use link::Link;
use pacer::Pacer;
use packet::Outlet;
use source::Source;
pub use tell::{Event, Layer, Polled, Stats};
use walk::Reach;

/// Events that wait to be fetched; who does not fetch them learns no more.
const MAX_EVENTS: usize = 64;
/// Sender reports go out this often (P12).
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How long a probe may be under way on a link as wide as it is believed to be.
const PROBE_MS: usize = 80;

/// Sends one viewer what it watches.
///
/// Owns no packet and no lock: it may move between threads, and costs a thread nothing while nothing is appended.
#[derive(Debug)]
pub struct Viewer {
    /// Sound first: it cannot wait.
    sources: Vec<Source>,
    link: Link,
    ladder: Ladder,
    wanting: Wanting,
    events: VecDeque<Event>,
    stats: Stats,
    next_report: Instant,
    next_control: Instant,
    /// When the pacer lets pictures go on.
    paced_until: Option<Instant>,
    /// Which tracks were live when `layers` was last called different.
    live: Vec<TrackId>,
    has_codec_changed: bool,
    wants_probe: bool,
    last_probe: Option<Instant>,
    /// The estimate when it went.
    probed_bps: u64,
}

impl Viewer {
    /// A viewer with these terms. `seed` is random: sequence numbers and timestamps begin there. `wall` is the clock
    /// that sender reports tell, read at `now`.
    pub fn new(terms: &Terms, seed: u64, now: Instant, wall: SystemTime) -> Self {
        let sources = terms.media.iter().enumerate().filter_map(|(at, media)| {
            // Each source begins elsewhere.
            let seed = seed
                .rotate_left((at as u32).wrapping_mul(13))
                .wrapping_add((at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            Source::new(media, seed, now)
        });
        let mut sources: Vec<_> = sources.collect();
        sources.sort_by_key(|source| source.kind == Kind::Video);
        let has_numbers = sources.iter().all(Source::is_numbered);
        let measure = match terms.media.iter().any(|media| media.agreed.remb) {
            _ if has_numbers => Measure::Packets,
            true => Measure::Receiver,
            false => Measure::None,
        };
        let link = Link {
            clock: Clock::new(now, wall),
            estimate: Estimate::new(now),
            pacer: Pacer::new(now),
            round_trip: None,
        };
        Self {
            sources,
            link,
            ladder: Ladder::new(measure),
            wanting: Wanting::default(),
            events: VecDeque::new(),
            stats: Stats::default(),
            next_report: now,
            next_control: now,
            paced_until: None,
            live: Vec::new(),
            has_codec_changed: false,
            wants_probe: false,
            last_probe: None,
            probed_bps: 0,
        }
    }

    /// Which logs there are: all of a broadcast. Those of another codec than agreed are passed over. Call again
    /// whenever tracks come or go.
    pub fn watch(&mut self, now: Instant, logs: &[Arc<Log>]) {
        let mut has_other = false;
        for source in &mut self.sources {
            let of_kind = || logs.iter().filter(|log| log.kind() == source.kind);
            let mut fitting: Vec<_> = of_kind().filter(|log| log.coding() == source.coding).cloned().collect();
            has_other |= fitting.is_empty() && of_kind().next().is_some();
            fitting.sort_by_cached_key(|log| {
                let track = log.track();
                let pixels = track.codec.picture().map_or(0, |it| u64::from(it.width) * u64::from(it.height));
                (std::cmp::Reverse((pixels, track.bitrate_bps)), log.id())
            });
            source.logs = fitting;
            let is_listed = |log: &Arc<Log>| source.logs.iter().any(|it| Arc::ptr_eq(it, log));
            if source.walk.wanted().is_some_and(|log| !is_listed(log)) {
                source.walk.stay();
            }
            let here = source.walk.log().map(|log| (log.id(), is_listed(log)));
            if here.is_none_or(|(_, is_listed)| !is_listed) {
                // The same track under a new log (E11), else the best for now.
                let again = source.logs.iter().find(|log| here.is_some_and(|(id, _)| log.id() == id));
                if let Some(log) =
                    again.or(source.logs.first()).filter(|_| again.is_some() || source.kind == Kind::Audio)
                {
                    source.walk.go(log, Reach::Any, now);
                }
            }
        }
        if has_other && !self.has_codec_changed {
            self.tell(Event::CodecChanged);
        }
        self.has_codec_changed = has_other;
        self.control(now);
    }

    /// Sends that video track from its next keyframe on and no other, or chooses by what the link carries; of either no
    /// temporal layers above `top` (E18). False if there is no such track or layer.
    pub fn choose(&mut self, now: Instant, track: Option<TrackId>, top: Option<u8>) -> bool {
        let logs = || self.video().map_or(&[][..], |source| &source.logs).iter();
        let mut chosen = logs().filter(|log| track.is_none_or(|id| log.id() == id)).peekable();
        let is_known = track.is_none() || chosen.peek().is_some();
        if !is_known || top.is_some_and(|top| !chosen.any(|log| top <= log.top_layer())) {
            return false;
        }
        self.ladder.choose(Choice { track, top });
        self.control(now);
        true
    }

    /// Keeps the best rungs from it, whatever was chosen: with `is_more` all down to the one that is sent, else one
    /// fewer than until now. The last one is never kept from it.
    pub fn spare(&mut self, now: Instant, is_more: bool) {
        let spared = self.ladder.spared;
        self.ladder.spared = match self.position() {
            _ if !is_more => spared.saturating_sub(1),
            Some(at) => spared.max(at) + 1,
            None => spared + 1,
        };
        self.control(now);
    }

    /// How many of the best rungs are kept from it.
    pub fn spared(&self) -> usize {
        self.ladder.spared
    }

    /// Whether it would be sent less if one more rung were kept from it.
    pub fn can_spare(&self) -> bool {
        self.position().is_some_and(|at| at + 1 < self.live.len())
    }

    /// Where among the live rungs it is, or is about to be.
    fn position(&self) -> Option<usize> {
        let aimed = self.video().and_then(|it| it.walk.wanted().or(it.walk.log())).map(|log| log.id());
        self.live.iter().position(|id| Some(*id) == aimed)
    }

    /// Writes what is to be sent now.
    pub fn poll(&mut self, now: Instant, sealer: &mut Sealer, batch: &mut Batch) -> Polled {
        if now >= self.next_control || self.sources.iter().any(Source::may_begin) {
            self.control(now);
        }
        if batch.is_full() {
            return Polled::Full;
        }
        if now >= self.next_report {
            self.next_report = now + REPORT_EVERY;
            self.report(now, sealer, batch);
        }
        let mut outlet = Outlet { now, link: &mut self.link, sealer, batch };
        self.paced_until = None;
        for at in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(at) else { break };
            // What was lost is missed already: it goes before what is new.
            while !source.repair.is_idle() {
                if outlet.batch.is_full() {
                    return Polled::Full;
                }
                repair(source, &mut outlet, &mut self.stats);
            }
            while source.has_more() {
                if outlet.batch.is_full() {
                    return Polled::Full;
                }
                if source.kind == Kind::Video && !outlet.link.pacer.may_send(now) {
                    self.paced_until = Some(outlet.link.pacer.ready_at());
                    break;
                }
                if let Some(step) = source.prepare(now, outlet.link) {
                    self.stats.skips += u64::from(step.has_skipped);
                    if let Some(from) = step.switched.filter(|_| source.kind == Kind::Video)
                        && let Some(to) = source.walk.log().map(|log| log.id())
                    {
                        self.stats.track = Some(to);
                        push(&mut self.events, Event::Switched { from, to });
                    }
                }
                // Nothing to send after all: it waits for a keyframe.
                let Some(written) = source.send(&mut outlet) else { break };
                outlet.link.pacer.spend(written);
                self.stats.packets += 1;
                self.stats.bytes += written as u64;
            }
        }
        if self.wants_probe {
            self.wants_probe = false;
            // What the link is known to carry in a moment.
            let most = (self.probed_bps / 8) as usize * PROBE_MS / 1000;
            for source in self.sources.iter_mut().filter(|source| source.kind == Kind::Video) {
                let written = source.probe(most, &mut outlet);
                outlet.link.pacer.spend(written);
                self.stats.bytes += written as u64;
            }
        }
        Polled::Done
    }

    /// What happened, in order. Drain it after every call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to poll again even if nothing is appended.
    pub fn deadline(&self) -> Instant {
        let deadline = self.next_report.min(self.next_control);
        self.paced_until.map_or(deadline, |paced| deadline.min(paced))
    }

    /// The video ladder, the best first.
    pub fn layers(&self) -> Vec<Layer> {
        let video = self.video();
        let here = video.and_then(|source| source.walk.log()).map(|log| log.id());
        let logs = video.map_or(&[][..], |source| &source.logs);
        let layer = |log: &Arc<Log>| Layer {
            track: log.track(),
            // 0 says that it is silent (E17), not that its rate is not known yet.
            rate_bps: if self.live.contains(&log.id()) { log.rate_bps().max(1) } else { 0 },
            is_sent: Some(log.id()) == here,
            thinner_bps: (0..log.top_layer()).map(|layer| log.rate_up_to(layer)).collect(),
        };
        logs.iter().map(layer).collect()
    }

    /// Bytes that it takes; frames are shared.
    #[cfg(test)]
    fn memory(&self) -> usize {
        let sources = self.sources.capacity() * size_of::<Source>();
        let lists = self.events.capacity() * size_of::<Event>() + self.live.capacity() * size_of::<TrackId>();
        let each: usize = self.sources.iter().map(Source::heap_bytes).sum();
        size_of::<Self>() + sources + lists + each + self.link.estimate.heap_bytes()
    }

    /// Figures.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn video(&self) -> Option<&Source> {
        self.sources.iter().find(|source| source.kind == Kind::Video)
    }

    fn tell(&mut self, event: Event) {
        push(&mut self.events, event);
    }
}

fn push(events: &mut VecDeque<Event>, event: Event) {
    if events.len() < MAX_EVENTS {
        events.push_back(event);
    }
}

/// Sends one packet again, if the budget of repairs allows (P2).
fn repair(source: &mut Source, outlet: &mut Outlet<'_>, stats: &mut Stats) {
    let Some(index) = source.repair.next() else { return };
    let Some(bytes) = source.payload_bytes(index) else { return };
    let rate = source.rate_bps();
    let estimate = &outlet.link.estimate;
    let target = estimate.target_bps(outlet.now).filter(|_| estimate.is_narrow(outlet.now));
    if !source.repair.afford(outlet.now, bytes, rate, target) {
        stats.refused += 1;
        return;
    }
    if let Some(written) = source.send_again(index, outlet) {
        outlet.link.pacer.spend(written);
        stats.retransmitted += 1;
        stats.packets += 1;
        stats.bytes += written as u64;
    }
}
