use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use media::Path;
use tokio::sync::{Notify, watch};

use crate::broadcast::{Broadcast, Shared};
use crate::changes::Arrivals;
use crate::claim::{Claim, Now, Refusal};
use crate::limits::Limits;
use crate::publisher::Publisher;

/// Every broadcast of this server. Cheap to clone: all clones are one hub.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    limits: Limits,
    register: Mutex<Register>,
    /// Rings when a broadcast begins.
    bell: watch::Sender<()>,
    alarm: Notify,
}

/// The same broadcasts by name and by age.
#[derive(Default)]
struct Register {
    serial: u64,
    by_path: HashMap<Path, Arc<Shared>>,
    by_serial: BTreeMap<u64, Arc<Shared>>,
}

impl Hub {
    /// An empty hub.
    pub fn new(limits: Limits) -> Self {
        let inner = Inner { limits, register: Mutex::default(), bell: watch::Sender::new(()), alarm: Notify::new() };
        Self { inner: Arc::new(inner) }
    }

    /// Begins a broadcast, goes on with one whose publisher is away, or takes one over whose publisher
    /// has been silent for too long. Refused while a live publisher holds it.
    pub fn publish(&self, path: &Path, claim: Claim, now: Now) -> Result<Publisher, Refusal> {
        let mut register = self.register();
        if let Some(there) = register.by_path.get(path).cloned() {
            match there.take(claim.clone(), now, &self.inner.limits) {
                Some(Ok(generation)) => {
                    drop(register);
                    self.alarm();
                    return Ok(Publisher::new(self.clone(), there, generation));
                }
                Some(Err(refusal)) => return Err(refusal),
                None => register.end(&there),
            }
        }
        let limit = self.inner.limits.broadcasts;
        if register.by_path.len() >= limit {
            return Err(Refusal::Full(limit));
        }
        register.serial += 1;
        let shared = Arc::new(Shared::new(path.clone(), register.serial, claim, now));
        register.by_path.insert(path.clone(), shared.clone());
        register.by_serial.insert(shared.serial, shared.clone());
        drop(register);
        self.inner.bell.send_modify(|()| {});
        Ok(Publisher::new(self.clone(), shared, 0))
    }

    /// The broadcast of that path, if one is live or waits for its publisher.
    pub fn broadcast(&self, path: &Path) -> Option<Broadcast> {
        let shared = self.register().by_path.get(path)?.clone();
        Some(Broadcast::new(self.clone(), shared))
    }

    /// Every broadcast, the oldest first.
    pub fn broadcasts(&self) -> Vec<Broadcast> {
        self.register().by_serial.values().map(|shared| Broadcast::new(self.clone(), shared.clone())).collect()
    }

    /// Follows the broadcasts as they come, beginning with those that are there.
    pub fn arrivals(&self) -> Arrivals {
        Arrivals::new(self.clone(), self.inner.bell.subscribe())
    }

    /// Ends the broadcasts whose grace time is over, and says when to call again.
    ///
    /// Call it when [`Hub::attention`] resolves too: grace begins with the first tick that sees the
    /// publisher gone.
    pub fn tick(&self, now: Instant) -> Option<Instant> {
        // Locked throughout, as in `publish`: nobody comes back between the look and the end.
        let mut register = self.register();
        let away = register.by_serial.values().filter_map(|shared| {
            let deadline = shared.deadline(now, &self.inner.limits)?;
            Some((shared.clone(), deadline))
        });
        let (over, waiting): (Vec<_>, Vec<_>) = away.partition(|(_, deadline)| *deadline <= now);
        for (shared, _) in over {
            register.end(&shared);
        }
        waiting.into_iter().map(|(_, deadline)| deadline).min()
    }

    /// Resolves when the deadline that [`Hub::tick`] gave may have changed. For one waiter.
    pub async fn attention(&self) {
        self.inner.alarm.notified().await;
    }

    pub(crate) fn alarm(&self) {
        self.inner.alarm.notify_one();
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn end(&self, shared: &Arc<Shared>) {
        self.register().end(shared);
    }

    /// The first broadcast that began after that serial.
    pub(crate) fn after(&self, serial: u64) -> Option<(u64, Broadcast)> {
        let register = self.register();
        let (&serial, shared) = register.by_serial.range(serial + 1..).next()?;
        Some((serial, Broadcast::new(self.clone(), shared.clone())))
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.inner.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Register {
    fn end(&mut self, shared: &Arc<Shared>) {
        shared.end();
        self.by_serial.remove(&shared.serial);
        if self.by_path.get(&shared.path).is_some_and(|there| Arc::ptr_eq(there, shared)) {
            self.by_path.remove(&shared.path);
        }
    }
}
