use std::time::{Duration, Instant};

/// Requests for one layer lie at least this far apart (P3).
const PAUSE: Duration = Duration::from_millis(500);
/// A keyframe that comes so soon after the first request for it is an answer.
const ANSWER: Duration = Duration::from_secs(1);
/// Pauses double this often while nothing is answered: encoders like OBS never answer (W39, P4).
const MAX_DOUBLINGS: u32 = 3;

/// When to ask a layer for a keyframe.
#[derive(Debug, Default)]
pub(super) struct Keyframes {
    is_wanted: bool,
    /// When the one that is wanted was asked for first.
    begun: Option<Instant>,
    asked: Option<Instant>,
    unanswered: u32,
    newest: Option<Instant>,
    pub(super) requests: u64,
    pub(super) received: u64,
}

impl Keyframes {
    /// One is needed: it is asked for as soon as it may be, and again until one comes.
    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// One has come.
    pub(super) fn on_keyframe(&mut self, now: Instant) {
        // What comes after the third request may be mere chance.
        if self.begun.take().is_some_and(|at| now.saturating_duration_since(at) <= ANSWER) {
            self.unanswered = self.unanswered.saturating_sub(2);
        }
        self.is_wanted = false;
        self.newest = Some(now);
        self.received += 1;
    }

    /// When one is to be asked for next.
    pub(super) fn ask_at(&self, now: Instant) -> Option<Instant> {
        let pause = PAUSE * (1 << self.unanswered.saturating_sub(1).min(MAX_DOUBLINGS));
        self.is_wanted.then(|| self.asked.map_or(now, |at| at + pause))
    }

    /// It is being asked for.
    pub(super) fn on_asked(&mut self, now: Instant) {
        self.begun.get_or_insert(now);
        self.asked = Some(now);
        self.unanswered = (self.unanswered + 1).min(MAX_DOUBLINGS + 2);
        self.requests += 1;
    }

    /// When the newest group will be older than `interval`, unless one is asked for already.
    pub(super) fn old_at(&self, interval: Option<Duration>) -> Option<Instant> {
        Some(self.newest? + interval?).filter(|_| !self.is_wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds × 10 at which requests go out to an encoder that gives a keyframe every `gop` of them and hears nothing.
    fn requests_to_the_deaf(gop: u32) -> Vec<u32> {
        let start = Instant::now();
        let (mut keys, mut sent) = (Keyframes::default(), Vec::new());
        for tenth in 0..200 {
            let now = start + Duration::from_millis(100) * tenth;
            if tenth % gop == 0 {
                keys.on_keyframe(now);
            }
            if keys.old_at(Some(Duration::from_secs(2))).is_some_and(|at| at <= now) {
                keys.want();
            }
            if keys.ask_at(now).is_some_and(|at| at <= now) {
                keys.on_asked(now);
                sent.push(tenth);
            }
        }
        sent
    }

    #[test]
    fn an_encoder_that_does_not_listen_is_asked_every_few_seconds() {
        // P3, P4, W39.
        assert_eq!(requests_to_the_deaf(100), [20, 25, 35, 55, 95, 135, 175]);
    }

    #[test]
    fn a_keyframe_ends_the_asking() {
        let start = Instant::now();
        let mut keys = Keyframes::default();
        keys.want();
        assert_eq!(keys.ask_at(start), Some(start));
        keys.on_asked(start);
        assert_eq!(keys.ask_at(start), Some(start + PAUSE));
        keys.on_keyframe(start + Duration::from_millis(80));
        assert_eq!(keys.ask_at(start + PAUSE), None);
        // The next one is asked for without delay, but for the pause.
        keys.want();
        assert_eq!(keys.ask_at(start), Some(start + PAUSE));
    }
}
