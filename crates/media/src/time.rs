use std::ops::{Add, AddAssign, Neg, Sub};
use std::time::Duration;

/// A point on a broadcast's timeline: nanoseconds since the broadcast began.
///
/// Signed and 64 bits wide, so it never wraps (292 years). Nanoseconds rather than 90 kHz ticks
/// because every clock we meet (90 kHz, 44.1 kHz, 48 kHz, 96 kHz, milliseconds, Enhanced RTMP's
/// nanosecond offsets) goes in and comes back exactly by rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A signed distance between two [`Time`]s, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

const NANOS: i128 = 1_000_000_000;

/// `value * to / from`, rounded to nearest (halves away from zero), saturating at the ends of i64.
fn rescale(value: i64, from: i128, to: i128) -> i64 {
    let scaled = i128::from(value) * to;
    let half = from / 2;
    let rounded = if scaled >= 0 { (scaled + half) / from } else { (scaled - half) / from };
    rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

impl Time {
    /// The beginning of a broadcast.
    pub const ZERO: Self = Self(0);

    /// The point `ticks` after zero on a clock of `scale` ticks a second (`scale` > 0).
    pub fn from_ticks(ticks: i64, scale: u32) -> Self {
        Self(rescale(ticks, i128::from(scale.max(1)), NANOS))
    }

    /// The nearest tick of a clock of `scale` ticks a second.
    ///
    /// Exact for any time that `from_ticks` made with a scale of up to 500 MHz.
    pub fn to_ticks(self, scale: u32) -> i64 {
        rescale(self.0, NANOS, i128::from(scale))
    }

    /// How far `self` lies after `earlier`; negative when it lies before.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No distance.
    pub const ZERO: Self = Self(0);

    /// `ms` milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// The span of `ticks` on a clock of `scale` ticks a second (`scale` > 0).
    pub fn from_ticks(ticks: i64, scale: u32) -> Self {
        Self(rescale(ticks, i128::from(scale.max(1)), NANOS))
    }

    /// The nearest whole number of ticks of a clock of `scale` ticks a second.
    pub fn to_ticks(self, scale: u32) -> i64 {
        rescale(self.0, NANOS, i128::from(scale))
    }

    /// Seconds, for people and playlists.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The distance without its sign.
    pub fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// As a [`Duration`]; a negative span is zero.
    pub fn to_duration(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Span {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_44100_hz_audio_stays_sample_exact() {
        for n in (0..155_000).step_by(7) {
            let samples = n * 1024;
            assert_eq!(Time::from_ticks(samples, 44_100).to_ticks(44_100), samples);
        }
    }

    #[test]
    fn ticks_before_zero_come_back_as_they_went() {
        for ticks in -5000..5000 {
            assert_eq!(Time::from_ticks(ticks, 90_000).to_ticks(90_000), ticks);
        }
    }

    #[test]
    fn the_ends_of_time_saturate() {
        assert_eq!(Time(i64::MAX) + Span(1), Time(i64::MAX));
        assert_eq!(Time(i64::MIN).since(Time(1)), Span(i64::MIN));
    }
}
