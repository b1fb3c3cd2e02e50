//! What was read once is written so that it reads the same again.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use wire::rtcp::Rtcp;

fuzz_target!(|data: &[u8]| {
    for packet in Rtcp::parse_all(data).unwrap_or_default() {
        let mut out = BytesMut::new();
        packet.write(&mut out);
        let again = Rtcp::parse_all(&out).expect("what was written is read");
        // Numbers asked for may come in another grouping, names with other bytes in place of what was no text.
        if !matches!(packet, Rtcp::Nack { .. } | Rtcp::Cname { .. } | Rtcp::Remb { .. }) {
            assert_eq!(again, [packet]);
        }
    }
});
