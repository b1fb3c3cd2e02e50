//! Which temporal layer a frame is of, as its packets say.

use media::Temporal;

use super::Outcome;
use super::tests::{H264, assembler};
use crate::webrtc::negotiate::Coding;

/// Layer, and whether one may switch up to it, of frames that are a packet each.
fn layers(coding: Coding, packets: &[&[u8]]) -> Vec<(u8, bool)> {
    let mut assembler = assembler(coding);
    let mut layers = Vec::new();
    for (at, packet) in packets.iter().enumerate() {
        assembler.push(true, at as u32, packet, |outcome| match outcome {
            Outcome::Frame(whole) => {
                let Temporal { layer, switches_up } = whole.temporal;
                layers.push((layer, switches_up));
            }
            Outcome::Broken => panic!("{coding:?}: packet {at}"),
        });
    }
    layers
}

/// RFC 7741 §4.2: TID and Y; without them, N.
#[test]
fn vp8_says_it_in_the_descriptor() {
    let keyframe = [0x90, 0xe0, 0x80, 0, 0, 0, 0x10, 2, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xb4, 0];
    let frame = |tid: u8, y: u8| vec![0x90, 0xe0, 0x80, 1, 0, tid << 6 | y << 5, 0x11, 2, 0];
    let frames = [frame(2, 1), frame(1, 1), frame(2, 0), frame(0, 0)];
    let mut packets = vec![&keyframe[..]];
    packets.extend(frames.iter().map(Vec::as_slice));
    packets.extend([&[0x30, 0x11, 2, 0][..], &[0x10, 0x11, 2, 0]]);
    let expected = [(0, false), (2, true), (1, true), (2, false), (0, false), (1, true), (0, false)];
    assert_eq!(layers(Coding::Vp8, &packets), expected);
}

/// RFC 9628 §4.2: U says what holds of the pictures after it, in the layers above.
#[test]
fn vp9_says_it_of_those_that_follow() {
    let keyframe = [0xbc, 0x81, 0, 0x10, 0x82, 0x49, 0x83, 0x42, 0x00, 0x4f, 0xf0, 0x2c, 0xf6, 0x00];
    let frame = |tid: u8, u: u8| vec![0xfc, 0x81, 0, tid << 5 | u << 4, 2, 0x86, 0];
    let all = [(2, 1), (1, 1), (2, 1), (0, 0), (2, 0), (1, 0), (2, 0), (0, 1), (2, 0), (1, 0), (2, 0)];
    let frames: Vec<_> = all.iter().map(|&(tid, u)| frame(tid, u)).collect();
    let mut packets = vec![&keyframe[..]];
    packets.extend(frames.iter().map(Vec::as_slice));
    let first_group = [(0, false), (2, true), (1, true), (2, true)];
    let without = [(0, true), (2, false), (1, false), (2, false)];
    let with = [(0, false), (2, true), (1, true), (2, false)];
    assert_eq!(layers(Coding::Vp9, &packets), [first_group, without, with].concat());
}

/// AV1 §5.3.3: temporal_id; a keyframe is needed by all.
#[test]
fn av1_says_it_in_the_extension_of_a_unit() {
    let sequence = [0x0a, 0x0c, 0x02, 0x00, 0x00, 0x2d, 0x6a, 0x67, 0xfd, 0x9e, 0x01, 0x7c, 0x00, 0x20];
    let keyframe = [&[0x28, 14][..], &sequence, &[0x34, 0x00, 0x10, 1, 2]].concat();
    let frame = |tid: u8| vec![0x10, 0x34, tid << 5, 0x30, 1, 2];
    let (low, high, plain) = (frame(1), frame(2), [0x10, 0x30, 0x30, 1, 2]);
    let expected = [(0, false), (2, true), (1, true), (0, false)];
    assert_eq!(layers(Coding::Av1, &[&keyframe, &high, &low, &plain]), expected);
}

/// H.264 §7.4.1: a picture that nobody refers to can be left out, and taken in again anywhere.
#[test]
fn h264_says_what_nobody_refers_to() {
    let sets = [
        &[24, 0, 15, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04][..],
        &[0, 4, 0x68, 0xce, 0x3c, 0x80, 0, 3, 0x65, 0x88, 1],
    ]
    .concat();
    let mixed = [24, 0, 2, 0x01, 0x9a, 0, 2, 0x41, 0x9a];
    let packets = [&sets[..], &[0x01, 0x9a], &[0x41, 0x9a], &mixed];
    assert_eq!(layers(H264, &packets), [(0, false), (1, true), (0, false), (0, false)]);
}
