//! Whatever the bytes, the tree is drawn to its end, and not out of all measure.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::mp4::Tree;

fuzz_target!(|data: &[u8]| {
    let text = Tree(data).to_string();
    // A byte is at most a field of a row with its space, beside the indent of the box it begins.
    assert!(text.len() <= 64 * data.len() + 64, "{} bytes of text for {}", text.len(), data.len());
    for line in text.lines() {
        assert!(!line.is_empty());
    }
});
