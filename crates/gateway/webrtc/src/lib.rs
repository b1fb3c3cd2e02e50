//! WebRTC at the socket: WHIP takes streams in, WHEP gives them out.
//!
//! [`Listener`] opens one UDP port and the TCP port of the same number for all sessions. A POST (`signal`) makes a
//! session; packets find it by the name in an ICE check or by an address that ICE has proven (`table`). Sessions are
//! dealt out over a few threads (`shard`); each combines the machines of `proto::webrtc` and hands what comes of them
//! to the hub (`ingest`), or sends what a broadcast's `room` has cut into packets, once for all who watch (`egress`).

mod addresses;
mod door;
mod egress;
mod end;
mod entry;
mod figures;
mod gateway;
mod ingest;
mod listen;
mod load;
mod pending;
mod pressure;
mod random;
mod registry;
mod relays;
mod room;
mod session;
mod shard;
mod signal;
mod table;
mod tcp;
mod tools;
mod udp;

pub use listen::{Listener, Ready};
pub use signal::{API, Carried};
