//! RTCP: what senders and receivers tell each other about a stream (RFC 3550 §6, RFC 4585, RFC 5104).
//!
//! A compound datagram is walked packet by packet; one wrong length makes the whole datagram malformed
//! (P13), a packet of an unknown type is passed over.

mod feedback;
mod packet;
mod report;
mod twcc;

#[cfg(test)]
mod tests;

pub use feedback::{Fir, Nacks, Remb};
pub use packet::Rtcp;
pub use report::{Block, SenderInfo};
pub use twcc::{Arrival, Twcc};
