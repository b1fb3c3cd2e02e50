//! Wire formats: bytes to values and back.
//!
//! Floor 2: no socket, no clock, no state that outlives a call. Every parser here reads what strangers
//! send, so all are total: they return a value, ask for more bytes, or say [`Malformed`]; what they
//! allocate is bounded by the bytes they were given.

mod take;

pub mod amf;
pub mod flv;
pub mod mp4;
pub mod rtcp;
pub mod rtmp;
pub mod rtp;
pub mod sdp;
pub mod stun;

pub use media::codec::Malformed;
