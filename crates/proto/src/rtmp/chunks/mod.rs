//! Messages in and out of interleaved chunks (RTMP 1.0 §5.3).

pub(super) mod reader;
#[cfg(test)]
mod tests;
mod writer;

use bytes::Bytes;

pub(super) use reader::Reader;
pub(super) use writer::Writer;

/// Largest payload of a chunk until somebody says otherwise.
const DEFAULT_CHUNK_SIZE: usize = 128;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Message type id, see `wire::rtmp::kind`.
    pub(super) kind: u8,
    /// Message stream id; 0 is the connection itself.
    pub(super) stream: u32,
    /// Milliseconds on the wire's clock of 32 bits.
    pub(super) timestamp: u32,
    pub(super) payload: Bytes,
}
