//! AV1 that comes in layers, as Chromium sends it.

use media::Temporal;
use media::codec::av1::Layered;

use super::tests::assembler;
use super::{Assembler, Outcome, Whole};
use crate::webrtc::negotiate::Coding;

/// 480x270, and two operating points of which the first has both spatial layers.
const SEQUENCE: [u8; 12] = [0x00, 0x13, 0x01, 0x00, 0x80, 0x82, 0x23, 0xbf, 0x0d, 0x00, 0x68, 0x02];
/// Beginnings of frames of a keyframe: 240x136, predicted from that in 480x270, and on its own in 480x270.
const LOWER: [u8; 6] = [0x12, 0xef, 0x43, 0xc0, 0x77, 0xc0];
const UPPER: [u8; 9] = [0x30, 0xe0, 0x40, 0x02, 0x00, 0x01, 0x34, 0x00, 0x96];
const ALONE: [u8; 3] = [0x10, 0x00, 0x00];

/// The structures of `L2T1_KEY` and `L2T1` with the descriptor of a keyframe's lower frame.
const KEY_ALONE: [u8; 23] = [
    0xc1, 0, 1, 0x80, 0x01, 0x23, 0x8a, 0x22, 0x89, 0x14, 0x1a, 0x42, 0x00, 0x24, 0x23, 0x00, 0xef, 0x00, 0x86, 0x01,
    0xdf, 0x01, 0x0d,
];
const KEY_CHAINED: [u8; 24] = [
    0xc1, 0, 1, 0x80, 0x01, 0x23, 0xba, 0x22, 0x89, 0x18, 0x20, 0xd2, 0x10, 0x01, 0x11, 0x18, 0x07, 0x78, 0x04, 0x30,
    0x0e, 0xf8, 0x08, 0x68,
];
/// `S2T1` as appendix A.8.2 has it, without chains and sizes.
const KEY_APART: [u8; 10] = [0x81, 0x00, 0x01, 0x80, 0x01, 0x23, 0x88, 0x22, 0x89, 0x10];

type Packet = (Vec<u8>, Vec<u8>);

/// A frame of that spatial layer in a packet of its own: a few bytes that it begins with, one to know it by.
fn frame(descriptor: &[u8], spatial: u8, begin: &[u8], tag: u8) -> Packet {
    (descriptor.to_vec(), [&[0x10, 0x34, spatial << 3], begin, &[tag]].concat())
}

/// The same behind a sequence header.
fn first(descriptor: &[u8], begin: &[u8], tag: u8) -> Packet {
    let begin = [&[0x34, 0x00], begin, &[tag]].concat();
    (descriptor.to_vec(), [&[0x28, 13, 0x08][..], &SEQUENCE, &begin].concat())
}

fn lower(tag: u8) -> Packet {
    frame(&[0xc0, 0, 9], 0, &[0x34], tag)
}

fn upper(tag: u8) -> Packet {
    frame(&[0xc2, 0, 9], 1, &[0x34], tag)
}

/// What a payload is made of: `H` for a sequence header, else spatial layer and last byte.
fn shape(payload: &[u8]) -> String {
    let mut rest = payload;
    let mut units = Vec::new();
    while let [header, after @ ..] = rest {
        let (spatial, after) = if header & 4 == 0 { (0, after) } else { (after[0] >> 3, &after[1..]) };
        let (body, after) = after[1..].split_at(usize::from(after[0]));
        let tag = body.last().unwrap();
        units.push(if header >> 3 == 1 { "H".to_owned() } else { format!("{spatial}:{tag:x}") });
        rest = after;
    }
    units.join(" ")
}

fn wholes(assembler: &mut Assembler, timestamp: u32, packets: &[Packet]) -> Vec<Option<Whole>> {
    let mut out = Vec::new();
    for (at, (descriptor, payload)) in packets.iter().enumerate() {
        assembler.describe(Some(descriptor).filter(|bytes| !bytes.is_empty()).map(Vec::as_slice));
        assembler.push(at + 1 == packets.len(), timestamp, payload, |outcome| match outcome {
            Outcome::Frame(whole) => out.push(Some(whole)),
            Outcome::Broken => out.push(None),
        });
    }
    out
}

/// Level and shape of what comes of a picture.
fn picture(assembler: &mut Assembler, timestamp: u32, packets: &[Packet]) -> Vec<(u8, String)> {
    let told =
        |whole: Option<Whole>| whole.map_or((u8::MAX, String::new()), |whole| (whole.level, shape(&whole.payload)));
    wholes(assembler, timestamp, packets).into_iter().map(told).collect()
}

fn told(levels: &[(u8, &str)]) -> Vec<(u8, String)> {
    levels.iter().map(|&(level, shape)| (level, shape.to_owned())).collect()
}

fn size(assembler: &Assembler, level: u8) -> Option<(u32, u32)> {
    let picture = assembler.codec(level)?.picture()?;
    Some((picture.width, picture.height))
}

/// P8: what browsers call `L2T1_KEY`.
#[test]
fn sizes_that_go_alone_are_frames_of_their_own() {
    let mut av1 = assembler(Coding::Av1);
    let key = [first(&KEY_ALONE, &LOWER, 1), frame(&[0xc3, 0, 2], 1, &UPPER, 2)];
    assert_eq!(picture(&mut av1, 0, &key), told(&[(0, "H 0:1 1:2"), (1, "H 0:1")]));
    // The size is that of the frame, whatever the descriptor rounds it to.
    assert_eq!((size(&av1, 0), size(&av1, 1)), (Some((480, 270)), Some((240, 136))));
    assert_eq!(picture(&mut av1, 1, &[lower(3), upper(4)]), told(&[(0, "1:4"), (1, "0:3")]));
    // The larger one is left out of a picture: that is no small picture among large ones. And the other way round.
    assert_eq!(picture(&mut av1, 2, &[lower(5)]), told(&[(1, "0:5")]));
    assert_eq!(picture(&mut av1, 3, &[upper(6)]), told(&[(0, "1:6")]));
    let ends: Vec<_> = (4..13).map(|at| picture(&mut av1, at, &[lower(7)])).collect();
    assert!(ends[..8].iter().all(|each| *each == told(&[(1, "0:7")])));
    assert_eq!(ends[8], told(&[(u8::MAX, "")]));
    // A keyframe has what there is.
    assert_eq!(picture(&mut av1, 20, &[first(&KEY_ALONE, &LOWER, 8)]), told(&[(0, "H 0:8")]));
    assert_eq!(size(&av1, 0), Some((240, 136)));
}

/// `L2T1`, with a descriptor and without.
#[test]
fn sizes_that_lean_on_each_other_stay_together() {
    for is_described in [true, false] {
        let mut av1 = assembler(Coding::Av1);
        let strip = |packets: &[Packet]| -> Vec<Packet> {
            let keep = |(descriptor, payload): &Packet| {
                (if is_described { descriptor.clone() } else { vec![] }, payload.clone())
            };
            packets.iter().map(keep).collect()
        };
        let key = strip(&[first(&KEY_CHAINED, &LOWER, 1), frame(&[0xc3, 0, 2], 1, &UPPER, 2)]);
        assert_eq!(picture(&mut av1, 0, &key), told(&[(0, "H 0:1 1:2"), (1, "H 0:1")]));
        let both = strip(&[lower(3), upper(4)]);
        assert_eq!(picture(&mut av1, 1, &both), told(&[(0, "0:3 1:4"), (1, "0:3")]));
        // What those that follow need is not lost, and not shown.
        assert_eq!(picture(&mut av1, 2, &strip(&[lower(5)])), told(&[(1, "0:5")]));
        assert_eq!(picture(&mut av1, 3, &strip(&[lower(6), upper(7)])), told(&[(0, "0:5 0:6 1:7"), (1, "0:6")]));
        assert_eq!(picture(&mut av1, 4, &both), told(&[(0, "0:3 1:4"), (1, "0:3")]));
        // A keyframe needs nothing of it.
        assert_eq!(picture(&mut av1, 5, &strip(&[lower(8)])), told(&[(1, "0:8")]));
        assert_eq!(picture(&mut av1, 6, &key), told(&[(0, "H 0:1 1:2"), (1, "H 0:1")]));
    }
}

/// `S2T1`: two streams in one.
#[test]
fn sizes_that_have_nothing_in_common_are_streams_of_their_own() {
    let mut av1 = assembler(Coding::Av1);
    let key = [first(&KEY_APART, &LOWER, 1), frame(&[0xc3, 0, 2], 1, &ALONE, 2)];
    let wholes = wholes(&mut av1, 0, &key);
    let shapes: Vec<_> = wholes.iter().flatten().map(|whole| (whole.level, shape(&whole.payload))).collect();
    assert_eq!(shapes, told(&[(0, "H 1:2"), (1, "H 0:1")]));
    assert_eq!((size(&av1, 0), size(&av1, 1)), (Some((480, 270)), Some((240, 136))));
    assert!(wholes.iter().flatten().all(|whole| Layered::of_unit(&whole.payload).unwrap().is_none()));
    assert_eq!(picture(&mut av1, 1, &[lower(3), upper(4)]), told(&[(0, "1:4"), (1, "0:3")]));
}

/// A decoder waits for every layer that a sequence header names.
#[test]
fn a_size_has_a_sequence_header_that_names_no_larger_one() {
    let mut av1 = assembler(Coding::Av1);
    let key = [first(&KEY_ALONE, &LOWER, 1), frame(&[0xc3, 0, 2], 1, &UPPER, 2)];
    let wholes = wholes(&mut av1, 0, &key);
    let layered = |at: usize| Layered::of_unit(&wholes[at].as_ref().unwrap().payload).unwrap();
    assert_eq!(layered(0).unwrap().size(1), Some((480, 270)));
    assert!(layered(1).is_none());
}

/// The descriptor says at once what is not sent any more, in which case nobody waits for it.
#[test]
fn a_size_that_its_publisher_gives_up_has_ended() {
    let mut av1 = assembler(Coding::Av1);
    let key = [first(&KEY_ALONE, &LOWER, 1), frame(&[0xc3, 0, 2], 1, &UPPER, 2)];
    assert_eq!(picture(&mut av1, 0, &key).len(), 2);
    let last = frame(&[0xc0, 0, 9, 0x42], 0, &[0x34], 3);
    assert_eq!(picture(&mut av1, 1, &[last]), told(&[(u8::MAX, "")]));
}

/// P23: whatever is missing, a size never gets frames that are not its own.
#[test]
fn layers_that_contradict_their_descriptor_stay_one_stream() {
    let mut av1 = assembler(Coding::Av1);
    // Both frames are said to be of the lower layer.
    let key = [first(&KEY_ALONE, &LOWER, 1), frame(&[0xc0, 0, 2], 1, &UPPER, 2)];
    assert_eq!(picture(&mut av1, 0, &key), told(&[(0, "H 0:1 1:2")]));
    assert_eq!(size(&av1, 0), Some((480, 270)));
    assert_eq!(picture(&mut av1, 1, &[lower(3), upper(4)]), told(&[(0, "0:3 1:4")]));
}

/// `L1T3`: behind a frame with a switch for more layers, these begin anew.
#[test]
fn temporal_layers_are_switched_up_to_where_the_descriptor_says() {
    const KEY: [u8; 13] = [0xc0, 0x00, 0x01, 0x80, 0x02, 0x17, 0xaa, 0xa1, 0x81, 0x4d, 0x14, 0x24, 0x00];
    let mut av1 = assembler(Coding::Av1);
    // One spatial layer, as its sequence header says.
    let mut key = first(&KEY, &ALONE, 0);
    key.1[3..15].copy_from_slice(&[0x02, 0x00, 0x00, 0x2d, 0x6a, 0x67, 0xfd, 0x9e, 0x01, 0x7c, 0x00, 0x20]);
    let mut layers = Vec::new();
    let delta = |template: u8| (vec![0xc0 | template, 0, 2], vec![0x10, 0x30, 0x30, 1, 2]);
    // T2, T1, T2, T0, T2, T1.
    let rest = [delta(3), delta(2), delta(3), delta(1), delta(3), delta(2)];
    for (at, packet) in std::iter::once(key).chain(rest).enumerate() {
        let whole = wholes(&mut av1, at as u32, &[packet]).remove(0).unwrap();
        let Temporal { layer, switches_up } = whole.temporal;
        layers.push((layer, switches_up));
    }
    let group = [(2, true), (1, true), (2, true)];
    assert_eq!(layers[1..4], group);
    assert_eq!(layers[5..], group[..2]);
    assert_eq!((layers[0].0, layers[4].0), (0, 0));
}
