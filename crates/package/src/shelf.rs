use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use media::{Path, Track, TrackId};
use tokio::sync::watch;

use crate::hls::Playlists;
use crate::{Init, Window};

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
    // The packager adds here: inits by number, segments kept past the window (H10), measured peak
    // and average bit rates. Public through methods.
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
    pub fn init(&self, _number: u32) -> Option<Arc<Init>> {
        None
    }

    /// The bytes of a complete segment, part by part; also of one that left the window lately (H10).
    pub fn segment(&self, _msn: u64) -> Found<Vec<Bytes>> {
        Found::Nowhere
    }

    /// The bytes of one part; also of one that left the window lately (H10).
    pub fn part(&self, _msn: u64, _part: usize) -> Found<Bytes> {
        Found::Nowhere
    }

    /// Highest bit rate of any segment so far, and the average of all, bits per second (H3).
    pub fn rates_bps(&self) -> (u64, u64) {
        (0, 0)
    }
}
