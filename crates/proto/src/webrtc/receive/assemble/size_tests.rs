//! One source with a picture in several sizes (spatial layers; RFC 9628).

use super::tests::assembler;
use super::{Assembler, Outcome, Whole};
use crate::webrtc::negotiate::Coding;

/// 1280x720; the size does not matter here but for what is told of it.
const KEYFRAME: [u8; 10] = [0x82, 0x49, 0x83, 0x42, 0x00, 0x4f, 0xf0, 0x2c, 0xf6, 0x00];
const HIDDEN: [u8; 10] = [0x80, 0x49, 0x83, 0x42, 0x00, 0x4f, 0xf0, 0x2c, 0xf6, 0x00];

/// A packet that is a frame: predicted from an earlier one or not, of that layer, needing the one below or not.
fn packet(is_inter: bool, spatial: u8, is_upper: bool, body: &[u8]) -> Vec<u8> {
    let layer = spatial << 1 | u8::from(is_upper);
    let mut packet = vec![0xac | u8::from(is_inter) << 6, 0x01, layer, 0x07];
    packet.extend_from_slice(body);
    packet
}

/// The lowest frame of a keyframe, with two sizes told: 1280x720 and 2560x1440.
fn key() -> Vec<u8> {
    let mut packet = packet(false, 0, false, &[0x30, 5, 0, 2, 0xd0, 10, 0, 5, 0xa0]);
    packet[0] |= 2;
    packet.extend_from_slice(&KEYFRAME);
    packet
}

/// Level and payload of what comes of a picture.
fn picture(assembler: &mut Assembler, timestamp: u32, packets: &[Vec<u8>]) -> Vec<(u8, Vec<u8>)> {
    let mut out = Vec::new();
    for (at, packet) in packets.iter().enumerate() {
        assembler.push(at + 1 == packets.len(), timestamp, packet, |outcome| match outcome {
            Outcome::Frame(Whole { level, payload, timestamp: told, .. }) => {
                assert_eq!(told, timestamp);
                out.push((level, payload.to_vec()));
            }
            Outcome::Broken => out.push((u8::MAX, Vec::new())),
        });
    }
    out
}

fn superframe(first: &[u8], second: &[u8]) -> Vec<u8> {
    let sizes = [first.len() as u8, 0, 0, 0, second.len() as u8, 0, 0, 0];
    [first, second, &[0xd9], &sizes, &[0xd9]].concat()
}

/// What browsers call `L2T1_KEY`: sizes are on their own but for keyframes.
#[test]
fn sizes_that_go_alone_are_frames_of_their_own() {
    let mut vp9 = assembler(Coding::Vp9);
    let upper = packet(true, 1, true, &[0xaa, 0xbb]);
    let first = picture(&mut vp9, 0, &[key(), upper]);
    assert_eq!(first, [(0, superframe(&HIDDEN, &[0xaa, 0xbb])), (1, KEYFRAME.to_vec())]);
    let width =
        |vp9: &Assembler, level| vp9.codec(level).and_then(|codec| codec.picture()).map(|picture| picture.width);
    assert_eq!((width(&vp9, 0), width(&vp9, 1), width(&vp9, 2)), (Some(2560), Some(1280), None));
    let (low, high) = (packet(true, 0, false, &[0x86, 1]), packet(true, 1, false, &[0x86, 2]));
    let both = picture(&mut vp9, 1, &[low.clone(), high.clone()]);
    assert_eq!(both, [(0, vec![0x86, 2]), (1, vec![0x86, 1])]);
    // The larger one is left out of a picture: that is no small picture among large ones.
    assert_eq!(picture(&mut vp9, 2, std::slice::from_ref(&low)), [(1, vec![0x86, 1])]);
    assert_eq!(picture(&mut vp9, 3, &[low.clone(), high]).len(), 2);
    // And when it does not come back, a keyframe is needed, which has what there is.
    let ends: Vec<_> = (4..14).map(|at| picture(&mut vp9, at, std::slice::from_ref(&low))).collect();
    assert!(ends[..8].iter().all(|each| each.len() == 1 && each[0].0 == 1));
    assert_eq!(ends[8], [(u8::MAX, vec![])]);
    let mut alone = packet(false, 0, false, &[0x10, 5, 0, 2, 0xd0]);
    alone[0] |= 2;
    alone.extend_from_slice(&KEYFRAME);
    assert_eq!(picture(&mut vp9, 20, &[alone]), [(0, KEYFRAME.to_vec())]);
    assert_eq!(width(&vp9, 0), Some(1280));
}

/// `L2T1`: the larger size needs the smaller one in every picture.
#[test]
fn sizes_that_lean_on_each_other_stay_together() {
    let mut vp9 = assembler(Coding::Vp9);
    picture(&mut vp9, 0, &[key(), packet(true, 1, true, &[0xaa, 0xbb])]);
    let (low, high) = (packet(true, 0, false, &[0x86, 1]), packet(true, 1, true, &[0x86, 2]));
    let both = picture(&mut vp9, 1, &[low.clone(), high]);
    assert_eq!(both, [(0, superframe(&[0x86, 1], &[0x86, 2])), (1, vec![0x86, 1])]);
    // What all that follow need is never left out.
    assert_eq!(picture(&mut vp9, 2, &[low]), [(0, vec![0x86, 1]), (1, vec![0x86, 1])]);
    // Without its upper layer's end there is no picture.
    let mut open = packet(true, 1, true, &[0xaa]);
    open[0] &= !4;
    assert_eq!(picture(&mut vp9, 3, &[packet(true, 0, false, &[0x86, 1]), open]), [(u8::MAX, vec![])]);
}
