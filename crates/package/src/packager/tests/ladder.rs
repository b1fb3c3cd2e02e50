//! Several renditions of one picture, and several codecs.

use std::sync::Arc;

use bytes::Bytes;
use media::codec::{Ac3, G711, Law, Opus, Picture, Sound, Vp9};
use media::{Codec, Frame, Span, Time, Track};

use super::*;
use crate::hls::Multivariant;

fn step(id: u16) -> Pictures {
    Pictures { track: track(id, avc(Some((30, 1)))), ..Pictures::new((30, 1), 60) }
}

fn ladder(ids: &[u16], from: f64, to: f64) -> Vec<Shot> {
    ids.iter().fold(Vec::new(), |shots, &id| mixed(shots, step(id).shots(secs(from), secs(to))))
}

/// C14, H29: three renditions are cut at the same pictures, under the same numbers.
#[test]
fn renditions_are_aligned() {
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&step(0).track, &step(2).track, &step(4).track, &aac]);
    studio.play(mixed(ladder(&[0, 2, 4], 0.0, 20.0), sound(&aac, 0, secs(0.0), secs(20.0))));
    studio.finish();
    assert_eq!(studio.names(), ["a1", "v0", "v2", "v4"]);
    let cuts = |name| studio.segments(name).iter().map(|s| (s.msn, s.start, s.duration, s.gap)).collect::<Vec<_>>();
    assert_eq!(cuts("v0"), cuts("v2"));
    assert_eq!(cuts("v0"), cuts("v4"));
    assert!(studio.segments("v4").iter().all(|segment| segment.independent));
}

/// H12: a rendition whose keyframes are elsewhere is cut with the others all the same, and alone loses the promise that each
/// of its segments can be decoded by itself. Its parts still say where a player may begin (H24).
#[test]
fn a_rendition_with_keyframes_of_its_own_promises_less() {
    let mut studio = Studio::new();
    studio.catalog(&[&step(0).track, &step(2).track]);
    let mut shots = ladder(&[0], 0.0, 20.0);
    let mut other = step(2).shots(secs(0.0), secs(20.0));
    for (index, shot) in other.iter_mut().enumerate() {
        shot.frame.is_sync = index == 0 || index % 60 == 25;
    }
    shots = mixed(shots, other);
    studio.play(shots);
    studio.finish();
    let cuts = |name| studio.segments(name).iter().map(|s| (s.msn, s.start, s.duration, s.gap)).collect::<Vec<_>>();
    assert_eq!(cuts("v0"), cuts("v2"));
    assert!(studio.window("v0").independent_segments && !studio.window("v2").independent_segments);
    let seconds = &studio.segments("v2")[1..];
    assert!(seconds.iter().all(|segment| !segment.independent));
    let marked = |segment: &Arc<crate::Segment>| segment.parts.iter().filter(|part| part.independent).count();
    assert!(seconds.iter().all(|segment| marked(segment) == 1), "one keyframe a segment");
}

/// A rendition that the publisher ends leaves the list; nothing else notices.
#[test]
fn a_rendition_that_stops_is_taken_out_cleanly() {
    let mut studio = Studio::new();
    studio.catalog(&[&step(0).track, &step(2).track]);
    studio.play(ladder(&[0, 2], 0.0, 9.0));
    studio.catalog(&[&step(0).track]);
    let mut rest = ladder(&[0], 0.0, 20.0);
    rest.retain(|shot| shot.frame.dts >= secs(9.0));
    studio.play(rest);
    let shown: Vec<_> =
        studio.packager.presentation().renditions.borrow().iter().map(|rendition| rendition.name.clone()).collect();
    assert_eq!(shown, ["v0"]);
    assert!(studio.window("v2").ended, "who still plays it is told");
    assert!(!studio.window("v0").ended);
    let text = Multivariant::of(studio.packager.presentation(), None).to_string();
    assert!(!text.contains("v2.m3u8"), "{text}");
    studio.finish();
    assert!(studio.segments("v0").iter().all(|segment| !segment.discontinuity && !segment.gap));
    assert_eq!(studio.lengths_ms("v0"), [2000; 10]);
}

/// Even the one that led.
#[test]
fn the_leading_rendition_may_stop_too() {
    let mut studio = Studio::new();
    studio.catalog(&[&step(0).track, &step(2).track]);
    studio.play(ladder(&[0, 2], 0.0, 9.0));
    studio.catalog(&[&step(2).track]);
    let mut rest = ladder(&[2], 0.0, 20.0);
    rest.retain(|shot| shot.frame.dts >= secs(9.0));
    studio.play(rest);
    studio.finish();
    assert!(studio.window("v0").ended);
    let segments = studio.segments("v2");
    assert!(segments.iter().all(|segment| !segment.gap && segment.independent));
    assert!(segments.last().unwrap().start + segments.last().unwrap().duration >= secs(19.9));
}

/// A rendition that begins late has the numbers of the others, and gaps where it was not there yet.
#[test]
fn a_rendition_that_begins_late_is_added_cleanly() {
    let mut studio = Studio::new();
    studio.catalog(&[&step(0).track]);
    studio.play(ladder(&[0], 0.0, 7.0));
    studio.catalog(&[&step(0).track, &step(2).track]);
    let mut rest = ladder(&[0, 2], 0.0, 20.0);
    rest.retain(|shot| shot.frame.dts >= secs(7.0));
    studio.play(rest);
    studio.finish();
    let (old, new) = (studio.segments("v0"), studio.segments("v2"));
    assert_eq!((old[0].msn, old.len()), (new[0].msn, new.len()));
    assert_eq!(new.iter().filter(|segment| segment.gap).count(), 4);
    assert!(new[4..].iter().zip(&old[4..]).all(|(new, old)| new.start == old.start && new.independent));
    assert!(old.iter().all(|segment| !segment.discontinuity));
}

fn shots(track: &Arc<Track>, step_ms: i64, to: Time, payload: &[u8]) -> Vec<Shot> {
    let at = |n: i64| Time::ZERO + Span::from_millis(n * step_ms);
    let frame = |dts| Frame::alone(dts, Bytes::copy_from_slice(payload));
    let all = (0..).map(at).take_while(|&dts| dts < to);
    all.map(|dts| Shot { track: track.clone(), epoch: 0, frame: frame(dts) }).collect()
}

/// C11, C13: what lasts as long as its frames say needs no AAC. G.711 has no place in CMAF, and does no harm.
#[test]
fn other_sounds_are_packaged_and_g711_is_not() {
    let opus = track(1, Codec::Opus(Opus::plain(2)));
    let mut frame = vec![0x0b, 0x77, 0, 0, 0x1c, 0x40, 0xe1];
    frame.resize(1536, 0);
    let ac3 = track(3, Codec::Ac3(Ac3::from_frame(&frame).unwrap()));
    let phone = track(5, Codec::G711(G711 { law: Law::A, channels: 1 }));
    assert_eq!(ac3.codec.sound(), Some(Sound { rate: 48_000, channels: 6 }));
    let mut studio = Studio::new();
    let pictures = step(0);
    studio.catalog(&[&pictures.track, &opus, &ac3, &phone]);
    let sounds = mixed(shots(&opus, 60, secs(10.0), &[3 << 3, 1]), shots(&ac3, 32, secs(10.0), &frame));
    let sounds = mixed(sounds, shots(&phone, 20, secs(10.0), &[0xd5; 160]));
    studio.play(mixed(pictures.shots(secs(0.0), secs(10.0)), sounds));
    studio.finish();
    assert_eq!(studio.names(), ["a1", "a3", "v0"]);
    let durations = |name| {
        let segments = studio.segments(name);
        segments.iter().flat_map(|segment| laws::samples(segment)).map(|sample| sample.duration).collect::<Vec<_>>()
    };
    assert!(durations("a1").iter().all(|&ticks| ticks == 2880 || ticks == 960), "packets, and silence at the end");
    assert!(durations("a3").iter().all(|&ticks| ticks == 1536));
}

/// A rate that the bitstream does not say is measured (H3).
#[test]
fn a_rate_that_vp9_does_not_say_stands_in_the_playlist() {
    let picture = Picture { width: 640, height: 360, pixel_aspect: (1, 1), frame_rate: None, colour: None };
    let vp9 = Vp9 { profile: 0, level: 21, depth: 8, chroma: 1, picture };
    let mut pictures = step(0);
    pictures.track = track(0, Codec::Vp9(vp9));
    let mut studio = Studio::new();
    studio.catalog(&[&pictures.track]);
    studio.play(pictures.shots(secs(0.0), secs(9.0)));
    let text = Multivariant::of(studio.packager.presentation(), None).to_string();
    assert!(text.contains("FRAME-RATE=30.000"), "{text}");
}
