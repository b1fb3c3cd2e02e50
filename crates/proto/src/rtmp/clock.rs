use media::Time;

/// Unwraps RTMP's 32-bit milliseconds, which come round every 49.7 days (conformance A1).
///
/// One clock for all tracks of a publisher: where one track wraps before the other, both stay
/// beside the last time seen, so they do not part (A2).
#[derive(Debug, Default)]
pub(super) struct Clock {
    near_ms: Option<i64>,
}

impl Clock {
    /// The time that `wire` milliseconds stand for: of all that could be meant, the nearest to the last one.
    pub(super) fn unwrap(&mut self, wire: u32) -> Time {
        let near = self.near_ms.unwrap_or(i64::from(wire));
        let step = wire.wrapping_sub(near as u32) as i32;
        let ms = near.saturating_add(i64::from(step));
        self.near_ms = Some(ms);
        Time::from_ticks(ms, 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwrapped(wire: &[u32]) -> Vec<i64> {
        let mut clock = Clock::default();
        wire.iter().map(|&ms| clock.unwrap(ms).to_ticks(1000)).collect()
    }

    /// A1.
    #[test]
    fn a_wrap_of_32_bits_is_a_step_like_any_other() {
        let last = u32::MAX;
        assert_eq!(unwrapped(&[last - 9, last, 9]), [i64::from(last) - 9, i64::from(last), i64::from(last) + 10]);
    }

    /// A2.
    #[test]
    fn tracks_that_wrap_one_after_the_other_stay_together() {
        let times = unwrapped(&[u32::MAX - 5, 3, u32::MAX - 1, 10]);
        assert!(times.iter().all(|time| (time - i64::from(u32::MAX)).abs() < 20), "{times:?}");
    }

    /// A6, A7: what to make of these is the timeline's to decide; here they keep their place.
    #[test]
    fn a_stray_or_backward_time_does_not_move_those_after_it() {
        assert_eq!(unwrapped(&[1000, 90_000_000, 1040, 1020]), [1000, 90_000_000, 1040, 1020]);
    }
}
