//! RTMP as a server speaks it, from the first handshake byte to media frames.
//!
//! [`Session`] is the whole of one connection. Inside, each conversation has its file: `handshake`,
//! `chunks` (messages in and out of interleaved chunks), `commands` (connect, publish and their
//! replies), `capabilities` (what Enhanced RTMP adds), `identity` (which broadcast, by which key) and `publish` (messages to frames).
//! Players are talked with in `play`; what they get is `wire::flv`'s messages, by [`Session::send`]. Pushing is a further
//! role: the handshake, the chunks and the commands are its too.
//!
//! What comes out is the house's own: `media::Track`s read from sequence headers, `media::Frame`s on
//! the publisher's clock, unwrapped to 64 bits (conformance A1, A2).

mod capabilities;
mod chunks;
mod clock;
mod commands;
mod error;
mod handshake;
mod identity;
mod limits;
mod play;
mod publish;
mod session;
#[cfg(test)]
mod tests;

pub use capabilities::Capabilities;
pub use error::{Error, Odd};
pub use identity::{Secret, Wish};
pub use limits::Limits;
pub use play::Denial;
pub use session::{Event, Input, Output, Refusal, Session};
