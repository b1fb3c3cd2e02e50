use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use media::{Track, TrackId};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::delay::Delays;
use crate::transcoder::Condition;

/// How long a rendition goes on when nobody wants it any more.
const LINGER: Duration = Duration::from_secs(5);

/// Where a worker, those who want what it makes and those who ask how it does meet.
pub(crate) struct Room {
    leases: watch::Sender<usize>,
    standing: Mutex<Standing>,
}

/// How it does.
#[derive(Default)]
pub(crate) struct Standing {
    pub(crate) process: Option<u32>,
    pub(crate) restarts: u64,
    pub(crate) last_failure: Option<String>,
    /// When the next worker is started, while one that died is to be followed.
    pub(crate) next_at: Option<Instant>,
    /// Frames of the source that could not be decoded, and how many of them the worker that is there now has counted.
    dropped: u64,
    damaged: u64,
    /// What is made, and how each does; what is shed stays, as it was.
    renditions: Vec<(Option<Arc<Track>>, TrackId, Made)>,
}

/// How it does with one rendition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    pub(crate) frames: u64,
    pub(crate) is_shed: bool,
    pub(crate) left_out: u64,
    /// As the worker that is there now counts.
    pub(crate) left_out_by_worker: u64,
    pub(crate) encoder: String,
    pub(crate) fallback_from: Option<&'static str>,
    pub(crate) delays: Delays,
}

impl Room {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { leases: watch::Sender::new(0), standing: Mutex::default() })
    }

    /// Keeps it going; of that track.
    pub(crate) fn lease(self: &Arc<Self>, id: TrackId) -> hub::Lease {
        self.leases.send_modify(|leases| *leases += 1);
        hub::Lease::new(id, Held(self.clone()))
    }

    pub(crate) fn is_wanted(&self) -> bool {
        *self.leases.borrow() > 0
    }

    /// Resolves when nobody has wanted it for a while.
    pub(crate) async fn unwanted(&self) {
        let mut leases = self.leases.subscribe();
        loop {
            // The sender is ours: neither wait can fail.
            let _ = leases.wait_for(|&leases| leases == 0).await;
            if timeout(LINGER, leases.wait_for(|&leases| leases > 0)).await.is_err() {
                return;
            }
        }
    }

    /// Every rendition and how it does.
    pub(crate) fn conditions(&self) -> Vec<(TrackId, Option<Arc<Track>>, Condition)> {
        let standing = self.lock();
        let of = |(track, id, made): &(Option<Arc<Track>>, TrackId, Made)| {
            let condition = Condition {
                process: standing.process,
                frames: made.frames,
                dropped: standing.dropped,
                next_at: standing.next_at,
                restarts: standing.restarts,
                last_failure: standing.last_failure.clone(),
                is_shed: made.is_shed,
                left_out: made.left_out,
                encoder: made.encoder.clone(),
                fallback_from: made.fallback_from,
                delay: made.delays.p95(),
            };
            (*id, track.clone(), condition)
        };
        standing.renditions.iter().map(of).collect()
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Standing)) {
        let mut standing = self.lock();
        change(&mut standing);
        if standing.process.is_none() {
            // The next worker counts from zero, and sheds nothing yet.
            standing.damaged = 0;
            for (_, _, made) in &mut standing.renditions {
                (made.left_out_by_worker, made.is_shed) = (0, false);
            }
        }
    }

    /// That track is there from now on.
    pub(crate) fn add(&self, track: Arc<Track>) {
        let id = track.id;
        let mut standing = self.lock();
        match standing.renditions.iter_mut().find(|(_, of, _)| *of == id) {
            Some((there, ..)) => *there = Some(track),
            None => standing.renditions.push((Some(track), id, Made::default())),
        }
    }

    /// That track is not made any more.
    pub(crate) fn remove(&self, id: TrackId) {
        self.lock().renditions.retain(|(_, of, _)| *of != id);
    }

    /// The worker says that so much of what it was given could not be decoded.
    pub(crate) fn damaged(&self, by_worker: u64) {
        let mut standing = self.lock();
        standing.dropped += by_worker.saturating_sub(standing.damaged);
        standing.damaged = by_worker;
    }

    /// Changes how it does with a rendition.
    pub(crate) fn note_rendition<T>(&self, id: TrackId, change: impl FnOnce(&mut Made) -> T) -> T {
        let mut standing = self.lock();
        let at = standing.renditions.iter().position(|(_, of, _)| *of == id).unwrap_or(standing.renditions.len());
        if at == standing.renditions.len() {
            standing.renditions.push((None, id, Made::default()));
        }
        change(&mut standing.renditions[at].2)
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who wants it.
struct Held(Arc<Room>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.leases.send_modify(|leases| *leases = leases.saturating_sub(1));
    }
}
