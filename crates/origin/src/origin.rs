use hub::Hub;
use package::{Library, Settings};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::watch;

/// Packages whatever is or will be broadcast, until it is told to stop.
///
/// What is on the shelves then stays there, without an end: after a restart the same viewers go on.
pub async fn run(hub: Hub, library: Library, settings: Settings, stop: CancellationToken) {
    metrics::describe_gauge!("onair_presentations", "Broadcasts that are being packaged.");
    metrics::describe_counter!("onair_packager_panics_total", "Packagers that failed and were begun anew.");
    metrics::describe_counter!("onair_packager_skipped_groups_total", "Groups that the packager was too late for.");
    let mut arrivals = hub.arrivals();
    let mut broadcasts = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            broadcast = arrivals.next() => {
                let span = tracing::info_span!("package", stream = %broadcast.path());
                broadcasts.spawn(watch::over(broadcast, library.clone(), settings).instrument(span));
            }
            // Nothing to learn from it: it took its presentation with it.
            Some(_) = broadcasts.join_next() => {}
        }
    }
}
