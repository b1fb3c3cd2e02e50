//! Offers and answers (RFC 9429, RFC 9725 §4): what a peer offers, what we take of it, and why not.
//!
//! An answer keeps the offer's sections, order and mids, and names no payload type or header extension
//! that was not offered (W23). One section that cannot be served refuses the whole offer (W26): a stream
//! that arrives in halves is worse than a clear word.

mod codecs;
mod extensions;
mod publish;
mod terms;

#[cfg(test)]
mod tests;

pub use codecs::{Agreed, Coding};
pub use extensions::Extensions;
pub use publish::accept_publisher;
pub use terms::{Media, Ours, Refusal, Terms};
