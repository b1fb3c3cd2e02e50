use bytes::{BufMut, Bytes, BytesMut};

use crate::Malformed;
use crate::take::{Take, need};

/// One FLV tag: what files, HTTP-FLV and RTMP's aggregate messages are rows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// What the body is.
    pub kind: TagKind,
    /// Milliseconds; 32 bits, wraps.
    pub timestamp: u32,
    /// The body, as an RTMP message of the same kind has it.
    pub body: Bytes,
}

/// What a tag's body is. The numbers are RTMP's message types too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagKind {
    /// An audio message.
    Audio,
    /// A video message.
    Video,
    /// AMF0 values.
    Script,
    /// Anything else.
    Other(u8),
}

impl TagKind {
    /// The tag type on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Audio => 8,
            Self::Video => 9,
            Self::Script => 18,
            Self::Other(number) => number,
        }
    }
}

impl From<u8> for TagKind {
    fn from(number: u8) -> Self {
        match number {
            8 => Self::Audio,
            9 => Self::Video,
            18 => Self::Script,
            other => Self::Other(other),
        }
    }
}

impl Tag {
    /// Reads one tag and the "previous tag size" behind it off the front of `src`.
    ///
    /// That size is not looked at, and may be missing behind the last tag.
    pub fn parse(src: &mut Bytes) -> Result<Self, Malformed> {
        let mut head = &src[..];
        let kind = TagKind::from(need(head.u8(), "FLV tag")? & 0x1f);
        let size = need(head.u24(), "FLV tag size")?;
        let low = need(head.u24(), "FLV tag timestamp")?;
        let high = need(head.u8(), "FLV tag timestamp")?;
        need(head.u24(), "FLV tag stream")?;
        let body = src.slice_ref(need(head.run(size as usize), "FLV tag body")?);
        if head.u32().is_none() {
            head = &[];
        }
        let timestamp = low | u32::from(high) << 24;
        *src = src.slice_ref(head);
        Ok(Self { kind, timestamp, body })
    }

    /// Writes the tag and its size behind it. A body of 16 MiB or more is cut.
    pub fn write(&self, out: &mut BytesMut) {
        let size = self.body.len().min(0xff_ffff);
        out.put_u8(self.kind.number());
        out.put_uint(size as u64, 3);
        out.put_uint(u64::from(self.timestamp & 0xff_ffff), 3);
        out.put_u8((self.timestamp >> 24) as u8);
        out.put_uint(0, 3);
        out.put_slice(&self.body[..size]);
        out.put_u32(size as u32 + 11);
    }
}
