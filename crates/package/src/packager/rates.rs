use media::Span;

/// Measures the bit rates of a rendition for BANDWIDTH and AVERAGE-BANDWIDTH (H3).
#[derive(Debug, Default)]
pub(super) struct Rates {
    peak_bps: u64,
    bytes: u64,
    nanos: u64,
    /// Short segments since the last one that counted: the peak is that of half a target duration or more
    /// (RFC 8216bis §4.4.6.2).
    short: (u64, u64),
    /// Of the last segment that was not short.
    frame_rate: Option<FrameRate>,
}

/// So many frames in so many nanoseconds.
type FrameRate = (u64, u64);

impl Rates {
    /// Counts a complete segment. `half_target` is half a target duration.
    pub(super) fn count(&mut self, bytes: usize, frames: usize, duration: Span, half_target: Span) {
        let (bytes, nanos) = (bytes as u64, duration.0.max(0).cast_unsigned());
        self.bytes = self.bytes.saturating_add(bytes);
        self.nanos = self.nanos.saturating_add(nanos);
        if nanos >= half_target.0.max(0).cast_unsigned() {
            self.frame_rate = Some((frames as u64, nanos)).filter(|rate| rate.0 > 0 && rate.1 > 0);
        }
        let (bytes, nanos) = (self.short.0 + bytes, self.short.1 + nanos);
        if nanos < half_target.0.max(0).cast_unsigned() {
            self.short = (bytes, nanos);
        } else {
            self.short = (0, 0);
            self.peak_bps = self.peak_bps.max(per_second(bytes, nanos));
        }
    }

    /// Peak and average, bits per second; zero before anything counted.
    pub(super) fn bps(&self) -> (u64, u64) {
        (self.peak_bps, if self.peak_bps == 0 { 0 } else { per_second(self.bytes, self.nanos) })
    }

    /// Frames a second, once a segment was complete.
    pub(super) fn frame_rate(&self) -> Option<f64> {
        self.frame_rate.map(frames_a_second)
    }
}

/// Frames a second: a whole number or one of the American rates where it is as good as that.
fn frames_a_second((frames, nanos): FrameRate) -> f64 {
    let rate = frames as f64 * 1e9 / nanos as f64;
    let whole = rate.round().max(1.0);
    let close = |usual: f64| ((rate - usual) / usual).abs() < 0.0004;
    [whole, whole / 1.001].into_iter().find(|&usual| close(usual)).unwrap_or(rate)
}

/// Bits per second, rounded up.
pub(super) fn per_second(bytes: u64, nanos: u64) -> u64 {
    let bits = u128::from(bytes) * 8 * 1_000_000_000;
    u64::try_from(bits.div_ceil(u128::from(nanos.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Span = Span::from_millis(1000);

    #[test]
    fn the_peak_is_never_below_a_segments_own_rate() {
        // H3.
        let mut rates = Rates::default();
        assert_eq!(rates.bps(), (0, 0));
        rates.count(250_000, 60, SECOND + SECOND, SECOND);
        rates.count(500_000, 60, SECOND + SECOND, SECOND);
        assert_eq!(rates.bps(), (2_000_000, 1_500_000));
    }

    #[test]
    fn a_short_segment_counts_with_the_one_that_follows() {
        let mut rates = Rates::default();
        rates.count(100_000, 3, Span::from_millis(100), SECOND);
        assert_eq!(rates.bps().0, 0);
        rates.count(150_000, 57, Span::from_millis(1900), SECOND);
        assert_eq!(rates.bps(), (1_000_000, 1_000_000));
    }

    #[test]
    fn frame_rates_are_measured() {
        // H3.
        for (frames, nanos, rate) in
            [(60, 2_000_000_000, 30.0), (60, 2_002_000_000, 30.0 / 1.001), (1, 3_000_000_000, 1.0 / 3.0)]
        {
            let mut rates = Rates::default();
            rates.count(1, frames, Span(nanos), SECOND);
            assert!((rates.frame_rate().unwrap() - rate).abs() < 1e-9, "{frames} in {nanos}");
        }
    }
}
