use std::net::SocketAddr;
use std::time::Duration;

use crate::webrtc::dtls::Failed;
use crate::webrtc::ice::{CONSENT, Road, Seen};

/// How far a session has come. What a report of a failed one is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The addresses that the peer was told.
    pub told: Vec<SocketAddr>,
    /// ICE checks that came, right and wrong.
    pub checks: Seen,
    /// Where the last check came from that was not signed with our password.
    pub stranger: Option<SocketAddr>,
    /// The road that the peer chose.
    pub road: Option<Road>,
    /// The peer sent something of a DTLS handshake.
    pub heard_dtls: bool,
    /// The handshake is done.
    pub is_secured: bool,
    /// RTP packets that were opened.
    pub packets: u64,
    /// Packets that came and could not be: replayed, or not the peer's.
    pub unopened: u64,
}

/// Why a session ended: a sentence for the person at the other end, with the step that failed and the address (issue:
/// why it failed).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// The peer left, and said so.
    #[error("the peer said goodbye")]
    Goodbye,
    /// Not one ICE check came.
    #[error(
        "no ICE check arrived within {}: the peer cannot reach any address of the answer ({}), or a firewall is between",
        humane(.after),
        list(.told)
    )]
    Unreached {
        /// The addresses of the answer.
        told: Vec<SocketAddr>,
        /// How long we waited.
        after: Duration,
    },
    /// Checks came, but signed with another password.
    #[error("ICE checks came from {from}, but none was signed with the password of the answer")]
    Unsigned {
        /// Where the last came from.
        from: SocketAddr,
    },
    /// ICE is done and DTLS never began.
    #[error("ICE works from {from}, but no DTLS handshake came from there within {}", humane(.after))]
    NoHandshake {
        /// Where the peer is.
        from: SocketAddr,
        /// How long we waited.
        after: Duration,
    },
    /// DTLS began and did not end.
    #[error("ICE works from {from}, but the DTLS handshake was not finished within {}", humane(.after))]
    HandshakeStuck {
        /// Where the peer is.
        from: SocketAddr,
        /// How long we waited.
        after: Duration,
    },
    /// DTLS failed.
    #[error("ICE works{}, but {failed}", .from.map(|from| format!(" from {from}")).unwrap_or_default())]
    Handshake {
        /// Where the peer is.
        from: Option<SocketAddr>,
        /// What went wrong.
        failed: Failed,
    },
    /// It worked, and then the peer fell silent (U3).
    #[error("nothing has come from {from} for {}", humane(.after))]
    Silent {
        /// Where the peer was.
        from: SocketAddr,
        /// For how long.
        after: Duration,
    },
}

impl Why {
    /// A word for labels and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Unreached { .. } => "unreached",
            Self::Unsigned { .. } => "unsigned",
            Self::NoHandshake { .. } | Self::HandshakeStuck { .. } | Self::Handshake { .. } => "dtls",
            Self::Silent { .. } => "silent",
        }
    }
}

impl Progress {
    pub(super) fn heard_from(&mut self, from: SocketAddr, is_signed: bool) {
        if !is_signed {
            self.stranger = Some(from);
        }
    }

    pub(super) fn handshake_failed(&self, failed: Failed) -> Why {
        Why::Handshake { from: self.road.map(|road| road.remote), failed }
    }

    /// Patience has ended: at which step?
    pub(super) fn gone(&self, patience: Duration) -> Why {
        match (self.road.map(|road| road.remote), self.stranger) {
            (Some(from), _) if self.is_secured => Why::Silent { from, after: CONSENT },
            (Some(from), _) if self.heard_dtls => Why::HandshakeStuck { from, after: patience },
            (Some(from), _) => Why::NoHandshake { from, after: patience },
            (None, Some(from)) => Why::Unsigned { from },
            (None, None) => Why::Unreached { told: self.told.clone(), after: patience },
        }
    }
}

/// `15 s`, `0.5 s`.
fn humane(span: &Duration) -> String {
    format!("{} s", span.as_secs_f64())
}

/// The first few, which are the best.
fn list(addresses: &[SocketAddr]) -> String {
    let names: Vec<_> = addresses.iter().take(4).map(ToString::to_string).collect();
    let more = if addresses.len() > names.len() { ", …" } else { "" };
    if names.is_empty() { "which names none".to_owned() } else { format!("{}{more}", names.join(", ")) }
}
