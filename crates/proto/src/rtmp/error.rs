use media::codec::Malformed;
use wire::flv;

/// Why an RTMP session ended badly.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `at` counts received bytes, so it is also the offset in a capture of the connection.
    #[error("peer sent {what} at byte {at}")]
    Misbehaved {
        /// What was wrong.
        what: &'static str,
        /// Received bytes up to there.
        at: u64,
    },
    /// Something we do not speak.
    #[error("peer asked for {0}, which we do not speak")]
    Unsupported(&'static str),
    /// More than it may take of us.
    #[error("peer exceeded {limit} of {what}")]
    OverLimit {
        /// Of what.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// Connected, and did not ask to publish or play in time.
    #[error("peer did not publish or play in time")]
    TooSlow,
    /// Nothing came for too long.
    #[error("peer was silent for too long")]
    Idle,
}

impl Error {
    /// A short word for counters: why sessions fail.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Misbehaved { .. } => "misbehaved",
            Self::Unsupported(_) => "unsupported",
            Self::OverLimit { .. } => "over_limit",
            Self::TooSlow => "too_slow",
            Self::Idle => "idle",
        }
    }
}

/// Something passed over without ending the session. The publisher's people may want to know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Odd {
    /// A track is left out. Said once per track.
    #[error("codec {0} is not supported: that track is left out")]
    Codec(flv::Codec),
    /// A message or frame is left out.
    #[error("{0}: left out")]
    Malformed(#[from] Malformed),
    /// The message is left out.
    #[error("more tracks than {0} of one kind: left out")]
    TooManyTracks(usize),
}

/// What went wrong while reading one message; the session adds where.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Misbehaved(&'static str),
    Unsupported(&'static str),
    OverLimit { what: &'static str, limit: usize },
}

impl Fault {
    pub(super) fn at(self, at: u64) -> Error {
        match self {
            Self::Misbehaved(what) => Error::Misbehaved { what, at },
            Self::Unsupported(what) => Error::Unsupported(what),
            Self::OverLimit { what, limit } => Error::OverLimit { what, limit },
        }
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Misbehaved(malformed.0)
    }
}
