//! Keeps what is made at the times of what it is made of, to the sample. A machine without codecs.

use super::RATE;

/// Off by no more than this, the source's clock and the count of samples are brought together unheard.
const LOOSE: i64 = RATE as i64 / 50;
/// A hole longer than this is kept as a hole: nothing is made for it.
const HOLE: i64 = RATE as i64;
/// The average error at which that begins, and its rest.
const CORRECT_FROM: i64 = RATE as i64 / 1000;
/// One sample in so many is put in or left out.
const CORRECTION: usize = 480;
/// The average moves by one part in this of each new error.
const AVERAGE: i64 = 16;

/// Counts samples on the broadcast's timeline.
#[derive(Debug, Default)]
pub struct Pace {
    /// Where the next sample goes; `None` before the first.
    next: Option<i64>,
    /// The average error, in sixteenths of a sample.
    error: i64,
}

/// What to do with a piece of sound before it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It begins there, and what was has ended.
    Begin(i64),
    /// So many samples of silence come before it: a short hole (conformance P21).
    Silence(usize),
    /// So many samples of it are there already.
    Drop(usize),
    /// It becomes longer or shorter by so many samples.
    Stretch(isize),
}

impl Pace {
    /// A piece of `len` samples comes that belongs at `at`, while `kept` samples before it are still on their way.
    pub fn place(&mut self, at: i64, kept: i64, len: usize) -> Step {
        let Some(next) = self.next else { return self.begin(at) };
        let error = at.saturating_sub(next.saturating_add(kept));
        if error.saturating_abs() > HOLE {
            return self.begin(at);
        }
        if error > LOOSE {
            self.error = 0;
            return Step::Silence(usize::try_from(error).unwrap_or(0));
        }
        if error < -LOOSE {
            self.error = 0;
            return Step::Drop(usize::try_from(-error).unwrap_or(0));
        }
        self.error += (error * AVERAGE - self.error) / AVERAGE;
        if self.error.abs() < CORRECT_FROM * AVERAGE {
            return Step::Stretch(0);
        }
        let most = isize::try_from(len / CORRECTION).unwrap_or(0);
        let wanted = isize::try_from(self.error / AVERAGE).unwrap_or(0);
        let step = wanted.clamp(-most, most);
        self.error -= step as i64 * AVERAGE;
        Step::Stretch(step)
    }

    fn begin(&mut self, at: i64) -> Step {
        *self = Self { next: Some(at), error: 0 };
        Step::Begin(at)
    }

    /// So many samples were taken.
    pub fn advance(&mut self, samples: usize) {
        let samples = i64::try_from(samples).unwrap_or(i64::MAX);
        self.next = self.next.map(|next| next.saturating_add(samples));
    }

    /// The next piece begins anew, wherever it is.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Makes interleaved stereo longer or shorter by so many samples, evenly.
pub fn stretch(samples: &mut Vec<f32>, by: isize) {
    let len = samples.len() / 2;
    let wanted = len.saturating_add_signed(by);
    if by == 0 || len < 2 || wanted < 2 {
        return;
    }
    let scale = (len - 1) as f64 / (wanted - 1) as f64;
    let mut out = Vec::with_capacity(2 * wanted);
    for n in 0..wanted {
        let place = n as f64 * scale;
        let (whole, part) = (place.floor() as usize, place.fract() as f32);
        for channel in 0..2 {
            let sample = |at: usize| samples.get(2 * at.min(len - 1) + channel).copied().unwrap_or(0.0);
            out.push(sample(whole) * (1.0 - part) + sample(whole + 1) * part);
        }
    }
    *samples = out;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds pieces of 1024 samples at 44.1 kHz whose times are `time(n)`, and says by how much the count is off at the end.
    fn run(pieces: i64, time: impl Fn(i64) -> i64) -> (i64, Vec<Step>) {
        let mut pace = Pace::default();
        let (mut odd, mut given) = (Vec::new(), 0);
        for n in 0..pieces {
            // As an exact resampler gives them.
            let len = ((n + 1) * 1024 * 160 / 147 - n * 1024 * 160 / 147) as usize;
            let step = pace.place(time(n), 0, len);
            given = match step {
                Step::Stretch(by) => len.saturating_add_signed(by),
                Step::Silence(more) => len + more,
                Step::Drop(less) => len.saturating_sub(less),
                Step::Begin(_) => len,
            };
            if !matches!(step, Step::Stretch(_)) {
                odd.push(step);
            }
            pace.advance(given);
        }
        (pace.next.unwrap() - given as i64 - time(pieces - 1), odd)
    }

    #[test]
    fn an_hour_of_44100_hz_comes_out_to_the_sample() {
        // A15.
        let exact = |n| n * 1024 * 160 / 147;
        let (off, odd) = run(155_040, exact);
        assert_eq!(odd, [Step::Begin(0)]);
        assert!(off.abs() <= 1, "{off}");
    }

    #[test]
    fn a_clock_that_runs_wrong_is_followed_unheard() {
        // A15: one part in a thousand, ten minutes.
        for wrong in [1001, 999] {
            let (off, odd) = run(25_840, |n| n * 1024 * 160 / 147 * wrong / 1000);
            assert_eq!(odd.len(), 1, "{odd:?}");
            assert!(off.abs() <= 2 * CORRECT_FROM, "{off}");
        }
    }

    #[test]
    fn jitter_of_milliseconds_moves_nothing() {
        let (_, odd) = run(10_000, |n| n * 1024 * 160 / 147 + [0, 20, -20, 35, -35][n as usize % 5]);
        assert_eq!(odd.len(), 1);
    }

    #[test]
    fn short_holes_are_silence_and_long_ones_stay_holes() {
        // A12, P21.
        let after = |hole: i64| move |n: i64| n * 1024 * 160 / 147 + if n >= 50 { hole } else { 0 };
        let (_, odd) = run(100, after(9600));
        assert!(matches!(odd[..], [_, Step::Silence(9599..=9601)]), "{odd:?}");
        let (_, odd) = run(100, after(3 * 48_000));
        assert_eq!(odd[1], Step::Begin(after(3 * 48_000)(50)));
        let (_, odd) = run(100, after(-2000));
        assert!(matches!(odd[..], [_, Step::Drop(1999..=2001), ..]), "{odd:?}");
    }

    #[test]
    fn a_stretched_piece_keeps_its_ends() {
        let mut samples: Vec<f32> = (0..960).flat_map(|n| [n as f32, -(n as f32)]).collect();
        stretch(&mut samples, 2);
        assert_eq!(samples.len(), 2 * 962);
        assert_eq!((samples[0], samples[2 * 961], samples[2 * 961 + 1]), (0.0, 959.0, -959.0));
        stretch(&mut samples, -2);
        assert_eq!(samples.len(), 2 * 960);
    }
}
