use std::sync::Arc;
use std::time::{Duration, Instant};

use media::{Kind, TrackId};

use super::super::Log;
use super::ladder::{Aim, Known, Rung};
use super::pacer::Care;
use super::walk::{Reach, WHOLE};
use super::{Event, Viewer, push};

/// How often it is thought over what to send.
const CONTROL_EVERY: Duration = Duration::from_millis(250);
/// A track that is so far behind another of its ladder has fallen silent (P10).
const SILENT: Duration = Duration::from_millis(500);
/// A group that began no longer ago serves a keyframe request at once.
const YOUNG: Duration = Duration::from_millis(1500);
/// An older one does when the publisher has sent no keyframe in this time: some never do when asked (P4).
const PATIENCE: Duration = Duration::from_millis(700);
/// Keyframe requests that come so soon after a keyframe was sent are about what was before it.
const JUST_SENT: Duration = Duration::from_millis(500);
/// Probes go out at most so often.
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// One that made the estimate grow so much is worth another soon.
const PROBE_AGAIN: Duration = Duration::from_millis(500);
const TOLD: f64 = 1.4;

/// The viewer's need of a keyframe.
#[derive(Debug, Default)]
pub(super) struct Wanting {
    pub(super) last_fir: Option<u8>,
    /// It asked, and none was sent since.
    since: Option<Instant>,
}

impl Viewer {
    /// Begins the newest group anew if it is young; else asks the publisher (P3).
    pub(super) fn want_keyframe(&mut self, now: Instant) {
        let Some(source) = self.sources.iter_mut().find(|source| source.kind == Kind::Video) else { return };
        let is_just_sent = source.last_sync().is_some_and(|at| now.saturating_duration_since(at) < JUST_SENT);
        if is_just_sent {
            return;
        }
        if let Some(log) = source.walk.wanted().cloned() {
            source.walk.go(&log, Reach::Any, now);
            return;
        }
        let Some(log) = source.walk.log().cloned() else { return };
        let age = log.newest_group().map(|run| now.saturating_duration_since(run.at));
        if age.is_some_and(|age| age <= YOUNG) {
            source.walk.go(&log, Reach::Any, now);
            return;
        }
        self.wanting.since.get_or_insert(now);
        self.ask(now, &log);
    }

    /// Asks the publisher of a log for a keyframe, unless that was just done.
    fn ask(&mut self, now: Instant, log: &Log) {
        if log.want_keyframe(now) {
            push(&mut self.events, Event::KeyframeWanted(log.id()));
        }
    }

    /// Thinks over what to send, and at which pace.
    pub(super) fn control(&mut self, now: Instant) {
        self.next_control = now + CONTROL_EVERY;
        self.stats.estimate_bps = self.link.estimate.target_bps(now);
        self.choose_sound(now);
        self.choose_pictures(now);
        self.keep_wanting(now);
        self.pace(now);
    }

    fn pace(&mut self, now: Instant) {
        let rate: u64 = self.sources.iter().map(super::Source::rate_bps).sum();
        let capacity = self.link.estimate.capacity_bps(now);
        let is_troubled = self.link.estimate.is_troubled(now);
        let care = match self.link.estimate.target_bps(now).filter(|_| self.link.estimate.is_narrow(now)) {
            Some(target_bps) => Care::Narrow { target_bps },
            None if self.ladder.is_careful() => Care::Begin,
            None => Care::Free,
        };
        self.link.pacer.adjust(rate, capacity, is_troubled, care);
    }

    /// The first track of sound that is there.
    fn choose_sound(&mut self, now: Instant) {
        let Some(source) = self.sources.iter_mut().find(|source| source.kind == Kind::Audio) else { return };
        let is_gone = source.walk.log().is_none_or(|log| log.has_ended() && log.end() > 0);
        let other = source.logs.iter().find(|log| !log.has_ended() && log.end() > 0).cloned();
        if let Some(log) = other.filter(|_| is_gone && source.walk.wanted().is_none()) {
            source.walk.go(&log, Reach::Any, now);
        }
    }

    fn choose_pictures(&mut self, now: Instant) {
        let sound: u64 = self.sources.iter().filter(|it| it.kind == Kind::Audio).map(super::Source::rate_bps).sum();
        let Some(source) = self.sources.iter_mut().find(|source| source.kind == Kind::Video) else { return };
        let rungs = rungs(&source.logs, self.ladder.choice.top.unwrap_or(WHOLE));
        let live = rungs.iter().filter(|rung| rung.is_live && !rung.is_thin).map(|rung| rung.aim.id);
        let live: Vec<TrackId> = live.collect();
        if live != self.live {
            self.live = live;
            push(&mut self.events, Event::Layers);
        }
        let current = source.walk.log().map(|log| log.id());
        let aimed = source.walk.wanted().map(|log| log.id()).or(current);
        let aim = aimed.map(|id| Aim { id, top: source.walk.aim() });
        let estimate = self.link.estimate.target_bps(now);
        let known = Known {
            bps: estimate.map(|bps| bps.saturating_sub(sound)),
            is_proven: self.link.estimate.is_proven(),
            is_certain: self.link.estimate.is_certain(),
        };
        let allowed = self.ladder.allowed(&rungs);
        let Some(decided) = self.ladder.decide(now, &allowed, aim, known) else { return };
        let here = rungs.iter().find(|rung| Some(rung.aim.id) == current);
        let is_live = here.is_some_and(|rung| rung.is_live);
        let is_narrow = self.link.estimate.is_narrow(now);
        let cost = rungs.iter().find(|rung| rung.aim == decided).map(|rung| rung.rate_bps);
        let is_cheaper = cost.zip(here).is_some_and(|(cost, here)| cost < here.rate_bps);
        if let Some(log) = source.logs.iter().find(|log| log.id() == decided.id).cloned() {
            if Some(decided.id) == current {
                if is_live && aimed != current {
                    source.walk.stay();
                }
                if is_cheaper && is_narrow && decided.top < source.walk.top() {
                    // What waits before the link goes first.
                    self.link.pacer.hold(now, self.link.estimate.queue());
                }
                source.walk.limit(decided.top);
            } else if is_live {
                source.walk.go(&log, if is_cheaper { Reach::Recent } else { Reach::Near }, now);
                source.walk.go_for(decided.top);
                if is_cheaper && is_narrow && aimed == current {
                    // What is sent now is lost, or waits; the keyframe shall find the way free.
                    self.link.pacer.hold(now, self.link.estimate.queue());
                    if source.walk.waits_for(now).is_none() {
                        source.abandon();
                    }
                }
                if is_cheaper && source.walk.waits_for(now).is_some() {
                    // Until it comes, no more than must be.
                    source.walk.limit(0);
                }
            } else {
                source.walk.go(&log, Reach::Any, now);
                source.walk.go_for(decided.top);
            }
        }
        let current = source.walk.log().map(|log| Aim { id: log.id(), top: source.walk.aim() });
        let wants_probe = estimate.is_some_and(|estimate| self.ladder.wants_probe(now, &allowed, current, estimate));
        let has_told = estimate.is_some_and(|estimate| estimate as f64 >= TOLD * self.probed_bps as f64);
        let pause = if has_told { PROBE_AGAIN } else { PROBE_EVERY };
        let is_due = self.last_probe.is_none_or(|last| now.saturating_duration_since(last) >= pause);
        if wants_probe && is_due && !self.link.estimate.is_troubled(now) {
            (self.wants_probe, self.last_probe) = (true, Some(now));
            self.probed_bps = estimate.unwrap_or_default();
        }
    }

    /// Asks again for keyframes that have not come, and does without where they do not come (P4).
    fn keep_wanting(&mut self, now: Instant) {
        let Some(source) = self.sources.iter_mut().find(|source| source.kind == Kind::Video) else { return };
        let mut asks = source.walk.waits_for(now).cloned();
        if let Some(since) = self.wanting.since {
            if source.last_sync().is_some_and(|at| at >= since) {
                self.wanting.since = None;
            } else if let Some(log) = source.walk.log().cloned() {
                if now.saturating_duration_since(since) >= PATIENCE && source.walk.wanted().is_none() {
                    source.walk.go(&log, Reach::Any, now);
                    self.wanting.since = None;
                } else {
                    asks = asks.or(Some(log));
                }
            }
        }
        if let Some(log) = asks.filter(|log| log.end() > 0) {
            self.ask(now, &log);
        }
    }
}

/// A step that saves less than this share of what it costs is none, nor one that costs hardly more than the next track.
const SAVES: f64 = 0.15;
const ABOVE: f64 = 1.2;

/// The ladder as it looks now, with temporal layers up to `most`. A track is silent when another of them has gone on
/// without it. Between two tracks is the dearer one without its highest layer, below the last what is left down to its
/// lowest.
fn rungs(logs: &[Arc<Log>], most: u8) -> Vec<Rung> {
    let last: Vec<_> = logs.iter().map(|log| log.last().map(|run| run.at).filter(|_| !log.has_ended())).collect();
    let newest = last.iter().flatten().max().copied();
    let is_live = |at: &Option<Instant>| {
        at.zip(newest).is_some_and(|(at, newest)| newest.saturating_duration_since(at) <= SILENT)
    };
    let mut rungs: Vec<Rung> = Vec::with_capacity(logs.len());
    // What the next track costs, from the last one on.
    let mut next: Option<u64> = None;
    for (log, at) in logs.iter().zip(&last).rev() {
        let (id, top, is_live) = (log.id(), log.top_layer().min(most), is_live(at));
        let begin = rungs.len();
        let mut dearer = log.rate_up_to(top);
        let whole = if most < log.top_layer() { top } else { WHOLE };
        rungs.push(Rung { aim: Aim { id, top: whole }, is_thin: false, rate_bps: dearer, is_live });
        let least = if next.is_some() { top.saturating_sub(1) } else { 0 };
        for top in (least..top).rev() {
            let rate_bps = log.rate_up_to(top);
            let is_step = rate_bps as f64 <= dearer as f64 * (1.0 - SAVES);
            if is_step && next.is_none_or(|next| rate_bps as f64 >= next as f64 * ABOVE) {
                rungs.push(Rung { aim: Aim { id, top }, is_thin: true, rate_bps, is_live });
                dearer = rate_bps;
            }
        }
        if is_live {
            next = Some(log.rate_up_to(most));
        }
        rungs.get_mut(begin..).unwrap_or_default().reverse();
    }
    rungs.reverse();
    rungs
}
