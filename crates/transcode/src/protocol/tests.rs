use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use media::{Frame, Span, Time};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..most).prop_map(Bytes::from)
}

fn job() -> impl Strategy<Value = Job> {
    let card = any::<(u16, u16, u16, u32)>()
        .prop_map(|(width, height, rate, bitrate_bps)| Job::Card(Card { width, height, rate, bitrate_bps }));
    let still = (pictures(), any::<((u32, u32), u16)>())
        .prop_map(|(pictures, (pixel_aspect, width))| Job::Still(Still { input: pictures.input, pixel_aspect, width }));
    prop_oneof![sound().prop_map(Job::Sound), pictures().prop_map(Job::Pictures), card, still]
}

fn sound() -> impl Strategy<Value = Sound> {
    use sound::{Coding::*, Input, Output};
    let coding = || prop::sample::select(vec![Aac, Opus, Flac, Ac3, EnhancedAc3, PcmA, PcmMu, Mp3]);
    let output =
        (any::<(u8, u32)>(), coding()).prop_map(|((id, bitrate_bps), coding)| Output { id, coding, bitrate_bps });
    let input = (coding(), bytes(40), any::<(u32, u16)>()).prop_map(|(coding, config, (rate, channels))| Input {
        coding,
        config,
        rate,
        channels,
    });
    (input, vec(output, 0..=Sound::OUTPUTS)).prop_map(|(input, outputs)| Sound { input, outputs })
}

fn pictures() -> impl Strategy<Value = Pictures> {
    use pictures::{Coding::*, Effort, Hardware, Input, Rung};
    let coding = || prop::sample::select(vec![H264, Hevc, Vp8, Vp9, Av1]);
    let hardware = prop::sample::select(vec![Hardware::None, Hardware::Nvenc, Hardware::Qsv, Hardware::Vaapi]);
    let numbers = any::<(u8, u16, u16, u32, u16, bool, bool)>();
    let rung = (numbers, coding(), hardware).prop_map(|(numbers, coding, hardware)| {
        let (id, width, height, bitrate_bps, most_fps, is_low, for_webrtc) = numbers;
        let effort = if is_low { Effort::Low } else { Effort::Standard };
        Rung { id, coding, width, height, bitrate_bps, most_fps, effort, for_webrtc, hardware }
    });
    let input = (coding(), bytes(40)).prop_map(|(coding, config)| Input { coding, config });
    (input, any::<(i64, (u32, u32))>(), vec(rung, 0..=Pictures::RUNGS))
        .prop_map(|(input, (begin, frame_rate), rungs)| Pictures { input, begin: Time(begin), frame_rate, rungs })
}

fn unit() -> impl Strategy<Value = Unit> {
    (any::<(u8, u32, i64, i64, bool)>(), bytes(300)).prop_map(|((output, epoch, dts, reorder, is_sync), payload)| {
        Unit {
            output,
            epoch,
            frame: Frame { dts: Time(dts), reorder: Span(reorder), is_sync, payload, temporal: media::Temporal::BASE },
        }
    })
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        job().prop_map(Order::Configure),
        unit().prop_map(Order::Frame),
        any::<u8>().prop_map(|output| Order::Keyframe { output }),
    ]
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        any::<bool>().prop_map(|has_landlock| Report::Ready { has_landlock }),
        unit().prop_map(Report::Frame),
        any::<(u64, u64)>().prop_map(|(taken, damaged)| Report::Progress { taken, damaged }),
        "[ -~]{0,100}".prop_map(|what| Report::Failed { what }),
        (any::<(u8, bool, u64)>(), "[a-z0-9_-]{0,40}").prop_map(|((output, is_shed, left_out), encoder)| {
            Report::Standing { output, is_shed, left_out, encoder }
        }),
    ]
}

/// Everything written comes back, however the bytes are cut on the way.
fn come_back<M: Message + Debug + PartialEq>(messages: &[M], cut: usize) {
    let mut wire = BytesMut::new();
    messages.iter().for_each(|message| write(message, &mut wire));
    let (mut read, mut inbox) = (Vec::new(), BytesMut::new());
    for piece in wire.chunks(cut) {
        inbox.extend_from_slice(piece);
        while let Some(message) = parse::<M>(&mut inbox).unwrap() {
            read.push(message);
        }
    }
    assert_eq!(read, messages);
    assert!(inbox.is_empty());
}

proptest! {
    #[test]
    fn orders_come_back_as_they_went(orders in vec(order(), 0..8), cut in 1usize..200) {
        come_back(&orders, cut);
    }

    #[test]
    fn reports_come_back_as_they_went(reports in vec(report(), 0..8), cut in 1usize..200) {
        come_back(&reports, cut);
    }

    #[test]
    fn no_bytes_upset_the_parser(noise in vec(any::<u8>(), 0..400)) {
        let mut src = BytesMut::from(&noise[..]);
        while let Ok(Some(_)) = parse::<Report>(&mut src) {}
        let mut src = BytesMut::from(&noise[..]);
        while let Ok(Some(_)) = parse::<Order>(&mut src) {}
    }
}

#[test]
fn a_length_beyond_the_most_is_refused_before_it_is_waited_for() {
    for head in [[0; 4], [0xff; 4], (MOST as u32 + 1).to_be_bytes()] {
        assert_eq!(parse::<Report>(&mut BytesMut::from(&head[..])), Err(Malformed("length")));
    }
}

#[test]
fn a_long_complaint_is_cut_between_characters() {
    let mut wire = BytesMut::new();
    write(&Report::Failed { what: "ä".repeat(900) }, &mut wire);
    let Ok(Some(Report::Failed { what })) = parse(&mut wire) else { panic!("a complaint") };
    assert_eq!(what, "ä".repeat(500));
}
