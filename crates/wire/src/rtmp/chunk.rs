use bytes::{BufMut, BytesMut};

use crate::take::Take;

/// In a 24-bit time field: the time follows the header in 32 bits (RTMP 1.0 §5.3.1.3).
pub const EXTENDED: u32 = 0xff_ffff;

/// What opens every chunk: which header follows, and of which chunk stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicHeader {
    /// Form of the message header, 0 to 3.
    pub fmt: u8,
    /// Chunk stream id, 2 to 65 599.
    pub csid: u32,
}

impl BasicHeader {
    /// Reads the 1 to 3 bytes that open a chunk (RTMP 1.0 §5.3.1.1).
    ///
    /// `csid` comes out as 2 to 65 599. `None` asks for more bytes and leaves `src` as it was.
    pub fn parse(src: &mut &[u8]) -> Option<Self> {
        let &[first, ref rest @ ..] = *src else { return None };
        let (csid, rest) = match (first & 0x3f, rest) {
            (0, [a, rest @ ..]) => (64 + u32::from(*a), rest),
            (1, [a, b, rest @ ..]) => (64 + u32::from(*a) + 256 * u32::from(*b), rest),
            (0 | 1, _) => return None,
            (csid, rest) => (u32::from(csid), rest),
        };
        *src = rest;
        Some(Self { fmt: first >> 6, csid })
    }

    /// Writes the header in its shortest form.
    pub fn write(self, out: &mut BytesMut) {
        let fmt = self.fmt << 6;
        let high = self.csid.saturating_sub(64).min(0xffff);
        match self.csid {
            2..64 => out.put_u8(fmt | self.csid as u8),
            64..320 => out.put_slice(&[fmt, high as u8]),
            _ => out.put_slice(&[fmt | 1, high as u8, (high >> 8) as u8]),
        }
    }
}

/// The header of a message, leaving out what it shares with the one before it on its chunk stream
/// (RTMP 1.0 §5.3.1.2). Times are 24 bits, [`EXTENDED`] where 32 are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageHeader {
    /// fmt 0: everything, and an absolute time.
    Full {
        /// Milliseconds.
        timestamp: u32,
        /// Bytes of the whole message.
        length: u32,
        /// Message type id.
        kind: u8,
        /// Message stream id.
        stream: u32,
    },
    /// fmt 1: the same message stream.
    SameStream {
        /// Milliseconds since the message before.
        delta: u32,
        /// Bytes of the whole message.
        length: u32,
        /// Message type id.
        kind: u8,
    },
    /// fmt 2: length and type are the same too.
    SameShape {
        /// Milliseconds since the message before.
        delta: u32,
    },
    /// fmt 3: all is the same, or the message goes on.
    Same,
}

impl MessageHeader {
    /// Reads the header of form `fmt`. `None` asks for more bytes and leaves `src` as it was.
    pub fn parse(fmt: u8, src: &mut &[u8]) -> Option<Self> {
        let mut rest = *src;
        let header = match fmt & 3 {
            0 => Self::Full {
                timestamp: rest.u24()?,
                length: rest.u24()?,
                kind: rest.u8()?,
                stream: rest.array().map(u32::from_le_bytes)?,
            },
            1 => Self::SameStream { delta: rest.u24()?, length: rest.u24()?, kind: rest.u8()? },
            2 => Self::SameShape { delta: rest.u24()? },
            _ => Self::Same,
        };
        *src = rest;
        Some(header)
    }

    /// The form, as the basic header before it says it.
    pub fn fmt(&self) -> u8 {
        match self {
            Self::Full { .. } => 0,
            Self::SameStream { .. } => 1,
            Self::SameShape { .. } => 2,
            Self::Same => 3,
        }
    }

    /// The 24-bit time field, where this form has one.
    pub fn time(&self) -> Option<u32> {
        match *self {
            Self::Full { timestamp: time, .. }
            | Self::SameStream { delta: time, .. }
            | Self::SameShape { delta: time } => Some(time),
            Self::Same => None,
        }
    }

    /// Writes the header, without the basic header before it.
    pub fn write(&self, out: &mut BytesMut) {
        if let Some(time) = self.time() {
            out.put_uint(u64::from(time.min(EXTENDED)), 3);
        }
        if let Self::Full { length, kind, .. } | Self::SameStream { length, kind, .. } = *self {
            out.put_uint(u64::from(length & 0xff_ffff), 3);
            out.put_u8(kind);
        }
        if let Self::Full { stream, .. } = *self {
            out.put_u32_le(stream);
        }
    }
}
