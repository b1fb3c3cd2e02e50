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
    /// How far the windows were when the schedule last looked.
    marks: Vec<Mark>,
    manifest: Option<Arc<Manifest>>,
}

/// What of a window a manifest depends on: parts alone change nothing in it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    complete: Option<u64>,
    begun: Option<u64>,
    ended: bool,
}

impl Mark {
    fn of(window: &Window) -> Self {
        let begun = window.open.as_ref().filter(|open| !open.parts.is_empty());
        Self {
            complete: window.segments.last().map(|segment| segment.msn),
            begun: begun.map(|open| open.msn),
            ended: window.ended,
        }
    }
}

impl Manifests {
    /// The manifest of that presentation at this moment; `None` until its first segment is complete.
    ///
    /// Cheap where no segment began or ended since the last call. Whoever drives the packager calls it after every input,
    /// so that periods begin where something changed and not where somebody happened to look.
    pub fn newest(&self, presentation: &Presentation, now: SystemTime) -> Option<Arc<Manifest>> {
        let renditions = presentation.renditions.borrow().clone();
        let windows: Vec<Arc<Window>> = renditions.iter().map(|one| one.window.borrow().clone()).collect();
        let marks: Vec<Mark> = windows.iter().map(|window| Mark::of(window)).collect();
        let mut seen = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.marks != marks {
            let shown: Vec<Shown<'_>> = renditions
                .iter()
                .zip(&windows)
                .map(|(one, window)| Shown { name: &one.name, window, peak_bps: one.rates_bps().0 })
                .collect();
            let place = Place { path: &presentation.path, era: &presentation.era };
            seen.manifest = seen.schedule.update(now, place, &shown);
            seen.marks = marks;
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
