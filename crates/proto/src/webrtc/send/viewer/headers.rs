use bytes::BytesMut;
use wire::rtp::write_elements;

use crate::webrtc::negotiate::{Extensions, Media};

/// Longest block of header extensions.
pub(super) const MAX_BYTES: usize = 32;

/// The header extensions of a source, made once; per packet two fields of it change.
#[derive(Clone, Debug, Default)]
pub(super) struct Template {
    bytes: [u8; MAX_BYTES],
    len: usize,
    transport_at: Option<usize>,
    abs_at: Option<usize>,
}

impl Template {
    /// With what the peer takes of them (P7). The mid is left out when it is longer than what a short element holds.
    pub(super) fn new(extensions: &Extensions, mid: Option<&str>) -> Self {
        let mid = mid.filter(|mid| (1..=16).contains(&mid.len())).map(str::as_bytes);
        let elements = [
            extensions.transport_cc.map(|id| (id, &[0u8; 2][..])),
            extensions.abs_send_time.map(|id| (id, &[0u8; 3][..])),
            extensions.mid.zip(mid),
        ];
        let mut block = BytesMut::new();
        write_elements(elements.iter().flatten().copied(), &mut block);
        let mut template = Self::default();
        let Some(place) = template.bytes.get_mut(..block.len()) else { return template };
        place.copy_from_slice(&block);
        template.len = block.len();
        // Two bytes before a value in the two-byte form, one in the other (RFC 8285 §4).
        let head = if block.first() == Some(&0xbe) { 1 } else { 2 };
        let mut at = 4;
        let mut next = |is_there: bool, len: usize| {
            let value_at = at + head;
            at += if is_there { head + len } else { 0 };
            is_there.then_some(value_at)
        };
        template.transport_at = next(extensions.transport_cc.is_some(), 2);
        template.abs_at = next(extensions.abs_send_time.is_some(), 3);
        template
    }

    /// With the mid, for as long as the peer may not know it (P7), and without.
    pub(super) fn both(media: &Media) -> (Self, Self) {
        (Self::new(&media.extensions, media.mid.as_deref()), Self::new(&media.extensions, None))
    }

    /// With nothing that changes from packet to packet.
    pub(super) fn constant(media: &Media) -> Self {
        let Extensions { mid, .. } = media.extensions;
        Self::new(&Extensions { mid, ..Extensions::default() }, media.mid.as_deref())
    }

    pub(super) fn has_transport_sequence(&self) -> bool {
        self.transport_at.is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Writes the block with its two fields into `out`, which has room for it.
    pub(super) fn write(&self, transport: u16, abs_send_time: [u8; 3], out: &mut [u8]) {
        let Some((block, out)) = self.bytes.get(..self.len).zip(out.get_mut(..self.len)) else { return };
        out.copy_from_slice(block);
        if let Some(field) = self.transport_at.and_then(|at| out.get_mut(at..at + 2)) {
            field.copy_from_slice(&transport.to_be_bytes());
        }
        if let Some(field) = self.abs_at.and_then(|at| out.get_mut(at..at + 3)) {
            field.copy_from_slice(&abs_send_time);
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::rtp::{Header, Packet};

    use super::*;

    /// P5, P7.
    #[test]
    fn extensions_are_read_back_under_the_ids_of_the_offer_in_both_forms() {
        for ids in [[3, 2, 4], [3, 15, 200]] {
            let [transport, abs, mid] = ids;
            let extensions = Extensions {
                mid: Some(mid),
                transport_cc: Some(transport),
                abs_send_time: Some(abs),
                ..Extensions::default()
            };
            let template = Template::new(&extensions, Some("video"));
            let mut packet = BytesMut::new();
            Header::default().write(true, &mut packet);
            packet.resize(12 + template.len(), 0);
            template.write(0x1234, [1, 2, 3], &mut packet[12..]);
            let read = Packet::parse(&packet).unwrap().extensions;
            assert_eq!(read.find(transport), Some(&[0x12, 0x34][..]));
            assert_eq!((read.find(abs), read.find(mid)), (Some(&[1, 2, 3][..]), Some(&b"video"[..])));
        }
        assert_eq!(Template::new(&Extensions::default(), Some("0")).len(), 0);
    }

    #[test]
    fn the_longest_block_fits() {
        let extensions =
            Extensions { mid: Some(20), transport_cc: Some(21), abs_send_time: Some(22), ..Extensions::default() };
        assert_eq!(Template::new(&extensions, Some("0123456789abcdef")).len(), MAX_BYTES);
    }
}
