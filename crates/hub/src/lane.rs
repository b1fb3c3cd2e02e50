use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use media::{Kind, Time, TrackId};
use tokio::sync::watch;

use crate::From;
use crate::group::Group;

/// One track as its readers see it: the groups kept, and a bell.
pub(crate) struct Lane {
    pub(crate) id: TrackId,
    pub(crate) kind: Kind,
    pub(crate) readers: AtomicUsize,
    groups: Mutex<VecDeque<Arc<Group>>>,
    /// Groups opened so far, which is the sequence of the next one.
    opened: AtomicU64,
    ended: AtomicBool,
    bell: watch::Sender<()>,
}

/// What a reader that wants the next group is told.
pub(crate) enum Entry {
    /// The group it wanted.
    Next(Arc<Group>),
    /// The newest: the one it wanted is gone.
    Newest(Arc<Group>),
    /// None yet.
    NotYet,
    /// None any more.
    Never,
}

impl Lane {
    pub(crate) fn new(id: TrackId, kind: Kind) -> Self {
        Self {
            id,
            kind,
            readers: AtomicUsize::new(0),
            groups: Mutex::default(),
            opened: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            bell: watch::Sender::new(()),
        }
    }

    fn groups(&self) -> MutexGuard<'_, VecDeque<Arc<Group>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a new group in. Ring afterwards, when it has its first frame.
    pub(crate) fn open(&self, group: Arc<Group>) {
        let next = group.head.sequence + 1;
        self.groups().push_back(group);
        self.opened.store(next, Ordering::Release);
    }

    /// Lets the oldest `count` groups go, but never the newest.
    pub(crate) fn evict(&self, count: usize) {
        let gone: Vec<_> = {
            let mut groups = self.groups();
            let count = count.min(groups.len().saturating_sub(1));
            groups.drain(..count).collect()
        };
        // Frames are freed out here, where no reader waits for the lock.
        for group in gone {
            group.evict();
        }
    }

    /// No group will follow; the newest must have been closed.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.ring();
    }

    pub(crate) fn ring(&self) {
        self.bell.send_modify(|()| {});
    }

    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.bell.subscribe()
    }

    /// The group of that sequence, or the newest if it is gone or `catch_up` says so.
    pub(crate) fn enter(&self, wanted: u64, catch_up: bool) -> Entry {
        let ended = self.ended.load(Ordering::Acquire);
        if self.opened.load(Ordering::Acquire) <= wanted {
            return if ended { Entry::Never } else { Entry::NotYet };
        }
        let groups = self.groups();
        let (Some(oldest), Some(newest)) = (groups.front(), groups.back()) else { return Entry::NotYet };
        let wanted = wanted.checked_sub(oldest.head.sequence).filter(|_| !catch_up);
        match wanted.and_then(|index| groups.get(usize::try_from(index).ok()?)) {
            Some(group) => Entry::Next(group.clone()),
            None => Entry::Newest(newest.clone()),
        }
    }

    /// The sequence of the group at which a reader begins.
    pub(crate) fn begin(&self, from: From) -> u64 {
        let groups = self.groups();
        let group = match from {
            From::Oldest => groups.front(),
            From::Newest => groups.back(),
            From::At(time) => before(&groups, time).or(groups.front()),
        };
        group.map_or_else(|| self.opened.load(Ordering::Acquire), |group| group.head.sequence)
    }
}

/// The last group that starts no later than `time`.
fn before(groups: &VecDeque<Arc<Group>>, time: Time) -> Option<&Arc<Group>> {
    groups.iter().rev().find(|group| group.head.start <= time)
}
