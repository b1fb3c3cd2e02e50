//! RTMP's chunk headers and protocol control messages (RTMP 1.0 §5.3 to §6).

mod chunk;
mod control;
pub mod kind;
#[cfg(test)]
mod tests;

pub use chunk::{BasicHeader, EXTENDED, MessageHeader};
pub use control::{Control, PeerLimit, UserControl};
