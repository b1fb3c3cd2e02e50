//! Publishers that come late, leave, change their minds, or lie.

use std::sync::Arc;

use media::{Codec, Span, Time, Track};

use super::*;
use crate::Segment;

fn thirty(epoch: u32) -> Pictures {
    Pictures { keyint: Some(60), epoch, ..Pictures::new((30, 1), 60) }
}

/// Numbers of the segments behind a break.
fn breaks(studio: &Studio, name: &str) -> Vec<u64> {
    studio.segments(name).iter().filter(|segment| segment.discontinuity).map(|segment| segment.msn).collect()
}

fn gaps(studio: &Studio, name: &str) -> Vec<Arc<Segment>> {
    studio.segments(name).into_iter().filter(|segment| segment.gap).collect()
}

/// Pictures and sound of one publisher between two times.
fn both(pictures: &Pictures, aac: &Arc<Track>, from: f64, to: f64) -> Vec<Shot> {
    mixed(pictures.shots(secs(from), secs(to)), sound(aac, pictures.epoch, secs(from), secs(to)))
}

#[test]
fn a_publisher_that_returns_makes_one_break_in_all_renditions() {
    // A8, H8, H15, H16: away for four seconds, back with the same parameters.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    studio.play(both(&thirty(0), &aac, 1.0, 10.3));
    studio.away();
    let left = studio.windows["v0"].clone();
    assert!(left.open.is_none() && !left.ended);
    assert_eq!(left.segments.last().unwrap().parts.len(), 7, "what was there was shown");
    studio.play(both(&thirty(1), &aac, 14.3, 24.3));
    studio.finish();
    assert_eq!(breaks(&studio, "v0").len(), 1);
    assert_eq!(breaks(&studio, "v0"), breaks(&studio, "a1"));
    let (before, after): (Vec<_>, Vec<_>) = studio.segments("v0").into_iter().partition(|s| s.start < secs(12.0));
    assert_eq!(after[0].start, secs(14.3), "the timeline is real time");
    assert!(after[0].discontinuity && after[0].independent);
    assert_eq!(before.last().unwrap().msn + 1, after[0].msn);
    assert_eq!(after[0].init.number, 0, "the same parameters need no other init");
    assert!(gaps(&studio, "v0").is_empty() && gaps(&studio, "a1").is_empty());
    assert!(unix(after[0].wall) > unix(before.last().unwrap().wall), "H11");
}

#[test]
fn the_discontinuity_sequence_counts_breaks_that_left_the_window() {
    // H15.
    let mut studio = Studio::new();
    let base = (BEGAN - 1_704_067_200) / 86_400;
    studio.catalog(&[&thirty(0).track]);
    studio.play(thirty(0).shots(secs(1.0), secs(9.0)));
    studio.play(thirty(1).shots(secs(9.0), secs(39.0)));
    assert_eq!(studio.window("v0").discontinuity_sequence, base);
    studio.play(thirty(1).shots(secs(39.0), secs(71.0)));
    assert_eq!(studio.window("v0").discontinuity_sequence, base + 1);
    studio.finish();
}

#[test]
fn a_new_picture_size_makes_one_break_and_a_new_init() {
    // A9, H14, H15.
    let aac = track(1, aac(LC_48K));
    let mut bigger = thirty(0);
    let Codec::Avc(mut avc) = bigger.track.codec.clone() else { panic!() };
    (avc.picture.width, avc.picture.height, avc.level) = (3840, 2160, 51);
    bigger.track = track(0, Codec::Avc(avc));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    studio.play(both(&thirty(0), &aac, 1.0, 11.0));
    studio.play(both(&bigger, &aac, 11.0, 21.0));
    let rendition = studio.packager.presentation().renditions.borrow()[0].clone();
    assert!(rendition.init(0).is_some() && rendition.init(1).is_some(), "H14: the old init is still served");
    assert_eq!(rendition.track.borrow().codec, bigger.track.codec);
    studio.finish();
    assert_eq!(breaks(&studio, "v0").len(), 1);
    assert_eq!(breaks(&studio, "v0"), breaks(&studio, "a1"));
    let numbers: Vec<u32> = studio.segments("v0").iter().map(|segment| segment.init.number).collect();
    assert_eq!(numbers, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    assert!(studio.segments("a1").iter().all(|segment| segment.init.number == 0));
}

#[test]
fn new_sound_parameters_wait_for_the_next_keyframe_and_break_all() {
    // A9, H15.
    let (before, after) = (track(1, aac(LC_48K)), track(1, aac(LC_44K)));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &before]);
    let change = secs(7.5);
    let sounds = [sound(&before, 0, secs(1.0), change), sound(&after, 0, change, secs(17.0))].concat();
    studio.play(mixed(thirty(0).shots(secs(1.0), secs(17.0)), sounds));
    studio.finish();
    assert_eq!(breaks(&studio, "v0").len(), 1);
    assert_eq!(breaks(&studio, "v0"), breaks(&studio, "a1"));
    let rates: Vec<u32> = studio.segments("a1").iter().map(|s| s.init.track.codec.timescale()).collect();
    assert_eq!(rates, [48_000, 48_000, 48_000, 48_000, 44_100, 44_100, 44_100, 44_100]);
    assert!(gaps(&studio, "a1").is_empty());
}

#[test]
fn parameters_that_repeat_break_nothing() {
    // H16.
    let mut studio = Studio::new();
    let mut from = 1.0;
    while from < 21.0 {
        // Each group comes with its own copy of the same parameters.
        studio.play(thirty(0).shots(secs(from), secs(from + 2.0)));
        from += 2.0;
    }
    studio.finish();
    assert!(breaks(&studio, "v0").is_empty());
    assert!(studio.segments("v0").iter().all(|segment| segment.init.number == 0));
}

#[test]
fn sound_that_never_comes_holds_up_nothing() {
    // A10.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    studio.play(thirty(0).shots(secs(0.0), secs(20.0)));
    assert!(studio.shown_after() <= secs(2.0).since(secs(0.0)).to_duration(), "{:?}", studio.shown_after());
    let behind = studio.window("v0").open.as_ref().unwrap().msn - studio.window("a1").open.as_ref().unwrap().msn;
    assert!(behind <= 1);
    studio.finish();
    assert_eq!(studio.names(), ["a1", "v0"], "a track that was announced is there, and silent");
    assert!(gaps(&studio, "a1").is_empty());
    assert!(laws::samples(&studio.segments("a1")[0]).iter().all(|sample| sample.size == 6));
}

#[test]
fn sound_that_comes_late_takes_the_place_of_silence() {
    // A10: players that began without it need not begin anew.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    studio.play(mixed(thirty(0).shots(secs(0.0), secs(20.0)), sound(&aac, 0, secs(5.0), secs(20.0))));
    studio.finish();
    let sizes: Vec<u32> = studio.segments("a1").iter().flat_map(|s| laws::samples(s)).map(|s| s.size).collect();
    let silent = sizes.iter().take_while(|&&size| size == 6).count();
    assert!((233..=235).contains(&silent), "{silent} frames are five seconds");
    assert!(sizes[silent..].iter().all(|&size| size == 340), "no hole after that");
}

#[test]
fn a_track_that_is_declared_late_joins_at_the_next_segment() {
    // A10: earlier segments are gaps, so numbers stay aligned.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track]);
    studio.play(thirty(0).shots(secs(0.0), secs(7.0)));
    assert_eq!(studio.names(), ["v0"]);
    studio.catalog(&[&thirty(0).track, &aac]);
    let mut rest = thirty(0).shots(secs(0.0), secs(20.0));
    rest.retain(|shot| shot.frame.dts >= secs(7.0));
    studio.play(mixed(rest, sound(&aac, 0, secs(7.0), secs(20.0))));
    studio.finish();
    assert_eq!(gaps(&studio, "a1").len(), 4);
    assert_eq!(studio.segments("a1")[4].start, secs(8.0));
    assert!(breaks(&studio, "a1").is_empty());
    let first = |name| studio.segments(name)[0].msn;
    assert_eq!(first("a1"), first("v0"));
}

#[test]
fn sound_that_stops_is_followed_by_silence() {
    // A10.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    let sounds = [sound(&aac, 0, secs(1.0), secs(6.0)), sound(&aac, 0, secs(12.2), secs(20.0))].concat();
    studio.play(mixed(thirty(0).shots(secs(1.0), secs(20.0)), sounds));
    studio.finish();
    assert!(gaps(&studio, "a1").is_empty() && breaks(&studio, "a1").is_empty());
    let samples: Vec<_> = studio.segments("a1").iter().flat_map(|s| laws::samples(s)).collect();
    assert!(samples.iter().all(|sample| sample.duration == 1024), "C7");
    let silent = samples.iter().filter(|sample| sample.size == 6).count();
    assert!((289..=292).contains(&silent), "{silent} frames are 6.2 s");
}

#[test]
fn a_hole_of_three_seconds_is_a_break_that_keeps_real_time() {
    // A12, H15: players go on at once, and dates tell how long it was.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    studio.play(both(&thirty(0), &aac, 1.0, 8.0));
    studio.play(both(&thirty(0), &aac, 11.0, 21.0));
    studio.finish();
    assert_eq!(breaks(&studio, "v0").len(), 1);
    assert_eq!(breaks(&studio, "v0"), breaks(&studio, "a1"));
    for name in ["v0", "a1"] {
        assert!(gaps(&studio, name).is_empty());
        let segments = studio.segments(name);
        let resumed = segments.iter().find(|segment| segment.discontinuity).unwrap();
        assert!(resumed.start.since(secs(11.0)).abs() <= Span(21_334_000), "{name}");
        let before = segments.iter().rev().find(|segment| segment.start < secs(9.0)).unwrap();
        assert!((before.start + before.duration).since(secs(8.0)).abs() <= Span(34_000_000), "{name}: no silence");
    }
}

#[test]
fn a_hole_in_sound_alone_is_silence() {
    // A12.
    let aac = track(0, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&aac]);
    studio.play([sound(&aac, 0, secs(1.0), secs(8.0)), sound(&aac, 0, secs(11.0), secs(17.0))].concat());
    studio.finish();
    assert!(breaks(&studio, "a0").is_empty() && gaps(&studio, "a0").is_empty());
}

#[test]
fn a_hole_in_pictures_that_resume_without_a_keyframe_lasts_to_the_next_one() {
    // A12, H12: no decoder could use what comes before it.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    let mut shots = thirty(0).shots(secs(1.0), secs(21.0));
    shots.retain(|shot| !(secs(7.5)..secs(11.5)).contains(&shot.frame.dts));
    studio.play(mixed(shots, sound(&aac, 0, secs(1.0), secs(21.0))));
    studio.finish();
    assert!(studio.segments("v0").iter().all(|segment| segment.independent));
    let resumed = studio.segments("v0").into_iter().rev().find(|segment| !segment.gap && segment.start < secs(15.0));
    assert_eq!(resumed.unwrap().start, secs(13.0));
    let samples: Vec<_> = studio.segments("a1").iter().flat_map(|s| laws::samples(s)).collect();
    assert!(samples.iter().filter(|sample| sample.size == 340).count() > 900, "sound went on");
}

#[test]
fn sound_goes_on_when_pictures_stop() {
    // A10, H9: nothing waits for more than about a second.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    let pictures = [thirty(0).shots(secs(1.0), secs(6.5)), thirty(0).shots(secs(15.0), secs(25.0))].concat();
    let shots = mixed(pictures, sound(&aac, 0, secs(1.0), secs(25.0)));
    let (before, after): (Vec<_>, Vec<_>) = shots.into_iter().partition(|shot| shot.frame.dts < secs(14.9));
    studio.play(before);
    let edge = studio.window("a1").open.as_ref().unwrap();
    assert!(edge.start + edge.duration > secs(12.5), "{edge:?}");
    studio.play(after);
    studio.finish();
    assert!(breaks(&studio, "v0").is_empty());
    assert!(gaps(&studio, "v0").len() >= 3);
    let samples: Vec<_> = studio.segments("a1").iter().flat_map(|s| laws::samples(s)).collect();
    assert!(samples.iter().all(|sample| sample.size == 340), "all the sound there was, and none besides");
    assert_eq!(samples.len(), 1125);
}

#[test]
fn a_publisher_that_returns_with_sound_alone_is_heard() {
    // A8, A10.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    studio.play(both(&thirty(0), &aac, 1.0, 9.0));
    studio.away();
    studio.play(sound(&aac, 1, secs(12.0), secs(24.0)));
    studio.finish();
    assert_eq!(breaks(&studio, "a1").len(), 1);
    assert_eq!(breaks(&studio, "v0"), breaks(&studio, "a1"));
    assert!(gaps(&studio, "v0").len() >= 4);
}

#[test]
fn pictures_that_come_later_lead_from_then_on() {
    // A10.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&aac]);
    studio.play(sound(&aac, 0, secs(0.0), secs(7.0)));
    assert_eq!(studio.names(), ["a1"]);
    studio.catalog(&[&thirty(0).track, &aac]);
    studio.play(both(&thirty(0), &aac, 7.0, 21.0));
    studio.finish();
    let filmed: Vec<Time> = studio.segments("v0").iter().filter(|s| !s.gap).map(|s| s.start).collect();
    assert_eq!(filmed[..3], [secs(7.0), secs(9.0), secs(11.0)]);
    for segment in studio.segments("v0").iter().filter(|segment| !segment.gap) {
        let sound = &studio.seen["a1"][&segment.msn];
        let apart = sound.start.since(segment.start);
        assert!(apart.abs() <= Span(21_334_000), "C14: {apart:?} at {:?}", segment.start);
    }
}

#[test]
fn a_track_that_is_taken_back_ends_and_the_rest_goes_on() {
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    studio.play(both(&thirty(0), &aac, 1.0, 8.0));
    let rendition = studio.packager.presentation().renditions.borrow()[1].clone();
    studio.catalog(&[&thirty(0).track]);
    assert!(rendition.window.borrow().ended);
    assert_eq!(studio.packager.presentation().renditions.borrow().len(), 1);
    let mut rest = thirty(0).shots(secs(1.0), secs(15.0));
    rest.retain(|shot| shot.frame.dts >= secs(8.0));
    studio.play(rest);
    studio.end();
    assert_eq!(studio.lengths_ms("v0"), [2000; 7]);
}

#[test]
fn a_rate_that_varies_bursts_nothing() {
    // A13, H7, C6: frames 10 to 900 ms apart, keyframes now and then.
    let pictures = Pictures { keyint: None, ..thirty(0) };
    let mut studio = Studio::new();
    studio.catalog(&[&pictures.track]);
    let template = pictures.shots(secs(0.0), secs(0.1));
    let (mut at, mut seed) = (secs(1.0), 12_345u64);
    let mut shots = Vec::new();
    for n in 0..400 {
        let mut shot = template[usize::from(n % 9 != 0)].clone();
        shot.frame.dts = at;
        shots.push(shot);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        at += Span::from_millis(10 + (seed >> 33) as i64 % if n % 7 == 0 { 890 } else { 60 });
    }
    studio.play(shots);
    studio.finish();
}

#[test]
fn sound_that_comes_ahead_of_pictures_is_cut_with_them_all_the_same() {
    // C14: an encoder whose pictures come half a second after the sound of the same time.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    let mut shots: Vec<(Time, Shot)> =
        thirty(0).shots(secs(1.0), secs(31.0)).into_iter().map(|s| (s.frame.dts + Span::from_millis(500), s)).collect();
    shots.extend(sound(&aac, 0, secs(1.0), secs(31.0)).into_iter().map(|s| (s.frame.dts, s)));
    shots.sort_by_key(|(arrives, _)| *arrives);
    for (arrives, shot) in shots {
        studio.wait_until(arrives);
        studio.arrive(shot);
    }
    studio.finish();
    for segment in studio.segments("v0").iter().skip(2) {
        let sound = &studio.seen["a1"][&segment.msn];
        assert!(sound.start.since(segment.start).abs() <= Span(21_334_000), "C14 at {:?}", segment.start);
    }
}

#[test]
fn pictures_without_a_keyframe_are_reported() {
    // A11: intra refresh, say.
    let mut studio = Studio::new();
    let mut shots = thirty(0).shots(secs(1.0), secs(9.0));
    shots.iter_mut().for_each(|shot| shot.frame.is_sync = false);
    studio.catalog(&[&shots[0].track]);
    studio.play(shots);
    assert!(studio.packager.lacks_keyframe());
    assert!(studio.names().is_empty());
    studio.end();
}

#[test]
fn what_lies_before_the_beginning_is_left_out() {
    // C12.
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&thirty(0).track, &aac]);
    studio.play(mixed(thirty(0).shots(secs(0.0), secs(9.0)), sound(&aac, 0, secs(-0.06), secs(9.0))));
    studio.finish();
    let (video, audio) = (studio.segments("v0"), studio.segments("a1"));
    assert!(audio[0].start.since(video[0].start).abs() <= Span(21_334_000), "C12");
}
