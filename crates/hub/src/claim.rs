use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

/// One moment on both clocks of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The clock by which everything is measured.
    pub at: Instant,
    /// The clock on the wall. May be stepped: it only says when a broadcast began (conformance A14).
    pub wall: SystemTime,
}

impl Now {
    /// What the host's clocks say.
    pub fn from_clocks() -> Self {
        Self { at: Instant::now(), wall: SystemTime::now() }
    }
}

/// Who publishes, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// How they come: `rtmp`.
    pub proto: &'static str,
    /// Where from; `None` for a publisher inside the house.
    pub peer: Option<SocketAddr>,
}

/// Why nobody may publish there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A live publisher holds the broadcast.
    #[error("somebody else is publishing there")]
    Busy,
    /// The hub holds as many broadcasts as it may.
    #[error("there are already {0} broadcasts")]
    Full(usize),
}

/// Why a publisher can do nothing more, or not that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Another publisher took over after this one had been silent.
    #[error("another publisher took over")]
    Superseded,
    /// The broadcast was ended from the server's side.
    #[error("the broadcast was ended")]
    Ended,
    /// More tracks than a broadcast may have.
    #[error("more than {0} tracks")]
    TooManyTracks(usize),
    /// A frame of a track that was never declared.
    #[error("a frame of a track that was not declared")]
    UnknownTrack,
    /// A derived track with the id of one that is there.
    #[error("there is a track of that id already")]
    TrackTaken,
}

/// What became of a frame. None of it is a reason to close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Readers can see it.
    Kept,
    /// Nobody will.
    Dropped(Dropped),
}

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Nothing before it can be decoded: the track waits for a frame at which a viewer may start.
    AwaitingSync,
    /// The group grew past a limit without such a frame (conformance A11).
    GroupTooLong,
    /// It repeats sound that is already there, or lies before the broadcast's beginning.
    Overlap,
    /// It lies farther in the future than a live stream can.
    Ahead,
    /// It alone is larger than a group may be, or empty.
    BadSize,
}
