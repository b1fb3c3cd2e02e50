use std::time::Duration;

use super::chunks::reader;

/// What one connection may take of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From connecting, or from the end of the publication before, to asking to publish or play.
    pub handshake_timeout: Duration,
    /// How long the peer may send nothing. A player is asked then whether it is there, and has as long again, twice.
    pub idle_timeout: Duration,
    /// Longest message, and all unfinished ones together, until the peer was let in to publish.
    pub stranger_bytes: usize,
    /// Longest message of a publisher.
    pub message_bytes: usize,
    /// All unfinished messages of a publisher together, by the lengths that they announce.
    pub pending_bytes: usize,
    /// Chunk streams in use at the same time. Encoders use about six.
    pub chunk_streams: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            stranger_bytes: 64 << 10,
            message_bytes: 8 << 20,
            pending_bytes: 16 << 20,
            chunk_streams: 64,
        }
    }
}

impl Limits {
    /// What the messages of somebody not let in yet may take.
    pub(super) fn for_strangers(&self) -> reader::Limits {
        let bytes = self.stranger_bytes;
        reader::Limits { message_bytes: bytes, pending_bytes: bytes, chunk_streams: self.chunk_streams }
    }

    /// What a publisher's messages may take.
    pub(super) fn for_publishers(&self) -> reader::Limits {
        let Self { message_bytes, pending_bytes, chunk_streams, .. } = *self;
        reader::Limits { message_bytes, pending_bytes, chunk_streams }
    }
}
