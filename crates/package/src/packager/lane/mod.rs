mod follow;
mod lead;
mod stamp;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::{Kind, Span, Time, Track};

use super::grid::{Cut, Grid};
use super::prelude::Arrival;
use stamp::Stamper;

use super::writer::{Numbers, Writer};
pub(super) use stamp::Unit;

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
    needs_sync: bool,
    /// What fills holes, if the codec has such a thing.
    silence: Option<Bytes>,
    /// How far its frames come behind the leader's, usually.
    pub(super) lag: Span,
    /// How long they wait for the leader, usually.
    patience: Duration,
    /// Where its rendition begins to count.
    numbers: Numbers,
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
/// A rendition that rested for longer than this does not cover the time.
const RESTED: Span = Span::from_millis(200);
/// A lane is silent when nothing comes for this long beyond its usual lag.
const SILENT: Span = Span::from_millis(300);
const LEAST_SILENT: Span = Span::from_millis(500);
const MOST_SILENT: Span = Span::from_millis(5000);

impl Lane {
    /// A lane for a track, to join the others at a cut after the newest.
    pub(super) fn new(track: Arc<Track>, newest: Option<Cut>, numbers: Numbers) -> Self {
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
            needs_sync: true,
            lag: Span::ZERO,
            patience: Duration::ZERO,
            numbers,
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
        let duration = duration.unwrap_or(nominal);
        // Sound has its own length; what has none is held to that of the segment (H7).
        let is_own =
            self.silence.is_some() || duration == nominal && writer.track().codec.usual_frame_ticks().is_some();
        let most = if is_own { i64::from(u32::MAX) } else { writer.room(unit.at) };
        let duration = duration.min(most).clamp(1, i64::from(u32::MAX));
        self.next = unit.at.saturating_add(duration);
        writer.push(unit.sample(duration), nominal);
    }

    /// Closes the open segment. One without samples ends where the clock stands.
    fn close(&mut self, grid: &Grid) {
        let Some(writer) = &mut self.writer else { return };
        if writer.has_samples() {
            writer.close();
        } else if writer.open_start().is_some() {
            self.next = writer.close_as_gap(grid.clock.to_ticks(writer.scale()));
        }
    }

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

    /// Sound whose frames last as long as they say, to the sample.
    fn is_counted(&self) -> bool {
        let codec = self.writer.as_ref().map_or(&self.track.codec, |writer| &writer.track().codec);
        self.silence.is_some() || codec.usual_frame_ticks().is_some()
    }

    fn scale(&self) -> u32 {
        self.writer.as_ref().map_or_else(|| self.track.codec.timescale(), Writer::scale)
    }
}
