//! RTMP at the socket: who may connect, the way of their frames into the hub, and from there to players.
//!
//! [`Listener`] takes connections, one task each; a connection runs the machine of `proto::rtmp` and hands what
//! comes of it to the hub (`ingest`), or what `package::flv` makes of a broadcast to it (`egress`). Dialling out is not
//! built yet: its file is missing.

mod door;
mod egress;
mod figures;
mod ingest;
mod listen;
mod session;

pub use listen::Listener;
