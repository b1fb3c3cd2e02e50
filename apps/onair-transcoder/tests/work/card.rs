use std::collections::BTreeMap;

use ff::{Packet, codec, decoder, frame};
use ffmpeg_next as ff;
use media::codec::Aac;
use media::codec::avc::AccessUnit;
use media::{Codec, Frame, Span, Time};
use onair_transcoder::card::Bench;
use onair_transcoder::still;
use transcode::protocol::pictures::{Coding, Input};
use transcode::protocol::{Card, Report, Still};

use crate::beeps;

const CARD: Card = Card { width: 640, height: 360, rate: 30, bitrate_bps: 2_000_000 };
/// A second of some morning.
const WALL_NS: i64 = 1_795_953_696 * 1_000_000_000;

/// What a card makes in so many seconds from `begin`, by output.
fn shown(begin: Time, secs: i64) -> BTreeMap<u8, Vec<Frame>> {
    let mut bench = Bench::new(CARD).unwrap();
    let mut made: BTreeMap<u8, Vec<Frame>> = BTreeMap::new();
    for n in 0..30 * secs {
        let span = Span::from_ticks(n, 30);
        let mut reports = Vec::new();
        bench.take(&Card::tick(begin + span, WALL_NS + span.0), &mut reports).unwrap();
        for report in reports {
            let Report::Frame(unit) = report else { panic!("{report:?}") };
            made.entry(unit.output).or_default().push(unit.frame);
        }
    }
    made
}

/// The mean brightness of the lamp in each picture.
fn lamp(pictures: &[Frame]) -> Vec<(Time, u32)> {
    let found = decoder::find_by_name("h264").unwrap();
    let mut decoder = codec::Context::new_with_codec(found).decoder().open_as(found).unwrap().video().unwrap();
    let mut seen = Vec::new();
    let mut take = |decoder: &mut decoder::Video| {
        let mut picture = frame::Video::empty();
        while decoder.receive_frame(&mut picture).is_ok() {
            let (stride, rows) = (picture.stride(0), picture.data(0));
            let rows = rows.chunks(stride).skip(140).take(16).map(|row| &row[95..111]);
            let sum: u32 = rows.flatten().map(|&pixel| u32::from(pixel)).sum();
            seen.push((Time(picture.pts().unwrap()), sum / 256));
        }
    };
    for picture in pictures {
        let mut packet = Packet::copy(&picture.payload);
        packet.set_pts(Some(picture.dts.0));
        decoder.send_packet(&packet).unwrap();
        take(&mut decoder);
    }
    decoder.send_eof().unwrap();
    take(&mut decoder);
    seen
}

/// A4: from the coded frames alone, each flash is shown as its beep begins to sound, at the beginning of a second.
#[test]
fn flash_and_beep_are_one() {
    let begin = Time::ZERO + Span::from_millis(1234);
    let made = shown(begin, 10);
    let seen = lamp(&made[&Card::PICTURE]);
    assert_eq!(seen.len(), 300);
    let lit = |at: usize| seen[at].1 > 80;
    let flashes: Vec<Time> = (0..300).filter(|&at| lit(at) && (at == 0 || !lit(at - 1))).map(|at| seen[at].0).collect();
    let aac = Codec::Aac(Aac::from_config(&[0x11, 0x90]).unwrap());
    let beeps = beeps::of(&aac, &made[&Card::SOUND]);
    assert_eq!((flashes.len(), beeps.len()), (10, 10));
    for (n, (flash, beep)) in flashes.iter().zip(&beeps).enumerate() {
        assert!(flash.since(begin + Span::from_millis(1000 * n as i64)).abs() < Span::from_millis(1), "{n}: {flash:?}");
        assert!(beep.since(*flash).abs() < Span::from_millis(5), "{n}: {beep:?} for {flash:?}");
    }
    let step = Span::from_ticks(1024, 48_000);
    assert!(made[&Card::SOUND].windows(2).all(|two| (two[1].dts.since(two[0].dts) + -step).abs() <= Span(1)));
}

/// What everything plays: Constrained Baseline, nothing reordered, a keyframe as each second begins.
#[test]
fn the_picture_begins_anew_each_second() {
    let made = shown(Time::ZERO, 3);
    for (n, picture) in made[&Card::PICTURE].iter().enumerate() {
        let unit = AccessUnit::from_annex_b(&picture.payload);
        assert_eq!((unit.is_sync, unit.sps.len()), (n % 30 == 0, usize::from(n % 30 == 0)), "{n}");
        assert_eq!(unit.is_sync, picture.is_sync);
        if let Some(sps) = unit.sps.first() {
            assert_eq!((sps[1], sps[2] & 0x40), (66, 0x40), "{sps:?}");
        }
    }
}

/// One keyframe is enough for a still; `ONAIR_STILL` names a file to look at it.
#[test]
fn a_keyframe_becomes_a_still() {
    let made = shown(Time::ZERO, 1);
    let key = AccessUnit::from_annex_b(&made[&Card::PICTURE][0].payload);
    let avc = media::codec::Avc::from_parameter_sets(key.sps, key.pps).unwrap();
    let input = Input::of(&Codec::Avc(avc)).unwrap();
    let job = |width| Still { input: input.clone(), pixel_aspect: (1, 1), width };
    let frame = |payload| Frame::alone(Time(7), payload);
    let unit = |frame| transcode::protocol::Unit { output: 0, epoch: 0, frame };
    let mut bench = still::Bench::new(job(320)).unwrap();
    for _ in 0..2 {
        let mut reports = Vec::new();
        bench.take(&unit(frame(key.payload.clone())), &mut reports).unwrap();
        let [Report::Frame(made)] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!(
            (made.output, made.frame.dts, &made.frame.payload[..3]),
            (Still::OUTPUT, Time(7), &[0xff, 0xd8, 0xff][..])
        );
        if let Some(file) = std::env::var_os("ONAIR_STILL") {
            std::fs::write(file, &made.frame.payload).unwrap();
        }
    }
    // What is no picture is an error, and the next one is none the worse for it.
    assert!(bench.take(&unit(frame(vec![0, 0, 0, 2, 0x65, 0xff].into())), &mut Vec::new()).is_err());
    assert!(bench.take(&unit(frame(key.payload)), &mut Vec::new()).is_ok());
    assert!(still::Bench::new(Still { input: Input { coding: Coding::Av1, ..input.clone() }, ..job(64) }).is_ok());
}

/// What browsers may send by WHIP.
#[test]
fn a_keyframe_of_vp8_becomes_a_still() {
    let found = ff::encoder::find_by_name("libvpx").unwrap();
    let mut encoder = codec::Context::new_with_codec(found).encoder().video().unwrap();
    encoder.set_width(320);
    encoder.set_height(180);
    encoder.set_format(ff::format::Pixel::YUV420P);
    encoder.set_time_base(ff::Rational(1, 30));
    let mut options = ff::Dictionary::new();
    options.set("deadline", "realtime");
    let mut encoder = encoder.open_as_with(found, options).unwrap();
    let mut picture = frame::Video::new(ff::format::Pixel::YUV420P, 320, 180);
    (0..3).for_each(|plane| picture.data_mut(plane).fill(100));
    picture.set_pts(Some(0));
    encoder.send_frame(&picture).unwrap();
    encoder.send_eof().unwrap();
    let mut packet = Packet::empty();
    encoder.receive_packet(&mut packet).unwrap();
    let input = Input { coding: Coding::Vp8, config: bytes::Bytes::new() };
    let mut bench = still::Bench::new(Still { input, pixel_aspect: (1, 1), width: 640 }).unwrap();
    let payload = bytes::Bytes::copy_from_slice(packet.data().unwrap());
    let frame = Frame::alone(Time::ZERO, payload);
    let mut reports = Vec::new();
    bench.take(&transcode::protocol::Unit { output: 0, epoch: 0, frame }, &mut reports).unwrap();
    assert!(matches!(&reports[..], [Report::Frame(made)] if made.frame.payload.starts_with(&[0xff, 0xd8])));
}

#[test]
fn a_card_of_no_sensible_size_is_refused() {
    for card in [
        Card { width: 0, ..CARD },
        Card { height: 4000, ..CARD },
        Card { rate: 0, ..CARD },
        Card { width: 650, ..CARD },
    ] {
        assert!(Bench::new(card).is_err(), "{card:?}");
    }
}
