//! RTMP at the socket: who may connect, and the way of their frames into the hub.
//!
//! [`Listener`] takes connections, one task each; a connection runs the machine of `proto::rtmp` and hands what
//! comes of it to the hub. Playing and dialling out are not built yet: their files are missing.

mod door;
mod figures;
mod ingest;
mod listen;
mod session;

pub use listen::Listener;
