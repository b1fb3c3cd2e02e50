//! RTMP's chunks, as far as a ruler needs them: what is small is kept, media is counted.

use std::collections::HashMap;

use bytes::{BufMut, BytesMut};
use wire::rtmp::{BasicHeader, EXTENDED, MessageHeader, kind};

use crate::generate::CHUNK;

/// Bytes of a media message that are kept: enough for the mark of a made-up stream.
pub(super) const KEPT: usize = 4 * CHUNK;
/// Commands and the like are kept whole up to this.
const MAX_COMMAND: usize = 64 << 10;
/// Of what we send.
pub(super) const OUR_CHUNK: usize = 60_000;

/// A message, as far as it was kept.
#[derive(Debug)]
pub struct Message<'a> {
    /// Message type id.
    pub kind: u8,
    /// Its beginning; commands and control messages whole.
    pub body: &'a [u8],
    /// Bytes of all of it.
    pub len: usize,
}

/// Takes chunks apart.
#[derive(Debug)]
pub(super) struct Reader {
    chunk: usize,
    streams: HashMap<u32, Partial>,
    head: Vec<u8>,
    /// The chunk stream of which bytes come now, and how many of this chunk are still to come.
    current: Option<(u32, usize)>,
}

#[derive(Debug, Default)]
struct Partial {
    kind: u8,
    len: usize,
    is_extended: bool,
    got: usize,
    body: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { chunk: 128, streams: HashMap::new(), head: Vec::new(), current: None }
    }
}

impl Reader {
    /// Takes in bytes and tells every message that is complete.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut tell: impl FnMut(&Message<'_>)) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            let Some((csid, left)) = self.current else {
                let (&first, rest) = bytes.split_first().ok_or("RTMP")?;
                bytes = rest;
                self.head.push(first);
                self.current = self.open();
                if self.current.is_none() && self.head.len() > 18 {
                    return Err("RTMP chunk header");
                }
                continue;
            };
            let stream = self.streams.get_mut(&csid).ok_or("RTMP chunk stream")?;
            let take = left.min(bytes.len());
            let (piece, rest) = bytes.split_at(take);
            bytes = rest;
            let is_media = matches!(stream.kind, kind::AUDIO | kind::VIDEO | kind::DATA | kind::AGGREGATE);
            let room = if is_media { KEPT } else { MAX_COMMAND }.saturating_sub(stream.body.len());
            stream.body.extend_from_slice(piece.get(..room).unwrap_or(piece));
            stream.got += take;
            self.current = (take < left).then_some((csid, left - take));
            if stream.got == stream.len {
                if stream.kind == kind::SET_CHUNK_SIZE {
                    let size = stream.body.first_chunk().map_or(0, |size| u32::from_be_bytes(*size));
                    self.chunk = (size as usize).clamp(1, 0xff_ffff);
                }
                tell(&Message { kind: stream.kind, body: &stream.body, len: stream.len });
                stream.got = 0;
                stream.body.clear();
            }
        }
        Ok(())
    }

    /// Reads the header that was collected, once it is whole.
    fn open(&mut self) -> Option<(u32, usize)> {
        let mut src = &self.head[..];
        let BasicHeader { fmt, csid } = BasicHeader::parse(&mut src)?;
        let header = MessageHeader::parse(fmt, &mut src)?;
        let known = self.streams.get(&csid);
        let is_extended = header.time().map_or(known.is_some_and(|it| it.is_extended), |time| time == EXTENDED);
        if is_extended && src.len() < 4 {
            return None;
        }
        self.head.clear();
        let stream = self.streams.entry(csid).or_default();
        stream.is_extended = is_extended;
        if let MessageHeader::Full { length, kind, .. } | MessageHeader::SameStream { length, kind, .. } = header {
            (stream.len, stream.kind) = (length as usize, kind);
        }
        // An empty message has no bytes to wait for.
        let left = (stream.len - stream.got.min(stream.len)).min(self.chunk);
        (left > 0).then_some((csid, left))
    }
}

/// Writes a message in chunks of [`OUR_CHUNK`], or of 128 while that was not told yet.
pub(super) fn write(csid: u32, kind: u8, stream: u32, timestamp: u32, body: &[u8], chunk: usize, out: &mut BytesMut) {
    let mut header = MessageHeader::Full { timestamp, length: body.len() as u32, kind, stream };
    for piece in body.chunks(chunk.max(1)) {
        BasicHeader { fmt: header.fmt(), csid }.write(out);
        header.write(out);
        if timestamp >= EXTENDED {
            out.put_u32(timestamp);
        }
        out.put_slice(piece);
        header = MessageHeader::Same;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_whatever_the_pieces() {
        let mut bytes = BytesMut::new();
        let large: Vec<u8> = (0..1000).map(|at| at as u8).collect();
        write(4, kind::VIDEO, 1, 40, &large, 128, &mut bytes);
        write(3, kind::COMMAND, 0, EXTENDED + 5, b"hello", 128, &mut bytes);
        write(2, kind::SET_CHUNK_SIZE, 0, 0, &500u32.to_be_bytes(), 128, &mut bytes);
        write(4, kind::VIDEO, 1, EXTENDED + 40, &large, 500, &mut bytes);
        for step in [1, 7, 129, 5000] {
            let (mut reader, mut seen) = (Reader::default(), Vec::new());
            for piece in bytes.chunks(step) {
                reader.feed(piece, |message| seen.push((message.kind, message.len, message.body.to_vec()))).unwrap();
            }
            let kinds: Vec<_> = seen.iter().map(|(kind, len, _)| (*kind, *len)).collect();
            assert_eq!(
                kinds,
                [(kind::VIDEO, 1000), (kind::COMMAND, 5), (kind::SET_CHUNK_SIZE, 4), (kind::VIDEO, 1000)]
            );
            assert_eq!((&seen[1].2[..], &seen[3].2[..]), (&b"hello"[..], &large[..KEPT]));
        }
    }
}
