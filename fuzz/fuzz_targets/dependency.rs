//! Dependency descriptors, one after the other: read or refused, and never more layers than there can be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::rtp::dependency::Dependencies;

fuzz_target!(|data: &[u8]| {
    let mut dependencies = Dependencies::default();
    let mut rest = data;
    while let [len, tail @ ..] = rest {
        let (bytes, after) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = after;
        if let Ok(descriptor) = dependencies.read(bytes) {
            assert!(descriptor.layers.spatial < 4 && descriptor.layers.temporal < 8);
            let mut targets = dependencies.indications(&descriptor);
            assert!(targets.all(|(target, _)| target.spatial < 4 && target.temporal < 8));
        }
        dependencies.sends(3);
    }
});
