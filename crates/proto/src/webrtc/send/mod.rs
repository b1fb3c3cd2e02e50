//! The sending half of WebRTC media, without IO (conformance P1–P22, P26, E11, E17, E18).
//!
//! A track is cut into packets **once**: its one [`Writer`] puts every frame, as a [`Run`] of packets in one shared
//! buffer, into the track's [`Log`], which keeps the newest group and about two seconds before it. A [`Viewer`] is a
//! place in the logs of the tracks it watches and a few numbers by which it makes its own headers; what it sends
//! goes straight from the log, encrypted, into the caller's [`Batch`]. A retransmission is found in the same log:
//! a viewer keeps per frame where it was, never the packets. So one thread serves thousands of viewers:
//!
//! ```text
//! writer.append(&frame, now);
//! for viewer in viewers_of_this_track {
//!     while viewer.poll(now, &mut sealer, &mut batch) == Polled::Full { send(&mut batch) }
//!     send(&mut batch)                     // `batch.bursts()`: equal sizes, one system call each
//! }
//! sleep until the least `viewer.deadline()`, then poll that viewer again
//! ```
//!
//! Every number that a receiver sees (sequence numbers, timestamps, picture ids) is the viewer's own and goes on
//! without a hole over a switch of layers and a publisher's return. Timestamps follow the broadcast's one timeline.

mod batch;
mod log;
mod packetizer;
mod viewer;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod log_tests;

pub use batch::{Batch, Burst};
pub use log::{Log, Run, Writer};
pub use packetizer::{MAX_PAYLOAD, picture_id_at};
pub use viewer::{Event, Layer, Polled, Stats, Viewer};
