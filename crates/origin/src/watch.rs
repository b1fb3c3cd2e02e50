use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hub::{Broadcast, From, State};
use package::{Library, Packager, Presentation, Settings};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{Instrument, error, info, warn};

use crate::feed::{Feed, Item};

/// How long to wait after a first panic, and at most; doubled in between.
const PATIENCE: Duration = Duration::from_secs(1);
const PATIENCE_MAX: Duration = Duration::from_secs(60);
/// A packager is not asked more often than this.
const BREATH: Duration = Duration::from_millis(1);
/// Parts of an ended presentation are fetchable for three target durations (H10), which are 10 s at most.
const PARTS: Duration = Duration::from_secs(30);

/// Packages one broadcast to its end, and keeps the end fetchable for a while (H10, H17).
pub(crate) async fn over(broadcast: Broadcast, library: Library, settings: Settings) {
    let mut after = library.presentation(broadcast.path());
    // What failed may fail again on the same frames: only the first begins with the oldest.
    let mut from = From::Oldest;
    healed(|| {
        let packager = Packager::new(broadcast.path().clone(), broadcast.began(), settings, after.as_deref());
        after = Some(packager.presentation().clone());
        let begin = std::mem::replace(&mut from, From::Newest);
        package(broadcast.clone(), library.clone(), packager, begin, settings)
    })
    .await;
}

/// Runs a task, and again after each panic, with more and more patience.
async fn healed<T: Future<Output = ()> + Send + 'static>(mut begin: impl FnMut() -> T) {
    let mut patience = PATIENCE;
    loop {
        // A task of its own, so that a panic ends there. It goes when this one does.
        let mut attempt = JoinSet::new();
        attempt.spawn(begin().in_current_span());
        match attempt.join_next().await {
            Some(Err(failure)) if failure.is_panic() => {
                metrics::counter!("onair_packager_panics_total").increment(1);
                error!(?patience, "the packager failed, another begins");
            }
            _ => return,
        }
        sleep(patience).await;
        patience = (2 * patience).min(PATIENCE_MAX);
    }
}

/// Drives one packager until its broadcast is over and nobody may fetch it any more.
async fn package(broadcast: Broadcast, library: Library, mut packager: Packager, from: From, settings: Settings) {
    let placed = Placed::new(library, packager.presentation().clone());
    {
        let _counted = Counted::new();
        info!(era = placed.presentation.era, "packaging");
        drive(&broadcast, &mut packager, from).await;
        info!("the broadcast is over");
    }
    drop(packager);
    sleep(settings.window.to_duration() + PARTS).await;
    placed.remove();
}

/// Feeds a packager until the broadcast is over.
async fn drive(broadcast: &Broadcast, packager: &mut Packager, from: From) {
    let mut changes = broadcast.changes();
    let mut feed = Feed::new(from);
    let mut was = State::Live;
    let mut is_warned = false;
    loop {
        // The state before the frames: what was appended before the end is seen.
        let state = broadcast.state();
        for item in feed.read(broadcast, state) {
            let now = Instant::now().into_std();
            match item {
                Item::Catalog(catalog) => packager.catalog(now, &catalog),
                Item::Frame { head, frame } => packager.frame(now, &head.track, head.discontinuity, frame),
                Item::Skipped { track, groups } => {
                    metrics::counter!("onair_packager_skipped_groups_total").increment(groups);
                    warn!(%track, groups, "too late for some groups");
                }
            }
        }
        let now = Instant::now().into_std();
        match state {
            State::Ended => return packager.ended(now),
            State::Away if was != State::Away => packager.away(now),
            State::Away | State::Live => {}
        }
        was = state;
        let presentation = packager.presentation();
        presentation.manifests.newest(presentation, SystemTime::now());
        if packager.lacks_keyframe() && !std::mem::replace(&mut is_warned, true) {
            warn!("pictures come without a keyframe to begin with; nothing can be shown until there is one");
        }
        let timeout = async {
            match packager.deadline() {
                Some(deadline) => sleep_until(deadline.max(now + BREATH).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = changes.next() => {}
            () = timeout => packager.timeout(Instant::now().into_std()),
        }
    }
}

/// A presentation on its shelf. A panic takes it away: nobody shall wait for what it would have become (H17).
struct Placed {
    library: Library,
    presentation: Arc<Presentation>,
}

impl Placed {
    fn new(library: Library, presentation: Arc<Presentation>) -> Self {
        library.place(presentation.clone());
        Self { library, presentation }
    }

    fn remove(&self) {
        self.library.remove(&self.presentation);
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.remove();
        }
    }
}

/// Counts the packagers at work, also when one panics.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("onair_presentations").increment(1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("onair_presentations").decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_panic_takes_its_presentation_off_the_shelf() {
        let library = Library::default();
        let path: media::Path = "live/a".parse().unwrap();
        let shelf = package::Shelf::new(path.clone(), "1".into());
        for panics in [false, true] {
            let placed = Placed::new(library.clone(), shelf.presentation().clone());
            let task = tokio::spawn(async move {
                assert!(!panics, "as a test");
                drop(placed);
            });
            assert_eq!(task.await.is_err(), panics);
            assert_eq!(library.presentation(&path).is_none(), panics);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_survived_with_growing_patience() {
        let start = Instant::now();
        let tries = Arc::new(AtomicU32::new(0));
        healed(|| {
            let tries = tries.clone();
            async move {
                if tries.fetch_add(1, Ordering::Relaxed) < 3 {
                    panic!("as a test");
                }
            }
        })
        .await;
        assert_eq!(tries.load(Ordering::Relaxed), 4);
        assert_eq!(start.elapsed().as_secs(), 1 + 2 + 4);
    }
}
