use bytes::Bytes;
use media::codec::{Aac, Avc};
use media::{Codec, Language, Track, TrackId};

use super::*;

/// Main profile with reordering and BT.709, as x264 makes it.
const AVC: &[u8] = &[
    0x01, 0x4d, 0x40, 0x28, 0xff, 0xe1, 0x00, 0x1c, 0x67, 0x4d, 0x40, 0x28, 0xec, 0xa0, 0x3c, 0x01, 0x13, 0xf2, 0xe0,
    0x2d, 0x40, 0x40, 0x40, 0x50, 0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e, 0xa6, 0x00, 0xf1, 0x83, 0x19, 0x60, 0x01, 0x00,
    0x04, 0x68, 0xce, 0x0f, 0xc8,
];

fn avc() -> Avc {
    Avc::from_record(AVC).unwrap()
}

fn tree(codec: Codec) -> String {
    Tree(&init(&Track::source(TrackId(0), codec), 0)).to_string()
}

fn sample(duration: u32, composition: i32, is_sync: bool, len: usize) -> Sample {
    Sample { duration, composition, is_sync, payload: Bytes::from(vec![0xaa; len]) }
}

#[test]
fn an_init_of_pictures_says_all_a_decoder_needs_and_holds_no_media() {
    // C1, C8, C14, C15.
    insta::assert_snapshot!(tree(Codec::Avc(avc())));
}

#[test]
fn an_init_of_sound_carries_the_publishers_configuration() {
    // C1, C7, C10.
    insta::assert_snapshot!(tree(Codec::Aac(Aac::from_config(&[0x12, 0x10, 0x56, 0xe5, 0x00]).unwrap())));
}

#[test]
fn he_aac_counts_in_its_core_rate() {
    // C7, C10: the timescale makes 1024 ticks of every frame; the entry shows the rate as played.
    let tree = tree(Codec::Aac(Aac::from_config(&[0xeb, 0x09, 0x88, 0x00]).unwrap()));
    assert!(tree.contains("mdhd 32 timescale=24000"), "{tree}");
    assert!(tree.contains("channels=2 rate=48000"), "{tree}");
}

#[test]
fn pixels_that_are_not_square_widen_the_track() {
    // C15.
    let mut avc = avc();
    avc.picture.width = 720;
    avc.picture.height = 576;
    avc.picture.pixel_aspect = (16, 11);
    let tree = tree(Codec::Avc(avc));
    assert!(tree.contains("pasp 16 000000100000000b"), "{tree}");
    assert!(tree.contains("width=1047.27"), "{tree}");
    assert!(tree.contains("avc1 "), "{tree}");
}

#[test]
fn what_all_offsets_have_in_common_is_taken_back_by_an_edit() {
    // C5, C12.
    let tree = Tree(&init(&Track::source(TrackId(0), Codec::Avc(avc())), 6000)).to_string();
    assert!(tree.contains("elst 36 01000000000000010000000000000000000000000000177000010000"), "{tree}");
}

#[test]
fn a_language_is_named() {
    let mut track = Track::source(TrackId(1), Codec::Aac(Aac::from_config(&[0x12, 0x10]).unwrap()));
    track.language = Language::try_from_tag("pt-BR");
    assert!(Tree(&init(&track, 0)).to_string().contains("elng 18 0000000070742d425200"));
}

#[test]
fn a_fragment_of_pictures_marks_each_sample_and_signs_its_offsets() {
    // C2, C3, C4, C5.
    let samples = [sample(3000, 0, true, 9), sample(3000, 6000, false, 4), sample(3003, -3000, false, 5)];
    let bytes = Fragment { sequence: 7, decode_time: 1 << 33, samples: &samples, all_sync: false }.to_bytes();
    insta::assert_snapshot!(Tree(&bytes));
}

#[test]
fn a_fragment_of_sound_says_what_is_common_once() {
    let samples = [sample(1024, 0, true, 6), sample(1024, 0, true, 7)];
    let bytes = Fragment { sequence: 1, decode_time: 48_000, samples: &samples, all_sync: true }.to_bytes();
    insta::assert_snapshot!(Tree(&bytes));
}

#[test]
fn the_data_offset_points_at_the_first_payload() {
    // C2.
    let samples = [sample(1, 5, true, 3), sample(2, 0, false, 2)];
    for all_sync in [true, false] {
        let bytes = Fragment { sequence: 1, decode_time: 0, samples: &samples, all_sync }.to_bytes();
        let payload_at = bytes.len() - 5;
        assert_eq!(&bytes[payload_at - 4..payload_at], b"mdat");
        assert!(Tree(&bytes).to_string().contains(&format!("offset={payload_at}")));
    }
}

#[test]
fn bytes_that_are_no_boxes_make_a_tree_all_the_same() {
    for bytes in [&[0xff; 40][..], &[0; 40], b"\0\0\0\x10moov\0\0\0\x08trak\xff", b"\0\0\0\x0ctrun\0\0\x0f\0"] {
        let _ = Tree(bytes).to_string();
    }
}
