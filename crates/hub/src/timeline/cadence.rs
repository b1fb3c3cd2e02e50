use media::{Span, Time};

/// Stamps are cut or rounded to whole milliseconds, so they lie within half of one around the truth.
const ROUNDING: i64 = 500_000;
/// Farther off the grid than this is no rounding.
const MISS: i64 = 1_000_000;
/// Two steps between frames differ by no more than this where the cadence is constant.
const UNEVEN: i64 = 2_100_000;
/// How long a cadence is measured: then neighbouring rates (30 and 29.97) can be told apart.
const MEASURE: i64 = 2_200_000_000;
const MEASURE_FRAMES: i64 = 10;
/// How often a grid is checked, and how far its phase may have slid meanwhile.
const CHECK: i64 = 4_000_000_000;
const SLIDE_MAX: i64 = 1_200_000;
/// Frames off the grid, less half of those on it, after which there is none.
const LOST: u32 = 30;

/// Frames in seconds, as cameras and encoders have them.
const RATES: [(u32, u32); 26] = [
    (30, 1),
    (30_000, 1001),
    (25, 1),
    (60, 1),
    (60_000, 1001),
    (50, 1),
    (24, 1),
    (24_000, 1001),
    (15, 1),
    (15_000, 1001),
    (20, 1),
    (10, 1),
    (12, 1),
    (25, 2),
    (5, 1),
    (1, 1),
    (2, 1),
    (8, 1),
    (48, 1),
    (90, 1),
    (100, 1),
    (120, 1),
    (120_000, 1001),
    (144, 1),
    (200, 1),
    (240, 1),
];

/// Recovers the exact times of frames that come at a constant rate from stamps in milliseconds.
///
/// 29.97 frames a second come out 3 003 ticks of 90 kHz apart. A stamp is never moved by more than a
/// millisecond; where there is no constant rate it is left alone.
#[derive(Default)]
pub(super) struct Cadence {
    /// The rate that the bitstream claims, until frames contradict it.
    hint: Option<(u32, u32)>,
    grid: Option<Grid>,
    measure: Option<Measure>,
    last: Option<Time>,
    /// Frames off the grid, in a row.
    misses: u32,
    /// Twice those off the grid, less those on it.
    doubt: u32,
}

/// Frame `n` stands at `origin + n × seconds / frames`.
struct Grid {
    rate: (u32, u32),
    origin: Time,
    /// Number of the last frame.
    last: i64,
    checked: Time,
    /// How far the origin was moved since then.
    slid: i64,
}

struct Measure {
    start: Time,
    steps: i64,
}

impl Cadence {
    /// What the bitstream says about its frame rate, frames in seconds.
    pub(super) fn hint(&mut self, rate: Option<(u32, u32)>) {
        // A rate beyond these is some clock's, not that of frames.
        let is_sane = |&(frames, seconds): &(u32, u32)| {
            seconds > 0 && frames >= seconds / 2 && u64::from(frames) <= 300 * u64::from(seconds)
        };
        let rate = rate.filter(is_sane);
        if self.hint != rate {
            *self = Self { hint: rate, last: self.last, ..Self::default() };
        }
    }

    /// What follows has nothing to do with what was.
    pub(super) fn restart(&mut self) {
        self.grid = None;
        self.measure = None;
        self.last = None;
    }

    /// The distance of two frames, where it is constant.
    pub(super) fn period(&self) -> Option<Span> {
        self.grid.as_ref().map(|grid| grid.span(1))
    }

    /// The exact decode time and reorder of a frame stamped `raw`.
    pub(super) fn place(&mut self, raw: Time, reorder: Span) -> (Time, Span) {
        let last = self.last.replace(raw);
        if last.is_none() {
            self.grid = self.hint.map(|rate| Grid::new(rate, raw));
            self.measure = Some(Measure { start: raw, steps: 0 });
            return (raw, self.reorder(reorder));
        }
        let step = last.map_or(Span::ZERO, |last| raw.since(last));
        let Some(grid) = &mut self.grid else {
            self.measure(raw, step);
            return (raw, reorder);
        };
        let Some(dts) = grid.place(raw) else {
            self.miss(raw, step);
            return (raw, reorder);
        };
        self.misses = 0;
        self.doubt = self.doubt.saturating_sub(1);
        if grid.is_wrong(raw) {
            self.hint = None;
            self.lose(raw);
            return (dts, reorder);
        }
        (dts, self.reorder(reorder))
    }

    /// A whole number of frames, where it is one but for rounding.
    fn reorder(&self, reorder: Span) -> Span {
        let Some(grid) = &self.grid else { return reorder };
        let exact = grid.span(grid.count(reorder));
        if (exact - reorder).abs().0 <= MISS { exact } else { reorder }
    }

    /// A frame off the grid: after a hole the same rate goes on in another phase.
    fn miss(&mut self, raw: Time, step: Span) {
        self.misses += 1;
        self.doubt += 2;
        if self.doubt >= 2 * LOST {
            return self.lose(raw);
        }
        let Some(grid) = &mut self.grid else { return };
        let count = grid.count(step);
        if self.misses > 1 && count > 0 && (grid.span(count) - step).abs().0 <= MISS {
            *grid = Grid::new(grid.rate, raw);
            self.misses = 0;
        }
    }

    fn lose(&mut self, raw: Time) {
        self.grid = None;
        self.misses = 0;
        self.doubt = 0;
        self.measure = Some(Measure { start: raw, steps: 0 });
    }

    /// Looks for a constant rate.
    fn measure(&mut self, raw: Time, step: Span) {
        let measure = self.measure.get_or_insert(Measure { start: raw, steps: 0 });
        let before = raw.since(measure.start) - step;
        let is_even = measure.steps == 0 || (before.0 / measure.steps - step.0).abs() <= UNEVEN;
        if step.0 <= 0 || !is_even {
            self.lose(raw);
            return;
        }
        measure.steps += 1;
        let (span, steps) = (raw.since(measure.start).0, measure.steps);
        if span < MEASURE || steps < MEASURE_FRAMES {
            return;
        }
        // Either end is off by half a millisecond at most.
        let off = |&rate: &(u32, u32)| (span_of(rate, steps).0 - span).abs();
        let best = self.hint.iter().chain(&RATES).copied().min_by_key(off).filter(|rate| off(rate) <= MISS);
        self.lose(raw);
        self.grid = best.map(|rate| Grid::new(rate, raw));
    }
}

impl Grid {
    fn new(rate: (u32, u32), origin: Time) -> Self {
        Self { rate, origin, last: 0, checked: origin, slid: 0 }
    }

    fn span(&self, frames: i64) -> Span {
        span_of(self.rate, frames)
    }

    /// The nearest whole number of frames.
    fn count(&self, span: Span) -> i64 {
        let (frames, seconds) = (i128::from(self.rate.0), i128::from(self.rate.1) * 1_000_000_000);
        let scaled = i128::from(span.0) * frames;
        let half = if scaled < 0 { -seconds / 2 } else { seconds / 2 };
        ((scaled + half) / seconds).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// Where on the grid a frame stands; `None` if it does not.
    fn place(&mut self, raw: Time) -> Option<Time> {
        let index = self.count(raw.since(self.origin));
        if index <= self.last {
            return None;
        }
        let exact = self.origin + self.span(index);
        let error = raw.since(exact).0;
        if error.abs() > MISS {
            return None;
        }
        self.last = index;
        // The grid rests where all stamps lie within rounding of it.
        let slide = Span(error - error.clamp(-ROUNDING, ROUNDING));
        self.origin += slide;
        self.slid = self.slid.saturating_add(slide.0.abs());
        Some(exact + slide)
    }

    /// Whether the phase slides as it does when the rate is another.
    fn is_wrong(&mut self, raw: Time) -> bool {
        if raw.since(self.checked).0 < CHECK {
            return false;
        }
        self.checked = raw;
        std::mem::take(&mut self.slid) > SLIDE_MAX
    }
}

fn span_of((frames, seconds): (u32, u32), count: i64) -> Span {
    let nanos = i128::from(count) * i128::from(seconds) * 1_000_000_000;
    let frames = i128::from(frames.max(1));
    let half = if nanos < 0 { -frames / 2 } else { frames / 2 };
    Span(((nanos + half) / frames).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}
