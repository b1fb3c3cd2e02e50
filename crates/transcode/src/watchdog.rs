use std::time::{Duration, Instant};

/// How long a worker may take to load its codecs and lock itself in.
const START: Duration = Duration::from_secs(10);
/// How long it may then chew on what it was given, where that is sound. Less than a second, as viewers shall not miss more.
pub(crate) const CHEW: Duration = Duration::from_millis(750);
/// The same for pictures, of which a machine that is slow may take long.
pub(crate) const CHEW_PICTURES: Duration = Duration::from_millis(2500);
/// Frames that it may have before it and not have taken.
const MOST_AHEAD: u64 = 64;

/// Tells a worker that hangs from one that has nothing to do. A machine: time is an argument.
#[derive(Debug)]
pub(crate) struct Watchdog {
    chew: Duration,
    is_ready: bool,
    given: u64,
    taken: u64,
    /// Since when something should have come from it.
    since: Option<Instant>,
}

impl Watchdog {
    pub(crate) fn new(chew: Duration, now: Instant) -> Self {
        Self { is_ready: false, given: 0, taken: 0, since: Some(now), chew }
    }

    /// Frames that it has before it.
    pub(crate) fn owed(&self) -> u64 {
        self.given - self.taken
    }

    pub(crate) fn ready(&mut self, now: Instant) {
        self.is_ready = true;
        self.since = (self.given > 0).then_some(now);
    }

    pub(crate) fn gave(&mut self, now: Instant) {
        self.given += 1;
        self.since.get_or_insert(now);
    }

    pub(crate) fn took(&mut self, taken: u64, now: Instant) {
        // More than it was given it cannot have taken, whatever it says.
        self.taken = taken.min(self.given);
        self.since = (self.taken < self.given).then_some(now);
    }

    pub(crate) fn may_give(&self) -> bool {
        self.is_ready && self.given - self.taken < MOST_AHEAD
    }

    /// When it is to be given up.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Some(self.since? + if self.is_ready { self.chew } else { START })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_worker_that_owes_something_can_hang() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut dog = Watchdog::new(CHEW, start);
        assert_eq!((dog.deadline(), dog.may_give()), (Some(start + START), false));
        dog.ready(at(100));
        assert_eq!((dog.deadline(), dog.may_give()), (None, true));
        dog.gave(at(5000));
        dog.gave(at(5020));
        assert_eq!(dog.deadline(), Some(at(5000) + CHEW));
        dog.took(1, at(5030));
        assert_eq!(dog.deadline(), Some(at(5030) + CHEW));
        dog.took(2, at(5040));
        assert_eq!(dog.deadline(), None);
    }

    #[test]
    fn a_worker_gets_no_more_than_it_can_chew() {
        let now = Instant::now();
        let mut dog = Watchdog::new(CHEW, now);
        dog.ready(now);
        (0..MOST_AHEAD).for_each(|_| dog.gave(now));
        assert!(!dog.may_give());
        dog.took(1, now);
        assert!(dog.may_give());
        dog.took(u64::MAX, now);
        assert!(dog.may_give());
    }
}
