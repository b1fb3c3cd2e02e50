//! A range is never empty and never outside of the body.
#![no_main]

use gateway_http::range::{Selection, select};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (usize, &[u8])| {
    let (len, value) = input;
    if let Selection::Slice(range) = select(value, len) {
        assert!(range.start < range.end && range.end <= len);
    }
});
