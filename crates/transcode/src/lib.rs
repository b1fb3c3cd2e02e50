//! Renditions that a publisher does not send, made by a worker process.
//!
//! Floor 4: [`Transcoder`] answers [`hub::Demand`]. For each rendition it starts `onair-transcoder`, feeds it the source's
//! frames over a socket pair in the words of [`protocol`], and appends what comes back as a derived track of the same
//! broadcast. Codecs live in the worker alone: it may crash, hang or be killed, and costs its rendition a moment.

mod attend;
mod audio;
mod backoff;
mod delay;
mod demo;
mod ladder;
mod pictures;
mod process;
pub mod protocol;
mod room;
mod rungs;
mod still;
mod transcoder;
mod watchdog;

#[cfg(test)]
mod tests;

pub use demo::Demo;
pub use still::Stills;
pub use transcoder::{Condition, Settings, Status, Transcoder};
