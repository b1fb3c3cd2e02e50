use std::fmt::Display;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

/// Which of the ways to write one window: everything that the text depends on beside the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Variant<'a> {
    /// A delta update, with EXT-X-SKIP where something can be skipped (H36).
    pub skip: bool,
    /// The key that child addresses carry, on a path that asks for one (H37).
    pub key: Option<&'a str>,
}

/// A playlist, rendered.
#[derive(Debug)]
pub struct Rendered {
    /// The text.
    pub plain: Bytes,
    gzip: OnceLock<Bytes>,
}

/// The newest playlists of one rendition (or of one presentation), rendered once for all readers (H41).
#[derive(Default)]
pub struct Playlists {
    edition: Mutex<Edition>,
}

#[derive(Default)]
struct Edition {
    version: u64,
    slots: Vec<(bool, Option<Box<str>>, Slot)>,
}

type Slot = Arc<OnceLock<Arc<Rendered>>>;

/// Viewers with keys of their own get texts of their own. So many are shared; beyond that each is rendered for itself.
const SLOTS: usize = 64;

impl Rendered {
    /// A playlist from its text.
    pub fn new(text: impl Display) -> Self {
        Self { plain: text.to_string().into(), gzip: OnceLock::new() }
    }

    /// The text for `Content-Encoding: gzip` (H2), compressed when first asked for.
    pub fn gzip(&self) -> Bytes {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::with_capacity(self.plain.len() / 4), Compression::fast());
            // Writing into memory does not fail.
            let done = encoder.write_all(&self.plain).and_then(|()| encoder.finish());
            done.unwrap_or_default().into()
        };
        self.gzip.get_or_init(compress).clone()
    }
}

impl Playlists {
    /// The playlist of that version and variant, from the shelf or by `render`.
    ///
    /// Of many who ask at once, one renders and the others wait for it. Versions only rise; who still holds an older
    /// one than others have asked for renders for itself.
    pub fn rendered(&self, version: u64, variant: Variant<'_>, render: impl FnOnce() -> Rendered) -> Arc<Rendered> {
        match self.slot(version, variant) {
            Some(slot) => slot.get_or_init(|| Arc::new(render())).clone(),
            None => Arc::new(render()),
        }
    }

    /// Forgets what was rendered: versions begin to count anew.
    pub fn forget(&self) {
        *self.edition.lock().unwrap_or_else(PoisonError::into_inner) = Edition::default();
    }

    fn slot(&self, version: u64, Variant { skip, key }: Variant<'_>) -> Option<Slot> {
        let mut edition = self.edition.lock().unwrap_or_else(PoisonError::into_inner);
        if edition.version < version {
            *edition = Edition { version, slots: Vec::new() };
        }
        if edition.version > version {
            return None;
        }
        if let Some((.., slot)) = edition.slots.iter().find(|(s, k, _)| *s == skip && k.as_deref() == key) {
            return Some(slot.clone());
        }
        if edition.slots.len() >= SLOTS {
            return None;
        }
        let slot = Slot::default();
        edition.slots.push((skip, key.map(Into::into), slot.clone()));
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use flate2::read::GzDecoder;

    use super::*;

    const PLAIN: Variant<'static> = Variant { skip: false, key: None };

    /// H41.
    #[test]
    fn readers_of_one_version_share_one_rendering() {
        let (playlists, count) = (Playlists::default(), AtomicUsize::new(0));
        let ask = |version| {
            let render = || {
                count.fetch_add(1, Ordering::Relaxed);
                Rendered::new(version)
            };
            assert_eq!(playlists.rendered(version, PLAIN, render).plain, version.to_string());
        };
        for version in 1..=50 {
            thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| ask(version)))));
        }
        assert_eq!(count.load(Ordering::Relaxed), 50);
    }

    #[test]
    fn who_comes_with_an_old_window_does_not_turn_back_the_shelf() {
        let playlists = Playlists::default();
        playlists.rendered(2, PLAIN, || Rendered::new("new"));
        assert_eq!(playlists.rendered(1, PLAIN, || Rendered::new("old")).plain, "old");
        assert_eq!(playlists.rendered(2, PLAIN, || Rendered::new("again")).plain, "new");
    }

    #[test]
    fn variants_are_kept_apart_and_their_number_is_bounded() {
        let playlists = Playlists::default();
        let key = |n: usize| format!("key-{n}");
        for n in 0..2 * SLOTS {
            let variant = Variant { skip: false, key: Some(&key(n)) };
            playlists.rendered(1, variant, || Rendered::new(n));
        }
        assert_eq!(playlists.rendered(1, Variant { skip: false, key: Some(&key(3)) }, || panic!()).plain, "3");
        assert_eq!(playlists.edition.lock().unwrap().slots.len(), SLOTS);
    }

    /// H2.
    #[test]
    fn gzip_unpacks_to_the_text() {
        let rendered = Rendered::new("#EXTM3U\n".repeat(100));
        let mut text = String::new();
        GzDecoder::new(&*rendered.gzip()).read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), &rendered.plain[..]);
        assert!(rendered.gzip().len() < 100);
    }
}
