//! SRTP and SRTCP (RFC 3711, RFC 7714), made for one writer and many readers.
//!
//! Sealing is a pure function of key and packet index, so that a sender that counts its own packets pays
//! for no look-up; opening keeps what replay protection needs, per source.

mod keys;
mod open;
mod seal;
mod suite;

#[cfg(test)]
mod tests;

pub use keys::{Keys, Profile};
pub use open::{Opener, Rejected};
pub use seal::Sealer;
