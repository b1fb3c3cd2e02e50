//! RTP packets (RFC 3550 §5.1) and their header extensions (RFC 8285).

pub mod dependency;
mod extension;
mod packet;
pub mod payload;

#[cfg(test)]
mod tests;

pub use extension::{Elements, write_elements};
pub use packet::{HEADER_BYTES, Header, Packet, is_rtcp};
