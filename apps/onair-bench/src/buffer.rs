//! What was fetched and not yet shown, by the clock alone.

use std::time::Duration;

use crate::viewer::Fate;

/// A viewer's buffer of one track.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// Seconds ever fetched.
    fetched: f64,
    /// Seconds shown when the picture last began to move.
    shown: f64,
    moving_since: Option<Duration>,
    dry_since: Option<Duration>,
    stalls: u32,
    stalled: Duration,
}

impl Buffer {
    /// The first so many seconds are fetched and not shown: a player begins in the middle of a segment.
    pub(crate) fn beginning_at(secs: f64) -> Self {
        Self { shown: secs, ..Self::default() }
    }

    /// Media came. The picture moves once all that was asked for at first is there.
    pub(crate) fn add(&mut self, now: Duration, secs: f64, caught_up: bool) {
        self.watch(now);
        self.fetched += secs;
        if self.moving_since.is_none() && caught_up && self.fetched > self.shown {
            self.moving_since = Some(now);
            if let Some(since) = self.dry_since.take() {
                self.stalled += now.saturating_sub(since);
            }
        }
    }

    /// When everything fetched will have been shown.
    pub(crate) fn dry_at(&self) -> Option<Duration> {
        let left = Duration::try_from_secs_f64(self.fetched - self.shown).unwrap_or_default();
        self.moving_since.map(|since| since.saturating_add(left))
    }

    /// Notices that it has run dry.
    pub(crate) fn watch(&mut self, now: Duration) {
        if let Some(dry_at) = self.dry_at().filter(|&at| at <= now) {
            self.stalls += 1;
            self.dry_since = Some(dry_at);
            self.moving_since = None;
            self.shown = self.fetched;
        }
    }

    /// How the viewer fares by this track.
    pub(crate) fn fate(&self, now: Duration) -> Fate {
        let lasting = self.dry_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        Fate { playing: self.fetched > 0.0, stalls: self.stalls, stalled: self.stalled + lasting }
    }
}
