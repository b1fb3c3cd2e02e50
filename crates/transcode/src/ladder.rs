//! When a ladder is made, and for whom.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use config::{Ladder, Start};
use hub::{Broadcast, From, Hub, Lease, State};
use media::{Catalog, Kind, Origin, Path, Track, TrackId};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::rungs::promised;
use crate::transcoder::{Made, Transcoder};

/// How long a broadcast counts as watched after it was said last.
const WATCHED: Duration = Duration::from_secs(30);
/// For so long after a broadcast began, or its ladder did, its rungs are awaited.
const YOUNG: Duration = Duration::from_secs(8);
const SECOND: Duration = Duration::from_secs(1);

impl Transcoder {
    /// The ladder for streams of that path.
    pub(crate) fn ladder(&self, path: &Path) -> Option<Arc<Ladder>> {
        let ladder = self.inner.settings.ladders.iter().find(|ladder| ladder.path.matches(path))?;
        Some(Arc::new(ladder.clone()))
    }

    /// Makes the ladders of all broadcasts that are to have one.
    pub async fn keep_ladders(self, hub: Hub, stop: CancellationToken) {
        let mut arrivals = hub.arrivals();
        let mut broadcasts = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                broadcast = arrivals.next() => {
                    if let Some(ladder) = self.ladder(broadcast.path()) {
                        broadcasts.spawn(self.clone().keep_ladder(broadcast, ladder));
                    }
                }
                Some(_) = broadcasts.join_next() => {}
            }
        }
    }

    async fn keep_ladder(self, broadcast: Broadcast, ladder: Arc<Ladder>) {
        let mut changes = broadcast.changes();
        let mut look = interval(SECOND);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen: Option<Arc<Catalog>> = None;
        let mut held: Option<(TrackId, Lease)> = None;
        loop {
            let is_time = tokio::select! {
                state = changes.next() => {
                    if state == State::Ended {
                        return;
                    }
                    false
                }
                _ = look.tick() => true,
            };
            let now = broadcast.catalog();
            let is_new = seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &now));
            if !is_new && !is_time {
                continue;
            }
            let source = source_of(&now).map(|track| track.id);
            let is_wanted = ladder.start == Start::Always || self.is_watched(broadcast.path());
            let is_held = |(id, _): &(TrackId, Lease)| {
                is_wanted && source == Some(*id) && self.is_made(&broadcast, *id, Made::Ladder)
            };
            held = held.filter(is_held);
            if let (None, true, Some(source)) = (&held, is_wanted, source) {
                // From the beginning of what there is, so that all renditions begin together.
                let lease = self.begin(&broadcast, source, Made::Ladder, From::Newest);
                held = lease.map(|lease| (source, lease));
            }
            seen = Some(now);
        }
    }

    /// Notes that somebody watches.
    pub(crate) fn note_watched(&self, broadcast: &Broadcast) {
        let ladders = &self.inner.settings.ladders;
        let ladder = ladders.iter().find(|ladder| ladder.path.matches(broadcast.path()));
        if ladder.is_none_or(|ladder| ladder.start == Start::Always) {
            return;
        }
        let now = Instant::now();
        let mut watched = self.inner.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, watched| now.saturating_duration_since(watched.last) < WATCHED);
        watched.entry(broadcast.path().clone()).or_insert(Watched { since: now, last: now }).last = now;
    }

    /// The rungs that are worth waiting for, as they begin just now.
    pub(crate) fn rungs_to_come(&self, broadcast: &Broadcast) -> Vec<TrackId> {
        let Some(ladder) = self.ladder(broadcast.path()) else { return Vec::new() };
        let age = match ladder.start {
            Start::Always => {
                SystemTime::now().duration_since(broadcast.stats(Instant::now()).since).unwrap_or_default()
            }
            Start::Watched => {
                let watched = self.inner.watched.lock().unwrap_or_else(PoisonError::into_inner);
                watched.get(broadcast.path()).map_or(Duration::ZERO, |watched| watched.since.elapsed())
            }
        };
        let catalog = broadcast.catalog();
        let source = source_of(&catalog).filter(|_| age < YOUNG);
        source.map_or_else(Vec::new, |source| promised(&ladder, source))
    }

    fn is_watched(&self, path: &Path) -> bool {
        let watched = self.inner.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.get(path).is_some_and(|watched| watched.last.elapsed() < WATCHED)
    }
}

/// That somebody watches a broadcast.
pub(crate) struct Watched {
    since: Instant,
    last: Instant,
}

/// The pictures of which a ladder is made: the largest that the publisher sends.
fn source_of(catalog: &Catalog) -> Option<&Arc<Track>> {
    let sent = catalog.of_kind(Kind::Video).filter(|track| track.origin != Origin::Transcoder);
    let pixels = |track: &Track| track.codec.picture().map_or(0, |it| u64::from(it.width) * u64::from(it.height));
    // Of twins the first.
    sent.min_by_key(|track| (std::cmp::Reverse(pixels(track)), track.id))
}
