use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::entry::Entry;

/// How long a session that ended is remembered: for a client that says goodbye by DTLS first and deletes after (W8),
/// and for whoever asks why it failed.
const MEMORY: Duration = Duration::from_secs(60);
/// So many at most.
const REMEMBERED: usize = 256;

/// All sessions by the tokens in their addresses.
#[derive(Default)]
pub(crate) struct Registry(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    by_token: HashMap<String, Arc<Entry>>,
    /// Those that are over, the longest first.
    over: VecDeque<(Instant, String)>,
}

impl Registry {
    pub(crate) fn add(&self, entry: Arc<Entry>) {
        self.lock().by_token.insert(entry.token.clone(), entry);
    }

    /// A session, also one that has ended a moment ago.
    pub(crate) fn find(&self, token: &str, now: Instant) -> Option<Arc<Entry>> {
        let mut inside = self.lock();
        inside.forget(now);
        inside.by_token.get(token).cloned()
    }

    /// It has ended: it is remembered for a while.
    pub(crate) fn over(&self, token: &str, now: Instant) {
        let mut inside = self.lock();
        inside.forget(now);
        if inside.by_token.contains_key(token) {
            inside.over.push_back((now, token.to_owned()));
        }
    }

    /// Its client has deleted it: there is no such session any more.
    pub(crate) fn remove(&self, token: &str) {
        let mut inside = self.lock();
        inside.by_token.remove(token);
        inside.over.retain(|(_, other)| other != token);
    }

    /// Every session, those remembered among them, the newest first.
    pub(crate) fn all(&self, now: Instant) -> Vec<Arc<Entry>> {
        let mut inside = self.lock();
        inside.forget(now);
        let mut all: Vec<_> = inside.by_token.values().cloned().collect();
        all.sort_by_key(|entry| std::cmp::Reverse(entry.target.id));
        all
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn forget(&mut self, now: Instant) {
        while let Some((at, token)) = self.over.front() {
            if self.over.len() <= REMEMBERED && now.saturating_duration_since(*at) < MEMORY {
                break;
            }
            self.by_token.remove(token);
            self.over.pop_front();
        }
    }
}
