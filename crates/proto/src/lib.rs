//! Protocols as machines: bytes and time go in, bytes and events come out.
//!
//! Floor 3: no socket, no clock, no task. A gateway owns those and runs the same loop around every
//! machine here: `handle_input`, then `poll_output` until it says how long to wait.

pub mod rtmp;
pub mod webrtc;
