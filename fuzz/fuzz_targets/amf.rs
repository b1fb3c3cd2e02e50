//! What was read once is written so that it reads the same again.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use wire::amf;

fuzz_target!(|bytes: &[u8]| {
    let Ok(values) = amf::parse_all(bytes) else { return };
    let mut out = BytesMut::new();
    values.iter().for_each(|value| amf::write(value, &mut out));
    // Text that was no UTF-8 has grown, and may have outgrown the limits. Compared as text: NaN is not itself.
    if let Ok(again) = amf::parse_all(&out) {
        assert_eq!(format!("{again:?}"), format!("{values:?}"));
    }
});
