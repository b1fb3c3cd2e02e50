//! Windows as playlists: HLS and low-latency HLS (RFC 8216bis).
//!
//! Everything here is pure: a [`Multivariant`] or a [`Media`] playlist is a text made from values, [`Directives`] are
//! read from a query, and [`decide`] says whether a reload is answered now, later or never. Waiting is the gateway's part.
//! [`Playlists`] stands beside a rendition's window and keeps what was rendered, so that a thousand readers of one
//! change cost one rendering (H41).

mod address;
mod cache;
mod directives;
mod media;
mod multivariant;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
pub(crate) mod text;

pub use address::{Address, BadAddress, INDEX};
pub use cache::{Playlists, Rendered, Variant};
pub use directives::{BadDirectives, Decision, Directives, decide};
pub use media::Media;
pub use multivariant::{Multivariant, Showing, has_place};
