use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::{Codec, Kind, Span, Time, Track};
use wire::mp4::Sample;

use super::grid::{Cut, Grid, Make};
use super::prelude::Arrival;
use super::writer::Writer;

/// One track on its way into a rendition.
///
/// One lane leads: it makes the cuts, at its sync frames. The others wait until the leader's clock has passed their
/// frames, so that they are cut at the same points (C14).
pub(super) struct Lane {
    /// The newest parameters.
    pub(super) track: Arc<Track>,
    /// `None` until it has joined.
    pub(super) writer: Option<Writer>,
    /// A frame of it came.
    pub(super) delivered: bool,
    /// The cut that was the newest when the lane was made: it joins at a later one.
    pub(super) made_at: Option<u64>,
    /// Frames that wait for the leader.
    queue: VecDeque<(Instant, Unit)>,
    /// The newest cut that it has followed.
    msn: u64,
    stamper: Stamper,
    /// The newest frame, whose duration is known when the next one comes.
    pending: Option<Unit>,
    /// Where what is written and pending ends, in ticks of the writer.
    next: i64,
    /// Nothing fills the time from here on, in ticks; the segment before is closed.
    hole: Option<i64>,
    needs_sync: bool,
    /// What fills holes, if the codec has such a thing.
    silence: Option<Bytes>,
    /// How far its frames come behind the leader's, usually.
    pub(super) lag: Span,
    /// How long they wait for the leader, usually.
    patience: Duration,
}

/// A frame with its times in ticks.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub(super) at: i64,
    scale: u32,
    composition: i64,
    /// How long it lasts unless the next frame says otherwise.
    nominal: i64,
    is_sync: bool,
    payload: Bytes,
    track: Arc<Track>,
    pub(super) epoch: u32,
}

/// A waiting frame, as the drain of a lane sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    /// The leader has passed it: it can be placed.
    Due,
    /// It waits for the leader; at that moment it waits no more.
    Waits(Instant),
    /// The leader has stood still for so long that this lane is to lead.
    Leads,
    /// Nothing waits.
    Empty,
}

/// Frames that wait; beyond this the oldest are placed as they are.
const MOST_WAITING: usize = 2048;
/// How long a break of the timeline may wait for the leader.
const BREAK_PATIENCE: Duration = Duration::from_millis(1000);
/// A lane is silent when nothing comes for this long beyond its usual lag.
const SILENT: Span = Span::from_millis(300);
const LEAST_SILENT: Span = Span::from_millis(500);
const MOST_SILENT: Span = Span::from_millis(5000);

impl Unit {
    pub(super) fn time(&self) -> Time {
        Time::from_ticks(self.at, self.scale)
    }

    /// Decodes it at another time and shows it when it was to be shown all the same (C5).
    fn decode_at(&mut self, at: i64) {
        self.composition = self.composition.saturating_add(self.at.saturating_sub(at));
        self.at = at;
    }

    fn half(&self) -> Span {
        Span::from_ticks(self.nominal / 2, self.scale)
    }

    fn sample(self, duration: i64) -> Sample {
        Sample {
            duration: u32::try_from(duration.max(1)).unwrap_or(u32::MAX),
            composition: i32::try_from(self.composition).unwrap_or_default(),
            is_sync: self.is_sync,
            payload: self.payload,
        }
    }
}

/// Turns frames into units. Their times are exact: the hub has taken the rounding of the publisher's clock out (C7).
#[derive(Debug, Default)]
struct Stamper {
    run: Option<(u32, Arc<Track>)>,
    /// Composition offset of a run's first sync frame. All decode times of the run move by it, so that segments begin
    /// at the time at which their first picture is shown, and sound can be cut there; offsets become signed (C5).
    lead: i64,
    last: Option<i64>,
}

/// No decoder reorders over more.
const LONGEST_REORDER: Span = Span::from_millis(10_000);

impl Stamper {
    fn stamp(&mut self, arrival: Arrival) -> Unit {
        let Arrival { track, epoch, frame, .. } = arrival;
        let codec = &track.codec;
        let scale = codec.timescale();
        if let Some(ticks) = codec.frame_ticks(&frame.payload) {
            let (at, nominal) = (frame.dts.to_ticks(scale), i64::from(ticks.max(1)));
            return Unit { at, scale, composition: 0, nominal, is_sync: true, payload: frame.payload, track, epoch };
        }
        let is_sync = frame.is_sync || track.kind() == Kind::Audio;
        let dts = frame.dts.to_ticks(scale);
        let pts = (frame.dts + frame.reorder.max(Span::ZERO).min(LONGEST_REORDER)).to_ticks(scale);
        let is_new = self.run.as_ref().is_none_or(|(run, before)| *run != epoch || before.codec != *codec);
        if is_new && is_sync {
            *self = Self { run: Some((epoch, track.clone())), lead: pts.saturating_sub(dts), last: None };
        }
        let at = dts.saturating_add(self.lead);
        let nominal = self.nominal(at, codec);
        self.last = Some(at);
        Unit { at, scale, composition: pts.saturating_sub(at), nominal, is_sync, payload: frame.payload, track, epoch }
    }

    /// How long a picture lasts as far as one knows: by the claimed rate, unless the last step contradicts it.
    fn nominal(&self, at: i64, codec: &Codec) -> i64 {
        let scale = i64::from(codec.timescale());
        let step = self.last.map(|last| at.saturating_sub(last)).filter(|&step| step > 0);
        let rate = codec.picture().and_then(|picture| picture.frame_rate);
        let claimed = rate.map(|(num, den)| scale * i64::from(den) / i64::from(num.max(1))).filter(|&ticks| ticks > 0);
        let fits = |claimed: &i64| step.is_none_or(|step| (step - claimed).abs() <= claimed / 4);
        claimed.filter(fits).or(step).unwrap_or(scale / 30).clamp(1, scale)
    }
}

impl Lane {
    /// A lane for a track, to join the others at a cut after the newest.
    pub(super) fn new(track: Arc<Track>, newest: Option<Cut>) -> Self {
        Self {
            silence: track.codec.silence(),
            track,
            writer: None,
            delivered: false,
            made_at: newest.map(|cut| cut.msn),
            queue: VecDeque::new(),
            msn: 0,
            stamper: Stamper::default(),
            pending: None,
            next: 0,
            hole: None,
            needs_sync: true,
            lag: Span::ZERO,
            patience: Duration::ZERO,
        }
    }

    /// Pictures or sound.
    pub(super) fn kind(&self) -> Kind {
        self.track.kind()
    }

    /// Can play from the first cut on, whether frames have come or not.
    pub(super) fn can_join(&self) -> bool {
        self.delivered || self.silence.is_some()
    }

    /// Gives a frame its place in ticks.
    pub(super) fn stamp(&mut self, arrival: Arrival) -> Unit {
        self.delivered = true;
        self.track = arrival.track.clone();
        self.stamper.stamp(arrival)
    }

    // ---- Leading ----

    /// Takes the leader's next frame and cuts where it is time to.
    pub(super) fn lead(&mut self, unit: Unit, grid: &mut Grid) {
        let Some(writer) = &self.writer else { return self.lead_in(unit, grid) };
        let is_break = unit.epoch != grid.epoch || unit.track.codec != writer.track().codec;
        if !unit.is_sync && (is_break || self.needs_sync) {
            // Nothing to show, but time passes.
            if !is_break && self.is_in_hole() {
                self.cover_hole(unit.at, grid);
                grid.advance(unit.time());
            }
            return;
        }
        if is_break {
            return self.lead_over_break(unit, grid);
        }
        let Some(unit) = self.lead_over_silence(unit, grid) else { return };
        let last = self.pending.as_ref().map_or(self.next, |pending| pending.at);
        if self.is_in_hole() {
            self.lead_over_hole(unit, grid);
        } else if unit.at.saturating_sub(last) > grid.plan.hole.to_ticks(unit.scale) {
            self.finish(None);
            self.close(grid);
            self.lead_over_hole(unit, grid);
        } else {
            self.lead_on(unit, grid);
        }
    }

    /// The very first frame.
    fn lead_in(&mut self, unit: Unit, grid: &mut Grid) {
        if !unit.is_sync {
            return;
        }
        grid.epoch = unit.epoch;
        let time = unit.time();
        let cut = grid.cut(time, time, Make::Segment);
        self.join(cut, grid, None);
        self.next = unit.at;
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
        unit.at = unit.at.max(end.to_ticks(unit.scale));
        let cut = grid.cut(unit.time(), end, Make::Break);
        self.begin(cut, unit, grid);
    }

    /// Fills what is missing before a frame of sound with silence; `None` when the frame comes too late to be used.
    fn lead_over_silence(&mut self, mut unit: Unit, grid: &mut Grid) -> Option<Unit> {
        if self.kind() != Kind::Audio || self.is_in_hole() {
            return Some(unit);
        }
        let missing = unit.at.saturating_sub(self.next);
        if missing <= -unit.nominal {
            return None;
        }
        if let Some(silence) = self.silence.clone()
            && missing >= unit.nominal
            && Span::from_ticks(missing, unit.scale) <= grid.plan.longest_hole()
        {
            for _ in 0..missing / unit.nominal {
                let quiet = Unit { at: self.next, payload: silence.clone(), ..unit.clone() };
                self.lead_on(quiet, grid);
            }
        }
        // Less than a frame is the jitter of a clock: sound goes on without a seam (C7, A15).
        if unit.at.saturating_sub(self.next) < unit.nominal {
            unit.at = self.next;
        }
        Some(unit)
    }

    /// The segment before is closed, and nothing fills the time since.
    fn is_in_hole(&self) -> bool {
        let is_open = self.writer.as_ref().and_then(Writer::open_cut).is_some_and(|cut| cut.gap);
        self.hole.is_some() || is_open
    }

    /// Resumes after a stretch without frames: covered by gap segments, or a break when it was too long.
    fn lead_over_hole(&mut self, mut unit: Unit, grid: &mut Grid) {
        if !unit.is_sync {
            self.needs_sync = true;
            self.cover_hole(unit.at, grid);
            return grid.advance(unit.time());
        }
        let begun = self.writer.as_ref().and_then(Writer::open_start);
        let from = self.hole.or(begun).unwrap_or(self.next);
        unit.at = unit.at.max(from.saturating_add(1));
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
            self.next = end.max(start.saturating_add(1));
            writer.close_as_gap(self.next);
        }
        self.hole = None;
        unit.at = unit.at.max(self.next);
        let cut = grid.cut(unit.time(), self.reached(), make);
        self.begin(cut, unit, grid);
    }

    /// Opens a gap segment where the hole begins, and further ones as the hole grows to `until`.
    fn cover_hole(&mut self, until: i64, grid: &mut Grid) {
        let Some(writer) = &mut self.writer else { return };
        let scale = writer.scale();
        let mut from = self.hole.or(writer.open_start()).unwrap_or(self.next);
        if Span::from_ticks(until.saturating_sub(from), scale) > grid.plan.longest_hole() {
            return;
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
                return;
            }
            from = from.saturating_add(segment);
            writer.close_as_gap(from);
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
        let start = self.writer.as_ref().and_then(Writer::open_start).unwrap_or(unit.at);
        let elapsed = Span::from_ticks(unit.at.saturating_sub(start), unit.scale);
        let period = Span::from_ticks(unit.nominal, unit.scale);
        let breaks = grid.wants_break && unit.is_sync;
        if elapsed > Span::ZERO && (breaks || grid.should_cut(elapsed, unit.is_sync, period)) {
            self.close(grid);
            self.hole = None;
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
        let Some(start) = writer.open_start().filter(|&start| start < at && writer.has_samples()) else { return };
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
        if writer.track().codec != unit.track.codec {
            writer.renew(unit.track.clone());
            self.silence = unit.track.codec.silence();
        }
        writer.open(cut, unit.at);
        self.msn = cut.msn;
        self.hold(unit, grid);
    }

    fn hold(&mut self, unit: Unit, grid: &mut Grid) {
        grid.advance(unit.time());
        self.keep(unit);
    }

    fn keep(&mut self, unit: Unit) {
        self.needs_sync = false;
        self.next = unit.at.saturating_add(unit.nominal);
        self.pending = Some(unit);
    }

    /// Writes the pending frame: with that duration, or the one it has by itself.
    fn finish(&mut self, duration: Option<i64>) {
        let (Some(unit), Some(writer)) = (self.pending.take(), &mut self.writer) else { return };
        let nominal = unit.nominal;
        let duration = duration.unwrap_or(nominal).clamp(1, i64::from(u32::MAX));
        self.next = unit.at.saturating_add(duration);
        writer.push(unit.sample(duration), nominal);
    }

    /// Closes the open segment; from its end on there is a hole. One without samples ends where the clock stands.
    fn close(&mut self, grid: &Grid) {
        let Some(writer) = &mut self.writer else { return };
        if writer.has_samples() {
            writer.close();
        } else if let Some(start) = writer.open_start() {
            let longest = grid.plan.longest_segment().to_ticks(writer.scale());
            let clock = grid.clock.to_ticks(writer.scale()).min(start.saturating_add(longest));
            self.next = clock.max(start.saturating_add(1));
            writer.close_as_gap(self.next);
        } else {
            return;
        }
        self.hole = Some(self.next);
    }

    /// Stops leading: the last picture stands until `until`.
    pub(super) fn step_down(&mut self, until: Time, grid: &Grid) {
        let until = until.to_ticks(self.scale());
        if let Some(pending) = &self.pending {
            let start = self.writer.as_ref().and_then(Writer::open_start).unwrap_or(pending.at);
            let latest = start.saturating_add(grid.plan.longest_segment().to_ticks(pending.scale));
            let stretched = until.min(latest).saturating_sub(pending.at).max(pending.nominal);
            self.finish(Some(stretched));
        }
        self.close(grid);
        self.needs_sync = true;
    }

    // ---- Following ----

    /// Becomes a rendition at that cut, beside those that are there.
    pub(super) fn join(&mut self, cut: Cut, grid: &Grid, others: Option<&Writer>) {
        let mut writer = Writer::new(self.track.clone(), grid, others);
        self.next = cut.at.to_ticks(writer.scale());
        writer.open(cut, self.next);
        self.msn = cut.msn;
        self.silence = self.track.codec.silence();
        self.writer = Some(writer);
    }

    /// Puts a frame in line behind the leader.
    pub(super) fn wait(&mut self, unit: Unit, now: Instant, grid: &Grid) {
        if self.writer.is_none() && self.queue.len() >= MOST_WAITING {
            self.queue.pop_front();
        }
        self.lags(grid.clock.since(unit.time()));
        self.queue.push_back((now, unit));
    }

    /// Learns how far behind the leader its frames come.
    pub(super) fn lags(&mut self, lag: Span) {
        self.lag = lag.max(self.lag - Span(self.lag.0 / 256)).min(MOST_SILENT);
    }

    /// What is to be done about the first waiting frame.
    pub(super) fn front(&self, now: Instant, grid: &Grid) -> Front {
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
    pub(super) fn waits_until(&self, now: Instant, grid: &Grid) -> Option<Instant> {
        match self.front(now, grid) {
            Front::Waits(until) => Some(until),
            Front::Due | Front::Leads | Front::Empty => None,
        }
    }

    /// Takes the first waiting frame out of the line.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Unit> {
        let (arrived, unit) = self.queue.pop_front()?;
        let waited = now.saturating_duration_since(arrived);
        self.patience = waited.max(self.patience - self.patience / 256).min(BREAK_PATIENCE);
        Some(unit)
    }

    /// Places a frame behind the leader.
    pub(super) fn follow(&mut self, mut unit: Unit, grid: &mut Grid) {
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
            // New parameters must wait for the next cut (A9).
            grid.wants_break = true;
            return;
        }
        if unit.at.saturating_sub(self.next) <= -unit.nominal {
            return; // its place is taken
        }
        if self.silence.is_some() {
            self.fill(unit.at.saturating_sub(unit.nominal), unit.nominal);
            if unit.at.saturating_sub(self.next) < unit.nominal {
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
            }
            // The segment began at the cut, and so does its first frame (C3).
            None => unit.decode_at(self.next),
        }
        self.keep(unit);
    }

    /// Without silence to fill with, what is there lasts until the next frame.
    fn last_until(&mut self, unit: &Unit, grid: &Grid) {
        let Some(pending) = self.pending.as_mut().filter(|_| self.silence.is_none()) else { return };
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
        let is_filled = self.silence.is_some() && writer.open_cut().is_some_and(|open| !open.gap);
        if writer.has_samples() || self.pending.is_some() || is_filled {
            let nominal = self.nominal();
            let last = end.saturating_sub(nominal / 2).saturating_sub(1);
            let before = known.map_or(last, |known| known.to_ticks(self.scale()).saturating_sub(nominal));
            self.fill(last.min(before), nominal);
            let stretched = self
                .pending
                .as_ref()
                .filter(|_| self.silence.is_none())
                .map(|pending| end.saturating_sub(pending.at).max(pending.nominal));
            self.finish(stretched);
        }
        let Some(writer) = &mut self.writer else { return };
        if writer.has_samples() {
            writer.close();
        } else if let Some(start) = writer.open_start() {
            self.next = end.max(start.saturating_add(1));
            writer.close_as_gap(self.next);
            self.needs_sync = true;
        }
        if cut.discontinuity {
            let reached = Time::from_ticks(self.next, writer.scale());
            if writer.track().codec != self.track.codec {
                writer.renew(self.track.clone());
                self.silence = self.track.codec.silence();
            }
            self.next = reached.max(cut.at).to_ticks(writer.scale());
            self.needs_sync = true;
        }
        self.hole = None;
        writer.open(*cut, self.next);
        self.msn = cut.msn;
    }

    /// Puts silence where the time up to `until` has nothing, without going past it.
    fn fill(&mut self, until: i64, nominal: i64) {
        let Some(silence) = self.silence.clone() else { return };
        let Some(writer) = &self.writer else { return };
        let (track, scale) = (writer.track().clone(), writer.scale());
        while self.next <= until {
            self.finish(None);
            let payload = silence.clone();
            let (at, track) = (self.next, track.clone());
            self.keep(Unit { at, scale, composition: 0, nominal, is_sync: true, payload, track, epoch: 0 });
        }
    }

    /// Follows cuts that no frame of its own has led it over, when it has been silent for too long (A10).
    pub(super) fn catch_up(&mut self, grid: &Grid) {
        if self.writer.is_none() || !self.queue.is_empty() {
            return;
        }
        let silent = (self.lag + SILENT).max(LEAST_SILENT).min(MOST_SILENT);
        let until = grid.clock - silent;
        while let Some(cut) = grid.after(self.msn).filter(|cut| cut.at <= until) {
            self.cross(&cut, None);
        }
        self.fill_open(until);
    }

    /// Follows all cuts there are.
    pub(super) fn catch_up_at_once(&mut self, grid: &Grid) {
        while let Some(cut) = grid.after(self.msn).filter(|_| self.writer.is_some()) {
            self.cross(&cut, None);
        }
    }

    fn fill_open(&mut self, until: Time) {
        let Some(writer) = &self.writer else { return };
        if self.silence.is_some() && writer.open_cut().is_some_and(|cut| !cut.gap) {
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
    pub(super) fn promote(&mut self, mut unit: Unit, grid: &mut Grid, others: Option<&Writer>) -> bool {
        if grid.newest().is_some_and(|cut| unit.time() <= cut.at) || !unit.is_sync {
            return false;
        }
        let is_new = self.writer.as_ref().is_some_and(|writer| writer.track().codec != unit.track.codec);
        let is_other_run = unit.epoch != grid.epoch;
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

    // ---- Ending ----

    /// The time up to which it has something.
    pub(super) fn reached(&self) -> Time {
        Time::from_ticks(self.next, self.scale())
    }

    /// Writes all that it has up to `until` and closes the segment: no frame follows, for now or for ever.
    pub(super) fn rest(&mut self, until: Time, grid: &mut Grid) {
        while let Some((_, unit)) = self.queue.pop_front().filter(|_| self.writer.is_some()) {
            if unit.epoch <= grid.epoch && unit.time() < until {
                self.follow(unit, grid);
            }
        }
        self.catch_up_at_once(grid);
        self.fill_open(until);
        self.finish(None);
        self.close(grid);
        self.needs_sync = true;
    }

    /// Tells readers that nothing follows.
    pub(super) fn end(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.end();
        }
    }

    fn scale(&self) -> u32 {
        self.writer.as_ref().map_or_else(|| self.track.codec.timescale(), Writer::scale)
    }
}
