//! DASH and low-latency DASH over the very segments that HLS serves (conformance D1–D15).
//!
//! [`Schedule`] is the memory: fed with the renditions' windows, it divides the presentation into
//! periods that never change once announced. [`Manifest`] is what it says at one moment: a value
//! with its text, made once per change and shared by every reader.
//!
//! **Times.** A period's `start` and its `presentationTimeOffset` are the same instant, so
//! presentation time *is* the broadcast's [`media::Time`] and the clock cannot jump from period to
//! period (D6). `availabilityStartTime` is the wall clock of `Time::ZERO`. Only a publisher whose
//! clock goes wrong by half a second makes a difference: a new period begins, moved by as much.
//!
//! **Numbers or a timeline.** A publisher whose keyframes come at even steps is described by
//! `$Number$` and one `duration`: the manifest then hardly ever changes, players know when the next
//! segment opens without asking, and they may fetch it while it is made. When a segment starts off
//! that grid, a new period begins: on a corrected grid after a long run (the publisher's clock is
//! not quite what it says), with a `SegmentTimeline` otherwise. A timeline lists what is complete
//! with exact times (D4), then the open segment as long as the longest, so that low latency goes on,
//! a second farther from live: players learn of the next segment only by asking again.
//!
//! A new period also begins where the timeline breaks, where an init changes, and where a rendition
//! comes, goes, or has a hole.

mod beside;
mod manifest;
#[cfg(test)]
mod sample;
mod schedule;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
mod write;

pub use beside::Manifests;
pub use manifest::Manifest;
pub use schedule::{Place, Schedule, Shown};
