//! The nouns of the house: what a frame, a track and a broadcast's path are, and what time means.
//!
//! Floor 1: knows no protocol, no container, no socket and no clock. Everything above speaks in
//! these words, so that remuxing is "gateway to hub" plus "hub to gateway" and never N×N.

mod frame;
mod path;
mod time;
mod track;

pub mod codec;

pub use codec::Codec;
pub use frame::{Frame, Temporal};
pub use path::{BadPath, Path};
pub use time::{Span, Time};
pub use track::{Catalog, Kind, Language, Origin, Track, TrackId};
