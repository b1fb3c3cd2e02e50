use std::sync::Arc;
use std::time::{Duration, Instant};

use media::{Kind, Span, Temporal, Time, TrackId};

use super::super::{Log, Run};

/// Who is further behind live than this, and finds a newer group, goes on there.
const LATE: Span = Span::from_millis(300);
/// Frames that catch up are shown at most so many times as fast as they were made.
const HASTE: i64 = 8;
/// All temporal layers.
pub(super) const WHOLE: u8 = u8::MAX;
/// No two frames are shown closer than this.
const MIN_STEP: Span = Span::from_millis(1);

/// How far behind the point reached a group may begin that a switch goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Hardly: nothing presses.
    Near,
    /// A second, or after a second any: the link suffers.
    Recent,
    /// Any: there is nothing else to show.
    Any,
}

impl Reach {
    fn span(self, waited: Duration) -> Span {
        match self {
            Self::Near => Span::from_millis(250),
            Self::Recent if waited < Duration::from_secs(1) => Span::from_millis(1200),
            Self::Recent | Self::Any => Span(i64::MAX),
        }
    }
}

/// A viewer's way through the logs of one kind: which frame comes next, and when it is shown.
#[derive(Debug)]
pub(super) struct Walk {
    kind: Kind,
    log: Option<Arc<Log>>,
    /// Index of the next run.
    next: u64,
    /// The highest temporal layer that is sent, and that is to be sent as soon as the frames allow.
    top: u8,
    goal: u8,
    wish: Option<Wish>,
    last: Option<Last>,
    /// Frames older than live are being sent: their timestamps run ahead.
    is_late: bool,
    /// Only a keyframe helps.
    needs_sync: bool,
}

#[derive(Debug)]
struct Wish {
    log: Arc<Log>,
    reach: Reach,
    since: Instant,
    /// The highest temporal layer there.
    top: u8,
}

/// The last frame sent.
#[derive(Clone, Copy, Debug)]
struct Last {
    time: Time,
    shown: Time,
}

/// The next frame to send.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) run: Arc<Run>,
    /// What its timestamp says.
    pub(super) shown: Time,
    /// Frames were left out before it.
    pub(super) has_skipped: bool,
    /// It is the first of another track, after that one.
    pub(super) switched: Option<Option<TrackId>>,
}

impl Walk {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            log: None,
            next: 0,
            top: WHOLE,
            goal: WHOLE,
            wish: None,
            last: None,
            is_late: false,
            needs_sync: false,
        }
    }

    pub(super) fn log(&self) -> Option<&Arc<Log>> {
        self.log.as_ref()
    }

    /// Where it wants to go, if anywhere.
    pub(super) fn wanted(&self) -> Option<&Arc<Log>> {
        self.wish.as_ref().map(|wish| &wish.log)
    }

    /// The highest temporal layer that is sent.
    pub(super) fn top(&self) -> u8 {
        self.top
    }

    /// The highest temporal layer that is to be sent where it wants to be.
    pub(super) fn aim(&self) -> u8 {
        self.wish.as_ref().map_or(self.goal, |wish| wish.top)
    }

    /// Goes to that log at the next group within reach; to the log it is on: begins its newest group anew. As much of it
    /// is sent as before, or, of another, the whole.
    pub(super) fn go(&mut self, log: &Arc<Log>, reach: Reach, now: Instant) {
        let known = self.wish.as_ref().filter(|wish| Arc::ptr_eq(&wish.log, log)).map(|wish| (wish.since, wish.top));
        let is_here = self.log.as_ref().is_some_and(|here| Arc::ptr_eq(here, log));
        let (since, top) = known.unwrap_or((now, if is_here { self.goal } else { WHOLE }));
        self.wish = Some(Wish { log: log.clone(), reach, since, top });
    }

    /// Sends the temporal layers up to that one of the log it wants to go to.
    pub(super) fn go_for(&mut self, top: u8) {
        if let Some(wish) = &mut self.wish {
            wish.top = top;
        }
    }

    /// Sends the temporal layers up to that one of the log it is on: fewer at once, more as soon as frames allow (P11).
    pub(super) fn limit(&mut self, top: u8) {
        self.goal = top;
        self.top = self.top.min(top);
    }

    /// Stays where it is.
    pub(super) fn stay(&mut self) {
        self.wish = None;
    }

    /// There may be something to send.
    pub(super) fn has_more(&self) -> bool {
        self.wish.is_some() || self.log.as_ref().is_some_and(|log| log.end() > self.next)
    }

    /// It cannot go on, or not where it wants to, without a keyframe of that log.
    pub(super) fn waits_for(&self, now: Instant) -> Option<&Arc<Log>> {
        match &self.wish {
            Some(wish) => self.within_reach(wish, now).is_none().then_some(&wish.log),
            None => self.log.as_ref().filter(|_| self.needs_sync),
        }
    }

    /// Where a wish would lead now.
    fn within_reach(&self, wish: &Wish, now: Instant) -> Option<Arc<Run>> {
        let is_sound = self.kind == Kind::Audio;
        let run = if is_sound { wish.log.last() } else { wish.log.newest_group() }?;
        let Some(last) = self.last else { return Some(run) };
        // Sound is not hurried: nothing of it may come twice.
        let reach = if is_sound { Span(-1) } else { wish.reach.span(now.saturating_duration_since(wish.since)) };
        (last.time.since(run.time) <= reach).then_some(run)
    }

    /// The next frame; none if the newest was sent.
    pub(super) fn step(&mut self, now: Instant) -> Option<Step> {
        if let Some((run, from)) = self.enter(now) {
            let shown = self.place(&run);
            return Some(Step { run, shown, has_skipped: false, switched: from });
        }
        let mut has_skipped = false;
        loop {
            let log = self.log.clone()?;
            if log.end() <= self.next {
                return None;
            }
            let Some(run) = log.run(self.next).filter(|run| !self.needs_sync || run.is_sync()) else {
                // Gone from the log, or of no use without its group's beginning.
                self.needs_sync = true;
                has_skipped = true;
                let Some(run) = log.newest_group().filter(|run| run.index >= self.next) else {
                    self.next = log.end();
                    return None;
                };
                self.next = run.index;
                self.needs_sync = false;
                self.is_late = true;
                continue;
            };
            self.needs_sync = false;
            if log.end() > run.index + 1
                && let Some(newer) = self.newer(&log, &run)
            {
                self.next = newer.index;
                self.is_late = true;
                has_skipped = true;
                continue;
            }
            self.next = run.index + 1;
            if !self.takes(&run) {
                continue;
            }
            // Sound has no keyframes to wait for and is not hurried: what would be shown twice is left out.
            if self.kind == Kind::Audio && self.last.is_some_and(|last| run.time < last.shown + MIN_STEP) {
                continue;
            }
            let shown = self.place(&run);
            return Some(Step { run, shown, has_skipped, switched: None });
        }
    }

    /// Whether the frame is of the layers that are sent; one layer more may be from here on. What is left out had no
    /// number yet, so nothing is missed (P11).
    fn takes(&mut self, run: &Run) -> bool {
        if run.is_sync() {
            self.top = self.goal;
            return true;
        }
        let Temporal { layer, switches_up } = run.temporal;
        if layer > self.top && switches_up && layer == self.top + 1 && layer <= self.goal {
            self.top = layer;
        }
        layer <= self.top
    }

    /// Where to go on if this run is too far behind.
    fn newer(&self, log: &Log, run: &Run) -> Option<Arc<Run>> {
        let newest = if self.kind == Kind::Audio { log.last() } else { log.newest_group() };
        newest.filter(|newest| newest.index > run.index && newest.time.since(run.time) > LATE)
    }

    /// Carries a wish out, if it can be. The track it came from is told unless it stays on it.
    fn enter(&mut self, now: Instant) -> Option<(Arc<Run>, Option<Option<TrackId>>)> {
        let run = self.within_reach(self.wish.as_ref()?, now)?;
        let wish = self.wish.take()?;
        let from = self.log.as_ref().map(|log| log.id());
        let has_switched = from != Some(wish.log.id());
        self.next = run.index + 1;
        self.is_late = wish.log.end() > self.next;
        self.needs_sync = false;
        (self.top, self.goal) = (wish.top, wish.top);
        self.log = Some(wish.log);
        Some((run, has_switched.then_some(from)))
    }

    /// When a frame is shown: at its time, or, to make up for what is behind live, sooner after the one before than it
    /// was made. It is never shown before it, and at live the two times are one again (P9).
    fn place(&mut self, run: &Run) -> Time {
        let mut shown = run.time;
        if self.is_late
            && let Some(newest) = self.log.as_ref().and_then(|log| log.last())
        {
            let behind = newest.time.since(run.time);
            shown += Span(behind.0.max(0) / HASTE * (HASTE - 1));
            self.is_late = newest.index > run.index;
        }
        if let Some(last) = self.last {
            let step = Span(run.time.since(last.time).0 / HASTE).max(MIN_STEP);
            shown = shown.max(last.shown + step);
        }
        self.last = Some(Last { time: run.time, shown });
        shown
    }
}
