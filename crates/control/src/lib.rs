//! Who may do what: [`hub::Admission`] out of the configuration.
//!
//! Programs on the server's own machine publish freely, others by key; watching is open unless a path asks for a key.
//! Whoever tries one wrong key after another is soon not listened to any more.

mod access;
mod guesses;

pub use access::Access;
