use proto::webrtc::transport::Why;

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum End {
    /// The transport failed, or the peer left.
    #[error(transparent)]
    Transport(#[from] Why),
    /// The client deleted it.
    #[error("the client ended it")]
    Deleted,
    /// RTCP said goodbye for all.
    #[error("the peer said goodbye")]
    Bye,
    /// Another publisher took the broadcast over.
    #[error("another publisher took over")]
    Superseded,
    /// The broadcast was ended from our side (F20).
    #[error("the broadcast was ended")]
    Ended,
    /// The server stops.
    #[error("the server stops")]
    Stopped,
    /// The answer did not reach the one who asked.
    #[error("the client left before it was answered")]
    Abandoned,
    /// The publisher came back with what this viewer cannot decode (E11).
    #[error("the codec changed: connect again")]
    CodecChanged,
    /// The server has more to do than it can; the newest viewers leave.
    #[error("the server has more viewers than it can serve")]
    Overloaded,
    /// A fault of ours.
    #[error("the session panicked: please report this")]
    Panicked,
}

impl End {
    /// A word for labels and logs.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Transport(why) => why.reason(),
            Self::Deleted => "deleted",
            Self::Bye => "goodbye",
            Self::Superseded => "superseded",
            Self::Ended => "ended",
            Self::Stopped => "stopped",
            Self::Abandoned => "abandoned",
            Self::CodecChanged => "codec",
            Self::Overloaded => "overload",
            Self::Panicked => "panic",
        }
    }

    /// Something went wrong, which somebody should read of.
    pub(crate) fn is_failure(&self) -> bool {
        match self {
            Self::Transport(why) => *why != Why::Goodbye,
            Self::Overloaded | Self::Panicked => true,
            _ => false,
        }
    }
}
