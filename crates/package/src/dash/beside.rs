use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::{Manifest, Place, Schedule, Shown};
use crate::hls::{Playlists, Rendered, Variant};
use crate::{Presentation, Window};

/// The DASH side of a presentation: its schedule, and the newest manifest as text.
#[derive(Default)]
pub struct Manifests {
    schedule: Mutex<Seen>,
    texts: Playlists,
}

#[derive(Default)]
struct Seen {
    schedule: Schedule,
    /// The windows' versions when the schedule last looked.
    versions: Vec<u64>,
    manifest: Option<Arc<Manifest>>,
}

impl Manifests {
    /// The manifest of that presentation at this moment; `None` until its first segment is complete.
    pub fn newest(&self, presentation: &Presentation, now: SystemTime) -> Option<Arc<Manifest>> {
        let renditions = presentation.renditions.borrow().clone();
        let windows: Vec<Arc<Window>> = renditions.iter().map(|one| one.window.borrow().clone()).collect();
        let versions: Vec<u64> = windows.iter().map(|window| window.version).collect();
        let mut seen = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.manifest.is_none() || seen.versions != versions {
            let shown: Vec<Shown<'_>> = renditions
                .iter()
                .zip(&windows)
                .map(|(one, window)| Shown { name: &one.name, window, peak_bps: one.rates_bps().0 })
                .collect();
            let place = Place { path: &presentation.path, era: &presentation.era };
            seen.manifest = seen.schedule.update(now, place, &shown);
            seen.versions = versions;
        }
        seen.manifest.clone()
    }

    /// That manifest as text: rendered once, and compressed once, for all who share a key. `on_render` is told each time.
    pub fn rendered(&self, manifest: &Manifest, key: Option<&str>, on_render: impl FnOnce()) -> Arc<Rendered> {
        let variant = Variant { key, ..Variant::default() };
        self.texts.rendered(manifest.version(), variant, || {
            on_render();
            Rendered::new(manifest.text(key))
        })
    }
}
