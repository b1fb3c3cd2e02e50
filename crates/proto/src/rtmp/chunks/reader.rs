use std::collections::BTreeMap;

use bytes::{Buf, BytesMut};
use wire::rtmp::{BasicHeader, EXTENDED, MessageHeader};

use super::{DEFAULT_CHUNK_SIZE, Message};
use crate::rtmp::error::Fault;

/// Puts messages together from chunks. Each payload byte is copied once, into the message it belongs to.
pub(crate) struct Reader {
    chunk_size: usize,
    chunk_streams: BTreeMap<u32, ChunkStream>,
    /// The chunk whose payload is being read: its csid and how much is still to come.
    chunk: Option<(u32, usize)>,
    /// The beginning of a header that was cut off at the end of the input; a few bytes.
    carry: Vec<u8>,
    /// Announced lengths of all unfinished messages.
    pending_bytes: usize,
    /// The peer leaves extended timestamps out of type 3 chunks, against the specification (R3).
    omits_extended: bool,
    limits: Limits,
}

/// What the messages together may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) message_bytes: usize,
    pub(crate) pending_bytes: usize,
    pub(crate) chunk_streams: usize,
}

/// What a chunk stream's next header may leave out, and its unfinished message.
#[derive(Default)]
struct ChunkStream {
    timestamp: u32,
    /// What a type 3 chunk that begins a message adds (R4).
    delta: u32,
    /// The last extended timestamp, where the last header had one.
    extended: Option<u32>,
    length: usize,
    kind: u8,
    stream: u32,
    body: Option<BytesMut>,
}

enum Step {
    /// Something was read; there may be more to do.
    Went,
    /// Nothing can be read without more bytes.
    Short,
    Message(Message),
}

impl Reader {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            chunk_size: DEFAULT_CHUNK_SIZE,
            chunk_streams: BTreeMap::new(),
            chunk: None,
            carry: Vec::new(),
            pending_bytes: 0,
            omits_extended: false,
            limits,
        }
    }

    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// From the next chunk on. Any size up to 31 bits is taken: nothing is allocated by it (R2).
    pub(crate) fn set_chunk_size(&mut self, size: u32) -> Result<(), Fault> {
        match size {
            1..=0x7fff_ffff => self.chunk_size = size as usize,
            _ => return Err(Fault::Misbehaved("an impossible chunk size")),
        }
        Ok(())
    }

    /// Forgets the unfinished message of a chunk stream (R2).
    pub(crate) fn abort(&mut self, csid: u32) {
        if let Some(chunk_stream) = self.chunk_streams.get_mut(&csid)
            && chunk_stream.body.take().is_some()
        {
            self.pending_bytes = self.pending_bytes.saturating_sub(chunk_stream.length);
        }
    }

    /// The next whole message; `None` when all of `src` is taken and more is needed.
    pub(crate) fn next(&mut self, src: &mut &[u8]) -> Result<Option<Message>, Fault> {
        loop {
            let step = if self.carry.is_empty() {
                let step = self.step(src)?;
                if let Step::Short = step {
                    self.carry.extend_from_slice(src);
                    *src = &[];
                }
                step
            } else {
                let carry = std::mem::take(&mut self.carry);
                let mut left = &carry[..];
                let step = self.step(&mut left)?;
                self.carry.extend_from_slice(left);
                match (step, src.split_first()) {
                    (Step::Short, Some((&byte, rest))) => {
                        self.carry.push(byte);
                        *src = rest;
                        Step::Went
                    }
                    (step, _) => step,
                }
            };
            match step {
                Step::Went => {}
                Step::Short => return Ok(None),
                Step::Message(message) => return Ok(Some(message)),
            }
        }
    }

    /// Reads one header, or as much as there is of one chunk's payload.
    fn step(&mut self, src: &mut &[u8]) -> Result<Step, Fault> {
        let Some((csid, left)) = self.chunk else {
            return Ok(if self.header(src)?.is_some() { Step::Went } else { Step::Short });
        };
        let Some(chunk_stream) = self.chunk_streams.get_mut(&csid) else {
            self.chunk = None;
            return Ok(Step::Went);
        };
        let body = chunk_stream.body.get_or_insert_default();
        let len = left.min(src.len());
        if len == 0 && left > 0 {
            return Ok(Step::Short);
        }
        body.extend_from_slice(&src[..len]);
        src.advance(len);
        if len < left {
            self.chunk = Some((csid, left - len));
            return Ok(Step::Went);
        }
        self.chunk = None;
        if body.len() < chunk_stream.length {
            return Ok(Step::Went);
        }
        self.pending_bytes = self.pending_bytes.saturating_sub(chunk_stream.length);
        Ok(Step::Message(Message {
            kind: chunk_stream.kind,
            stream: chunk_stream.stream,
            timestamp: chunk_stream.timestamp,
            payload: chunk_stream.body.take().unwrap_or_default().freeze(),
        }))
    }

    /// Reads the headers of one chunk; `None` asks for more bytes and changes nothing.
    fn header(&mut self, src: &mut &[u8]) -> Result<Option<()>, Fault> {
        let mut rest = *src;
        let Some(BasicHeader { fmt, csid }) = BasicHeader::parse(&mut rest) else { return Ok(None) };
        let Some(header) = MessageHeader::parse(fmt, &mut rest) else { return Ok(None) };
        let known = self.chunk_streams.get(&csid);
        if known.is_none() {
            // Some clients open a chunk stream with type 1, as if time and message stream had been 0 so far.
            if fmt >= 2 {
                return Err(Fault::Misbehaved("a chunk that continues nothing"));
            }
            if self.chunk_streams.len() >= self.limits.chunk_streams {
                return Err(Fault::OverLimit { what: "chunk streams", limit: self.limits.chunk_streams });
            }
        }
        let continues = fmt == 3 && known.is_some_and(|known| known.body.is_some());
        let mut time = header.time();
        let mut extended = None;
        if time == Some(EXTENDED) {
            let Some((word, after)) = rest.split_first_chunk() else { return Ok(None) };
            extended = Some(u32::from_be_bytes(*word));
            (time, rest) = (extended, after);
        } else if let (None, Some(known)) = (time, known)
            && let Some(last) = known.extended
        {
            extended = known.extended;
            if !self.omits_extended {
                let Some((word, after)) = rest.split_first_chunk() else { return Ok(None) };
                let word = u32::from_be_bytes(*word);
                let next = known.timestamp.wrapping_add(known.delta);
                // Some repeat the delta, some the absolute time.
                if word == last || word == known.timestamp || (!continues && word == next) {
                    rest = after;
                } else if continues {
                    // Payload where the repeated timestamp belongs: this peer leaves it out (R3).
                    self.omits_extended = true;
                }
            }
        }
        if continues {
            let left = known.map_or(0, |known| known.length - known.body.as_ref().map_or(0, BytesMut::len));
            self.chunk = Some((csid, left.min(self.chunk_size)));
        } else {
            self.begin(csid, header, time, extended)?;
        }
        *src = rest;
        Ok(Some(()))
    }

    /// Begins a message. One left unfinished on the same chunk stream is dropped.
    fn begin(
        &mut self,
        csid: u32,
        header: MessageHeader,
        time: Option<u32>,
        extended: Option<u32>,
    ) -> Result<(), Fault> {
        self.abort(csid);
        let chunk_stream = self.chunk_streams.entry(csid).or_default();
        if let Some(time) = time {
            chunk_stream.delta = time;
        }
        chunk_stream.extended = extended;
        chunk_stream.timestamp = match header {
            MessageHeader::Full { .. } => chunk_stream.delta,
            _ => chunk_stream.timestamp.wrapping_add(chunk_stream.delta),
        };
        if let MessageHeader::Full { length, kind, .. } | MessageHeader::SameStream { length, kind, .. } = header {
            (chunk_stream.length, chunk_stream.kind) = (length as usize, kind);
        }
        if let MessageHeader::Full { stream, .. } = header {
            chunk_stream.stream = stream;
        }
        let length = chunk_stream.length;
        if length > self.limits.message_bytes {
            return Err(Fault::OverLimit { what: "bytes in one message", limit: self.limits.message_bytes });
        }
        self.pending_bytes += length;
        if self.pending_bytes > self.limits.pending_bytes {
            return Err(Fault::OverLimit { what: "bytes in unfinished messages", limit: self.limits.pending_bytes });
        }
        // All at once, so that no byte is copied twice; the limits above hold what it may come to.
        chunk_stream.body = Some(BytesMut::with_capacity(length));
        self.chunk = Some((csid, length.min(self.chunk_size)));
        Ok(())
    }
}
