//! WHEP and WHIP: many viewers, and a publisher whose packets they are matched with.
//!
//! The other side of ICE (the one that checks), DTLS and SRTP come from the house's own crates, as writing all that twice
//! would prove little more; SRS and MediaMTX, measured by the same ruler, show that it agrees with others.

mod arrivals;
mod link;
mod offer;
mod publisher;
mod signal;
mod viewers;

pub use link::Link;
pub use offer::{Role, Terms, offer, read};
pub use proto::webrtc::negotiate::Coding;
pub use publisher::publish;
pub use viewers::{Viewers, watch};

use std::fs::File;
use std::io::Read;

use proto::webrtc::ice::Credentials;

/// Why a session came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// WebRTC does not carry such pictures.
    #[error("the stream is of a kind that WebRTC does not carry")]
    Unsent,
    /// No answer by HTTP.
    #[error("the server did not answer the request")]
    Unreachable,
    /// It answered no.
    #[error("the server answered {0}")]
    Refused(u16),
    /// Its answer is of no use.
    #[error("the answer is of no use: {0}")]
    Answer(&'static str),
    /// Nothing came back by UDP.
    #[error("no ICE check was answered")]
    NoIce,
    /// No keys came of it.
    #[error("the DTLS handshake did not end")]
    NoDtls,
    /// The handshake failed.
    #[error("{0}")]
    Dtls(String),
    /// Media did not begin, or stopped.
    #[error("no media came")]
    Silent,
    /// The server said goodbye.
    #[error("the server ended the session")]
    Goodbye,
    /// A socket failed.
    #[error("a socket failed: {0}")]
    Socket(std::io::ErrorKind),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Socket(error.kind())
    }
}

/// Random bytes of the system.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // A system without is none to measure on; nothing here is a secret.
    let _ = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    bytes
}

fn credentials() -> Credentials {
    let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Credentials { ufrag: text(&random::<4>()), pwd: text(&random::<16>()) }
}
