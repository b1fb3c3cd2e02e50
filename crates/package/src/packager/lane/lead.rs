use media::{Kind, Span, Time};

use super::super::grid::{Cut, Grid, Make};
use super::super::writer::Writer;
use super::{Lane, Unit};

/// Leading: the lane makes the cuts.
impl Lane {
    /// Takes the leader's next frame and cuts where it is time to.
    pub(in crate::packager) fn lead(&mut self, unit: Unit, grid: &mut Grid, others: Option<&Writer>) {
        let Some(writer) = &self.writer else { return self.lead_in(unit, grid, others) };
        let is_new = unit.epoch != grid.epoch || grid.rests || unit.track.codec != writer.track().codec;
        if !unit.is_sync && (is_new || self.needs_sync) {
            return;
        }
        let unit = if is_new { Some(unit) } else { self.lead_over_silence(unit, grid) };
        let Some(unit) = unit else { return };
        let last = self.pending.as_ref().map_or(self.next, |pending| pending.at);
        let is_hole = Span::from_ticks(unit.at.saturating_sub(last), unit.scale) > grid.plan.hole;
        match (is_new || is_hole, unit.is_sync) {
            (false, _) => self.lead_on(unit, grid),
            (true, true) => self.lead_over_break(unit, grid),
            // Behind a hole no decoder can go on from here.
            (true, false) => self.needs_sync = true,
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

    /// Behind a break of the timeline: the publisher's return, new parameters, or a hole. Gap segments would be the other
    /// way to show a hole, but hls.js plays through all of one before it goes on, and comes out behind (A12).
    fn lead_over_break(&mut self, mut unit: Unit, grid: &mut Grid) {
        if let Some(pending) = &self.pending {
            let until = unit.time().to_ticks(pending.scale);
            self.finish(Some(until.saturating_sub(pending.at).clamp(1, pending.nominal)));
        }
        self.close(grid);
        let end = self.reached();
        grid.epoch = unit.epoch;
        // The timeline never goes back, whatever the frame says.
        unit.decode_at(unit.at.max(end.to_ticks(unit.scale)));
        let cut = grid.cut(unit.time(), end, Make::Break);
        self.begin(cut, unit, grid);
    }

    /// Fills what is missing before a frame of sound with silence; `None` when the frame comes too late to be used.
    fn lead_over_silence(&mut self, mut unit: Unit, grid: &mut Grid) -> Option<Unit> {
        if self.kind() != Kind::Audio {
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
