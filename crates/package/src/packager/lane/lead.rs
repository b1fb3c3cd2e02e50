use media::{Kind, Span, Time};

use super::super::grid::{Cut, Grid, Make};
use super::super::writer::Writer;
use super::{Lane, Unit};

/// Leading: the lane makes the cuts.
impl Lane {
    /// Takes the leader's next frame and cuts where it is time to.
    pub(in crate::packager) fn lead(&mut self, unit: Unit, grid: &mut Grid, others: Option<&Writer>) {
        let Some(writer) = &self.writer else { return self.lead_in(unit, grid, others) };
        let is_break = unit.epoch != grid.epoch || grid.rests || unit.track.codec != writer.track().codec;
        if !unit.is_sync && (is_break || self.needs_sync) {
            // Nothing to show, but time passes.
            if !is_break && self.is_in_hole() && self.cover_hole(unit.at, grid) {
                grid.advance(unit.time());
            }
            return;
        }
        if is_break {
            return self.lead_over_break(unit, grid);
        }
        let Some(unit) = self.lead_over_silence(unit, grid) else { return };
        let last = self.pending.as_ref().map_or(self.next, |pending| pending.at);
        let missing = Span::from_ticks(unit.at.saturating_sub(last), unit.scale);
        if !unit.is_sync && missing > grid.plan.longest_hole() {
            // Far away, and of no use there: nothing happens until a sync frame says that it is meant.
            self.needs_sync = true;
        } else if self.is_in_hole() {
            self.lead_over_hole(unit, grid);
        } else if missing > grid.plan.hole {
            self.finish(None);
            self.close(grid);
            self.lead_over_hole(unit, grid);
        } else {
            self.lead_on(unit, grid);
        }
    }

    /// The very first frame.
    fn lead_in(&mut self, unit: Unit, grid: &mut Grid, others: Option<&Writer>) {
        if !unit.is_sync {
            return;
        }
        if grid.newest().is_some() {
            // Others have led before.
            self.promote(unit, grid, others);
            return;
        }
        grid.epoch = unit.epoch;
        let time = unit.time();
        let cut = grid.cut(time, time, Make::Segment);
        self.join(cut, grid, None);
        self.hold(unit, grid);
    }

    fn lead_over_break(&mut self, mut unit: Unit, grid: &mut Grid) {
        if let Some(pending) = &self.pending {
            let until = unit.time().to_ticks(pending.scale);
            self.finish(Some(until.saturating_sub(pending.at).clamp(1, pending.nominal)));
        }
        self.close(grid);
        let end = self.reached();
        self.hole = None;
        grid.epoch = unit.epoch;
        // The timeline never goes back, whatever the frame says.
        unit.decode_at(unit.at.max(end.to_ticks(unit.scale)));
        let cut = grid.cut(unit.time(), end, Make::Break);
        self.begin(cut, unit, grid);
    }

    /// Fills what is missing before a frame of sound with silence; `None` when the frame comes too late to be used.
    fn lead_over_silence(&mut self, mut unit: Unit, grid: &mut Grid) -> Option<Unit> {
        if self.kind() != Kind::Audio || self.is_in_hole() {
            return Some(unit);
        }
        let missing = unit.at.saturating_sub(self.next);
        let half = unit.nominal / 2;
        if missing < -half {
            return None;
        }
        if let Some(silence) = self.silence.clone()
            && missing > half
            && Span::from_ticks(missing, unit.scale) <= grid.plan.longest_hole()
        {
            for _ in 0..(missing + half) / unit.nominal {
                let quiet = Unit { at: self.next, payload: silence.clone(), ..unit.clone() };
                self.lead_on(quiet, grid);
            }
        }
        // Less than that is the jitter of a clock: sound goes on without a seam (C7, A15).
        if unit.at.saturating_sub(self.next) <= half {
            unit.at = self.next;
        }
        Some(unit)
    }

    /// The segment before is closed, and nothing fills the time since.
    fn is_in_hole(&self) -> bool {
        let is_empty = |writer: &&Writer| !writer.has_samples() && self.pending.is_none();
        let open = self.writer.as_ref().filter(is_empty).and_then(Writer::open_cut);
        self.hole.is_some() || open.is_some_and(|cut| cut.gap)
    }

    /// Resumes after a stretch without frames: covered by gap segments, or a break when it was too long.
    fn lead_over_hole(&mut self, mut unit: Unit, grid: &mut Grid) {
        if !unit.is_sync {
            self.needs_sync = true;
            if self.cover_hole(unit.at, grid) {
                grid.advance(unit.time());
            }
            return;
        }
        let begun = self.writer.as_ref().and_then(Writer::open_start);
        let from = self.hole.or(begun).unwrap_or(self.next);
        unit.decode_at(unit.at.max(from.saturating_add(1)));
        let missing = Span::from_ticks(unit.at.saturating_sub(from), unit.scale);
        let make = if missing > grid.plan.longest_hole() { Make::Break } else { Make::Segment };
        if make == Make::Segment {
            self.cover_hole(unit.at, grid);
        }
        if let Some(writer) = &mut self.writer
            && let Some(start) = writer.open_start()
        {
            let segment = grid.plan.segment.to_ticks(unit.scale).max(1);
            let end = if make == Make::Break { unit.at.min(start.saturating_add(segment)) } else { unit.at };
            self.next = writer.close_as_gap(end);
        }
        self.hole = None;
        unit.decode_at(unit.at.max(self.next));
        let cut = grid.cut(unit.time(), self.reached(), make);
        self.begin(cut, unit, grid);
    }

    /// Opens a gap segment where the hole begins, and further ones as the hole grows to `until`. False when that is
    /// too far away.
    fn cover_hole(&mut self, until: i64, grid: &mut Grid) -> bool {
        let Some(writer) = &mut self.writer else { return false };
        let scale = writer.scale();
        let mut from = self.hole.or(writer.open_start()).unwrap_or(self.next);
        if Span::from_ticks(until.saturating_sub(from), scale) > grid.plan.longest_hole() {
            return false;
        }
        let segment = grid.plan.segment.to_ticks(scale).max(1);
        loop {
            if self.hole.take().is_some() {
                let at = Time::from_ticks(from, scale);
                let cut = grid.cut(at, at, Make::Gap);
                writer.open(cut, from);
                self.msn = cut.msn;
            }
            if until.saturating_sub(from) <= segment {
                return true;
            }
            from = writer.close_as_gap(from.saturating_add(segment));
            (self.next, self.hole) = (from, Some(from));
        }
    }

    /// A frame that continues what is there, in the same segment or a new one.
    fn lead_on(&mut self, mut unit: Unit, grid: &mut Grid) {
        if let Some(pending) = &self.pending {
            if unit.at <= pending.at {
                unit.decode_at(pending.at.saturating_add(1));
            }
            let (at, duration) = (pending.at, unit.at.saturating_sub(pending.at));
            self.cut_before_pending(at, unit.at, grid);
            self.finish(Some(duration));
        }
        // What is there ends where this begins; a segment that was begun for it begins with it (C3).
        unit.decode_at(self.next);
        // Since the cut, and not since its own first frame: others began at the cut.
        let cut = self.writer.as_ref().and_then(Writer::open_cut).map_or(unit.time(), |cut| cut.at);
        let elapsed = unit.time().since(cut);
        let period = Span::from_ticks(unit.nominal, unit.scale);
        let gop = if self.kind() == Kind::Audio { period } else { grid.plan.longest_gop };
        let breaks = grid.wants_break && unit.is_sync;
        if elapsed > Span::ZERO && (breaks || grid.should_cut(elapsed, unit.is_sync, period, gop)) {
            self.close(grid);
            self.hole = None;
            if unit.at < self.next {
                unit.decode_at(self.next);
            }
            let time = unit.time();
            let cut = grid.cut(time, time, if breaks { Make::Break } else { Make::Segment });
            self.begin(cut, unit, grid);
        } else {
            self.hold(unit, grid);
        }
    }

    /// The pending frame turned out to last so long that its segment would burst: it begins the next one (H7).
    fn cut_before_pending(&mut self, at: i64, until: i64, grid: &mut Grid) {
        let Some(writer) = &mut self.writer else { return };
        let Some(cut) = writer.open_cut().filter(|_| writer.has_samples()) else { return };
        // Since the cut, for others may have begun there.
        let start = cut.at.to_ticks(writer.scale());
        if Span::from_ticks(until.saturating_sub(start), writer.scale()) > grid.plan.longest_segment() {
            writer.close();
            let time = Time::from_ticks(at, writer.scale());
            let cut = grid.cut(time, time, Make::Segment);
            writer.open(cut, at);
            self.msn = cut.msn;
        }
    }

    /// Opens the segment of a cut with its first frame.
    fn begin(&mut self, cut: Cut, unit: Unit, grid: &mut Grid) {
        let Some(writer) = &mut self.writer else { return };
        if !writer.suits(&unit.track, unit.delay) {
            writer.renew(unit.track.clone(), unit.delay);
            self.silence = unit.track.codec.silence();
        }
        writer.open(cut, unit.at);
        self.msn = cut.msn;
        self.hold(unit, grid);
    }

    /// Stops leading: the last picture stands until the next cut, and only a sync frame is of use after that.
    pub(in crate::packager) fn step_down(&mut self) {
        self.needs_sync = true;
    }
}
