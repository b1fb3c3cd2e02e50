//! How much of its time a thread of viewers is busy, and what is done when that is too much.

use std::time::{Duration, Instant};

/// Over how long time is counted before it is looked at.
const WINDOW: Duration = Duration::from_millis(500);
/// How much of the newest window is in the average.
const SHARE: f64 = 0.5;
/// A thread is full, or no longer, when it was so for as long.
const LASTING: Duration = Duration::from_secs(1);
/// So much less than the limit, and newcomers are taken again.
const SLACK: f64 = 0.1;
/// Past so much of what is between the limit and all of its time, it cannot keep up.
const EXCESS: f64 = 0.75;
/// It must have been so for this long before anything is taken from those who are there: a crowd that comes at once
/// costs much for a moment.
const PATIENCE: Duration = Duration::from_secs(3);
/// A measure that was taken shows after this long: layers change at keyframes.
const EFFECT: Duration = Duration::from_secs(2);
/// When there has been room for this long, something is given back; longer each time that it was too early.
const CALM: Duration = Duration::from_secs(5);
const MAX_CALM: Duration = Duration::from_secs(300);

/// How a thread stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// There is room.
    #[default]
    Calm,
    /// Those who are there are served, newcomers are sent away.
    Full,
    /// It cannot keep up with those who are there.
    Overloaded,
}

impl State {
    /// As the API and figures spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Full => "full",
            Self::Overloaded => "overloaded",
        }
    }
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relief {
    /// The newest viewers that have a cheaper layer get it.
    Degrade,
    /// The newest viewers leave.
    Shed,
    /// Those that were degraded, the longest there first, get a better layer again.
    Restore,
}

/// What can still be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Means {
    /// Somebody is sent a layer that has a cheaper one below it.
    pub(crate) can_degrade: bool,
    /// Somebody is sent less than he could have.
    pub(crate) is_degraded: bool,
}

/// Watches over one thread. The limit is a share of its time.
#[derive(Debug)]
pub(crate) struct Load {
    limit: f64,
    began: Instant,
    worked: Duration,
    busy: f64,
    state: State,
    /// Since when it is on the other side of what its state says.
    turning: Option<Instant>,
    over_since: Option<Instant>,
    calm_since: Option<Instant>,
    acted: Option<Instant>,
    restored: Option<Instant>,
    calm: Duration,
}

impl Load {
    pub(crate) fn new(limit: f64, now: Instant) -> Self {
        Self {
            limit: limit.clamp(0.0, 1.0),
            began: now,
            worked: Duration::ZERO,
            busy: 0.0,
            state: State::Calm,
            turning: None,
            over_since: None,
            calm_since: None,
            acted: None,
            restored: None,
            calm: CALM,
        }
    }

    /// It was busy for so long.
    pub(crate) fn worked(&mut self, span: Duration) {
        self.worked += span;
    }

    /// The share of its time that it is busy.
    pub(crate) fn busy(&self) -> f64 {
        self.busy
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Instant {
        self.began + WINDOW
    }

    /// Looks at the last window, once it is over; says what is to be done.
    pub(crate) fn look(&mut self, now: Instant, means: impl FnOnce() -> Means) -> Option<Relief> {
        let span = now.saturating_duration_since(self.began);
        if span < WINDOW {
            return None;
        }
        let share = (self.worked.as_secs_f64() / span.as_secs_f64()).min(1.0);
        self.busy += SHARE * (share - self.busy);
        (self.began, self.worked) = (now, Duration::ZERO);
        self.judge(now);
        let lasted = |since: Option<Instant>, long| since.is_some_and(|at| now.saturating_duration_since(at) >= long);
        if self.acted.is_some() && !lasted(self.acted, EFFECT) {
            return None;
        }
        let relief = if lasted(self.over_since, PATIENCE) {
            if self.restored.take().is_some_and(|at| now.saturating_duration_since(at) < 2 * self.calm) {
                self.calm = (2 * self.calm).min(MAX_CALM);
            }
            Some(if means().can_degrade { Relief::Degrade } else { Relief::Shed })
        } else if lasted(self.calm_since, self.calm) && means().is_degraded {
            (self.restored, self.calm_since) = (Some(now), Some(now));
            Some(Relief::Restore)
        } else {
            None
        };
        if relief.is_some() {
            self.acted = Some(now);
        }
        relief
    }

    fn judge(&mut self, now: Instant) {
        let is_over = self.busy >= self.limit + EXCESS * (1.0 - self.limit);
        let is_full = self.busy >= self.limit;
        let is_calm = self.busy < self.limit - SLACK;
        let mark = |since: &mut Option<Instant>, is_so: bool| *since = is_so.then(|| since.unwrap_or(now));
        mark(&mut self.over_since, is_over);
        mark(&mut self.calm_since, is_calm);
        mark(&mut self.turning, if self.state == State::Calm { is_full } else { is_calm });
        let lasted = |since: Option<Instant>, long| since.is_some_and(|at| now.saturating_duration_since(at) >= long);
        let next = match self.state {
            _ if lasted(self.over_since, PATIENCE) => State::Overloaded,
            State::Calm if lasted(self.turning, LASTING) => State::Full,
            State::Full | State::Overloaded if lasted(self.turning, LASTING) => State::Calm,
            State::Overloaded if !is_over => State::Full,
            same => same,
        };
        if next != self.state {
            (self.state, self.turning) = (next, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Time goes by with so much of it at work; what was done, and when, in ms.
    struct Thread {
        load: Load,
        begin: Instant,
        now: Instant,
        means: Means,
        done: Vec<(u128, Relief)>,
    }

    impl Thread {
        fn new() -> Self {
            let begin = Instant::now();
            Self { load: Load::new(0.8, begin), begin, now: begin, means: Means::default(), done: Vec::new() }
        }

        fn run(&mut self, busy: f64, ms: u32) {
            for _ in 0..ms / 10 {
                self.now += 10 * MS;
                self.load.worked((10 * MS).mul_f64(busy));
                let means = self.means;
                if let Some(relief) = self.load.look(self.now, || means) {
                    self.done.push(((self.now - self.begin).as_millis(), relief));
                }
            }
        }
    }

    #[test]
    fn a_thread_that_is_busy_takes_no_newcomers_and_leaves_those_who_are_there_in_peace() {
        let mut thread = Thread::new();
        thread.run(0.5, 10_000);
        assert_eq!(thread.load.state(), State::Calm);
        assert!((thread.load.busy() - 0.5).abs() < 0.01);
        thread.run(0.88, 4_000);
        assert_eq!(thread.load.state(), State::Full);
        thread.run(0.75, 20_000);
        assert_eq!(thread.load.state(), State::Full, "not before there is room again");
        thread.run(0.6, 4_000);
        assert_eq!((thread.load.state(), thread.done.len()), (State::Calm, 0));
    }

    #[test]
    fn a_crowd_that_comes_at_once_costs_nobody_his_place() {
        let mut thread = Thread::new();
        thread.run(0.3, 5_000);
        thread.run(1.0, 2_500);
        thread.run(0.6, 5_000);
        assert_eq!((thread.done.len(), thread.load.state()), (0, State::Calm));
    }

    #[test]
    fn who_cannot_keep_up_degrades_first_and_sheds_then() {
        let mut thread = Thread::new();
        thread.means.can_degrade = true;
        thread.run(1.0, 9_000);
        assert_eq!(thread.load.state(), State::Overloaded);
        let when: Vec<_> = thread.done.iter().map(|(at, _)| *at).collect();
        assert!(
            when.len() >= 2 && when[0] >= 3_000 && when.windows(2).all(|pair| pair[1] - pair[0] >= 2_000),
            "{when:?}"
        );
        assert!(thread.done.iter().all(|(_, relief)| *relief == Relief::Degrade));
        thread.means = Means { can_degrade: false, is_degraded: true };
        thread.done.clear();
        thread.run(1.0, 4_000);
        assert!(!thread.done.is_empty() && thread.done.iter().all(|(_, relief)| *relief == Relief::Shed));
    }

    #[test]
    fn what_was_taken_is_given_back_when_there_is_room_and_later_each_time_that_was_too_early() {
        let mut thread = Thread::new();
        thread.means = Means { can_degrade: true, is_degraded: true };
        let mut waits = Vec::new();
        for _ in 0..3 {
            thread.done.clear();
            thread.run(1.0, 5_000);
            let calm = thread.now;
            thread.done.clear();
            while thread.done.is_empty() {
                thread.run(0.5, 10);
            }
            assert_eq!(thread.done[0].1, Relief::Restore);
            waits.push(thread.now - calm);
        }
        assert!(waits[0] >= CALM && waits.windows(2).all(|pair| pair[1] > pair[0] * 3 / 2), "{waits:?}");
        assert!(waits[2] < 30_000 * MS);
    }
}
