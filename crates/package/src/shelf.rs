use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use media::{Path, Track, TrackId};
use tokio::sync::watch;

use crate::dash::Manifests;
use crate::hls::Playlists;
use crate::{Init, Segment, Window};

/// Every presentation that can be fetched now, by path. Cheap to clone.
#[derive(Clone, Default)]
pub struct Library {
    shelves: Arc<RwLock<HashMap<Path, Arc<Presentation>>>>,
    placed: Arc<watch::Sender<()>>,
}

/// One broadcast, packaged: its renditions and what they share.
pub struct Presentation {
    /// The broadcast.
    pub path: Path,
    /// Sets this presentation's media URLs apart from those of any earlier one of the same path, so
    /// that a cache may keep them for ever. Lower-case letters and digits.
    pub era: String,
    /// Its renditions; empty until enough is known to show a playlist. Replaced when one comes or goes.
    pub renditions: watch::Receiver<Arc<Vec<Arc<Rendition>>>>,
    /// Its multivariant playlist as last rendered.
    pub playlists: Playlists,
    /// Its DASH manifests.
    pub manifests: Manifests,
}

/// One track of a presentation.
pub struct Rendition {
    /// The hub's track.
    pub id: TrackId,
    /// Name in URLs: `v0`, `a0`.
    pub name: String,
    /// The latest window. Wait on it to follow the live edge.
    pub window: watch::Receiver<Arc<Window>>,
    /// Parameters by which the newest segment is encoded.
    pub track: watch::Receiver<Arc<Track>>,
    /// Its media playlist as last rendered.
    pub playlists: Playlists,
    store: RwLock<Store>,
}

/// What a rendition keeps beside its window.
#[derive(Default)]
struct Store {
    /// By number, as long as a segment needs it: an old init is still served (H14).
    inits: Vec<Arc<Init>>,
    /// Segments that left the window but may still be fetched (H10), oldest first.
    retired: VecDeque<Arc<Segment>>,
    peak_bps: u64,
    average_bps: u64,
    frame_rate: Option<f64>,
}

/// The write side of a [`Presentation`]; the packager's.
pub struct Shelf {
    presentation: Arc<Presentation>,
    renditions: watch::Sender<Arc<Vec<Arc<Rendition>>>>,
}

/// The write side of a [`Rendition`].
pub struct Slot {
    rendition: Arc<Rendition>,
    window: watch::Sender<Arc<Window>>,
    track: watch::Sender<Arc<Track>>,
}

impl Library {
    /// The presentation of that path, live or lately ended.
    pub fn presentation(&self, path: &Path) -> Option<Arc<Presentation>> {
        self.shelves.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// Puts a presentation on its shelf, in place of any earlier one of the same path.
    pub fn place(&self, presentation: Arc<Presentation>) {
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        shelves.insert(presentation.path.clone(), presentation);
        drop(shelves);
        self.placed.send_replace(());
    }

    /// Changes whenever a presentation is placed: for those who wait for one.
    pub fn placed(&self) -> watch::Receiver<()> {
        self.placed.subscribe()
    }

    /// Takes a presentation away, unless a newer one has taken its place.
    pub fn remove(&self, presentation: &Arc<Presentation>) {
        let mut shelves = self.shelves.write().unwrap_or_else(PoisonError::into_inner);
        if shelves.get(&presentation.path).is_some_and(|there| Arc::ptr_eq(there, presentation)) {
            shelves.remove(&presentation.path);
        }
    }
}

/// Where the bytes of one address are: on the shelf, or yet to come.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// Here it is.
    Here(T),
    /// It is the very next one and will come: wait on the window (H27).
    Next,
    /// It was never there, is gone, or lies in the future.
    Nowhere,
}

impl Rendition {
    /// The init of that number.
    pub fn init(&self, number: u32) -> Option<Arc<Init>> {
        self.store().inits.iter().find(|init| init.number == number).cloned()
    }

    /// The bytes of a complete segment; also of one that left the window lately (H10).
    pub fn segment(&self, msn: u64) -> Found<Vec<Bytes>> {
        let window = self.window.borrow().clone();
        match self.find(&window, msn) {
            Some(segment) if segment.gap => Found::Nowhere,
            Some(segment) => Found::Here(segment.pieces()),
            None if next_address(&window).is_some_and(|(next, _)| next == msn) => Found::Next,
            None => Found::Nowhere,
        }
    }

    /// The bytes of one part; also of one that left the window lately (H10).
    pub fn part(&self, msn: u64, part: usize) -> Found<Bytes> {
        let window = self.window.borrow().clone();
        let open = window.open.clone().filter(|open| open.msn == msn);
        let bytes = open
            .or_else(|| self.find(&window, msn))
            .and_then(|segment| segment.parts.get(part).map(|part| part.bytes.clone()));
        match bytes {
            Some(bytes) => Found::Here(bytes),
            None if next_address(&window) == Some((msn, part)) => Found::Next,
            None => Found::Nowhere,
        }
    }

    /// Highest bit rate of any segment so far, and the average of all, bits per second (H3). Zero until measured.
    pub fn rates_bps(&self) -> (u64, u64) {
        let store = self.store();
        (store.peak_bps, store.average_bps)
    }

    /// Frames a second of the last segment; `None` until measured.
    pub fn frame_rate(&self) -> Option<f64> {
        self.store().frame_rate
    }

    /// A complete segment, listed or retired.
    fn find(&self, window: &Window, msn: u64) -> Option<Arc<Segment>> {
        let listed = window.segments.iter().find(|segment| segment.msn == msn).cloned();
        listed.or_else(|| self.store().retired.iter().find(|segment| segment.msn == msn).cloned())
    }

    fn store(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part that comes next.
fn next_address(window: &Window) -> Option<(u64, usize)> {
    match (&window.open, window.segments.last()) {
        _ if window.ended => None,
        (Some(open), _) => Some((open.msn, open.parts.len())),
        (None, Some(last)) => Some((last.msn.saturating_add(1), 0)),
        (None, None) => None,
    }
}

impl Shelf {
    /// An empty presentation.
    pub fn new(path: Path, era: String) -> Self {
        let (renditions, readers) = watch::channel(Arc::default());
        let presentation = Presentation {
            path,
            era,
            renditions: readers,
            playlists: Playlists::default(),
            manifests: Manifests::default(),
        };
        Self { presentation: Arc::new(presentation), renditions }
    }

    /// What readers see of it.
    pub fn presentation(&self) -> &Arc<Presentation> {
        &self.presentation
    }

    /// Shows these renditions, in this order, in place of those shown so far.
    pub fn show<'a>(&self, slots: impl IntoIterator<Item = &'a Slot>) {
        let renditions: Vec<_> = slots.into_iter().map(|slot| slot.rendition.clone()).collect();
        let same = |a: &[Arc<Rendition>], b: &[Arc<Rendition>]| {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        let is_new = self.renditions.send_if_modified(|shown| {
            let is_new = !same(shown, &renditions);
            if is_new {
                *shown = Arc::new(renditions);
            }
            is_new
        });
        if is_new {
            // The version of all together is the sum of theirs: without one of them it comes to numbers it has had.
            self.presentation.playlists.forget();
        }
    }
}

impl Slot {
    /// A rendition with its first init and window, not yet shown.
    pub fn new(init: Arc<Init>, window: Window) -> Self {
        let track = init.track.clone();
        let (id, name) = (track.id, track.name().to_string());
        let (track, track_reader) = watch::channel(track);
        let (window, window_reader) = watch::channel(Arc::new(window));
        let store = Store { inits: vec![init], ..Store::default() };
        let rendition = Rendition {
            id,
            name,
            window: window_reader,
            track: track_reader,
            playlists: Playlists::default(),
            store: RwLock::new(store),
        };
        Self { rendition: Arc::new(rendition), window, track }
    }

    /// Replaces the window. What left it goes to `retire` first, so that no reader misses it in between.
    pub fn replace(&self, window: Window) {
        self.set(window);
        self.ring();
    }

    /// The same without a word to those who wait: for [`Slot::ring`], once the other renditions have theirs too. So
    /// whoever is woken sees all of them as new as its own (H29).
    pub fn set(&self, window: Window) {
        self.window.send_if_modified(|there| {
            *there = Arc::new(window);
            false
        });
    }

    /// Wakes those who wait for the window to change.
    pub fn ring(&self) {
        self.window.send_modify(|_| {});
    }

    /// Adds an init and its parameters, for segments to come.
    pub fn add_init(&self, init: Arc<Init>) {
        self.track.send_replace(init.track.clone());
        let mut store = self.store();
        // Segments hold what they need, so one that nobody else holds is not needed.
        store.inits.retain(|init| Arc::strong_count(init) > 1);
        store.inits.push(init);
    }

    /// Keeps a segment that is about to leave the window.
    pub fn retire(&self, segment: Arc<Segment>) {
        self.store().retired.push_back(segment);
    }

    /// Forgets the oldest of the retired segments.
    pub fn forget_oldest(&self) -> Option<Arc<Segment>> {
        self.store().retired.pop_front()
    }

    /// Sets what [`Rendition::frame_rate`] says.
    pub fn paced(&self, frame_rate: f64) {
        self.store().frame_rate = Some(frame_rate);
    }

    /// Sets what [`Rendition::rates_bps`] says.
    pub fn measured(&self, peak_bps: u64, average_bps: u64) {
        let mut store = self.store();
        (store.peak_bps, store.average_bps) = (peak_bps, average_bps);
    }

    fn store(&self) -> RwLockWriteGuard<'_, Store> {
        self.rendition.store.write().unwrap_or_else(PoisonError::into_inner)
    }
}
