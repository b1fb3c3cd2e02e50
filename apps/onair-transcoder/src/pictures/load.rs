//! Which rungs there is time for. A machine without codecs: time is an argument.

use std::time::{Duration, Instant};

/// Pictures left out within [`SHORT`] that mean that there is too much to do, rather than that something came between.
const MANY: u32 = 8;
const SHORT: Duration = Duration::from_secs(2);
/// After a change so long is waited for its effect.
const SETTLING: Duration = Duration::from_secs(3);
/// How long all must be well before a rung comes back; doubled each time it was in vain.
const CALM: Duration = Duration::from_secs(10);
const MOST_CALM: Duration = Duration::from_secs(320);

/// Sheds the highest rung when pictures must be left out, and takes it back after a calm while.
#[derive(Debug)]
pub(crate) struct Load {
    rungs: usize,
    /// How many of the highest are not made.
    shed: usize,
    calm: Duration,
    changed: Instant,
    /// When the newest rung came back.
    returned: Option<Instant>,
    /// Pictures left out, since when.
    left_out: u32,
    since: Instant,
    /// When one was last left out.
    last: Instant,
}

impl Load {
    /// For so many rungs, all of which are made at first.
    pub(crate) fn new(rungs: usize, now: Instant) -> Self {
        Self { rungs, shed: 0, calm: CALM, changed: now, returned: None, left_out: 0, since: now, last: now }
    }

    /// How many of the highest rungs are not made.
    pub(crate) fn shed(&self) -> usize {
        self.shed
    }

    /// A picture was left out of some rung. True if that changed which rungs are made.
    pub(crate) fn left_out(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) > SHORT {
            (self.since, self.left_out) = (now, 0);
        }
        self.last = now;
        self.left_out += 1;
        let is_settled = now.saturating_duration_since(self.changed) >= SETTLING || self.shed == 0;
        // The last rung stays: some pictures are better than none.
        if self.left_out < MANY || !is_settled || self.shed + 1 >= self.rungs {
            return false;
        }
        if self.returned.take().is_some_and(|back| now.saturating_duration_since(back) < 3 * CALM) {
            self.calm = (2 * self.calm).min(MOST_CALM);
        }
        self.shed += 1;
        self.changed = now;
        self.left_out = 0;
        true
    }

    /// A keyframe comes, at which a rung could begin again. True if one does.
    pub(crate) fn keyframe(&mut self, now: Instant) -> bool {
        let quiet = now.saturating_duration_since(self.last.max(self.changed));
        if self.shed == 0 || quiet < self.calm {
            return false;
        }
        self.shed -= 1;
        self.changed = now;
        self.returned = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_rung_goes_first_and_comes_back_after_a_calm_while() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut load = Load::new(3, start);
        // Now and then one is no matter.
        assert!((0..20).all(|n| !load.left_out(at(n * 1000))));
        let shed: Vec<u64> = (0..400).filter(|&n| load.left_out(at(30_000 + n * 33))).collect();
        assert_eq!((shed.len(), load.shed()), (2, 2), "the last rung stays");
        assert!(shed[0] <= 8 && (shed[1] - shed[0]) * 33 >= 2990, "{shed:?}");
        let end = 30_000 + 400 * 33;
        assert!(!load.keyframe(at(end + 9_000)));
        assert!(load.keyframe(at(end + 10_100)) && !load.keyframe(at(end + 12_000)));
        assert!(load.keyframe(at(end + 20_200)));
        assert_eq!(load.shed(), 0);
    }

    #[test]
    fn a_rung_that_came_back_in_vain_waits_longer() {
        let start = Instant::now();
        let at = |secs: u64| start + Duration::from_secs(secs);
        let mut load = Load::new(2, start);
        let overload = |load: &mut Load, secs| (0..MANY).any(|_| load.left_out(at(secs)));
        assert!(overload(&mut load, 10));
        assert!(load.keyframe(at(20)));
        assert!(overload(&mut load, 25));
        assert!(!load.keyframe(at(36)) && load.keyframe(at(45)));
    }
}
