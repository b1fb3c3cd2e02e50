use media::{Kind, Span, Time, TrackId};

use super::Settings;
use super::prelude::Prelude;

/// What never changes once a playlist was shown (H7, H20), and what it was derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The track at whose keyframes all are cut.
    pub(super) leader: TrackId,
    /// How long a segment should be.
    pub(super) segment: Span,
    /// EXT-X-TARGETDURATION.
    pub(super) target_duration_secs: u32,
    /// PART-TARGET.
    pub(super) part_target: Span,
    /// The longest distance between keyframes to reckon with.
    pub(super) longest_gop: Span,
    /// A distance between two frames beyond which the timeline has a hole, and breaks.
    pub(super) hole: Span,
}

/// A keyframe distance beyond which segments are cut elsewhere.
const LONGEST_TARGET: Span = Span::from_millis(10_000);
/// By how much a segment may exceed the target duration and still round to it.
const ROUNDING: Span = Span::from_millis(350);
/// By how much the times of a few frames may be off where the hub finds no exact rate for them.
const JITTER: Span = Span::from_millis(3);
/// How long to wait for the other kind (A10).
pub(super) const PATIENCE: Span = Span::from_millis(1000);

impl Plan {
    /// The longest that a segment may become and still round to the target duration.
    pub(super) fn longest_segment(&self) -> Span {
        Span::from_millis(i64::from(self.target_duration_secs) * 1000) + ROUNDING
    }

    /// The longest hole in sound to be filled with silence. Beyond it the timeline breaks.
    pub(super) fn longest_hole(&self) -> Span {
        Span::from_millis(i64::from(self.target_duration_secs) * 3000)
    }

    /// What can be said by now; `None` until enough is known. `at_once` makes do with what there is.
    pub(super) fn learn(prelude: &Prelude, waited: Span, settings: &Settings, at_once: bool) -> Option<Self> {
        let video = prelude.leading_video();
        let audio = prelude.first_of(Kind::Audio);
        if !(at_once || video.is_some() && audio.is_some() || waited >= PATIENCE) {
            return None;
        }
        let first_gop = Span(settings.segment.0 / 2 * 3);
        let Some(video) = video else {
            return audio.map(|leader| Self::of(leader, settings, Span::ZERO, None, &prelude.sound_steps()));
        };

        let pace = prelude.pace(video);
        let enough = pace.intervals >= 6 || pace.intervals >= 2 && waited >= PATIENCE || waited >= first_gop;
        if !(enough || at_once) {
            return None;
        }
        let said = pace.keyint.zip(pace.period).map(|(frames, period)| times(period, frames));
        let longest_gop = match said.or(pace.first_gop) {
            Some(gop) => gop.min(LONGEST_TARGET),
            None if at_once || pace.span >= first_gop || waited >= first_gop => LONGEST_TARGET,
            None => return None,
        };
        Some(Self::of(video, settings, longest_gop, pace.period, &prelude.sound_steps()))
    }

    fn of(leader: TrackId, settings: &Settings, gop: Span, period: Option<Span>, sound: &[Span]) -> Self {
        let longest = settings.segment.max(gop).min(LONGEST_TARGET.max(settings.segment));
        let whole = (longest - ROUNDING).0.max(1).cast_unsigned().div_ceil(1_000_000_000);
        let target_duration_secs = u32::try_from(whole).unwrap_or(u32::MAX);
        let mut plan = Self {
            leader,
            segment: settings.segment,
            target_duration_secs,
            part_target: part_target(settings.part, period, sound),
            longest_gop: gop,
            hole: period.map_or(Span::ZERO, |period| times(period, 4)).max(Span::from_millis(1500)),
        };
        plan.hole = plan.hole.min(plan.longest_segment());
        plan
    }
}

fn times(span: Span, count: u32) -> Span {
    Span(span.0.saturating_mul(i64::from(count)))
}

/// The part target nearest above the wanted one that whole frames of every track fill to 85 % (H21).
///
/// A picture rate too slow for that gets parts of one frame.
fn part_target(wanted: Span, period: Option<Span>, sound: &[Span]) -> Span {
    let steps: Vec<(Span, Span)> = match period {
        Some(period) => vec![(period, JITTER)],
        None => Vec::new(),
    };
    let steps: Vec<_> = steps.into_iter().chain(sound.iter().map(|&step| (step, Span::ZERO))).collect();
    let Some(&(step, slack)) = steps.first().filter(|(step, _)| step.0 > 0) else { return wanted };
    let count = ((wanted.0 + step.0 / 2) / step.0).max(1);
    let whole_ms = |span: Span| Span(span.0.cast_unsigned().div_ceil(1_000_000).cast_signed() * 1_000_000);
    // The slack covers the hair by which a sum of rounded periods may lie above a whole number.
    let hair = if slack > Span::ZERO { Span(100_000) } else { Span::ZERO };
    let base = whole_ms(Span(step.0.saturating_mul(count)) - hair) + slack;
    let filled = |target: Span| {
        steps.iter().all(|&(step, slack)| {
            let count = (target - slack).0 / step.0.max(1);
            // 85 %, and a hair more for rounding.
            count >= 1 && Span(step.0 * count).0 >= target.0 / 100 * 86
        })
    };
    (0..300).map(|ms| base + Span::from_millis(ms)).find(|&target| filled(target)).unwrap_or(base)
}

/// What the first frames of a video track say about its pace.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Typical distance of two frames.
    pub(super) period: Option<Span>,
    /// How many distances were seen.
    pub(super) intervals: usize,
    /// From the first keyframe to the newest frame.
    pub(super) span: Span,
    /// From the first keyframe to the second.
    pub(super) first_gop: Option<Span>,
    /// The longest distance of keyframes in frames, by the encoder's own word.
    pub(super) keyint: Option<u32>,
}

impl Pace {
    /// From decode times in order, each with its sync flag, and the rate that the bitstream claims.
    pub(super) fn of(frames: &[(Time, bool)], claimed: Option<(u32, u32)>, keyint: Option<u32>) -> Self {
        let Some(first) = frames.iter().position(|(_, is_sync)| *is_sync) else { return Self::default() };
        let frames = frames.get(first..).unwrap_or_default();
        let mut steps: Vec<Span> =
            frames.windows(2).filter_map(|two| Some(two.last()?.0.since(two.first()?.0))).collect();
        let span = steps.iter().fold(Span::ZERO, |sum, &step| sum + step);
        let intervals = steps.len();
        steps.sort_unstable();
        let measured = steps.get(intervals / 2).copied().filter(|step| step.0 > 0);
        let claimed = claimed.map(|(num, den)| Span::from_ticks(i64::from(den), num)).filter(|step| step.0 > 0);
        // A claim is exact where it is true at all; two frames of doubt about a field rate are resolved by measuring.
        let period = match (measured, claimed) {
            (Some(measured), Some(claimed)) if (measured - claimed).abs().0 <= claimed.0 / 4 => Some(claimed),
            (Some(measured), _) => Some(measured),
            (None, claimed) => claimed,
        };
        let start = frames.first().map(|(dts, _)| *dts);
        let second = frames.iter().skip(1).find(|(_, is_sync)| *is_sync).map(|(dts, _)| *dts);
        let first_gop = second.zip(start).map(|(second, first)| second.since(first));
        Self { period, intervals, span, first_gop, keyint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn target_ms(period: Option<Span>, sound: &[Span]) -> i64 {
        part_target(Span::from_millis(200), period, sound).0 / MS
    }

    #[test]
    fn part_targets_are_whole_frames_of_usual_rates() {
        // H20, H21, A13.
        let aac = [Span::from_ticks(1024, 48_000)];
        let rate = |num, den| Some(Span::from_ticks(den, num));
        assert_eq!(target_ms(rate(30, 1), &aac), 203);
        assert_eq!(target_ms(rate(25, 1), &aac), 203);
        assert_eq!(target_ms(rate(60, 1), &aac), 203);
        assert_eq!(target_ms(rate(30_000, 1001), &aac), 204);
        assert_eq!(target_ms(rate(24, 1), &aac), 212);
        assert_eq!(target_ms(rate(120, 1), &aac), 203);
        assert_eq!(target_ms(rate(1, 1), &aac), 1003);
        assert_eq!(target_ms(None, &aac), 192);
    }

    #[test]
    fn every_track_fills_its_parts_to_85_percent() {
        // H21: HE-AAC frames of 42.7 ms fit four times into 203 ms, which is 84 %.
        for sound in [(1024, 24_000), (1024, 22_050), (1024, 8_000), (960, 48_000), (1024, 11_025)] {
            for rate in [10, 12, 15, 24, 25, 30, 48, 50, 60, 120] {
                let (step, period) = (Span::from_ticks(sound.0, sound.1), Span::from_ticks(1, rate));
                let target = part_target(Span::from_millis(200), Some(period), &[step]);
                for (step, slack) in [(step, Span::ZERO), (period, JITTER)] {
                    let filled = (target - slack).0 / step.0 * step.0;
                    assert!(filled * 100 >= target.0 * 85, "{sound:?} at {rate} fps: {target:?}");
                }
            }
        }
    }
}
