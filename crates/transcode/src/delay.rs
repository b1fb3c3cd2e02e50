use std::collections::VecDeque;
use std::time::{Duration, Instant};

use media::{Frame, Time};

/// Frames of the source whose pictures may still come.
const MOST_AWAITED: usize = 256;
/// Pictures that are remembered: some seconds.
const KEPT: usize = 512;
/// A worker that begins works off what there is already: that says nothing.
const SETTLING: Duration = Duration::from_secs(3);

/// When frames of a source were there to be shown.
#[derive(Debug, Default)]
pub(crate) struct Awaited {
    frames: VecDeque<(Time, Instant)>,
    began: Option<Instant>,
}

impl Awaited {
    /// Another worker begins, or the same one with other work.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.frames.clear();
        self.began = Some(now);
    }

    /// The worker is given that frame. One that is shown later than it is decoded is not missed before that.
    pub(crate) fn gave(&mut self, frame: &Frame, now: Instant) {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) < SETTLING) {
            return;
        }
        if self.frames.len() >= MOST_AWAITED {
            self.frames.pop_front();
        }
        self.frames.push_back((frame.pts(), now + frame.reorder.to_duration()));
    }

    /// How late the picture of that moment is which has come now; `None` of one that says nothing.
    pub(crate) fn came(&self, at: Time, now: Instant) -> Option<Duration> {
        let (_, due) = self.frames.iter().rev().find(|(shown, _)| *shown == at)?;
        Some(now.saturating_duration_since(*due))
    }
}

/// How late the last pictures of a rung were.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delays(VecDeque<Duration>);

impl Delays {
    pub(crate) fn note(&mut self, delay: Duration) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(delay);
    }

    /// 95 of 100 are no later; `None` until there are some.
    pub(crate) fn p95(&self) -> Option<Duration> {
        let mut sorted: Vec<_> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len().saturating_sub(1) * 95 / 100).copied()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use media::Span;

    use super::*;

    fn frame(n: i64, reorder_ms: i64) -> Frame {
        let (dts, reorder) = (Time::ZERO + Span::from_millis(n * 40), Span::from_millis(reorder_ms));
        Frame { dts, reorder, is_sync: n == 0, payload: Bytes::new(), temporal: media::Temporal::BASE }
    }

    #[test]
    fn a_picture_is_late_from_when_its_source_could_be_shown() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut awaited = Awaited::default();
        awaited.begin(start);
        // What a new worker catches up with says nothing.
        awaited.gave(&frame(0, 0), at(100));
        assert_eq!(awaited.came(frame(0, 0).pts(), at(900)), None);
        awaited.gave(&frame(1, 0), at(5000));
        awaited.gave(&frame(2, 80), at(5040));
        assert_eq!(awaited.came(frame(1, 0).pts(), at(5031)), Some(Duration::from_millis(31)));
        assert_eq!(awaited.came(frame(2, 80).pts(), at(5130)), Some(Duration::from_millis(10)));
        assert_eq!(awaited.came(frame(2, 80).pts(), at(5100)), Some(Duration::ZERO));
        assert_eq!(awaited.came(frame(9, 0).pts(), at(5100)), None);
        (0..1000).for_each(|n| awaited.gave(&frame(10 + n, 0), at(6000)));
        assert_eq!((awaited.frames.len(), awaited.came(frame(1, 0).pts(), at(6000))), (MOST_AWAITED, None));
    }

    #[test]
    fn of_a_hundred_pictures_five_may_be_later() {
        let mut delays = Delays::default();
        assert_eq!(delays.p95(), None);
        (1..=100).for_each(|ms| delays.note(Duration::from_millis(ms)));
        assert_eq!(delays.p95(), Some(Duration::from_millis(95)));
        (0..KEPT).for_each(|_| delays.note(Duration::from_millis(7)));
        assert_eq!((delays.0.len(), delays.p95()), (KEPT, Some(Duration::from_millis(7))));
    }
}
