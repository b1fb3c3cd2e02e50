//! Offers and answers (RFC 9429, RFC 9725 §4): what a peer offers, what we take of it, and why not.
//!
//! A publisher offers what it will send ([`accept_publisher`]). A viewer offers what it can show
//! ([`accept_viewer`]), or asks for an offer ([`offer_viewer`]) and answers it ([`accept_answer`], E5). What a viewer
//! is sent follows from what is published: nothing is transcoded here.
//!
//! An answer keeps the offer's sections, order and mids, and names no payload type or header extension
//! that was not offered (W23). One section that cannot be served refuses the whole offer (W26): a stream
//! that arrives in halves is worse than a clear word.

mod codecs;
mod extensions;
mod profile;
mod publish;
mod terms;
mod watch;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod watch_tests;

pub use codecs::{Agreed, Coding};
pub use extensions::Extensions;
pub use publish::accept_publisher;
pub use terms::{Media, Missing, Ours, Refusal, Terms};
pub(super) use watch::CNAME;
pub use watch::{Available, accept_answer, accept_viewer, is_sendable, offer_viewer};
