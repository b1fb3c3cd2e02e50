use super::super::avc::tests::hex;
use super::super::{Malformed, Picture};
use super::*;

/// What x265 makes of 1280x720 at 30000/1001 in ten bits, without its SEI.
const MAIN10: &str = "0102200000009000000000005df000fcfdfafa00000f 03 a00001001840010c01ffff02200000030090000003000003005d959809 \
     a10001002c42010102200000030090000003000003005da00280802d1365959a4932bc05a81010082000007d20000ea601 a200010007 4401c172b46240";

fn read(record: &str) -> Hevc {
    Hevc::from_record(&hex(record)).unwrap()
}

#[test]
fn a_record_of_x265_is_read_and_written_as_ffmpeg_writes_it() {
    // C9.
    let hevc = read(MAIN10);
    let picture = Picture {
        width: 1280,
        height: 720,
        pixel_aspect: (1, 1),
        frame_rate: Some((30_000, 1001)),
        colour: hevc.picture.colour,
    };
    assert_eq!(hevc.picture, picture);
    assert_eq!((hevc.chroma_format, hevc.luma_depth, hevc.chroma_depth), (1, 10, 10));
    assert_eq!(hevc.to_record(), hex(MAIN10));
}

#[test]
fn codecs_strings_are_as_the_standard_says() {
    // H4.
    assert_eq!(crate::Codec::Hevc(read(MAIN10)).to_string(), "hvc1.2.4.L93.90");
    let high =
        Profile { space: 1, high_tier: true, idc: 1, compatibility: 0x6000_0000, constraints: [0; 6], level: 120 };
    assert_eq!(high.to_string(), "A1.6.H120");
}

#[test]
fn every_truncation_is_refused_without_panic() {
    // F5.
    let record = hex(MAIN10);
    for len in 0..record.len() {
        assert!(Hevc::from_record(&record[..len]).is_err(), "{len} bytes");
    }
    assert_eq!(Hevc::from_record(&[0xff; 60]), Err(Malformed("HEVCDecoderConfigurationRecord")));
}

#[test]
fn access_units_lose_their_parameter_sets_and_tell_where_one_may_start() {
    // C4, C9.
    let bytes = Bytes::from_static(&[0, 0, 0, 2, 0x40, 1, 0, 0, 0, 2, 0x46, 1, 0, 0, 0, 3, 0x2a, 1, 7]);
    let unit = AccessUnit::from_length_prefixed(bytes, 4).unwrap();
    assert!(unit.is_sync, "a CRA picture");
    assert_eq!(unit.payload, &[0, 0, 0, 3, 0x2a, 1, 7][..]);
    assert_eq!(unit.vps, [Bytes::from_static(&[0x40, 1])]);
    let trailing = AccessUnit::from_annex_b(&Bytes::from_static(&[0, 0, 1, 0x02, 1, 7]));
    assert!(!trailing.is_sync && !trailing.payload.is_empty());
}
