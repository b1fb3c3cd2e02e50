use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use media::{Kind, Origin, Path, Span, Time};

use super::manifest::{Body, Entry, Latency, Manifest, Period, Representation, Segments, Set};
use crate::{Init, Segment, Window};

/// After so many segments on one grid, leaving it means that the publisher's clock is a little off,
/// not that its keyframes are uneven.
const LONG_RUN: i64 = 30;

/// Where a presentation's media is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The broadcast.
    pub path: &'a Path,
    /// The presentation's.
    pub era: &'a str,
}

/// One rendition, as the schedule is shown it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its name in URLs: `v0`.
    pub name: &'a str,
    /// Its latest window.
    pub window: &'a Window,
    /// Highest bit rate of any of its segments so far.
    pub peak_bps: u64,
}

/// The periods of one presentation, and the manifest that says them.
///
/// A machine: it is shown the windows whenever somebody asks, sees which segments are new, and
/// keeps what it once announced. It may be asked often, seldom, or after a long pause.
#[derive(Debug, Default)]
pub struct Schedule {
    /// The wall clock of `Time::ZERO`, fixed by the first segment seen.
    zero: Option<SystemTime>,
    pace: Pace,
    periods: VecDeque<Stretch>,
    /// The first segment that belongs to no period yet.
    next: u64,
    /// Keyframes came unevenly since the timeline last broke.
    uneven: bool,
    last: Option<Arc<Manifest>>,
}

/// A period in the making.
#[derive(Debug)]
struct Stretch {
    first: u64,
    start: Time,
    end: Option<Time>,
    /// Presentation time minus media time.
    shift: Span,
    continues: Option<u64>,
    cast: Vec<Member>,
    /// The length of a segment: of every one on a grid, else the longest listed.
    beat: Span,
    /// `beat` was measured here rather than taken over from the period before.
    measured: bool,
    numbered: bool,
}

/// A rendition that takes part in a period.
#[derive(Clone, Debug)]
struct Member {
    name: String,
    init: Arc<Init>,
    bandwidth: u64,
}

/// What a rendition has to say about one segment number.
enum There<'a> {
    Filled(&'a Arc<Segment>),
    Hole,
    NotYet,
}

impl Schedule {
    /// The manifest for these windows; the same one as before when nothing in it has changed (D5).
    ///
    /// `None` until the first segment is complete.
    pub fn update(&mut self, now: SystemTime, place: Place<'_>, shown: &[Shown<'_>]) -> Option<Arc<Manifest>> {
        let Some(lead) = lead(shown) else { return self.last.clone() };
        if self.periods.is_empty() && !lead.window.segments.iter().any(|segment| !segment.gap) {
            return self.last.clone();
        }
        for segment in lead.segments() {
            if segment.msn >= self.next && !self.take(segment, lead, shown) {
                break;
            }
        }
        if let (Some(zero), Some(last)) = (self.zero, lead.window.segments.last()) {
            self.pace.see(last, now, zero);
        }
        self.forget(lead.window.media_sequence());
        self.settle(lead, shown);
        let body = self.body(place, lead, shown)?;
        if self.last.as_ref().is_none_or(|last| last.body != body) {
            let version = self.last.as_ref().map_or(0, |last| last.version) + 1;
            self.last = Some(Arc::new(Manifest { version, published: now, body }));
        }
        self.last.clone()
    }

    /// Gives the lead's next segment its period. False: the others are not that far yet.
    fn take(&mut self, segment: &Arc<Segment>, lead: Shown<'_>, shown: &[Shown<'_>]) -> bool {
        let current = self.periods.back().filter(|period| period.end.is_none());
        let known = |name: &str| current.and_then(|period| period.cast.iter().find(|member| member.name == name));
        let mut cast = Vec::with_capacity(shown.len());
        for one in shown {
            match one.there(segment.msn) {
                There::Filled(other) => cast.push(Member::new(one, &other.init)),
                There::Hole => {}
                There::NotYet if one.window.ended => {}
                There::NotYet if lead.newest() < segment.msn + 2 => return false,
                There::NotYet => cast.extend(known(one.name).cloned()),
            }
        }
        let contiguous = segment.msn == self.next && !segment.discontinuity;
        self.uneven &= contiguous;
        if let Some(current) = current {
            let off = current.is_off_grid(segment, lead.window.part_target);
            if contiguous && !off && current.shift == self.pace.shift && current.has_cast(&cast) {
                self.next = segment.msn + 1;
                return true;
            }
        }
        self.turn(segment, lead, cast, contiguous);
        self.next = segment.msn + 1;
        true
    }

    /// Ends the current period and, unless `segment` is a hole in everything, begins the next with it.
    fn turn(&mut self, segment: &Arc<Segment>, lead: Shown<'_>, cast: Vec<Member>, contiguous: bool) {
        let mut run = None;
        let mut before = None;
        if let Some(current) = self.periods.back_mut().filter(|period| period.end.is_none()) {
            let last = segment.msn.checked_sub(1).and_then(|msn| find(lead.window, msn));
            let end = last.map_or(segment.start, |last| last.start + last.duration);
            current.end = Some(end.min(segment.start).max(current.start));
            if contiguous && current.numbered && current.is_off_grid(segment, lead.window.part_target) {
                run = Some((segment.msn.saturating_sub(current.first), segment.start.since(current.start)));
                let steps = i64::try_from(segment.msn.saturating_sub(current.first)).unwrap_or(i64::MAX);
                self.uneven |= current.measured && steps < LONG_RUN;
            }
            if contiguous && current.shift == self.pace.shift && current.has_cast(&cast) {
                before = Some(current.first);
            }
        }
        if cast.is_empty() {
            return;
        }
        let measured = match run {
            Some((steps, span)) if !self.uneven => {
                i64::try_from(steps).ok().and_then(|n| span.0.checked_div(n)).map(Span)
            }
            _ => measure(segment, lead.window),
        };
        let inherited = self.periods.back().map(|period| period.beat);
        let fallback = Span::from_millis(i64::from(lead.window.target_duration_secs) * 1000);
        self.zero.get_or_insert_with(|| shift(segment.wall, -segment.start.since(Time::ZERO)));
        self.periods.push_back(Stretch {
            first: segment.msn,
            start: segment.start,
            end: None,
            shift: self.pace.shift,
            continues: before,
            cast,
            beat: measured.or(inherited).unwrap_or(fallback),
            measured: measured.is_some(),
            numbered: !self.uneven,
        });
    }

    /// Drops the periods of which nothing is listed any more.
    fn forget(&mut self, first_listed: u64) {
        while self.periods.get(1).is_some_and(|second| second.first <= first_listed) {
            self.periods.pop_front();
        }
        if self.periods.len() == 1 && self.next <= first_listed {
            self.periods.pop_front();
        }
    }

    /// Brings what may change up to date: bandwidths, the longest length, the end of it all.
    fn settle(&mut self, lead: Shown<'_>, shown: &[Shown<'_>]) {
        let Some(current) = self.periods.back_mut().filter(|period| period.end.is_none()) else { return };
        for member in &mut current.cast {
            let peak = shown.iter().find(|one| one.name == member.name).map_or(0, |one| one.peak_bps);
            member.bandwidth = member.bandwidth.max(two_digits_up(peak));
        }
        let longest = lead.window.segments.iter().filter(|segment| !segment.gap).map(|segment| segment.duration).max();
        current.beat = longest.filter(|_| !current.numbered).unwrap_or(current.beat);
        if lead.window.ended {
            current.end = lead.segments().next_back().map(|last| (last.start + last.duration).max(current.start));
        }
    }

    fn body(&self, place: Place<'_>, lead: Shown<'_>, shown: &[Shown<'_>]) -> Option<Body> {
        let newest = self.periods.back()?;
        let ended = lead.window.ended && newest.end.is_some();
        let part = lead.window.part_target;
        let periods: Vec<Period> = self
            .periods
            .iter()
            .enumerate()
            .map(|(index, stretch)| {
                let until = self.periods.get(index + 1).map_or(self.next, |next| next.first);
                stretch.period(until, lead, shown, ended)
            })
            .filter(|period| !period.sets.is_empty())
            .collect();
        let listed: i64 = lead.window.segments.iter().map(|segment| segment.duration.0.max(0)).sum();
        let numbered = self.periods.iter().all(|period| period.numbered);
        // Players of a timeline learn of a segment by asking for the manifest again.
        let asking_ms = if numbered { 0 } else { 1000 };
        let target_ms = 600 + 3 * part.0 / 1_000_000 + asking_ms;
        let longest = self.periods.iter().map(|period| period.beat).max().unwrap_or_default();
        let zero = self.zero?;
        // Where media is presented earlier than before, what would overlap ends earlier.
        let starts: Vec<Time> = periods.iter().skip(1).map(|period| period.start).collect();
        let periods = periods.into_iter().enumerate().map(|(index, period)| {
            let end = period.end.map(|end| starts.get(index).map_or(end, |&next| end.min(next)));
            Period { end, ..period }
        });
        Some(Body {
            path: place.path.clone(),
            era: place.era.to_owned(),
            zero,
            ended,
            numbered,
            depth_secs: u64::try_from(listed / 1_000_000_000).unwrap_or(0).max(1),
            longest: if numbered {
                longest
            } else {
                Span::from_millis(i64::from(lead.window.target_duration_secs) * 1000)
            },
            delay: if numbered {
                Span::from_millis(target_ms.max(2000))
            } else {
                Span(newest.beat.0.saturating_mul(4))
            },
            latency: Latency { target_ms, min_ms: target_ms / 2, max_ms: target_ms + 4000 },
            periods: periods.collect(),
        })
        .filter(|body| !body.periods.is_empty())
    }
}

/// How media comes by the server's clock. A publisher whose own clock is slow or fast would in hours lead players to
/// where nothing is yet, or leave them behind: then media time is moved against presentation time (D11).
#[derive(Debug, Default)]
struct Pace {
    shift: Span,
    /// The last segment seen complete.
    last: Option<u64>,
    /// How late each of the latest segments was complete.
    recent: VecDeque<Span>,
    /// How late segments usually were at first.
    usual: Option<Span>,
}

/// The most punctual of so many segments says how late they usually are: a network only ever adds.
const PUNCTUAL_OF: usize = 15;
/// So far media may come from where the clock says before it is moved.
const OFF_CLOCK: Span = Span::from_millis(500);

impl Pace {
    fn see(&mut self, last: &Segment, now: SystemTime, zero: SystemTime) {
        let before = self.last.replace(last.msn);
        // Who looks seldom does not see when a segment was complete.
        if before.and_then(|before| before.checked_add(1)) != Some(last.msn) {
            return;
        }
        let due = (last.start + last.duration + self.shift).since(Time::ZERO);
        let late = match now.duration_since(shift(zero, due)) {
            Ok(late) => Span::from(late),
            Err(early) => -Span::from(early.duration()),
        };
        self.recent.push_back(late);
        if self.recent.len() < PUNCTUAL_OF {
            return;
        }
        let lowest = self.recent.iter().min().copied().unwrap_or_default();
        self.recent.pop_front();
        let off = lowest - *self.usual.get_or_insert(lowest);
        if off.abs() > OFF_CLOCK {
            self.shift += off;
            self.recent.clear();
        }
    }
}

impl Stretch {
    fn has_cast(&self, cast: &[Member]) -> bool {
        let same = |(a, b): (&Member, &Member)| a.name == b.name && a.init.number == b.init.number;
        self.cast.len() == cast.len() && self.cast.iter().zip(cast).all(same)
    }

    /// The segment does not start where the grid says, give or take half a part.
    fn is_off_grid(&self, segment: &Segment, part_target: Span) -> bool {
        let steps = i64::try_from(segment.msn.saturating_sub(self.first)).unwrap_or(i64::MAX);
        let expected = self.start + Span(self.beat.0.saturating_mul(steps));
        self.numbered && segment.start.since(expected).abs().0 > part_target.0 / 2
    }

    fn period(&self, until: u64, lead: Shown<'_>, shown: &[Shown<'_>], ended: bool) -> Period {
        let mut sets: Vec<Set> = Vec::new();
        // The lead comes first, so that it is the one that ServiceDescription refers to.
        let (video, audio): (Vec<_>, Vec<_>) = self.cast.iter().partition(|one| one.init.track.kind() == Kind::Video);
        for member in video.into_iter().chain(audio) {
            let window = shown.iter().find(|one| one.name == member.name).map(|one| one.window);
            let Some(representation) = self.representation(member, until, window, lead, ended) else { continue };
            let together =
                |set: &&mut Set| set.representations.first().is_some_and(|first| switchable(&first.init, &member.init));
            let independent = window.is_none_or(|window| window.independent_segments);
            match sets.iter_mut().find(together) {
                Some(set) => {
                    set.independent &= independent;
                    set.representations.push(representation);
                }
                None => sets.push(Set { independent, representations: vec![representation] }),
            }
        }
        let (start, end) = (self.start + self.shift, self.end.map(|end| end + self.shift));
        Period { id: self.first, start, origin: self.start, end, continues: self.continues, sets }
    }

    /// `None` where nothing of the member is left to list.
    fn representation(
        &self,
        member: &Member,
        until: u64,
        window: Option<&Window>,
        lead: Shown<'_>,
        ended: bool,
    ) -> Option<Representation> {
        let scale = member.init.track.codec.timescale();
        let segments = if self.numbered {
            Segments::Numbered { first: self.first, every: self.beat.to_ticks(scale) }
        } else {
            let window = window?;
            let mine = |segment: &&Arc<Segment>| (self.first..until).contains(&segment.msn) && !segment.gap;
            let complete: Vec<_> = window.segments.iter().filter(mine).collect();
            let mut entries: Vec<Entry> = complete.iter().map(|segment| segment.entry(scale)).collect();
            // A neighbour's start is the truth about a segment's end.
            for index in 1..entries.len() {
                let (before, after) = entries.split_at_mut(index);
                if let (Some(before), Some(after)) = (before.last_mut(), after.first()) {
                    before.ticks = after.start.saturating_sub(before.start).max(1);
                }
            }
            if self.end.is_none() && !ended {
                self.foresee(&mut entries, member, until, window, lead);
            }
            let first =
                complete.first().map_or(window.open.as_ref().map_or(self.first, |open| open.msn), |first| first.msn);
            Segments::Listed { first, entries }
        };
        if matches!(&segments, Segments::Listed { entries, .. } if entries.is_empty()) {
            return None;
        }
        // Sound that is cut at whole frames may be shorter than the picture by one.
        let slack = member.init.track.codec.usual_frame_ticks().filter(|_| !self.numbered).map_or(0, i64::from);
        let beat = self.beat.0 - Span::from_ticks(slack, scale).0;
        let offset_ms = (beat - lead.window.part_target.0) / 1_000_000;
        let offset = if ended { Span::ZERO } else { Span::from_millis(offset_ms.max(0)) };
        Some(Representation {
            name: member.name.clone(),
            init: member.init.clone(),
            bandwidth: member.bandwidth,
            offset,
            segments,
        })
    }

    /// Lists the open segment, as long as the longest: a player that finds it shorter goes on with the next one, while
    /// one that finds it longer asks for it again. Sound ends at the first frame at or after the picture's cut.
    fn foresee(&self, entries: &mut Vec<Entry>, member: &Member, until: u64, window: &Window, lead: Shown<'_>) {
        let open = begun(window).next_back().filter(|open| (self.first..until).contains(&open.msn) && !open.gap);
        let Some(open) = open.filter(|open| window.open.as_ref().is_some_and(|there| there.msn == open.msn)) else {
            return;
        };
        let Some(lead_start) = start_of(lead.window, open.msn) else { return };
        let codec = &member.init.track.codec;
        let (scale, frame) = (codec.timescale(), i64::from(codec.usual_frame_ticks().unwrap_or(1)).max(1));
        let start = open.start.to_ticks(scale);
        let cut = (lead_start + self.beat).to_ticks(scale);
        let frames = cut.saturating_sub(start).saturating_add(frame - 1).div_euclid(frame).max(1);
        entries.push(Entry { start, ticks: frames.saturating_mul(frame) });
    }
}

impl Member {
    fn new(shown: &Shown<'_>, init: &Arc<Init>) -> Self {
        let hint = u64::from(init.track.bitrate_bps.unwrap_or(0));
        let bandwidth = two_digits_up(if shown.peak_bps > 0 { shown.peak_bps } else { hint });
        Self { name: shown.name.to_owned(), init: init.clone(), bandwidth }
    }
}

impl<'a> Shown<'a> {
    fn there(&self, msn: u64) -> There<'a> {
        match find(self.window, msn) {
            Some(segment) if segment.gap => There::Hole,
            Some(segment) => There::Filled(segment),
            None if msn < self.window.media_sequence() => There::Hole,
            None => There::NotYet,
        }
    }

    fn segments(&self) -> impl DoubleEndedIterator<Item = &'a Arc<Segment>> + use<'a> {
        begun(self.window)
    }

    fn newest(&self) -> u64 {
        self.segments().next_back().map_or(0, |segment| segment.msn)
    }

    fn kind(&self) -> Option<Kind> {
        self.segments().next().map(|segment| segment.init.track.kind())
    }
}

impl Segment {
    fn entry(&self, scale: u32) -> Entry {
        let start = self.start.to_ticks(scale);
        let end = (self.start + self.duration).to_ticks(scale);
        Entry { start, ticks: end.saturating_sub(start).max(1) }
    }
}

/// The rendition whose cuts the others follow: the first with pictures, else the first of all.
fn lead<'a>(shown: &[Shown<'a>]) -> Option<Shown<'a>> {
    let filled = || shown.iter().filter(|one| one.kind().is_some());
    filled().find(|one| one.kind() == Some(Kind::Video)).or_else(|| filled().next()).copied()
}

fn find(window: &Window, msn: u64) -> Option<&Arc<Segment>> {
    begun(window).find(|segment| segment.msn == msn)
}

/// Every segment of which the start is certain: an open one without parts may yet begin elsewhere.
fn begun(window: &Window) -> impl DoubleEndedIterator<Item = &Arc<Segment>> {
    window.segments.iter().chain(window.open.iter().filter(|open| !open.parts.is_empty()))
}

/// Where that segment starts, or will start if it is the next one.
fn start_of(window: &Window, msn: u64) -> Option<Time> {
    let before = || msn.checked_sub(1).and_then(|msn| find(window, msn)).map(|before| before.start + before.duration);
    find(window, msn).map(|segment| segment.start).or_else(before)
}

/// The length of the complete segments from `segment` on, to the frame where the frame rate is known.
fn measure(segment: &Segment, window: &Window) -> Option<Span> {
    let complete = window.segments.iter().filter(|other| other.msn >= segment.msn && !other.gap);
    let length = complete.map(|other| other.duration).find(|duration| duration.0 > 0)?;
    let rate = segment.init.track.codec.picture().and_then(|picture| picture.frame_rate);
    let Some((frames, seconds)) = rate.filter(|&(frames, seconds)| frames > 0 && seconds > 0) else {
        // RTMP counts milliseconds: a segment of 1.999 s is one of two seconds.
        let even = (length.0 + 5_000_000) / 10_000_000 * 10_000_000;
        return Some(if (even - length.0).abs() <= 2_000_000 { Span(even) } else { length });
    };
    let frame = i128::from(seconds) * 1_000_000_000;
    let count = (i128::from(length.0) * i128::from(frames) + frame / 2) / frame;
    i64::try_from(count * frame / i128::from(frames)).ok().filter(|&beat| beat > 0).map(Span)
}

/// A player may go from one to the other without a seam: same codec, same clock, and for sound the same content. A
/// publisher's sound tracks are languages or commentaries, each a content of its own, whether it says so or not.
fn switchable(a: &Init, b: &Init) -> bool {
    let family = |init: &Init| init.track.codec.name();
    let (x, y) = (&a.track, &b.track);
    let is_copy = y.origin == Origin::Transcoder && x.language == y.language;
    family(a) == family(b) && x.codec.timescale() == y.codec.timescale() && (x.kind() == Kind::Video || is_copy)
}

/// Rounded up to two significant digits, so that it stays the same for long.
fn two_digits_up(bps: u64) -> u64 {
    let step = 10u64.saturating_pow(bps.max(1).ilog10().saturating_sub(1));
    bps.div_ceil(step).saturating_mul(step)
}

fn shift(at: SystemTime, by: Span) -> SystemTime {
    let moved = if by.0 < 0 { at.checked_sub((-by).to_duration()) } else { at.checked_add(by.to_duration()) };
    moved.unwrap_or(at)
}
