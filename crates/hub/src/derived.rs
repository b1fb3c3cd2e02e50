use std::sync::Arc;
use std::time::Instant;

use media::{Frame, Track, TrackId};

use crate::broadcast::Shared;
use crate::claim::{Fate, Rejected};
use crate::hub::Hub;

/// The right to write one track of a broadcast that is made of others of it.
///
/// Dropping it takes the track away. A broadcast neither lives longer for it nor counts it as a sign of
/// its publisher's life.
pub struct Derived {
    hub: Hub,
    shared: Arc<Shared>,
    number: u64,
}

impl Derived {
    /// Ids from here on are for derived tracks; a publisher has no such number of tracks.
    pub const FIRST: TrackId = TrackId(100);
    /// Ids of pictures from here on are rungs of a ladder, for everybody: `v720` has 720 lines. Pictures below are made for
    /// viewers who ask for them, and come and go with those.
    pub const RUNGS: TrackId = TrackId(144);

    pub(crate) fn new(hub: Hub, shared: Arc<Shared>, number: u64) -> Self {
        Self { hub, shared, number }
    }

    /// New parameters, from the next group on. The id stays what it is.
    pub fn declare(&self, track: Track) -> Result<(), Rejected> {
        self.shared.redeclare_derived(self.number, track)
    }

    /// Appends a frame whose `dts` is on the broadcast's timeline already, and rises.
    ///
    /// `discontinuity` is what the source's group said ([`crate::GroupHead::discontinuity`]), so that breaks show in
    /// both at the same frames.
    pub fn append(&self, frame: Frame, discontinuity: u32, at: Instant) -> Result<Fate, Rejected> {
        self.shared.append_derived(self.number, frame, discontinuity, at, self.hub.limits())
    }
}

impl Drop for Derived {
    fn drop(&mut self) {
        self.shared.retract_derived(self.number);
    }
}
