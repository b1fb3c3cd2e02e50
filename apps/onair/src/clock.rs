use std::time::Instant;

use hub::Hub;
use tokio::time::sleep_until;

/// Tells the hub the time whenever it wants to know: it owns no clock.
pub(crate) async fn keep(hub: Hub) {
    loop {
        let deadline = hub.tick(Instant::now());
        let wait = async {
            match deadline {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = hub.attention() => {}
        }
    }
}
