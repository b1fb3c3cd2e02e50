use std::sync::Arc;
use std::time::Instant;

use media::{Frame, Path, Track, TrackId};

use crate::broadcast::{Broadcast, Shared};
use crate::claim::{Fate, Rejected};
use crate::hub::Hub;

/// The right to append to one broadcast, until somebody takes it over or ends it.
///
/// Dropping it leaves the broadcast to its grace time, in which the publisher may come back and go on.
pub struct Publisher {
    hub: Hub,
    shared: Arc<Shared>,
    /// Which of the broadcast's publishers, so that one who was superseded is told apart.
    generation: u64,
}

impl Publisher {
    pub(crate) fn new(hub: Hub, shared: Arc<Shared>, generation: u64) -> Self {
        Self { hub, shared, generation }
    }

    /// Where it publishes.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// What it publishes, as its viewers see it.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(self.hub.clone(), self.shared.clone())
    }

    /// Says what a track is, before its first frame or when its parameters change.
    ///
    /// New parameters of a known track hold from its next group on; for video that is the next frame
    /// at which a viewer may start, and those before it are dropped. The same again changes nothing.
    pub fn declare(&self, track: Track) -> Result<(), Rejected> {
        self.shared.declare(self.generation, track, self.hub.limits())
    }

    /// Takes a track away. Readers get what is there, then [`crate::Step::Ended`].
    pub fn retract(&self, id: TrackId) -> Result<(), Rejected> {
        self.shared.retract(self.generation, id)
    }

    /// Appends a frame whose `dts` is on the publisher's own clock, unwrapped; `at` is its arrival.
    ///
    /// Never waits for a reader. What the stamp says is put right by the broadcast's timeline.
    pub fn append(&self, id: TrackId, frame: Frame, at: Instant) -> Result<Fate, Rejected> {
        self.shared.append(self.generation, id, frame, at, self.hub.limits())
    }

    /// Ends the broadcast at once, without grace.
    pub fn end(self) {
        if self.shared.holds(self.generation) {
            self.hub.end(&self.shared);
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if self.shared.leave(self.generation) {
            self.hub.alarm();
        }
    }
}
