//! Where publishers and subscribers meet. Names no protocol.
//!
//! Besides the publisher, a [`Derived`] writer may add a track that it makes of the publisher's, on the
//! same timeline; [`Demand`] is how viewers ask for one.
//!
//! A [`Publisher`] appends frames; whoever holds a [`Cursor`] reads them. Appending never waits for a
//! reader, and a reader that falls behind is moved on ([`Step::Skipped`]) without costing anybody
//! anything: a group of frames is an append-only run of write-once slots, so reading takes no lock.
//! The broadcast's `timeline` gives every frame its place on one clock that never goes back, not even
//! when the publisher reconnects.
//!
//! Owns no clock and no task: time is an argument, and whoever runs the hub calls [`Hub::tick`].

mod admission;
mod broadcast;
mod changes;
mod claim;
mod cursor;
mod demand;
mod derived;
mod desk;
mod group;
mod hub;
mod lane;
mod limits;
mod publisher;
mod stats;
mod still;
mod timeline;
mod writer;

#[cfg(test)]
mod derived_tests;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use admission::{Action, Admission, Ask, Verdict};
pub use broadcast::{Broadcast, From, State, Watching};
pub use changes::{Arrivals, Changes};
pub use claim::{Claim, Dropped, Fate, Now, Refusal, Rejected};
pub use cursor::{Cursor, Step};
pub use demand::{Demand, Lease, Making, Rendition, Wish};
pub use derived::Derived;
pub use group::GroupHead;
pub use hub::Hub;
pub use limits::Limits;
pub use publisher::Publisher;
pub use stats::{Drops, Stats, TrackStats};
pub use still::{NoStill, Still, StillFuture, Stills};
