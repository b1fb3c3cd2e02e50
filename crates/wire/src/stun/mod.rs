//! STUN messages as ICE uses them (RFC 8489, RFC 8445 §16).
//!
//! A message is parsed in one pass without allocation: what ICE needs is picked out, the rest only
//! checked for shape. Integrity is checked over the very bytes received.

mod integrity;
mod message;
mod write;

#[cfg(test)]
mod tests;

pub use integrity::Key;
pub use message::{Class, Message, Method, TransactionId, is_stun};
pub use write::Builder;
