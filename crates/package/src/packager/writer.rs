use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use media::{Kind, Span, Time, Track};
use wire::mp4::{self, Fragment, Sample};

use super::grid::{Cut, Grid};
use super::rates::{Rates, per_second};
use crate::{Init, Part, Segment, Slot, Window};

/// Writes one rendition: samples into parts, parts into segments, segments into windows.
pub(super) struct Writer {
    slot: Slot,
    rules: Rules,
    init: Arc<Init>,
    /// By how much all pictures are shown before their composition time.
    delay: i64,
    scale: u32,
    /// Complete segments in the window, each with the number of the newest discontinuity up to it.
    listed: VecDeque<(Arc<Segment>, u64)>,
    listed_span: Span,
    /// When each retired segment may be forgotten, by `written`, and its size.
    retired: VecDeque<(Span, usize)>,
    kept_bytes: usize,
    /// Durations of all complete segments so far.
    written: Span,
    rates: Rates,
    open: Option<Open>,
    fragments: u32,
    version: u64,
    independent: bool,
    ended: bool,
    changed: bool,
    /// Published, but those who wait were not told.
    is_news: bool,
}

/// Numbers that stand in addresses and must not come again under the same name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    init: u32,
    version: u64,
}

#[derive(Clone, Copy)]
struct Rules {
    began: SystemTime,
    window: Span,
    bytes: usize,
    target_duration_secs: u32,
    longest: Span,
    part_target: Span,
}

/// The segment in the making.
struct Open {
    cut: Cut,
    init: Arc<Init>,
    start: i64,
    /// Where its complete parts end.
    end: i64,
    independent: bool,
    parts: Vec<Arc<Part>>,
    /// The part in the making.
    samples: Vec<Sample>,
    ticks: i64,
    bytes: usize,
    /// Samples of all its parts.
    frames: usize,
}

/// A part of more bytes than this ends early.
const MOST_PART_BYTES: usize = 32 << 20;

impl Writer {
    /// A rendition that joins others: what they list, it lists as gaps (A10).
    pub(super) fn new(track: Arc<Track>, delay: i64, grid: &Grid, numbers: Numbers, others: Option<&Self>) -> Self {
        let plan = &grid.plan;
        let rules = Rules {
            began: grid.began,
            window: grid.settings.window.max(plan.longest_hole()),
            bytes: grid.settings.window_bytes,
            target_duration_secs: plan.target_duration_secs,
            longest: plan.longest_segment(),
            part_target: plan.part_target,
        };
        let scale = track.codec.timescale();
        let init = Arc::new(Init { number: numbers.init, bytes: init_bytes(&track, delay), track });
        let gap = |(of, breaks): &(Arc<Segment>, u64)| {
            let segment = Segment {
                msn: of.msn,
                init: init.clone(),
                start: of.start,
                wall: of.wall,
                duration: of.duration,
                discontinuity: of.discontinuity,
                gap: true,
                independent: true,
                parts: Vec::new(),
                whole: None,
            };
            (Arc::new(segment), *breaks)
        };
        let listed: VecDeque<_> = others.map_or_else(VecDeque::new, |others| others.listed.iter().map(gap).collect());
        let mut writer = Self {
            slot: Slot::new(init.clone(), rules.window(&VecDeque::new(), numbers.version)),
            rules,
            init,
            delay,
            scale,
            listed_span: listed.iter().fold(Span::ZERO, |sum, (segment, _)| sum + segment.duration),
            listed,
            retired: VecDeque::new(),
            kept_bytes: 0,
            written: Span::ZERO,
            rates: Rates::default(),
            open: None,
            fragments: 0,
            version: numbers.version,
            independent: true,
            ended: false,
            changed: false,
            is_news: false,
        };
        writer.trim();
        writer
    }

    /// The reader's side.
    pub(super) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Where a rendition of the same name must count on.
    pub(super) fn numbers(&self) -> Numbers {
        Numbers { init: self.init.number.wrapping_add(1), version: self.version + 1 }
    }

    /// The parameters in force.
    pub(super) fn track(&self) -> &Arc<Track> {
        &self.init.track
    }

    /// Frames of that kind need no other init.
    pub(super) fn suits(&self, track: &Track, delay: i64) -> bool {
        self.init.track.codec == track.codec && self.delay == delay
    }

    /// Ticks a second.
    pub(super) fn scale(&self) -> u32 {
        self.scale
    }

    /// A player would find something.
    pub(super) fn has_parts(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.parts.is_empty()) || !self.listed.is_empty()
    }

    /// A segment is complete.
    pub(super) fn has_segments(&self) -> bool {
        !self.listed.is_empty()
    }

    /// Number and end of the newest complete segment.
    pub(super) fn last_listed(&self) -> Option<(u64, Time)> {
        self.listed.back().map(|(segment, _)| (segment.msn, segment.start + segment.duration))
    }

    /// Where the open segment starts, in ticks.
    pub(super) fn open_start(&self) -> Option<i64> {
        self.open.as_ref().map(|open| open.start)
    }

    /// How long a sample at `at` may last before the open segment is too long (H7), in ticks.
    pub(super) fn room(&self, at: i64) -> i64 {
        let start = self.open_start().unwrap_or(at);
        start.saturating_add(self.rules.longest.to_ticks(self.scale)).saturating_sub(at)
    }

    /// The open segment has a sample.
    pub(super) fn has_samples(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.samples.is_empty() || !open.parts.is_empty())
    }

    /// The cut at which the open segment began.
    pub(super) fn open_cut(&self) -> Option<&Cut> {
        self.open.as_ref().map(|open| &open.cut)
    }

    /// New parameters for the segments to come.
    pub(super) fn renew(&mut self, track: Arc<Track>, delay: i64) {
        self.scale = track.codec.timescale();
        self.delay = delay;
        self.init =
            Arc::new(Init { number: self.init.number.wrapping_add(1), bytes: init_bytes(&track, delay), track });
        self.slot.add_init(self.init.clone());
    }

    /// Begins the segment of that cut. The one before must be closed.
    pub(super) fn open(&mut self, cut: Cut, start: i64) {
        self.open = Some(Open {
            cut,
            init: self.init.clone(),
            start,
            end: start,
            independent: true,
            parts: Vec::new(),
            samples: Vec::new(),
            ticks: 0,
            bytes: 0,
            frames: 0,
        });
        self.changed = true;
    }

    /// Appends a sample to the open segment. `next` is how long the one after it will last, as far as one knows.
    pub(super) fn push(&mut self, sample: Sample, next: i64) {
        let target = self.rules.part_target.to_ticks(self.scale);
        let duration = i64::from(sample.duration);
        let Some(open) = &self.open else { return };
        if open.ticks.saturating_add(duration) > target || open.bytes > MOST_PART_BYTES {
            self.close_part();
        }
        let Some(open) = &mut self.open else { return };
        if open.parts.is_empty() && open.samples.is_empty() {
            open.independent = sample.is_sync;
        }
        open.ticks += duration;
        open.bytes += sample.payload.len();
        open.frames += 1;
        open.samples.push(sample);
        if open.ticks.saturating_add(next) > target {
            self.close_part();
        }
    }

    fn close_part(&mut self) {
        let Some(open) = self.open.as_mut().filter(|open| !open.samples.is_empty()) else { return };
        self.fragments = self.fragments.wrapping_add(1).max(1);
        let is_audio = open.init.track.kind() == Kind::Audio;
        let fragment = Fragment {
            sequence: self.fragments,
            decode_time: open.end.max(0).cast_unsigned(),
            samples: &open.samples,
            all_sync: is_audio,
        };
        let part = Part {
            start: Time::from_ticks(open.end, self.scale),
            duration: Span::from_ticks(open.ticks, self.scale),
            independent: open.samples.iter().any(|sample| sample.is_sync),
            bytes: fragment.to_bytes(),
        };
        self.kept_bytes += part.bytes.len();
        open.parts.push(Arc::new(part));
        open.end += open.ticks;
        open.ticks = 0;
        open.bytes = 0;
        open.samples.clear();
        self.changed = true;
    }

    /// Completes the open segment. One without samples must be made a gap instead.
    pub(super) fn close(&mut self) {
        self.close_part();
        let Some(open) = self.open.take() else { return };
        self.independent &= open.independent;
        let segment = self.segment(&open, false, open.end).joined();
        let half_target = Span::from_millis(i64::from(self.rules.target_duration_secs) * 500);
        self.rates.count(segment.len_bytes(), open.frames, segment.duration, half_target);
        let (peak, average) = self.rates.bps();
        if peak > 0 {
            self.slot.measured(peak, average);
        }
        if let Some(rate) = self.rates.frame_rate() {
            self.slot.paced(rate);
        }
        self.list(segment, open.cut.breaks);
    }

    /// Makes the open segment, which has no samples, a gap up to `end`, or as far as a segment may reach (A10, A12, H7).
    /// Says where it ends.
    pub(super) fn close_as_gap(&mut self, end: i64) -> i64 {
        if self.has_samples() {
            self.close();
            return end;
        }
        let room = self.open_start().map_or(end, |start| start.saturating_add(self.room(start)));
        let Some(open) = self.open.take() else { return end };
        let end = end.min(room).max(open.start.saturating_add(1));
        let segment = self.segment(&open, true, end);
        self.list(segment, open.cut.breaks);
        end
    }

    fn segment(&self, open: &Open, gap: bool, end: i64) -> Segment {
        let start = Time::from_ticks(open.start, self.scale);
        Segment {
            msn: open.cut.msn,
            init: open.init.clone(),
            start,
            wall: wall(self.rules.began, start),
            duration: Span::from_ticks(end.saturating_sub(open.start), self.scale),
            discontinuity: open.cut.discontinuity,
            gap,
            independent: open.independent,
            parts: open.parts.clone(),
            whole: None,
        }
    }

    fn list(&mut self, segment: Segment, breaks: u64) {
        self.written += segment.duration;
        self.listed_span += segment.duration;
        self.listed.push_back((Arc::new(segment), breaks));
        self.trim();
        self.changed = true;
    }

    /// Lets what is too old leave the window, and forgets what nobody may ask for any more (H9, H10).
    fn trim(&mut self) {
        while let Some((oldest, _)) = self.listed.front() {
            let without = self.listed_span - oldest.duration;
            let is_spare = self.listed.len() > 6 && without >= self.rules.window;
            let is_heavy = self.listed.len() > 3 && self.kept_bytes > self.rules.bytes && self.retired.is_empty();
            if !is_spare && !is_heavy {
                break;
            }
            let Some((oldest, _)) = self.listed.pop_front() else { break };
            // Its own duration and that of the longest playlist that listed it.
            let until = self.written + oldest.duration + self.listed_span;
            self.listed_span = without;
            self.retired.push_back((until, oldest.len_bytes()));
            self.slot.retire(oldest);
            self.forget();
        }
        self.forget();
    }

    fn forget(&mut self) {
        while let Some(&(until, bytes)) = self.retired.front() {
            if self.written < until && self.kept_bytes <= self.rules.bytes {
                break;
            }
            self.retired.pop_front();
            self.slot.forget_oldest();
            self.kept_bytes = self.kept_bytes.saturating_sub(bytes);
        }
    }

    /// No segment follows.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.changed = true;
    }

    /// Shows readers what has changed since the last time, in one step (H18). Those who wait hear of it by
    /// [`Writer::ring`].
    pub(super) fn publish(&mut self) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        self.version += 1;
        if self.rates.bps().0 == 0 {
            self.estimate();
        }
        let (first, breaks) = match (self.listed.front(), &self.open) {
            (Some((first, breaks)), _) => (first.discontinuity, *breaks),
            (None, Some(open)) => (open.cut.discontinuity, open.cut.breaks),
            (None, None) => (false, 0),
        };
        let open = self.open.as_ref().map(|open| Arc::new(self.segment(open, false, open.end)));
        let mut window = self.rules.window(&self.listed, self.version);
        // The tag of the first listed segment counts itself (H15).
        window.discontinuity_sequence = breaks - u64::from(first);
        window.independent_segments = self.independent && open.as_ref().is_none_or(|open| open.independent);
        window.open = open;
        window.ended = self.ended;
        self.slot.set(window);
        self.is_news = true;
    }

    /// Wakes those who wait, if something was published.
    pub(super) fn ring(&mut self) {
        if std::mem::take(&mut self.is_news) {
            self.slot.ring();
        }
    }

    /// Until a segment is complete, the rate of its parts stands for it.
    fn estimate(&mut self) {
        let Some(open) = &self.open else { return };
        let bytes: usize = open.parts.iter().map(|part| part.bytes.len()).sum();
        let span = Span::from_ticks(open.end.saturating_sub(open.start), self.scale);
        if span >= Span::from_millis(500) {
            let rate = per_second(bytes as u64, span.0.max(0).cast_unsigned());
            self.slot.measured(rate, rate);
        }
    }
}

impl Rules {
    fn window(&self, listed: &VecDeque<(Arc<Segment>, u64)>, version: u64) -> Window {
        Window {
            version,
            segments: listed.iter().map(|(segment, _)| segment.clone()).collect(),
            open: None,
            discontinuity_sequence: 0,
            target_duration_secs: self.target_duration_secs,
            part_target: self.part_target,
            independent_segments: true,
            ended: false,
        }
    }
}

fn init_bytes(track: &Track, delay: i64) -> Bytes {
    mp4::init(track, delay.max(0).cast_unsigned())
}

/// The wall clock of a time.
fn wall(began: SystemTime, time: Time) -> SystemTime {
    let span = Duration::from_nanos(time.0.unsigned_abs());
    let moved = if time.0 < 0 { began.checked_sub(span) } else { began.checked_add(span) };
    moved.unwrap_or(began)
}
