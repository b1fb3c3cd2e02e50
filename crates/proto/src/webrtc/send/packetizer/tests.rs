use media::codec::{Opus, Vp8, Vp9};
use media::{Span, Time};
use proptest::prelude::*;
use wire::rtp::payload::{Piece, av1, h264, hevc, vp8, vp9};

use super::*;
use crate::webrtc::send::fixtures::{AVC, avc, hevc as hevc_track};

fn frame(payload: Vec<u8>, is_sync: bool) -> Frame {
    Frame { dts: Time::ZERO, reorder: Span::ZERO, is_sync, payload: payload.into(), temporal: media::Temporal::BASE }
}

fn payloads(packetizer: &Packetizer, frame: &Frame) -> Vec<Vec<u8>> {
    let (bytes, ends) = packetizer.cut(frame).expect("something to send");
    let begins = std::iter::once(0).chain(ends.iter().map(|&end| end as usize));
    begins.zip(&ends).map(|(begin, &end)| bytes[begin..end as usize].to_vec()).collect()
}

/// P14: what leaves is never larger; and of a run of pieces all but the last are equal, so that they leave at once.
fn fit(payloads: &[Vec<u8>]) {
    assert!(payloads.iter().all(|payload| (1..=MAX_PAYLOAD).contains(&payload.len())));
}

fn prefixed(units: &[Vec<u8>]) -> Vec<u8> {
    units.iter().flat_map(|unit| (unit.len() as u32).to_be_bytes().into_iter().chain(unit.iter().copied())).collect()
}

/// Puts pieces of units together again.
#[derive(Default)]
struct Units(Vec<Vec<u8>>);

impl Units {
    fn take<const N: usize>(&mut self, piece: Piece<'_, N>) {
        match piece {
            Piece::Whole(unit) => self.0.push(unit.to_vec()),
            Piece::Part { header, is_first, data, .. } => {
                if is_first {
                    self.0.push(header.to_vec());
                }
                self.0.last_mut().expect("a first part").extend_from_slice(data);
            }
        }
    }
}

fn nal_units(kinds: &'static [u8], header: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let len = prop_oneof![4 => 2usize..200, 2 => 1000usize..1300, 1 => 3000usize..9000];
    let unit = (proptest::sample::select(kinds), len).prop_map(move |(kind, len)| {
        let mut unit: Vec<u8> = (0..len + header).map(|at| at as u8).collect();
        unit[0] = kind;
        unit
    });
    proptest::collection::vec(unit, 1..6)
}

proptest! {
    /// P16, P17: what a receiver puts together is what was cut, the parameter sets before every keyframe.
    #[test]
    fn h264_comes_back_as_it_went(units in nal_units(&[0x41, 0x65, 0x06, 0x01], 1), is_sync: bool) {
        let payloads = payloads(&Packetizer::new(&avc()).unwrap(), &frame(prefixed(&units), is_sync));
        fit(&payloads);
        let mut back = Units::default();
        for payload in &payloads {
            h264::read(payload, |piece| back.take(piece)).unwrap();
        }
        let mut expected: Vec<Vec<u8>> = AVC.iter().filter(|_| is_sync).map(|set| set.to_vec()).collect();
        expected.extend(units);
        prop_assert_eq!(back.0, expected);
    }

    #[test]
    fn hevc_comes_back_as_it_went(units in nal_units(&[0x02, 0x26, 0x4e], 2), is_sync: bool) {
        let Codec::Hevc(parameters) = hevc_track() else { panic!() };
        let payloads = payloads(&Packetizer::new(&hevc_track()).unwrap(), &frame(prefixed(&units), is_sync));
        fit(&payloads);
        let mut back = Units::default();
        for payload in &payloads {
            hevc::read(payload, |piece| back.take(piece)).unwrap();
        }
        let sets = parameters.vps.iter().chain(&parameters.sps).chain(&parameters.pps);
        let mut expected: Vec<Vec<u8>> = sets.filter(|_| is_sync).map(|set| set.to_vec()).collect();
        expected.extend(units);
        prop_assert_eq!(back.0, expected);
    }

    #[test]
    fn vp8_and_vp9_come_back_as_they_went(len in 1usize..9000, is_sync: bool) {
        let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let picture = media::codec::Picture {
            width: 1280, height: 720, pixel_aspect: (1, 1), frame_rate: None, colour: None,
        };
        let vp8_codec = Codec::Vp8(Vp8 { profile: 0, picture: picture.clone() });
        let cut = payloads(&Packetizer::new(&vp8_codec).unwrap(), &frame(bytes.clone(), is_sync));
        fit(&cut);
        let mut back = Vec::new();
        for (at, payload) in cut.iter().enumerate() {
            let mut src = &payload[..];
            let descriptor = vp8::Descriptor::parse(&mut src).unwrap();
            prop_assert_eq!(descriptor.begins_frame(), at == 0);
            prop_assert!(descriptor.wide_id && descriptor.picture_id == Some(0));
            back.extend_from_slice(src);
        }
        prop_assert_eq!(&back, &bytes);

        let vp9_codec = Codec::Vp9(Vp9 { profile: 0, level: 31, depth: 8, chroma: 1, picture });
        let cut = payloads(&Packetizer::new(&vp9_codec).unwrap(), &frame(bytes.clone(), is_sync));
        fit(&cut);
        let mut back = Vec::new();
        for (at, payload) in cut.iter().enumerate() {
            let mut src = &payload[..];
            let descriptor = vp9::Descriptor::parse(&mut src).unwrap();
            prop_assert_eq!((descriptor.begins_frame, descriptor.ends_frame), (at == 0, at + 1 == cut.len()));
            prop_assert_eq!(descriptor.size, (is_sync && at == 0).then_some((1280, 720)));
            prop_assert!(descriptor.wide_id && descriptor.is_inter != is_sync);
            back.extend_from_slice(src);
        }
        prop_assert_eq!(&back, &bytes);
    }

    #[test]
    fn av1_comes_back_without_delimiters_and_sizes(
        lens in proptest::collection::vec(prop_oneof![3 => 0usize..60, 1 => 1000usize..4000], 1..8), is_sync: bool,
    ) {
        // A delimiter, then frames and metadata, with sizes and partly with an extension byte.
        let mut unit = vec![0x12, 0x00];
        let mut expected = Vec::new();
        for (at, len) in lens.into_iter().enumerate() {
            let body: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let has_extension = at % 3 == 2;
            let header = 6 << 3 | u8::from(has_extension) << 2;
            unit.push(header | 2);
            unit.extend(has_extension.then_some(0x20));
            let mut size = BytesMut::new();
            av1::write_leb128(len as u32, &mut size);
            unit.extend_from_slice(&size);
            unit.extend_from_slice(&body);
            expected.push([&[header][..], if has_extension { &[0x20] } else { &[] }, &body].concat());
        }
        let header: &[u8] = &[0x0a, 0x03, 1, 2, 3];
        if is_sync {
            expected.insert(0, vec![0x08, 1, 2, 3]);
        }
        let packetizer = Packetizer::Av1 { sequence_header: Bytes::from_static(header) };
        let payloads = payloads(&packetizer, &frame(unit, is_sync));
        fit(&payloads);
        let mut back: Vec<Vec<u8>> = Vec::new();
        let mut is_open = false;
        for (at, payload) in payloads.iter().enumerate() {
            let mut src = &payload[..];
            let header = av1::Aggregation::parse(&mut src).unwrap();
            prop_assert_eq!(header.begins_sequence, at == 0 && is_sync);
            prop_assert_eq!(header.continues, is_open);
            for (at, element) in av1::Elements::new(header, src).enumerate() {
                let element = element.unwrap();
                if at == 0 && is_open { back.last_mut().unwrap().extend_from_slice(element) } else { back.push(element.to_vec()) }
            }
            is_open = header.goes_on;
            // What ends with a unit would be taken for the end of the frame. A single byte cannot be cut.
            let can_be_cut = expected.iter().all(|unit| unit.len() > 1);
            prop_assert!(is_open || !can_be_cut || at + 1 == payloads.len());
        }
        prop_assert!(!is_open);
        prop_assert_eq!(back, expected);
    }

    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>, is_sync: bool) {
        let frame = frame(bytes, is_sync);
        for packetizer in [
            Packetizer::new(&avc()).unwrap(),
            Packetizer::new(&hevc_track()).unwrap(),
            Packetizer::Vp8,
            Packetizer::Av1 { sequence_header: Bytes::from_static(&[0x0a, 0x80]) },
        ] {
            packetizer.cut(&frame);
        }
    }
}

#[test]
fn pieces_of_a_large_picture_are_equal_but_for_the_last() {
    let unit: Vec<u8> = [0x41].into_iter().chain((0..20_000).map(|at| at as u8)).collect();
    for payload in [prefixed(std::slice::from_ref(&unit)), unit.clone()] {
        let packetizer = if payload == unit { Packetizer::Vp8 } else { Packetizer::new(&avc()).unwrap() };
        let sizes: Vec<_> = payloads(&packetizer, &frame(payload, false)).iter().map(Vec::len).collect();
        assert_eq!(sizes.len(), 18);
        let (last, rest) = sizes.split_last().unwrap();
        assert!(rest.iter().all(|size| size == &rest[0] && size >= last), "{sizes:?}");
    }
}

/// P22: sound is never cut, and what is no packet is not sent.
#[test]
fn a_packet_of_sound_is_one_packet() {
    let packetizer = Packetizer::new(&Codec::Opus(Opus::plain(2))).unwrap();
    assert_eq!(payloads(&packetizer, &frame(vec![7; 1275], true)), [vec![7; 1275]]);
    assert!(packetizer.cut(&frame(vec![7; 1301], true)).is_none());
    assert!(packetizer.cut(&frame(Vec::new(), true)).is_none());
}
