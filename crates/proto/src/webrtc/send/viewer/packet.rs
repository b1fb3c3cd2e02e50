use std::time::Instant;

use bytes::BufMut;
use wire::rtp::{HEADER_BYTES, Header};

use super::super::Batch;
use super::headers::{self, Template};
use super::link::Link;
use crate::webrtc::srtp::Sealer;

/// One outgoing source and what it has sent.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    /// Of the next packet, rollovers counted above the 16 bits.
    pub(super) sequence: u64,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

/// Where packets go: the link's state, the keys, and the datagrams so far.
pub(super) struct Outlet<'a> {
    pub(super) now: Instant,
    pub(super) link: &'a mut Link,
    pub(super) sealer: &'a mut Sealer,
    pub(super) batch: &'a mut Batch,
}

/// What a packet carries.
pub(super) struct Packet<'a> {
    pub(super) marker: bool,
    pub(super) timestamp: u32,
    pub(super) payload: &'a [u8],
    /// Where in the payload to write which picture id.
    pub(super) picture: Option<(usize, u16)>,
    /// The number it had when it was sent first, in a retransmission (RFC 4588 §4).
    pub(super) original: Option<u16>,
}

impl Stream {
    pub(super) fn new(ssrc: u32, payload_type: u8, sequence: u64) -> Self {
        Self { ssrc, payload_type, sequence, packets: 0, octets: 0 }
    }

    /// Writes and seals the packet of that index; returns the bytes of the datagram.
    pub(super) fn write(
        &mut self,
        index: u64,
        packet: &Packet<'_>,
        template: &Template,
        outlet: &mut Outlet<'_>,
    ) -> Option<usize> {
        let Outlet { now, link, sealer, batch } = outlet;
        let now = *now;
        let header = Header {
            marker: packet.marker,
            payload_type: self.payload_type,
            sequence: index as u16,
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
        };
        // Header, extensions and a retransmission's number, in one piece.
        let mut head = [0; HEADER_BYTES + headers::MAX_BYTES + 2];
        header.write(template.len() > 0, &mut &mut head[..]);
        let mut len = HEADER_BYTES;
        if template.len() > 0 {
            let place = head.get_mut(len..)?;
            template.write(link.estimate.next_number(), link.clock.abs_send_time(now), place);
            len += template.len();
        }
        let clear = len;
        if let Some(original) = packet.original {
            head.get_mut(len..len + 2)?.copy_from_slice(&original.to_be_bytes());
            len += 2;
        }
        let head = head.get(..len)?;
        let ssrc = self.ssrc;
        let written = batch.push(|out, begin| {
            out.put_slice(head);
            out.put_slice(packet.payload);
            if let Some((at, id)) = packet.picture
                && let Some(field) = out.get_mut(begin + len + at..begin + len + at + 2)
            {
                field.copy_from_slice(&(0x8000 | id).to_be_bytes());
            }
            sealer.seal_rtp(out, begin, clear, ssrc, index).is_ok()
        })?;
        if template.has_transport_sequence() {
            link.estimate.depart(now, written);
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload.len() as u32);
        Some(written)
    }
}
