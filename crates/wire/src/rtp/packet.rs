use bytes::BufMut;

use super::Elements;
use crate::Malformed;
use crate::take::{Take, need};

/// Bytes of a header without contributing sources and extensions.
pub const HEADER_BYTES: usize = 12;

/// The fields of a packet's fixed header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The last packet of a frame (video), or the first after silence (audio).
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Counts packets of a source; wraps.
    pub sequence: u16,
    /// Sampling time on the payload's clock; wraps.
    pub timestamp: u32,
    /// The source.
    pub ssrc: u32,
}

impl Header {
    /// Writes the 12 bytes, with the X bit as told; extensions and payload follow.
    pub fn write(&self, has_extensions: bool, out: &mut impl BufMut) {
        out.put_u8(0x80 | u8::from(has_extensions) << 4);
        out.put_u8(self.payload_type & 0x7f | u8::from(self.marker) << 7);
        out.put_u16(self.sequence);
        out.put_u32(self.timestamp);
        out.put_u32(self.ssrc);
    }
}

/// A parsed packet; borrows the datagram. With SRTP, parse before decrypting too: the header is in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The fixed fields.
    pub header: Header,
    /// Header extensions, walked on demand.
    pub extensions: Elements<'a>,
    /// Where the payload begins in the datagram.
    pub payload_at: usize,
    /// What is left after header and padding.
    pub payload: &'a [u8],
    /// Bytes of padding at the end, the count byte included.
    pub padding: usize,
}

impl<'a> Packet<'a> {
    /// Reads a whole datagram.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let packet = Self::parse_encrypted(bytes)?;
        if packet.padding == 0 {
            return Ok(packet);
        }
        let padding = packet.payload.last().map_or(0, |&count| usize::from(count));
        match packet.payload.len().checked_sub(padding) {
            Some(len) if padding > 0 => {
                Ok(Self { payload: packet.payload.get(..len).unwrap_or_default(), padding, ..packet })
            }
            _ => Err(Malformed("RTP padding")),
        }
    }

    /// Reads the header of a datagram whose payload is still encrypted: all after the header is `payload`,
    /// and `padding` is only 1 or 0, for whether there is any.
    pub fn parse_encrypted(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "RTP header";
        let mut src = bytes;
        let flags = need(src.u8(), WHAT)?;
        let kind = need(src.u8(), WHAT)?;
        if flags >> 6 != 2 {
            return Err(Malformed("RTP version"));
        }
        let header = Header {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7f,
            sequence: need(src.u16(), WHAT)?,
            timestamp: need(src.u32(), WHAT)?,
            ssrc: need(src.u32(), WHAT)?,
        };
        need(src.run(usize::from(flags & 0x0f) * 4), WHAT)?;
        let mut extensions = Elements::none();
        if flags & 0x10 != 0 {
            let profile = need(src.u16(), WHAT)?;
            let words = usize::from(need(src.u16(), WHAT)?);
            extensions = Elements::new(profile, need(src.run(words * 4), WHAT)?);
        }
        let padding = usize::from(flags & 0x20 != 0);
        Ok(Self { header, extensions, payload_at: bytes.len() - src.len(), payload: src, padding })
    }
}

/// Whether a datagram of a multiplexed port is RTCP rather than RTP, by its second byte (RFC 5761 §4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, 192..=223, ..])
}
