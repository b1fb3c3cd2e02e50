//! TLS at the door of every gateway: one certificate, kept up to date, and the handshake.
//!
//! [`Certificate`] is read from files or made at the start, and replaced in place when the files change, so that no
//! connection notices (conformance F22). [`Acceptor`] does one handshake, within a time (F8); what comes out is a stream
//! of bytes like any other, and the gateway knows no more of TLS. TLS 1.2 and 1.3, by rustls with aws-lc-rs.

mod accept;
mod certificate;
mod error;
mod files;
mod own;
#[cfg(test)]
mod tests;

pub use accept::{Acceptor, Socket};
pub use certificate::Certificate;
pub use error::Error;
