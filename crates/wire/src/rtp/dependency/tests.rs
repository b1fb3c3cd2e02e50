use proptest::prelude::*;

use super::*;

/// Bytes of a row of bits, filled up with zeros.
fn bytes(bits: &str) -> Vec<u8> {
    let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| bit - b'0').collect();
    bits.chunks(8).map(|chunk| chunk.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at))).collect()
}

/// `L2T1_KEY`, written down field by field as appendix A.8.2 has them: four templates, two targets, two chains.
const L2T1_KEY: &str = "000101 00001 \
    00 10 00 11 \
    10 00  10 10  00 10  00 10 \
    1 0001 0  0  1 0001 0  1 0000 0 \
    11 0 1 \
    0010 0001  0000 0000  0001 0010  0001 0001 \
    1 0000000010011111 0000000001011001 0000000100111111 0000000010110011";

/// Layers, and what each target makes of it.
fn told(dependencies: &mut Dependencies, bits: &str) -> ((u8, u8), String) {
    let descriptor = dependencies.read(&bytes(bits)).unwrap();
    let symbol = |(_, indication)| match indication {
        Indication::NotPresent => '-',
        Indication::Discardable => 'D',
        Indication::Switch => 'S',
        Indication::Required => 'R',
    };
    let Target { spatial, temporal } = descriptor.layers;
    ((spatial, temporal), dependencies.indications(&descriptor).map(symbol).collect())
}

#[test]
fn a_structure_comes_with_a_keyframe_and_explains_what_follows() {
    let mut dependencies = Dependencies::default();
    // Before it nothing can be told.
    assert!(dependencies.read(&bytes("11 000101 0000000000000000")).is_err());
    let key = format!("10 000110 1111111111111111 10000 {L2T1_KEY}");
    assert_eq!(told(&mut dependencies, &key), ((0, 0), "SS".to_owned()));
    let descriptor = dependencies.read(&bytes(&key)).unwrap();
    assert_eq!((descriptor.begins_frame, descriptor.ends_frame, descriptor.frame_number), (true, false, 0xffff));
    let targets: Vec<_> = dependencies.indications(&descriptor).map(|(target, _)| target).collect();
    assert_eq!(targets, [Target { spatial: 0, temporal: 0 }, Target { spatial: 1, temporal: 0 }]);
    // Three bytes, the template alone.
    assert_eq!(told(&mut dependencies, "11 000101 0000000000000001"), ((0, 0), "S-".to_owned()));
    assert_eq!(told(&mut dependencies, "11 001000 0000000000000010"), ((1, 0), "-S".to_owned()));
    for unknown in ["11 001001 0000000000000010", "11 000100 0000000000000010"] {
        assert!(dependencies.read(&bytes(unknown)).is_err());
    }
    // Indications, differences and chains of its own: 1 − 1 in four bits, 20 − 1 in eight; two chains.
    let own = "11 000101 0000000000000011 00111 11 01  01 0000 10 00010011 00  00000001 00000010";
    assert_eq!(told(&mut dependencies, own), ((0, 0), "RD".to_owned()));
}

#[test]
fn who_sends_less_than_all_layers_says_so() {
    let mut dependencies = Dependencies::default();
    told(&mut dependencies, &format!("10 000110 0000000000000000 10000 {L2T1_KEY}"));
    assert!(dependencies.sends(0) && dependencies.sends(1) && !dependencies.sends(2));
    told(&mut dependencies, "11 000101 0000000000000001 01000 01");
    assert!(dependencies.sends(0) && !dependencies.sends(1));
    // It holds until something else is said.
    told(&mut dependencies, "11 000101 0000000000000010");
    assert!(!dependencies.sends(1));
    told(&mut dependencies, &format!("10 000110 0000000000000011 10000 {L2T1_KEY}"));
    assert!(dependencies.sends(1));
}

/// `L1T3` without chains and sizes: temporal layers, and several differences of one template.
#[test]
fn temporal_layers_are_numbered_up_from_each_spatial_one() {
    let structure = "111110 00010  00 01 01 11 \
        10 10 10  10 10 10  00 01 10  00 00 01 \
        0  1 0011 0  1 0001 0  1 0000 1 0010 0 \
        00 0";
    let mut dependencies = Dependencies::default();
    let key = format!("11 111110 0000000000000000 10000 {structure}");
    assert_eq!(told(&mut dependencies, &key), ((0, 0), "SSS".to_owned()));
    // Ids go round at 64.
    assert_eq!(told(&mut dependencies, "11 000000 0000000000000001"), ((0, 1), "-DS".to_owned()));
    assert_eq!(told(&mut dependencies, "11 000001 0000000000000001"), ((0, 2), "--D".to_owned()));
}

#[test]
fn what_is_cut_short_changes_nothing() {
    let whole = bytes(&format!("10 000110 0000000000000000 10000 {L2T1_KEY}"));
    let mut dependencies = Dependencies::default();
    for len in 0..whole.len() - 1 {
        assert!(dependencies.read(&whole[..len]).is_err(), "{len}");
    }
    assert!(dependencies.structure.is_none());
    assert!(dependencies.read(&whole).is_ok());
    // More layers than there can be.
    let layers = ["01 ".repeat(8), "10 ".repeat(4), "00 ".repeat(64)];
    for layers in layers {
        let zeros = "0".repeat(2000);
        assert!(
            dependencies
                .read(&bytes(&format!("10 000110 0000000000000000 10000 000101 00001 {layers}11 {zeros}")))
                .is_err()
        );
    }
    assert_eq!(told(&mut dependencies, "11 001000 0000000000000010"), ((1, 0), "-S".to_owned()));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(descriptors in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..255), 0..8)) {
        let mut dependencies = Dependencies::default();
        for bytes in descriptors {
            if let Ok(descriptor) = dependencies.read(&bytes) {
                prop_assert!(dependencies.indications(&descriptor).count() <= 32);
                prop_assert!(descriptor.layers.spatial <= MAX_SPATIAL && descriptor.layers.temporal <= MAX_TEMPORAL);
            }
        }
    }
}
