use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use wire::rtmp::{BasicHeader, EXTENDED, MessageHeader};

use super::{DEFAULT_CHUNK_SIZE, Message};

/// Cuts messages into chunks, each behind the shortest header that says what changed.
pub(crate) struct Writer {
    chunk_size: usize,
    chunk_streams: BTreeMap<u32, Last>,
}

/// What the reader remembers of a chunk stream.
#[derive(Clone, Copy)]
struct Last {
    shape: Shape,
    /// `None` after an absolute time: what a type 3 header then means is read in two ways out there.
    delta: Option<u32>,
}

/// What a header tells of a message.
#[derive(Clone, Copy)]
struct Shape {
    timestamp: u32,
    length: usize,
    kind: u8,
    stream: u32,
}

/// What stands before each chunk of one message.
struct Opening {
    csid: u32,
    /// Of the first chunk alone.
    header: Option<MessageHeader>,
    extended: Option<u32>,
}

impl Opening {
    fn write(&mut self, out: &mut BytesMut) {
        let header = self.header.take().unwrap_or(MessageHeader::Same);
        BasicHeader { fmt: header.fmt(), csid: self.csid }.write(out);
        header.write(out);
        if let Some(extended) = self.extended {
            out.put_u32(extended);
        }
    }
}

/// The longest message that a header can tell of.
const MOST_BYTES: usize = 0xff_ffff;
/// How much of one allocation what stands between shared slices takes, and what one of them takes at most.
const ROOM: usize = 4096;
const LEAST_ROOM: usize = 64;

impl Writer {
    pub(crate) fn new() -> Self {
        Self { chunk_size: DEFAULT_CHUNK_SIZE, chunk_streams: BTreeMap::new() }
    }

    /// From the next message on. Say so to the peer first.
    pub(crate) fn set_chunk_size(&mut self, size: u32) {
        self.chunk_size = (size as usize).max(1);
    }

    /// Writes one message on chunk stream `csid` (2 to 65 599), of less than 16 MiB.
    pub(crate) fn write(&mut self, csid: u32, message: &Message, out: &mut BytesMut) {
        let mut rest = &message.payload[..message.payload.len().min(MOST_BYTES)];
        let &Message { kind, stream, timestamp, .. } = message;
        let shape = Shape { timestamp, length: rest.len(), kind, stream };
        let mut head = self.begin(csid, shape);
        loop {
            head.write(out);
            let (chunk, after) = rest.split_at(rest.len().min(self.chunk_size));
            out.put_slice(chunk);
            if after.is_empty() {
                break;
            }
            rest = after;
        }
    }

    /// Writes a message whose payload is `head` and then `body`, which is not copied: `pieces` gets it in slices, and
    /// between them what was in `out` and what chunks add. What comes behind the last slice stays in `out`.
    ///
    /// One of 16 MiB or more is left out, as no header can say that.
    pub(crate) fn write_shared(
        &mut self,
        csid: u32,
        (kind, stream, timestamp): (u8, u32, u32),
        mut head: &[u8],
        mut body: Bytes,
        out: &mut BytesMut,
        mut pieces: impl FnMut(Bytes),
    ) {
        let length = head.len() + body.len();
        if length > MOST_BYTES {
            return;
        }
        let mut chunk = self.begin(csid, Shape { timestamp, length, kind, stream });
        loop {
            if out.capacity() - out.len() < LEAST_ROOM {
                out.reserve(ROOM);
            }
            chunk.write(out);
            let (first, later) = head.split_at(head.len().min(self.chunk_size));
            out.put_slice(first);
            head = later;
            let slice = body.split_to(body.len().min(self.chunk_size - first.len()));
            if !slice.is_empty() {
                pieces(out.split().freeze());
                pieces(slice);
            }
            if head.is_empty() && body.is_empty() {
                break;
            }
        }
    }

    /// How the chunks of a message begin, which is remembered as the last one.
    fn begin(&mut self, csid: u32, shape: Shape) -> Opening {
        let (header, time, delta) = self.header(csid, shape);
        self.chunk_streams.insert(csid, Last { shape, delta });
        Opening { csid, header: Some(header), extended: (time >= EXTENDED).then_some(time) }
    }

    /// The header, the time in it, and that time again if it is a delta.
    fn header(&self, csid: u32, shape: Shape) -> (MessageHeader, u32, Option<u32>) {
        let Shape { timestamp, length, kind, stream } = shape;
        let wire_length = length as u32;
        let full = |timestamp| MessageHeader::Full { timestamp, length: wire_length, kind, stream };
        let Some(last) = self.chunk_streams.get(&csid).filter(|last| last.shape.stream == stream) else {
            return (full(timestamp), timestamp, None);
        };
        let delta = timestamp.wrapping_sub(last.shape.timestamp);
        if delta >= EXTENDED {
            // Backwards, or hours ahead: an absolute time is read alike by all.
            return (full(timestamp), timestamp, None);
        }
        let header = if (last.shape.length, last.shape.kind) != (length, kind) {
            MessageHeader::SameStream { delta, length: wire_length, kind }
        } else if last.delta != Some(delta) {
            MessageHeader::SameShape { delta }
        } else {
            MessageHeader::Same
        };
        (header, delta, Some(delta))
    }
}
