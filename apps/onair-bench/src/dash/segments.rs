//! Which segment comes next, and from when on it may be asked for.

use std::time::Duration;

use super::mpd::{Mpd, Period, Representation};
use crate::viewer::Mode;

/// Pictures or sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Video,
    Audio,
}

/// One segment of one representation; times are seconds of the presentation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Segment<'a> {
    pub(super) of: &'a Representation,
    pub(super) number: u64,
    pub(super) ticks: f64,
    pub(super) start: f64,
    pub(super) end: f64,
    /// The MPD names it: it is there, whatever the clock says.
    is_named: bool,
}

impl Period {
    pub(super) fn of(&self, media: Media) -> Option<&Representation> {
        match media {
            Media::Video => self.video.as_ref(),
            Media::Audio => self.audio.as_ref(),
        }
    }
}

impl Mpd {
    /// The first segment of which at least that share, from its end on, lies after `at`: with 1 the one that `at` lies in
    /// or that follows, with 0.5 the one that begins there if not to the tick.
    pub(super) fn segment(&self, media: Media, at: f64, share: f64) -> Option<Segment<'_>> {
        self.periods.iter().find_map(|period| segment(period, period.of(media)?, at, share))
    }

    /// The last of those that are named, but for the last two.
    pub(super) fn third_from_the_end(&self, media: Media) -> Option<Segment<'_>> {
        let period = self.periods.iter().rev().find(|period| period.of(media).is_some_and(|one| one.is_listed))?;
        let one = period.of(media)?;
        let last = one.runs.last()?;
        let (every, end) = (last.every / one.scale, last.start + last.every * last.count.unwrap_or(1) as f64);
        let end = period.start_secs + (end - one.origin) / one.scale;
        self.segment(media, end - 2.5 * every, 1.0)
    }

    /// How far behind the live edge a viewer stays, seconds.
    pub(super) fn delay_secs(&self, media: Media, mode: Mode) -> f64 {
        let newest = self.periods.iter().rev().find_map(|period| period.of(media));
        let Some(one) = newest else { return 0.0 };
        let longest = one.runs.iter().map(|run| run.every).fold(0.0, f64::max) / one.scale;
        let three = 3.0 * longest;
        let is_low = mode == Mode::LowLatency && one.is_partial && one.early_secs > 0.0;
        match (is_low, self.latency_secs, self.delay_secs) {
            (true, Some(secs), _) | (true, None, Some(secs)) => secs,
            (_, _, said) => said.unwrap_or(0.0).max(three),
        }
    }
}

impl Segment<'_> {
    /// From when on it may be asked for, by the viewer's time, whose zero is at `clock_ms` of the server's clock.
    pub(super) fn available_at(&self, mpd: &Mpd, mode: Mode, clock_ms: i64) -> Duration {
        if !mpd.is_live || (self.is_named && !self.of.is_partial) {
            return Duration::ZERO;
        }
        let is_whole = self.of.is_partial && mode == Mode::Plain;
        let early = if is_whole { 0.0 } else { self.of.early_secs };
        let at_ms = mpd.zero_ms.saturating_sub(clock_ms) as f64 + (self.end - early) * 1000.0;
        Duration::try_from_secs_f64((at_ms / 1000.0).max(0.0)).unwrap_or(Duration::MAX)
    }

    /// Wall clock of its end by the server, milliseconds since 1970.
    pub(super) fn end_ms(&self, mpd: &Mpd) -> i64 {
        mpd.zero_ms.saturating_add((self.end * 1000.0) as i64)
    }
}

fn segment<'a>(period: &Period, of: &'a Representation, at: f64, share: f64) -> Option<Segment<'a>> {
    let to_secs = |ticks: f64| period.start_secs + (ticks - of.origin) / of.scale;
    let at_ticks = (at - period.start_secs) * of.scale + of.origin;
    let mut number = of.first;
    for run in &of.runs {
        let nth = ((at_ticks - run.start) / run.every - share).floor().max(-1.0) + 1.0;
        let fits = period.end_secs.map(|end| (end - to_secs(run.start)) * of.scale / run.every - 1e-3);
        let most = fits.map_or(f64::INFINITY, f64::ceil).min(run.count.map_or(f64::INFINITY, |count| count as f64));
        if nth < most {
            let ticks = run.start + nth * run.every;
            let (start, end) = (to_secs(ticks), to_secs(ticks + run.every));
            let end = period.end_secs.map_or(end, |last| end.min(last));
            let number = number.saturating_add(nth as u64);
            let is_named = of.is_listed && run.count.is_some();
            return Some(Segment { of, number, ticks, start, end, is_named });
        }
        number = number.saturating_add(run.count.unwrap_or(0));
    }
    None
}
