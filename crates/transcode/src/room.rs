use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use media::Track;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::transcoder::Condition;

/// How long a rendition goes on when nobody wants it any more.
const LINGER: Duration = Duration::from_secs(5);

/// Where a rendition's worker, those who want it and those who ask how it does meet.
pub(crate) struct Room {
    pub(crate) track: Arc<Track>,
    leases: watch::Sender<usize>,
    condition: Mutex<Condition>,
}

impl Room {
    pub(crate) fn new(track: Arc<Track>) -> Arc<Self> {
        Arc::new(Self { track, leases: watch::Sender::new(0), condition: Mutex::default() })
    }

    pub(crate) fn lease(self: &Arc<Self>) -> hub::Lease {
        self.leases.send_modify(|leases| *leases += 1);
        hub::Lease::new(self.track.clone(), Held(self.clone()))
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

    pub(crate) fn condition(&self) -> Condition {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Condition)) {
        change(&mut self.condition.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// One who wants it.
struct Held(Arc<Room>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.leases.send_modify(|leases| *leases = leases.saturating_sub(1));
    }
}
