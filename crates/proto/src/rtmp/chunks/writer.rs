use std::collections::BTreeMap;

use bytes::{BufMut, BytesMut};
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
    timestamp: u32,
    /// `None` after an absolute time: what a type 3 header then means is read in two ways out there.
    delta: Option<u32>,
    length: usize,
    kind: u8,
    stream: u32,
}

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
        let length = message.payload.len().min(0xff_ffff);
        let (header, time, delta) = self.header(csid, message, length);
        let extended = (time >= EXTENDED).then_some(time);
        let mut fmt = header.fmt();
        let mut rest = &message.payload[..length];
        loop {
            BasicHeader { fmt, csid }.write(out);
            if fmt != 3 {
                header.write(out);
            }
            if let Some(extended) = extended {
                out.put_u32(extended);
            }
            let (chunk, after) = rest.split_at(rest.len().min(self.chunk_size));
            out.put_slice(chunk);
            if after.is_empty() {
                break;
            }
            (rest, fmt) = (after, 3);
        }
        let &Message { kind, stream, timestamp, .. } = message;
        self.chunk_streams.insert(csid, Last { timestamp, delta, length, kind, stream });
    }

    /// The header, the time in it, and that time again if it is a delta.
    fn header(&self, csid: u32, message: &Message, length: usize) -> (MessageHeader, u32, Option<u32>) {
        let &Message { kind, stream, timestamp, .. } = message;
        let wire_length = length as u32;
        let full = |timestamp| MessageHeader::Full { timestamp, length: wire_length, kind, stream };
        let Some(last) = self.chunk_streams.get(&csid).filter(|last| last.stream == stream) else {
            return (full(timestamp), timestamp, None);
        };
        let delta = timestamp.wrapping_sub(last.timestamp);
        if delta >= EXTENDED {
            // Backwards, or hours ahead: an absolute time is read alike by all.
            return (full(timestamp), timestamp, None);
        }
        let header = if (last.length, last.kind) != (length, kind) {
            MessageHeader::SameStream { delta, length: wire_length, kind }
        } else if last.delta != Some(delta) {
            MessageHeader::SameShape { delta }
        } else {
            MessageHeader::Same
        };
        (header, delta, Some(delta))
    }
}
