use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::digest;
use bytes::Bytes;
use media::codec::{Av1, Vp9};
use media::{Codec, Frame, Span, Time, Track, TrackId};
use proptest::prelude::*;
use wire::rtp::Packet;

use super::{Assembler, Outcome, Whole};
use crate::webrtc::negotiate::{Agreed, Coding};
use crate::webrtc::send::Writer;

fn agreed(coding: Coding, parameters: &str) -> Agreed {
    Agreed {
        coding,
        payload_type: 96,
        rtx: None,
        clock: 90_000,
        parameters: parameters.to_owned(),
        nack: true,
        pli: true,
        fir: false,
        transport_cc: false,
        remb: false,
    }
}

pub(super) fn assembler(coding: Coding) -> Assembler {
    Assembler::new(&agreed(coding, ""), 1 << 20)
}

pub(super) const H264: Coding = Coding::H264 { fragments: true };

/// What comes out of packets: marker, timestamp, payload.
fn assemble(assembler: &mut Assembler, packets: &[(bool, u32, &[u8])]) -> Vec<Outcome> {
    let mut out = Vec::new();
    for &(marker, timestamp, payload) in packets {
        assembler.push(marker, timestamp, payload, |outcome| out.push(outcome));
    }
    out
}

fn frames(outcomes: Vec<Outcome>) -> Vec<Whole> {
    let whole = |outcome| if let Outcome::Frame(whole) = outcome { Some(whole) } else { None };
    outcomes.into_iter().map(|outcome| whole(outcome).expect("a whole frame")).collect()
}

/// Datagrams of a capture: each behind its length in two bytes.
fn datagrams(capture: &[u8]) -> Vec<&[u8]> {
    let mut rest = capture;
    std::iter::from_fn(|| {
        let (len, after) = rest.split_first_chunk()?;
        let (datagram, after) = after.split_at_checked(u16::from_be_bytes(*len).into())?;
        rest = after;
        Some(datagram)
    })
    .collect()
}

/// Frames of a capture, the beginning of the hash of them all, and the codec.
fn read_capture(coding: Coding, capture: &[u8]) -> (Vec<Whole>, String, Codec) {
    let mut assembler = assembler(coding);
    let packets: Vec<_> = datagrams(capture).into_iter().map(|datagram| Packet::parse(datagram).unwrap()).collect();
    let packets: Vec<_> =
        packets.iter().map(|packet| (packet.header.marker, packet.header.timestamp, packet.payload)).collect();
    let frames = frames(assemble(&mut assembler, &packets));
    let mut hash = digest::Context::new(&digest::SHA256);
    frames.iter().for_each(|frame| hash.update(&frame.payload));
    let hash = hash.finish().as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    (frames, hash, assembler.codec(0).unwrap().clone())
}

const H264_RTP: &[u8] = include_bytes!("../../../../fixtures/rtp/h264.rtp");
const HEVC_RTP: &[u8] = include_bytes!("../../../../fixtures/rtp/h265.rtp");
const VP8_RTP: &[u8] = include_bytes!("../../../../fixtures/rtp/vp8.rtp");
const VP9_RTP: &[u8] = include_bytes!("../../../../fixtures/rtp/vp9.rtp");
const AV1_RTP: &[u8] = include_bytes!("../../../../fixtures/rtp/av1.rtp");
const OPUS_RTP: &[u8] = include_bytes!("../../../../fixtures/rtp/opus.rtp");

const CAPTURES: [(Coding, &[u8]); 6] = [
    (H264, H264_RTP),
    (Coding::Hevc, HEVC_RTP),
    (Coding::Vp8, VP8_RTP),
    (Coding::Vp9, VP9_RTP),
    (Coding::Av1, AV1_RTP),
    (Coding::Opus, OPUS_RTP),
];

/// What GStreamer's and FFmpeg's payloaders send comes out as their encoders made it: the hashes are those of the
/// encoders' own output, without delimiters and parameter sets.
#[test]
fn real_streams_come_out_as_they_were_encoded() {
    for (coding, capture, expected) in [
        (H264, H264_RTP, "5bd7a227ff25d43f"),
        (Coding::Hevc, HEVC_RTP, "4758044ae5df9265"),
        (Coding::Vp8, VP8_RTP, "ea781e860a4dccec"),
        (Coding::Vp9, VP9_RTP, "c8a46740913e2c7a"),
        (Coding::Av1, AV1_RTP, "79339d0bb380ea95"),
    ] {
        let (frames, hash, codec) = read_capture(coding, capture);
        assert_eq!(hash, expected, "{coding:?}");
        let picture = codec.picture().unwrap();
        assert_eq!((frames.len(), picture.width, picture.height), (24, 160, 120), "{coding:?}");
        let keyframes: Vec<_> = frames.iter().map(|frame| frame.is_sync).collect();
        assert!(
            keyframes[0] && keyframes[12] && keyframes.iter().filter(|is_sync| **is_sync).count() == 2,
            "{coding:?}"
        );
    }
    let (frames, hash, codec) = read_capture(Coding::Opus, OPUS_RTP);
    assert_eq!((frames.len(), hash.as_str(), codec.sound().unwrap().channels), (26, "925f602e1595a5ca", 2));
}

/// Real frames go through our sending half and come out as they were.
#[test]
fn real_streams_pass_both_halves_unchanged() {
    for (coding, capture) in CAPTURES {
        let (frames, _, codec) = read_capture(coding, capture);
        let now = Instant::now();
        let track = Arc::new(Track::source(TrackId(0), codec.clone()));
        let mut writer = Writer::new(track, now).expect("a codec that is carried");
        let mut assembler = assembler(coding);
        for (at, whole) in frames.into_iter().enumerate() {
            let frame = Frame {
                dts: Time::from_ticks(at as i64, 30),
                reorder: Span::ZERO,
                is_sync: whole.is_sync,
                payload: whole.payload.clone(),
                temporal: media::Temporal::BASE,
            };
            writer.append(&frame, now);
            let run = writer.log().last().unwrap();
            let packets = 0..run.packets();
            let packets: Vec<_> =
                packets.map(|packet| (packet + 1 == run.packets(), whole.timestamp, run.payload(packet))).collect();
            let mut out = Vec::new();
            for (marker, timestamp, payload) in packets {
                assembler.push(marker, timestamp, payload, |outcome| out.push(outcome));
            }
            assert_eq!(out, [Outcome::Frame(whole)], "{coding:?}, frame {at}");
        }
        assert_eq!(assembler.codec(0), Some(&codec), "{coding:?}");
    }
}

const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const SLICE: &[u8] = &[0x65, 0x88, 1, 2, 3];

fn stap(units: &[&[u8]]) -> Vec<u8> {
    let mut packet = vec![24];
    for unit in units {
        packet.extend_from_slice(&(unit.len() as u16).to_be_bytes());
        packet.extend_from_slice(unit);
    }
    packet
}

/// P16, P17, H16.
#[test]
fn parameter_sets_leave_the_frame_and_are_not_news_twice() {
    let mut h264 = assembler(H264);
    let whole = stap(&[&[0x09, 0x10], SPS, PPS, SLICE]);
    let out = frames(assemble(&mut h264, &[(true, 0, &whole)]));
    assert_eq!(
        out,
        [Whole {
            timestamp: 0,
            is_sync: true,
            payload: Bytes::from([&[0, 0, 0, 5], SLICE].concat()),
            temporal: media::Temporal::BASE,
            level: 0,
        }]
    );
    let before = h264.codec(0).cloned();
    // One by one, and without a marker: the next timestamp ends the frame.
    let out = assemble(&mut h264, &[(false, 9, SPS), (false, 9, PPS), (false, 9, SLICE), (true, 10, &[0x41, 0x9a])]);
    assert_eq!(
        frames(out).iter().map(|frame| (frame.timestamp, frame.is_sync)).collect::<Vec<_>>(),
        [(9, true), (10, false)]
    );
    assert_eq!(h264.codec(0).cloned(), before);
    // A9: another SPS is another track.
    let other = [&SPS[..3], &[0x0d], &SPS[4..]].concat();
    assert_eq!(assemble(&mut h264, &[(true, 11, &stap(&[&other, PPS, SLICE]))]).len(), 1);
    assert_ne!(h264.codec(0).cloned(), before);
}

#[test]
fn parameter_sets_of_the_offer_will_do() {
    let parameters = "packetization-mode=1;sprop-parameter-sets=Z0LAH9oCgL/lhAAAAwAE,aM48gA==";
    let mut h264 = Assembler::new(&agreed(H264, parameters), 1 << 20);
    assert!(h264.codec(0).is_some());
    assert_eq!(frames(assemble(&mut h264, &[(true, 0, SLICE)])).len(), 1);
    // Without any, a keyframe is of no use.
    assert_eq!(assemble(&mut assembler(H264), &[(true, 0, SLICE)]), [Outcome::Broken]);
}

/// P16, P23.
#[test]
fn a_frame_that_lacks_a_part_is_broken_and_the_next_is_not() {
    let (first, middle, last) = (&[0x7c, 0x85, 0x88, 1][..], &[0x7c, 0x05, 2][..], &[0x7c, 0x45, 3][..]);
    let mut h264 = assembler(H264);
    let sets = stap(&[SPS, PPS]);
    let whole = [(false, 0, &sets[..]), (false, 0, first), (false, 0, middle), (true, 0, last)];
    assert_eq!(frames(assemble(&mut h264, &whole))[0].payload, &[0, 0, 0, 5, 0x65, 0x88, 1, 2, 3][..]);
    for lost in 1..4 {
        let mut out = assemble(&mut h264, &whole[..lost]);
        h264.tear();
        out.extend(assemble(&mut h264, &whole[lost + 1..]));
        out.extend(assemble(&mut h264, &[(true, 1, SLICE)]));
        assert!(matches!(&out[..], [Outcome::Broken, Outcome::Frame(_)]), "{lost}: {out:?}");
    }
    // Torn between two frames: what cannot be told to be the beginning is none.
    h264.tear();
    assert_eq!(assemble(&mut h264, &[(true, 2, last)]), [Outcome::Broken]);
    // Padding is part of nothing.
    assert_eq!(assemble(&mut h264, &[(false, 3, &[]), (true, 4, &[])]), []);
}

/// P22.
#[test]
fn opus_is_stereo_when_the_offer_or_a_packet_says_so() {
    let channels = |parameters: &str, toc: u8| {
        let mut opus = Assembler::new(&agreed(Coding::Opus, parameters), 1 << 20);
        assert_eq!(frames(assemble(&mut opus, &[(false, 0, &[toc, 1, 2])])).len(), 1);
        opus.codec(0).unwrap().sound().unwrap().channels
    };
    assert_eq!((channels("minptime=10;useinbandfec=1", 0xf8), channels("stereo=1", 0xf8)), (1, 2));
    assert_eq!((channels("", 0xfc), channels("sprop-stereo=1", 0xf8)), (2, 2));
}

fn codecs() -> Vec<Codec> {
    let sets = ([Bytes::from_static(SPS)], [Bytes::from_static(PPS)]);
    let av1 =
        [0x81, 0x05, 0x0c, 0x00, 0x0a, 0x0c, 0x02, 0x00, 0x00, 0x2d, 0x6a, 0x67, 0xfd, 0x9e, 0x01, 0x7c, 0x00, 0x20];
    let vp9 = [0x82, 0x49, 0x83, 0x42, 0x00, 0x4f, 0xf0, 0x2c, 0xf6, 0x00];
    vec![
        Codec::Avc(media::codec::Avc::from_parameter_sets(sets.0, sets.1).unwrap()),
        Codec::Av1(Av1::from_config(&av1).unwrap()),
        Codec::Vp9(Vp9::from_keyframe(&vp9).unwrap()),
    ]
}

/// A keyframe and a frame after it, made of noise.
fn noise(codec: &Codec, body: &[u8], is_sync: bool) -> Bytes {
    let mut frame = Vec::new();
    match codec {
        Codec::Avc(_) => {
            for (at, body) in body.chunks(body.len() / 3 + 1).enumerate() {
                frame.extend_from_slice(&(body.len() as u32 + 2).to_be_bytes());
                frame.extend_from_slice(&[if is_sync { 0x65 } else { 0x41 }, if at == 0 { 0x88 } else { 0x40 }]);
                frame.extend_from_slice(body);
            }
        }
        Codec::Av1(av1) => {
            if is_sync {
                frame.extend_from_slice(&av1.config[4..]);
            }
            for body in body.chunks(body.len() / 2 + 1) {
                frame.push(0x32);
                wire::rtp::payload::av1::write_leb128(body.len() as u32 + 1, &mut frame);
                frame.push(if is_sync { 0x10 } else { 0x30 });
                frame.extend_from_slice(body);
            }
        }
        _ => {
            let keyframe = [0x82, 0x49, 0x83, 0x42, 0x00, 0x4f, 0xf0, 0x2c, 0xf6, 0x00];
            frame.extend_from_slice(if is_sync { &keyframe } else { &[0x86] });
            frame.extend_from_slice(body);
        }
    }
    frame.into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What our own sending half cuts into packets, this half puts together again, byte for byte.
    #[test]
    fn cutting_and_putting_together_change_nothing(which in 0usize..3, first in proptest::collection::vec(any::<u8>(), 1..9000), second in proptest::collection::vec(any::<u8>(), 1..4000)) {
        let codec = codecs().swap_remove(which);
        let coding = Coding::carrying(&codec).unwrap();
        let now = Instant::now();
        let mut writer = Writer::new(Arc::new(Track::source(TrackId(0), codec.clone())), now).unwrap();
        let (key, delta) = (noise(&codec, &first, true), noise(&codec, &second, false));
        let mut assembler = assembler(coding);
        for (at, (payload, is_sync)) in [(key, true), (delta, false)].into_iter().enumerate() {
            let frame = Frame { dts: Time::from_ticks(at as i64, 30), reorder: Span::ZERO, is_sync, payload, temporal: media::Temporal::BASE };
            writer.append(&frame, now);
            let run = writer.log().last().unwrap();
            let packets: Vec<_> = (0..run.packets()).map(|packet| (packet + 1 == run.packets(), at as u32, run.payload(packet))).collect();
            let out = frames(assemble(&mut assembler, &packets));
            prop_assert_eq!(out, [Whole { timestamp: at as u32, is_sync, payload: frame.payload, temporal: frame.temporal, level: 0 }]);
        }
        prop_assert_eq!(assembler.codec(0).unwrap().kind(), codec.kind());
    }

    /// P23: whichever packets are lost, what comes out is what was sent, or nothing.
    #[test]
    fn no_loss_makes_a_frame_that_was_not_sent(which in 0usize..6, lost in proptest::collection::vec(proptest::bool::weighted(0.2), 80)) {
        let (coding, capture) = CAPTURES[which];
        let (sent, _, _) = read_capture(coding, capture);
        let mut assembler = assembler(coding);
        let (mut came, mut broken) = (Vec::new(), 0);
        for (at, datagram) in datagrams(capture).into_iter().enumerate() {
            if lost[at] {
                assembler.tear();
                continue;
            }
            let packet = Packet::parse(datagram).unwrap();
            assembler.push(packet.header.marker, packet.header.timestamp, packet.payload, |outcome| match outcome {
                Outcome::Frame(whole) => came.push(whole),
                Outcome::Broken => broken += 1,
            });
        }
        let mut left = sent.iter();
        for whole in &came {
            prop_assert!(left.any(|sent| sent == whole), "{:?}: {:?}", coding, whole);
        }
        prop_assert!(came.len() + broken <= sent.len());
    }

    /// Whatever comes, memory stays bounded and nothing panics.
    #[test]
    fn noise_does_no_harm(packets in proptest::collection::vec((any::<bool>(), 0u32..4, proptest::collection::vec(any::<u8>(), 0..40)), 0..60), torn in 0usize..60) {
        for coding in [H264, Coding::Hevc, Coding::Vp8, Coding::Vp9, Coding::Av1, Coding::Opus, Coding::Pcmu] {
            let mut assembler = Assembler::new(&agreed(coding, ""), 100);
            for (at, (marker, timestamp, payload)) in packets.iter().enumerate() {
                if at == torn {
                    assembler.tear();
                }
                assembler.push(*marker, *timestamp, payload, |outcome| {
                    if let Outcome::Frame(whole) = outcome {
                        assert!(whole.payload.len() < 200);
                    }
                });
                assert!(assembler.format.len() < 200);
            }
        }
    }
}
