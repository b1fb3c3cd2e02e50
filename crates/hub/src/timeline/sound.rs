use media::{Span, Time};

/// Stamps may be off the count of samples by this much before it is a hole or an overlap.
const WOBBLE: Span = Span::from_millis(80);
/// A hole this long was judged already, with the stamp.
const HOLE: Span = Span::from_millis(500);
/// The average error at which the count begins to follow the stamps, and at which it rests again.
const CORRECT_FROM: Span = Span::from_millis(12);
const CORRECT_TO: Span = Span::from_millis(1);
/// Part of a second by which one frame corrects at most.
const CORRECTION: i64 = 2000;
/// The average error moves by one part in this of each new one: about a second and a half.
const AVERAGE: i64 = 64;
/// So many stamps beyond a hole make it real, even when nothing was missed on the arrival clock.
const AGREED: u32 = 3;

/// Times sound by counting its samples, so that a publisher's millisecond stamps neither jitter nor add
/// up (A15). Stamps are believed in the long run, and where a hole shows.
#[derive(Default)]
pub(super) struct Sound {
    /// Samples a second.
    rate: u32,
    /// Where the next frame begins, in samples from zero; `None` before the first.
    next: Option<i64>,
    /// How far stamps lie after the count, smoothed.
    error: Span,
    is_correcting: bool,
    /// Frames in a row that lie beyond a hole.
    beyond: u32,
}

impl Sound {
    pub(super) fn describe(&mut self, rate: u32) {
        if self.rate != rate {
            *self = Self { rate, ..Self::default() };
        }
    }

    /// The next frame is counted from its own stamp.
    pub(super) fn restart(&mut self) {
        *self = Self { rate: self.rate, ..Self::default() };
    }

    /// How long `ticks` samples play.
    pub(super) fn length(&self, ticks: u32) -> Span {
        Span::from_ticks(i64::from(ticks), self.rate)
    }

    /// Where a frame of `ticks` samples begins; `None` where that sound is there already.
    ///
    /// `passed` is what the arrival clock counted since the last frame.
    pub(super) fn place(&mut self, raw: Time, ticks: u32, passed: Span) -> Option<Time> {
        let next = *self.next.get_or_insert_with(|| raw.to_ticks(self.rate));
        let error = raw.since(Time::from_ticks(next, self.rate));
        let begin = match error {
            overlap if overlap < -WOBBLE => {
                self.beyond = 0;
                return None;
            }
            hole if hole > WOBBLE => self.hole(next, raw, hole, passed),
            error => self.count(next, error),
        };
        self.next = Some(begin.saturating_add(i64::from(ticks)));
        Some(Time::from_ticks(begin, self.rate))
    }

    fn hole(&mut self, next: i64, raw: Time, error: Span, passed: Span) -> i64 {
        self.beyond += 1;
        if error < HOLE && passed + WOBBLE < error && self.beyond < AGREED {
            return next;
        }
        self.restart();
        raw.to_ticks(self.rate)
    }

    /// Goes on counting, and follows the stamps where they are off for long.
    fn count(&mut self, next: i64, error: Span) -> i64 {
        self.beyond = 0;
        self.error += Span((error - self.error).0 / AVERAGE);
        self.is_correcting = match self.error.abs() {
            off if off >= CORRECT_FROM => true,
            off if off <= CORRECT_TO => false,
            _ => self.is_correcting,
        };
        if !self.is_correcting {
            return next;
        }
        let most = i64::from(self.rate) / CORRECTION;
        let ticks = self.error.to_ticks(self.rate).clamp(-most, most);
        self.error += -Span::from_ticks(ticks, self.rate);
        next.saturating_add(ticks)
    }
}
