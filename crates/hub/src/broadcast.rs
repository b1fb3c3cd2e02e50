use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Instant, SystemTime};

use media::{Catalog, Frame, Path, Time, Track, TrackId};
use tokio::sync::watch;

use crate::changes::Changes;
use crate::claim::{Claim, Fate, Now, Refusal, Rejected};
use crate::cursor::Cursor;
use crate::derived::Derived;
use crate::desk::Desk;
use crate::hub::Hub;
use crate::lane::Lane;
use crate::limits::Limits;
use crate::stats::Stats;

/// One broadcast, as those see it who watch. Cheap to clone.
#[derive(Clone)]
pub struct Broadcast {
    hub: Hub,
    shared: Arc<Shared>,
}

/// One who watches; counted until dropped.
#[must_use = "dropped, it counts nobody"]
pub struct Watching {
    shared: Arc<Shared>,
    proto: &'static str,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut viewers = self.shared.viewers();
        if let Some(count) = viewers.get_mut(self.proto) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                viewers.remove(self.proto);
            }
        }
    }
}

/// How a broadcast stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has a publisher.
    Live,
    /// Its publisher is gone and may come back within the grace time.
    Away,
    /// It is over. A later one of the same path is another broadcast.
    Ended,
}

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the oldest group that is kept.
    Oldest,
    /// At the newest group.
    Newest,
    /// At the last group that starts no later than that, or else at the oldest.
    At(Time),
}

impl Broadcast {
    pub(crate) fn new(hub: Hub, shared: Arc<Shared>) -> Self {
        Self { hub, shared }
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// How it stands.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Its tracks.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.shared.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Wall-clock time of [`Time::ZERO`].
    pub fn began(&self) -> SystemTime {
        self.shared.desk().began
    }

    /// What it carries, in figures, at `now`.
    pub fn stats(&self, now: Instant) -> Stats {
        self.shared.desk().stats(self.state(), now)
    }

    /// Follows everything that happens in it.
    pub fn changes(&self) -> Changes {
        Changes::new(self.shared.clone())
    }

    /// Reads one track; `None` when there is no such track.
    pub fn follow(&self, id: TrackId, from: From) -> Option<Cursor> {
        let lane = {
            let lanes = self.shared.lanes.read().unwrap_or_else(PoisonError::into_inner);
            lanes.iter().find(|lane| lane.id == id)?.clone()
        };
        let wanted = lane.begin(from);
        Some(Cursor::new(lane, wanted))
    }

    /// Adds a track that is made of others, such as a rendition in another codec.
    ///
    /// Its id must be free; publishers count theirs from 0, so take one beyond [`Derived::FIRST`]. The
    /// track stays over a publisher's return, and goes with the [`Derived`] or with the broadcast.
    pub fn derive(&self, track: Track) -> Result<Derived, Rejected> {
        let number = self.shared.derive(track, self.hub.limits())?;
        Ok(Derived::new(self.hub.clone(), self.shared.clone(), number))
    }

    /// Counts one who watches, for as long as what comes back is kept. `proto` is how they come.
    pub fn watch(&self, proto: &'static str) -> Watching {
        *self.shared.viewers().entry(proto).or_default() += 1;
        Watching { shared: self.shared.clone(), proto }
    }

    /// How many watch, by how they come.
    pub fn viewers(&self) -> BTreeMap<&'static str, usize> {
        self.shared.viewers().clone()
    }

    /// Ends it at once and puts its publisher out.
    pub fn end(&self) {
        self.hub.end(&self.shared);
    }

    /// Whether both are the same broadcast, not merely of the same path.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

/// What a publisher and all viewers of a broadcast share. Only the publisher's side locks the desk
/// to append; readers never do.
pub(crate) struct Shared {
    pub(crate) path: Path,
    /// Order of arrival in the hub, from 1.
    pub(crate) serial: u64,
    pub(crate) bell: watch::Sender<()>,
    state: AtomicU8,
    catalog: RwLock<Arc<Catalog>>,
    lanes: RwLock<Vec<Arc<Lane>>>,
    desk: Mutex<Desk>,
    viewers: Mutex<BTreeMap<&'static str, usize>>,
}

impl Shared {
    pub(crate) fn new(path: Path, serial: u64, claim: Claim, now: Now) -> Self {
        Self {
            path,
            serial,
            bell: watch::Sender::new(()),
            state: AtomicU8::new(State::Live as u8),
            catalog: RwLock::default(),
            lanes: RwLock::default(),
            desk: Mutex::new(Desk::new(claim, now)),
            viewers: Mutex::default(),
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn viewers(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            live if live == State::Live as u8 => State::Live,
            away if away == State::Away as u8 => State::Away,
            _ => State::Ended,
        }
    }

    /// Called with the desk locked, so that states follow each other in one order.
    fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    fn ring(&self) {
        self.bell.send_modify(|()| {});
    }

    /// The desk, if that publisher is still the one who may write.
    fn desk_of(&self, generation: u64) -> Result<MutexGuard<'_, Desk>, Rejected> {
        let desk = self.desk();
        match self.state() {
            _ if desk.generation != generation => Err(Rejected::Superseded),
            State::Ended => Err(Rejected::Ended),
            State::Live | State::Away => Ok(desk),
        }
    }

    pub(crate) fn holds(&self, generation: u64) -> bool {
        self.desk_of(generation).is_ok()
    }

    /// Shows viewers the tracks as the desk has them.
    fn show(&self, desk: &Desk) {
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(desk.catalog());
        *self.lanes.write().unwrap_or_else(PoisonError::into_inner) = desk.lanes();
    }

    pub(crate) fn declare(&self, generation: u64, track: Track, limits: &Limits) -> Result<(), Rejected> {
        let mut desk = self.desk_of(generation)?;
        if desk.declare(track, limits)? {
            self.show(&desk);
            drop(desk);
            self.ring();
        }
        Ok(())
    }

    pub(crate) fn retract(&self, generation: u64, id: TrackId) -> Result<(), Rejected> {
        let mut desk = self.desk_of(generation)?;
        if desk.retract(id) {
            self.show(&desk);
            drop(desk);
            self.ring();
        }
        Ok(())
    }

    pub(crate) fn append(
        &self,
        generation: u64,
        id: TrackId,
        frame: Frame,
        at: Instant,
        limits: &Limits,
    ) -> Result<Fate, Rejected> {
        let mut desk = self.desk_of(generation)?;
        let fate = desk.append(id, frame, at, limits)?;
        let left = desk.sweep(at);
        if left {
            self.show(&desk);
        }
        drop(desk);
        if left || fate == Fate::Kept {
            self.ring();
        }
        Ok(fate)
    }

    /// The desk, as long as the broadcast is not over.
    fn open_desk(&self) -> Result<MutexGuard<'_, Desk>, Rejected> {
        let desk = self.desk();
        if self.state() == State::Ended { Err(Rejected::Ended) } else { Ok(desk) }
    }

    pub(crate) fn derive(&self, track: Track, limits: &Limits) -> Result<u64, Rejected> {
        let mut desk = self.open_desk()?;
        let number = desk.derive(track, limits)?;
        self.show(&desk);
        drop(desk);
        self.ring();
        Ok(number)
    }

    pub(crate) fn redeclare_derived(&self, number: u64, track: Track) -> Result<(), Rejected> {
        let mut desk = self.open_desk()?;
        if desk.redeclare_derived(number, track)? {
            self.show(&desk);
            drop(desk);
            self.ring();
        }
        Ok(())
    }

    pub(crate) fn append_derived(
        &self,
        number: u64,
        frame: Frame,
        discontinuity: u32,
        at: Instant,
        limits: &Limits,
    ) -> Result<Fate, Rejected> {
        let fate = self.open_desk()?.append_derived(number, frame, discontinuity, at, limits)?;
        if fate == Fate::Kept {
            self.ring();
        }
        Ok(fate)
    }

    pub(crate) fn retract_derived(&self, number: u64) {
        let mut desk = self.desk();
        if desk.retract_derived(number) {
            self.show(&desk);
            drop(desk);
            self.ring();
        }
    }

    /// The publisher went, in whatever way. True if that starts the grace time.
    pub(crate) fn leave(&self, generation: u64) -> bool {
        let Ok(mut desk) = self.desk_of(generation) else { return false };
        desk.leave();
        self.set_state(State::Away);
        drop(desk);
        self.ring();
        true
    }

    /// Lets a publisher in to a broadcast that is there already; `None` if that one is over.
    pub(crate) fn take(&self, claim: Claim, now: Now, limits: &Limits) -> Option<Result<u64, Refusal>> {
        let mut desk = self.desk();
        match self.state() {
            State::Ended => return None,
            State::Away if desk.grace_ends(now.at, limits) <= now.at => return None,
            State::Live if !desk.is_silent(now.at, limits) => return Some(Err(Refusal::Busy)),
            State::Live | State::Away => {}
        }
        desk.take(claim, now);
        self.set_state(State::Live);
        let generation = desk.generation;
        drop(desk);
        self.ring();
        Some(Ok(generation))
    }

    /// When the grace time ends, for a broadcast whose publisher is away.
    pub(crate) fn deadline(&self, now: Instant, limits: &Limits) -> Option<Instant> {
        let mut desk = self.desk();
        (self.state() == State::Away).then(|| desk.grace_ends(now, limits))
    }

    /// Ends it, whatever its state. The hub takes it off its register.
    pub(crate) fn end(&self) {
        let mut desk = self.desk();
        if self.state() == State::Ended {
            return;
        }
        self.set_state(State::Ended);
        desk.end();
        drop(desk);
        self.ring();
    }
}
