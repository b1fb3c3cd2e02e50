use std::sync::Arc;

use tokio::sync::watch;

use crate::broadcast::{Broadcast, Shared, State};
use crate::hub::Hub;

/// Tells that something in a broadcast changed: one wake-up however much was appended meanwhile.
pub struct Changes {
    shared: Arc<Shared>,
    bell: watch::Receiver<()>,
}

impl Changes {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let mut bell = shared.bell.subscribe();
        // What is there already is news to the one who asks.
        bell.mark_changed();
        Self { shared, bell }
    }

    /// Waits until something was appended, declared, retracted or decided since last time, and says
    /// what the broadcast's state is now. Returns at once the first time and when the broadcast is over.
    pub async fn next(&mut self) -> State {
        if self.shared.state() != State::Ended {
            // The bell cannot go while `shared` is held.
            let _ = self.bell.changed().await;
        }
        self.bell.mark_unchanged();
        self.shared.state()
    }
}

/// Every broadcast once, in the order in which they began.
pub struct Arrivals {
    hub: Hub,
    bell: watch::Receiver<()>,
    /// Serial of the last one given out.
    seen: u64,
}

impl Arrivals {
    pub(crate) fn new(hub: Hub, bell: watch::Receiver<()>) -> Self {
        Self { hub, bell, seen: 0 }
    }

    /// The next broadcast: first those that are there already, then each new one. One that ended before
    /// it was asked for is left out.
    pub async fn next(&mut self) -> Broadcast {
        loop {
            self.bell.mark_unchanged();
            if let Some((serial, broadcast)) = self.hub.after(self.seen) {
                self.seen = serial;
                return broadcast;
            }
            let _ = self.bell.changed().await;
        }
    }
}
