//! Broadcasts as FLV's messages, for players by RTMP and by HTTP-FLV: one picture, one sound, in one order.
//!
//! An [`Opening`] finds out what of a broadcast a player can be given, and waits for it where it must; what comes of
//! it is a [`Viewer`], which hands out message after message. It reads the hub's groups at its own pace and keeps no
//! queue: who takes too long finds the group gone that it was in, and goes on at the newest keyframe (F1). Payloads are
//! the publisher's, never copied.
//!
//! Machines without socket and clock: gateways ask again when [`Viewer::wait`] or a moment is over.

mod choice;
mod opening;
mod source;
#[cfg(test)]
mod tests;
mod viewer;
mod wants;

pub use opening::{Opened, Opening, Refusal};
pub use viewer::{Polled, Tag, Viewer};
pub use wants::Wants;
