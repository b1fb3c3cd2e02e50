use std::time::Instant;

use media::{Span, Time};

use super::super::grid::{Cut, Grid, Make};
use super::super::writer::Writer;
use super::{BREAK_PATIENCE, Front, LEAST_SILENT, Lane, MOST_SILENT, MOST_WAITING, RESTED, SILENT, Unit};

/// Following: the lane is cut where the leader was.
impl Lane {
    /// Becomes a rendition at that cut, beside those that are there.
    pub(in crate::packager) fn join(&mut self, cut: Cut, grid: &Grid, others: Option<&Writer>) {
        let mut writer = Writer::new(self.track.clone(), self.stamper.delay(), grid, self.numbers, others);
        // What the others have not completed yet has its number all the same.
        while let Some((last, end)) = writer.last_listed()
            && let Some(missed) = grid.after(last).filter(|missed| missed.msn < cut.msn)
        {
            let next = grid.after(missed.msn).map_or(cut.end_before, |next| next.end_before);
            let start = end.max(missed.at).to_ticks(writer.scale());
            writer.open(missed, start);
            writer.close_as_gap(next.to_ticks(writer.scale()));
        }
        let (listed, end) = writer.last_listed().unwrap_or((0, cut.at));
        self.next = cut.at.max(end).to_ticks(writer.scale());
        self.msn = cut.msn.max(listed);
        // The others may have closed that segment already, and wait.
        if listed < cut.msn {
            writer.open(cut, self.next);
        }
        self.silence = self.track.codec.silence();
        self.writer = Some(writer);
    }

    /// Puts a frame in line behind the leader.
    pub(in crate::packager) fn wait(&mut self, unit: Unit, now: Instant, grid: &Grid) {
        if self.writer.is_none() && self.queue.len() >= MOST_WAITING {
            self.queue.pop_front();
        }
        self.lags(grid.clock.since(unit.time()));
        self.queue.push_back((now, unit));
    }

    /// Learns how far behind the leader its frames come.
    pub(in crate::packager) fn lags(&mut self, lag: Span) {
        self.lag = lag.max(self.lag - Span(self.lag.0 / 256)).min(MOST_SILENT);
    }

    /// What is to be done about the first waiting frame.
    pub(in crate::packager) fn front(&self, now: Instant, grid: &Grid) -> Front {
        let Some((arrived, unit)) = self.queue.front().filter(|_| self.writer.is_some()) else { return Front::Empty };
        if unit.epoch > grid.epoch {
            let until = *arrived + BREAK_PATIENCE;
            return if now >= until { Front::Leads } else { Front::Waits(until) };
        }
        if unit.epoch < grid.epoch || unit.time() + unit.half() <= grid.clock {
            return Front::Due;
        }
        let until = *arrived + grid.plan.part_target.to_duration() + self.patience;
        if now < until && self.queue.len() < MOST_WAITING {
            return Front::Waits(until);
        }
        // The leader stands still.
        let since = grid.newest().map_or(grid.clock, |cut| cut.at);
        if unit.time().since(since) >= grid.plan.segment { Front::Leads } else { Front::Due }
    }

    /// When its first waiting frame will wait no more.
    pub(in crate::packager) fn waits_until(&self, now: Instant, grid: &Grid) -> Option<Instant> {
        match self.front(now, grid) {
            Front::Waits(until) => Some(until),
            Front::Due | Front::Leads | Front::Empty => None,
        }
    }

    /// Takes the first waiting frame out of the line.
    pub(in crate::packager) fn pop(&mut self, now: Instant) -> Option<Unit> {
        let (arrived, unit) = self.queue.pop_front()?;
        let waited = now.saturating_duration_since(arrived);
        self.patience = waited.max(self.patience - self.patience / 256).min(BREAK_PATIENCE);
        Some(unit)
    }

    /// Places a frame behind the leader.
    pub(in crate::packager) fn follow(&mut self, mut unit: Unit, grid: &mut Grid) {
        self.last_until(&unit, grid);
        while let Some(cut) = grid.after(self.msn) {
            let reaches = unit.time() + unit.half() >= cut.at;
            if unit.epoch < cut.epoch || !reaches {
                if cut.discontinuity && unit.time() >= cut.end_before {
                    return; // of a run that is over, or between two
                }
                break;
            }
            self.cross(&cut, Some(unit.time()));
        }
        let Some(writer) = &self.writer else { return };
        let Some(cut) = writer.open_cut() else { return };
        if unit.epoch != cut.epoch || self.needs_sync && !unit.is_sync {
            return;
        }
        if writer.track().codec != unit.track.codec {
            // New parameters must wait for a break (A9).
            grid.wants_break |= !grid.breaks_after(self.msn);
            return;
        }
        let half = unit.nominal / 2;
        if unit.at.saturating_sub(self.next) < -half {
            return; // its place is taken
        }
        if self.is_counted() {
            self.fill(unit.at.saturating_sub(half + 1), unit.nominal);
            if unit.at.saturating_sub(self.next) <= half {
                unit.at = self.next;
            }
        }
        match &self.pending {
            Some(pending) => {
                if unit.at <= pending.at {
                    unit.decode_at(pending.at.saturating_add(1));
                }
                let duration = unit.at.saturating_sub(pending.at);
                self.finish(Some(duration));
                unit.decode_at(self.next);
            }
            // The segment began at the cut, and so does its first frame (C3).
            None => unit.decode_at(self.next),
        }
        self.keep(unit);
    }

    /// Without silence to fill with, what is there lasts until the next frame.
    fn last_until(&mut self, unit: &Unit, grid: &Grid) {
        let is_counted = self.is_counted();
        let Some(pending) = self.pending.as_mut().filter(|_| !is_counted) else { return };
        let step = unit.at.saturating_sub(pending.at);
        if unit.scale == pending.scale && (1..=grid.plan.hole.to_ticks(unit.scale)).contains(&step) {
            pending.nominal = step;
            self.next = unit.at;
        }
    }

    /// Ends the open segment at a cut and begins the next. `known` is when its next frame begins, if it is there.
    fn cross(&mut self, cut: &Cut, known: Option<Time>) {
        let Some(writer) = &self.writer else { return };
        let end = cut.end_before.to_ticks(writer.scale());
        let is_filled = self.silence.is_some() && writer.open_cut().is_some();
        if writer.has_samples() || self.pending.is_some() || is_filled {
            let nominal = self.nominal();
            let last = end.saturating_sub(nominal / 2).saturating_sub(1);
            let before = known.map_or(last, |known| known.to_ticks(self.scale()).saturating_sub(nominal / 2 + 1));
            self.fill(last.min(before), nominal);
            // Without silence the last frame lasts until the cut: sound that counts its samples only over a hole.
            let is_counted = self.is_counted();
            let is_hole = |lasts: i64, nominal: i64| lasts > nominal + nominal / 2;
            let lasts = self.pending.as_ref().filter(|_| self.silence.is_none()).map(|pending| {
                let (lasts, nominal) = (end.saturating_sub(pending.at), pending.nominal);
                if is_counted && !is_hole(lasts, nominal) { nominal } else { lasts.max(nominal) }
            });
            self.finish(lasts);
        }
        let Some(writer) = &mut self.writer else { return };
        if writer.has_samples() {
            writer.close();
        } else if writer.open_start().is_some() {
            self.next = writer.close_as_gap(end);
            self.needs_sync = true;
        } else if !cut.discontinuity && cut.at.since(self.reached()) > RESTED {
            // It rested while others went on: a stretch that no segment of it covers, but none that is too long (H7).
            self.next = cut.at.to_ticks(self.scale());
        }
        let Some(writer) = &mut self.writer else { return };
        if cut.discontinuity {
            let reached = Time::from_ticks(self.next, writer.scale());
            if !writer.suits(&self.track, self.stamper.delay()) {
                writer.renew(self.track.clone(), self.stamper.delay());
                self.silence = self.track.codec.silence();
            }
            self.next = reached.max(cut.at).to_ticks(writer.scale());
            self.needs_sync = true;
        }
        writer.open(*cut, self.next);
        self.msn = cut.msn;
    }

    /// Puts silence where the time up to `until` has nothing, without going past it.
    fn fill(&mut self, until: i64, nominal: i64) {
        let Some(silence) = self.silence.clone() else { return };
        let Some(writer) = &self.writer else { return };
        let (track, scale) = (writer.track().clone(), writer.scale());
        // No segment is longer than this, whatever is asked for.
        let until = until.min(self.next.saturating_add(i64::from(scale) * 30));
        while self.next <= until {
            self.finish(None);
            let payload = silence.clone();
            let (at, track) = (self.next, track.clone());
            self.keep(Unit { at, scale, composition: 0, delay: 0, nominal, is_sync: true, payload, track, epoch: 0 });
        }
    }

    /// Follows cuts that no frame of its own has led it over, when it has been silent for too long (A10).
    pub(in crate::packager) fn catch_up(&mut self, grid: &Grid) {
        if self.writer.is_none() || !self.queue.is_empty() {
            return;
        }
        let silent = (self.lag + SILENT).max(LEAST_SILENT).min(MOST_SILENT);
        let until = grid.clock - silent;
        while let Some(cut) = grid.after(self.msn).filter(|cut| cut.at <= until) {
            self.cross(&cut, None);
        }
        self.fill_open(grid.after(self.msn).map_or(until, |cut| cut.end_before.min(until)));
    }

    /// Follows all cuts there are.
    pub(in crate::packager) fn catch_up_at_once(&mut self, grid: &Grid) {
        while let Some(cut) = grid.after(self.msn).filter(|_| self.writer.is_some()) {
            self.cross(&cut, None);
        }
    }

    pub(super) fn fill_open(&mut self, until: Time) {
        let Some(writer) = &self.writer else { return };
        if self.silence.is_some() && writer.open_cut().is_some() {
            let (nominal, until) = (self.nominal(), until.to_ticks(writer.scale()));
            self.fill(until.saturating_sub(nominal), nominal);
        }
    }

    /// How long a frame of silence lasts.
    fn nominal(&self) -> i64 {
        let codec = self.writer.as_ref().map_or(&self.track.codec, |writer| &writer.track().codec);
        let ticks = self.silence.as_ref().and_then(|silence| codec.frame_ticks(silence));
        ticks.map_or(i64::from(codec.timescale()) / 30, i64::from).max(1)
    }

    /// Leads from this frame on, after a lane of sound did. False when it must not yet.
    pub(in crate::packager) fn promote(&mut self, mut unit: Unit, grid: &mut Grid, others: Option<&Writer>) -> bool {
        if grid.newest().is_some_and(|cut| unit.time() <= cut.at) || !unit.is_sync {
            return false;
        }
        let is_new = self.writer.as_ref().is_some_and(|writer| writer.track().codec != unit.track.codec);
        let start = grid.newest().map_or(grid.clock, |cut| cut.at);
        let is_far = unit.time().since(start) > grid.plan.longest_segment();
        let is_other_run = unit.epoch != grid.epoch || grid.rests || is_far;
        let end = if is_other_run { grid.clock.min(unit.time()) } else { unit.time() };
        grid.epoch = unit.epoch;
        self.catch_up_at_once(grid);
        let cut = grid.cut(unit.time(), end, if is_new || is_other_run { Make::Break } else { Make::Segment });
        if self.writer.is_some() {
            self.cross(&cut, None);
        } else {
            self.join(cut, grid, others);
        }
        if unit.at != self.next {
            unit.decode_at(self.next);
        }
        self.hold(unit, grid);
        true
    }
}
