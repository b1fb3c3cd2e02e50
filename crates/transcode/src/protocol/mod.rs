//! What server and worker say to each other: messages behind their length, over a socket pair.
//!
//! The worker decodes what strangers send, so the server trusts it no more than them: parsing is total and bounded.

mod card;
mod order;
pub mod pictures;
mod report;
pub mod sound;
mod still;
#[cfg(test)]
mod tests;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use media::{Frame, Span, Time};

pub use card::Card;
pub use order::{Job, Order};
pub use pictures::Pictures;
pub use report::Report;
pub use sound::Sound;
pub use still::Still;

/// No message is longer, its kind included.
pub const MOST: usize = 40 << 20;

/// Something that is no message of this protocol; `0` names the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0} between server and worker")]
pub struct Malformed(pub &'static str);

/// One way of the conversation: [`Order`] or [`Report`].
pub trait Message: Sized {
    /// Reads what stands behind the length.
    fn parse_body(kind: u8, body: Bytes) -> Result<Self, Malformed>;

    /// Writes what stands behind the length.
    fn write_body(&self, out: &mut BytesMut);
}

/// Takes the next message off the front of `src`; `None` asks for more bytes.
pub fn parse<M: Message>(src: &mut BytesMut) -> Result<Option<M>, Malformed> {
    let Some((head, rest)) = src.split_first_chunk::<4>() else { return Ok(None) };
    let len = u32::from_be_bytes(*head) as usize;
    if len == 0 || len > MOST {
        return Err(Malformed("length"));
    }
    if rest.len() < len {
        return Ok(None);
    }
    src.advance(4);
    let mut body = src.split_to(len).freeze();
    let kind = body.get_u8();
    M::parse_body(kind, body).map(Some)
}

/// Appends a message.
pub fn write<M: Message>(message: &M, out: &mut BytesMut) {
    let at = out.len();
    out.put_u32(0);
    message.write_body(out);
    let len = u32::try_from(out.len() - at - 4).unwrap_or(u32::MAX);
    if let Some(head) = out.get_mut(at..at + 4) {
        head.copy_from_slice(&len.to_be_bytes());
    }
}

/// A frame on its way in or out, on the broadcast's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Which of the job's outputs; 0 for the source.
    pub output: u8,
    /// The discontinuity of the source's group.
    pub epoch: u32,
    /// The frame.
    pub frame: Frame,
}

impl Unit {
    fn parse(mut body: Bytes) -> Result<Self, Malformed> {
        const PART: Malformed = Malformed("frame");
        let short = |_| PART;
        let output = body.try_get_u8().map_err(short)?;
        let epoch = body.try_get_u32().map_err(short)?;
        let dts = Time(body.try_get_i64().map_err(short)?);
        let reorder = Span(body.try_get_i64().map_err(short)?);
        let is_sync = match body.try_get_u8().map_err(short)? {
            0 => false,
            1 => true,
            _ => return Err(PART),
        };
        Ok(Self {
            output,
            epoch,
            frame: Frame { dts, reorder, is_sync, payload: body, temporal: media::Temporal::BASE },
        })
    }

    fn write(&self, out: &mut BytesMut) {
        out.put_u8(self.output);
        out.put_u32(self.epoch);
        out.put_i64(self.frame.dts.0);
        out.put_i64(self.frame.reorder.0);
        out.put_u8(self.frame.is_sync.into());
        out.put_slice(&self.frame.payload);
    }
}

/// Takes some bytes behind their length off the front.
fn split(body: &mut Bytes, part: Malformed) -> Result<Bytes, Malformed> {
    let len = usize::from(body.try_get_u16().map_err(|_| part)?);
    if len > body.len() { Err(part) } else { Ok(body.split_to(len)) }
}

/// Puts some bytes behind their length. No configuration is longer than 64 KiB; one that is would be cut there.
fn write_short(bytes: &[u8], out: &mut BytesMut) {
    let bytes = bytes.get(..bytes.len().min(usize::from(u16::MAX))).unwrap_or_default();
    out.put_u16(bytes.len() as u16);
    out.put_slice(bytes);
}

/// Nothing may follow.
fn end(body: &Bytes, part: &'static str) -> Result<(), Malformed> {
    if body.is_empty() { Ok(()) } else { Err(Malformed(part)) }
}
