//! Frames become parts, parts become segments, segments become playlists: once, for every player.
//!
//! Floor 3: a machine without socket or clock. The origin drives it; gateways read what it leaves
//! on the shelf ([`Library`] → [`Presentation`] → [`Rendition`] → [`Window`]). [`flv`] goes without any of that: a
//! player's messages are the frames themselves.

pub mod dash;
pub mod flv;
pub mod hls;

mod packager;
mod shelf;
mod window;

pub use packager::{Packager, Settings};
pub use shelf::{Found, Library, Presentation, Rendition, Shelf, Slot};
pub use window::{Init, Part, Segment, Window};
