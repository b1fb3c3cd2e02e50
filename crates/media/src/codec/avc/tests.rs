use bytes::{BufMut, Bytes, BytesMut};

use super::super::{Colour, Malformed};
use super::*;

/// Records that ffmpeg with x264 made from 1920x1080 at 30000/1001.
const BASELINE: &str = "0142c028ffe100176742c028da01e0089f9701100000 3e90000ea600f1832a01000468ce0fc8";
const MAIN_BT709: &str = "014d4028ffe1001c674d4028eca03c0113f2e02d404040500000 3e90000ea600f18319600100 0468ce0fc8";
const INTERLACED: &str = "014d4028ffe10018674d4028f403c0227ef01100000303e90000ea601f162ea001000468de0fc8";
const HIGH_422: &str =
    "017a0028ffe1001d677a0028b6cb403c0113f13ff80040004880 0001f48000753007 8c19500100 0468ce0fc8fefafa00";

pub(in crate::codec) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

fn read(record: &str) -> Avc {
    Avc::from_record(&hex(record)).unwrap()
}

fn unit(nals: &[&[u8]]) -> Bytes {
    let mut bytes = BytesMut::new();
    for nal in nals {
        bytes.put_u32(nal.len() as u32);
        bytes.put_slice(nal);
    }
    bytes.freeze()
}

#[test]
fn size_is_read_after_cropping() {
    for record in [BASELINE, MAIN_BT709, INTERLACED, HIGH_422] {
        let picture = read(record).picture;
        assert_eq!((picture.width, picture.height), (1920, 1080), "{record}");
    }
}

#[test]
fn codecs_strings_come_from_the_sps() {
    // H4.
    let named = |record| crate::Codec::Avc(read(record)).to_string();
    assert_eq!(named(BASELINE), "avc1.42c028");
    assert_eq!(named(MAIN_BT709), "avc1.4d4028");
    assert_eq!(named(HIGH_422), "avc1.7a0028");
}

#[test]
fn frame_rate_colour_and_aspect_are_read_from_the_vui() {
    // C15.
    let bt709 = Colour { primaries: 1, transfer: 1, matrix: 1, full_range: false };
    assert_eq!(read(MAIN_BT709).picture.colour, Some(bt709));
    assert_eq!(read(BASELINE).picture.colour, None);
    for record in [BASELINE, MAIN_BT709, INTERLACED, HIGH_422] {
        assert_eq!(read(record).picture.frame_rate, Some((30_000, 1001)), "{record}");
    }
    assert_eq!(read(BASELINE).picture.pixel_aspect, (1, 1));
    assert_eq!(read(HIGH_422).picture.pixel_aspect, (8, 9));
}

#[test]
fn reordering_is_known() {
    assert_eq!(read(BASELINE).reorder_frames, Some(0));
    assert_eq!(read(MAIN_BT709).reorder_frames, Some(2));
}

#[test]
fn records_are_written_as_ffmpeg_writes_them() {
    // C8; the last one with the bytes on chroma and depth.
    for record in [BASELINE, MAIN_BT709, INTERLACED, HIGH_422] {
        assert_eq!(read(record).to_record(), hex(record), "{record}");
    }
}

#[test]
fn sets_that_repeat_count_once_and_of_the_wrong_kind_are_refused() {
    let avc = read(BASELINE);
    let (sps, pps) = (avc.sps[0].clone(), avc.pps[0].clone());
    let twice = Avc::from_parameter_sets([sps.clone(), sps.clone()], [pps.clone(), pps.clone()]);
    assert_eq!(twice.as_ref(), Ok(&avc));
    assert_eq!(Avc::from_parameter_sets([sps.clone()], []), Err(Malformed("PPS")));
    assert_eq!(Avc::from_parameter_sets([pps], [sps]), Err(Malformed("SPS")));
}

#[test]
fn every_truncation_is_refused_without_panic() {
    // F5.
    let record = hex(MAIN_BT709);
    for len in 0..record.len() {
        assert!(Avc::from_record(&record[..len]).is_err(), "{len} bytes");
    }
    let absurd = [0x67, 0x42, 0, 0x28, 0xfc, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert!(Avc::from_parameter_sets([Bytes::copy_from_slice(&absurd)], [Bytes::from_static(&[0x68])]).is_err());
}

#[test]
fn a_clean_access_unit_is_shared_and_not_copied() {
    let bytes = unit(&[&[0x65, 1, 2, 3], &[0x65, 4]]);
    let read = AccessUnit::from_length_prefixed(bytes.clone(), 4).unwrap();
    assert!(read.is_sync);
    assert_eq!(read.payload.as_ptr(), bytes.as_ptr());
}

#[test]
fn parameter_sets_delimiters_and_filler_are_taken_out() {
    // C8.
    let bytes = unit(&[&[0x09, 0xf0], &[0x67, 1], &[0x68, 2], &[0x06, 3], &[0x65, 4], &[0x0c, 0xff]]);
    let read = AccessUnit::from_length_prefixed(bytes, 4).unwrap();
    assert_eq!(read.payload, unit(&[&[0x06, 3], &[0x65, 4]]));
    assert_eq!((read.sps, read.pps), (vec![Bytes::from_static(&[0x67, 1])], vec![Bytes::from_static(&[0x68, 2])]));
    let only_delimiter = AccessUnit::from_length_prefixed(unit(&[&[0x09, 0xf0]]), 4).unwrap();
    assert!(only_delimiter.payload.is_empty() && !only_delimiter.is_sync);
}

#[test]
fn short_lengths_become_four_bytes() {
    let read = AccessUnit::from_length_prefixed(Bytes::from_static(&[0, 2, 0x41, 9, 0, 1, 0x41]), 2).unwrap();
    assert_eq!(read.payload, unit(&[&[0x41, 9], &[0x41]]));
    assert!(!read.is_sync);
}

#[test]
fn lengths_that_lie_are_refused() {
    // F5.
    for bytes in [&[0xff, 0xff, 0xff, 0xff, 0x65][..], &[0x80, 0, 0, 0], &[0, 0, 0, 2, 0x65], &[0, 0, 0, 1, 0x65, 1]] {
        let read = AccessUnit::from_length_prefixed(Bytes::copy_from_slice(bytes), 4);
        assert_eq!(read, Err(Malformed("NAL unit length")), "{bytes:02x?}");
    }
    let padded = AccessUnit::from_length_prefixed(Bytes::from_static(&[0, 0, 0, 1, 0x65, 0, 0]), 4).unwrap();
    assert_eq!(padded.payload, unit(&[&[0x65]]));
    assert!(AccessUnit::from_length_prefixed(Bytes::new(), 4).unwrap().payload.is_empty());
}

#[test]
fn start_codes_become_lengths() {
    let stream = Bytes::from_static(&[0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 3, 0, 0, 0]);
    let read = AccessUnit::from_annex_b(&stream);
    assert_eq!(read.payload, unit(&[&[0x65, 3]]));
    assert!(read.is_sync);
    assert_eq!((read.sps.len(), read.pps.len()), (1, 1));
    assert!(AccessUnit::from_annex_b(&Bytes::from_static(&[1, 2, 3])).payload.is_empty());
}

#[test]
fn x264_says_how_long_its_groups_may_be() {
    let said = |options: &str| {
        let text = format!("x264 - core 164 - options: cabac=1 {options} keyint_min=25");
        let uuid = hex("dc45e9bde6d948b7962cd820d923eeef");
        let mut sei = vec![0x06, 0x01, 0x01, 0x00, 0x05, (16 + text.len()) as u8];
        sei.extend(uuid);
        sei.extend(text.bytes());
        sei.push(0x80);
        x264_keyint(&unit(&[&sei, &[0x65, 1]]))
    };
    assert_eq!(said("keyint=60"), Some(60));
    assert_eq!(said("keyint=infinite"), Some(u32::MAX));
    assert_eq!(said("keyint=x"), None);
    assert_eq!(said("no"), None);
    assert_eq!(x264_keyint(&unit(&[&[0x06, 0x05, 0xff, 0xff, 0xff]])), None);
}
