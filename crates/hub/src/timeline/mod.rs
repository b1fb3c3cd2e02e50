//! Places what publishers stamp on the broadcast's one clock. A machine: time is an argument.
//!
//! A publisher's stamps are believed as they are, moved by one offset that all its tracks share, as
//! long as they go on from what came before: forward by no more than what passed on the arrival clock
//! and some slack. One that does not is put where it should have been (A6); three that agree with each
//! other move the offset, and the tracks that jump after the first one take the same offset, so lips
//! stay with voices (A2). What is left is finished by kind: sound counts samples ([`sound`], A15),
//! pictures find their cadence ([`cadence`], A3), and no track ever goes back (A7).

mod cadence;
mod line;
mod sound;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use std::time::Instant;

use media::{Span, Time, Track, TrackId};

use crate::claim::Dropped;
use line::{Line, Sight};

/// Room before the first frame for tracks that begin earlier than the one that came first.
const HEADROOM: Span = Span::from_millis(1000);
/// A timeline runs at most this far ahead of arrival.
const LEAD_MAX: Span = Span::from_millis(60_000);
/// A timeline falls at most this far behind arrival.
const LAG_MAX: Span = Span::from_millis(60_000);
/// The least distance of two frames of a track whose stamps do not rise.
const STEP_MIN: Span = Span::from_millis(1);
/// A publisher's clock may be off by one part in this many without being noticed.
const DRIFT: i64 = 1000;

/// The one clock of a broadcast.
pub(crate) struct Timeline {
    /// When the timeline showed [`HEADROOM`].
    zero: Instant,
    /// The latest arrival, on the timeline of a publisher that is never late.
    now: Time,
    /// How far the publisher's clock has drifted from arrival; follows slowly.
    drift: Span,
    /// What to add to the publisher's stamps; `None` before the first.
    offset: Option<Span>,
    /// It ran too far ahead, and everything is dropped until arrival has caught up half way.
    is_ahead: bool,
    /// The clock broke, and no frame was kept since.
    breaks: bool,
    lines: Vec<(TrackId, Line)>,
}

/// What a publisher says about a frame's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    /// Decode time on the publisher's clock.
    pub(crate) dts: Time,
    /// Presentation minus decode time; not negative.
    pub(crate) reorder: Span,
    /// How long the frame plays, on the codec's timescale, where it says so.
    pub(crate) ticks: Option<u32>,
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    At(Place),
    Dropped(Dropped),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) dts: Time,
    pub(crate) reorder: Span,
    /// Its stamp was not believed.
    pub(crate) restamped: bool,
    /// From here on stamps mean something else than before (A6).
    pub(crate) broke: bool,
}

impl Timeline {
    pub(crate) fn new(zero: Instant) -> Self {
        Self {
            zero,
            now: Time::ZERO + HEADROOM,
            drift: Span::ZERO,
            offset: None,
            is_ahead: false,
            breaks: false,
            lines: Vec::new(),
        }
    }

    /// What the timeline shows at that moment, for a publisher that is never late.
    pub(crate) fn age(&self, at: Instant) -> Span {
        HEADROOM + Span::from(at.saturating_duration_since(self.zero))
    }

    /// Makes a track known, or its new parameters.
    pub(crate) fn describe(&mut self, track: &Track) {
        match self.lines.iter_mut().find(|(id, _)| *id == track.id) {
            Some((_, line)) => line.describe(&track.codec),
            None => self.lines.push((track.id, Line::new(&track.codec))),
        }
    }

    pub(crate) fn forget(&mut self, id: TrackId) {
        self.lines.retain(|(there, _)| *there != id);
    }

    /// Another publisher comes, with a clock of its own (A8). False if there was nothing before it.
    pub(crate) fn restart(&mut self) -> bool {
        self.offset = None;
        self.is_ahead = false;
        self.breaks = false;
        self.lines.iter_mut().for_each(|(_, line)| line.restart());
        self.newest().is_some()
    }

    /// Decode time of the newest frame of all tracks.
    fn newest(&self) -> Option<Time> {
        self.lines.iter().filter_map(|(_, line)| line.newest()).max()
    }

    pub(crate) fn place(&mut self, id: TrackId, stamp: Stamp, at: Instant) -> Placed {
        let before = self.now;
        self.now = self.now.max(Time::ZERO + self.age(at));
        if self.is_ahead {
            let newest = self.newest().unwrap_or(self.now);
            if newest > self.now + self.drift + Span(LEAD_MAX.0 / 2) {
                return Placed::Dropped(Dropped::Ahead);
            }
            self.restart();
            self.breaks = true;
        }
        let newest = self.newest();
        let others = self.lines.iter().filter(|(there, _)| *there != id).filter_map(|(_, line)| line.raw()).max();
        let Some((_, line)) = self.lines.iter_mut().find(|(there, _)| *there == id) else {
            return Placed::Dropped(Dropped::Overlap);
        };
        let offset = *self.offset.get_or_insert_with(|| {
            // Later by the time that really passed, and never back.
            let start = newest.map_or(self.now, |newest| self.now.max(newest + line.step()));
            start.since(stamp.dts)
        });
        let on_time = self.now + self.drift;
        let seen = line.see(stamp, Sight { now: self.now, on_time, offset, others });
        self.offset = Some(seen.offset);
        if seen.raw < Time::ZERO {
            return Placed::Dropped(Dropped::Overlap);
        }
        let allowance = self.now.since(before).0 / DRIFT;
        self.drift += Span(seen.raw.since(on_time).0.clamp(-allowance, allowance));
        self.breaks |= seen.broke;
        match line.finish(&seen, stamp) {
            None => Placed::Dropped(Dropped::Overlap),
            Some((dts, _)) if dts.since(on_time) > LEAD_MAX => {
                self.is_ahead = true;
                Placed::Dropped(Dropped::Ahead)
            }
            Some((dts, reorder)) => {
                line.keep(dts);
                let broke = std::mem::take(&mut self.breaks);
                Placed::At(Place { dts, reorder, restamped: seen.restamped, broke })
            }
        }
    }
}
