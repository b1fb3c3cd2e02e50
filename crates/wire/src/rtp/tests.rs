use bytes::BytesMut;
use proptest::prelude::*;

use super::*;

fn packet(header: Header, elements: &[(u8, Vec<u8>)], payload: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    header.write(!elements.is_empty(), &mut out);
    write_elements(elements.iter().map(|(id, value)| (*id, &value[..])), &mut out);
    out.extend_from_slice(payload);
    out
}

proptest! {
    /// P7: one- and two-byte forms alike.
    #[test]
    fn what_is_written_is_read_back(
        marker: bool, payload_type in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32,
        elements in proptest::collection::vec((1u8..=20, proptest::collection::vec(any::<u8>(), 0..20)), 0..5),
        payload: Vec<u8>,
    ) {
        let header = Header { marker, payload_type, sequence, timestamp, ssrc };
        let bytes = packet(header, &elements, &payload);
        let parsed = Packet::parse(&bytes).unwrap();
        prop_assert_eq!(parsed.header, header);
        prop_assert_eq!(parsed.payload, payload);
        let back: Vec<_> = parsed.extensions.map(|(id, value)| (id, value.to_vec())).collect();
        prop_assert_eq!(back, elements);
    }

    #[test]
    fn any_bytes_are_survived(mut bytes: Vec<u8>) {
        if let Some(first) = bytes.first_mut() { *first = *first & 0x3f | 0x80; }
        if let Ok(packet) = Packet::parse(&bytes) {
            prop_assert!(packet.extensions.count() <= bytes.len());
            prop_assert_eq!(packet.payload_at + packet.payload.len() + packet.padding, bytes.len());
        }
        is_rtcp(&bytes);
    }
}

#[test]
fn padding_is_taken_off_and_padding_that_lies_is_refused() {
    let mut bytes = packet(Header::default(), &[], &[1, 2, 3, 0, 0, 3]);
    bytes[0] |= 0x20;
    assert_eq!(Packet::parse(&bytes).unwrap().payload, [1, 2, 3]);
    for count in [0, 7, 255] {
        *bytes.last_mut().unwrap() = count;
        assert!(Packet::parse(&bytes).is_err());
    }
}

#[test]
fn rtcp_is_told_from_rtp_with_marker_by_its_type() {
    assert!(is_rtcp(&[0x80, 200]) && is_rtcp(&[0x81, 206]));
    assert!(!is_rtcp(&[0x80, 96]) && !is_rtcp(&[0x80, 0x80 | 111]));
}
