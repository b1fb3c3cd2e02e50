//! Publishers that behave.

use media::Span;

use super::*;
use crate::Found;

fn thirty() -> Pictures {
    Pictures::new((30, 1), 60)
}

/// Pictures and AAC at 48 kHz, both from one second to `to`.
fn filmed(pictures: &Pictures, to: f64) -> Studio {
    let aac = track(1, aac(LC_48K));
    let mut studio = Studio::new();
    studio.catalog(&[&pictures.track, &aac]);
    studio.play(mixed(pictures.shots(secs(1.0), secs(to)), sound(&aac, 0, secs(1.0), secs(to))));
    studio
}

#[test]
fn pictures_and_sound_are_cut_at_the_same_points() {
    // C14, H12, H13: 30 fps with a keyframe every two seconds.
    let mut studio = filmed(&thirty(), 31.0);
    assert_eq!(studio.names(), ["a1", "v0"]);
    assert_eq!(studio.window("v0").target_duration_secs, 2);
    studio.finish();
    assert_eq!(studio.lengths_ms("v0"), [2000; 15]);
    let (video, audio) = (studio.segments("v0"), studio.segments("a1"));
    assert_eq!(video.len(), audio.len());
    for (video, audio) in video.iter().zip(&audio) {
        assert_eq!(video.msn, audio.msn);
        assert!(video.start.since(audio.start).abs().0 <= 21_334_000 / 2 + 1, "C14");
        assert!(video.independent && audio.independent);
    }
    for name in ["v0", "a1"] {
        laws::parts_are_full(&studio.segments(name), studio.window(name));
        assert!(studio.window(name).independent_segments);
    }
    // Every sample that went in came out, once.
    assert_eq!(video.iter().map(|segment| laws::samples(segment).len()).sum::<usize>(), 900);
    assert_eq!(audio.iter().map(|segment| laws::samples(segment).len()).sum::<usize>(), 1407);
}

#[test]
fn a_complete_segment_is_one_piece_of_which_its_parts_are_slices() {
    // H25: whoever fetches the segment and whoever fetched its parts hold the same bytes.
    let studio = filmed(&thirty(), 6.5);
    for segment in &studio.window("v0").segments {
        let whole = segment.whole.as_ref().unwrap();
        let mut at = whole.as_ptr();
        for part in &segment.parts {
            assert_eq!(part.bytes.as_ptr(), at, "one behind the other");
            at = at.wrapping_add(part.bytes.len());
        }
        assert_eq!((segment.pieces(), segment.len_bytes()), (vec![whole.clone()], whole.len()));
    }
    let open = studio.window("v0").open.as_ref().unwrap();
    assert_eq!((open.whole.as_ref(), open.pieces().len()), (None, open.parts.len()));
}

#[test]
fn ten_minutes_of_2997_and_44100_neither_jitter_nor_drift() {
    // C3, C7, H13.
    let (pictures, aac) = (Pictures::new((30_000, 1001), 60), track(1, aac(LC_44K)));
    let mut studio = Studio::new();
    studio.catalog(&[&pictures.track, &aac]);
    let minute = Span(60_060_000_000);
    let mut from = secs(1.0);
    for _ in 0..10 {
        studio.play(mixed(pictures.shots(from, from + minute), sound(&aac, 0, from, from + minute)));
        from += minute;
    }
    studio.finish();
    let (video, audio) = (studio.segments("v0"), studio.segments("a1"));
    assert_eq!(video.len(), 300);
    for segment in &video {
        assert!(laws::samples(segment).iter().all(|sample| sample.duration == 3003));
    }
    for segment in &audio {
        assert!(laws::samples(segment).iter().all(|sample| sample.duration == 1024 && sample.size == 340));
    }
    let drift = video.last().unwrap().start.since(audio.last().unwrap().start);
    assert!(drift.abs() < Span(1024 * 1_000_000_000 / 44_100), "{drift:?}");
}

#[test]
fn b_frames_are_shown_when_the_publisher_says() {
    // C5, C12.
    let pictures = Pictures { b_frames: true, ..thirty() };
    let shots = pictures.shots(secs(1.0), secs(9.0));
    let expected: Vec<i64> = shots.iter().map(|shot| shot.frame.pts().to_ticks(90_000)).collect();
    let mut studio = filmed(&pictures, 9.0);
    studio.finish();
    let segments = studio.segments("v0");
    assert_eq!(laws::presented(&segments), expected);
    for segment in &segments {
        let first = laws::presented(std::slice::from_ref(segment))[0];
        assert_eq!(first, segment.start.to_ticks(90_000), "a segment begins when its first picture is shown");
        assert!(laws::samples(segment).iter().all(|sample| sample.composition >= 0));
        let first_sound = &studio.seen["a1"][&segment.msn];
        assert!(first_sound.start.since(segment.start).abs() < Span(21_334_000));
    }
}

#[test]
fn an_encoder_that_tells_its_gop_is_shown_at_once() {
    // Half a second of frames tells the pace; nothing else has to be waited for.
    let mut told = filmed(&Pictures { keyint: Some(60), ..thirty() }, 4.0);
    assert!(told.shown_after() < secs(1.5).since(secs(0.0)).to_duration(), "{:?}", told.shown_after());
    told.finish();
    let silent = filmed(&thirty(), 4.0);
    assert!(silent.shown_after() <= secs(3.0).since(secs(0.0)).to_duration());
}

#[test]
fn parts_are_full_at_every_frame_rate() {
    // A13, H20, H21, H24.
    for (rate, gop) in [((5, 1), 10), ((12, 1), 24), ((15, 1), 30), ((24, 1), 48), ((25, 1), 50), ((50, 1), 100)] {
        let mut studio = filmed(&Pictures::new(rate, gop), 15.0);
        studio.finish();
        for name in ["v0", "a1"] {
            laws::parts_are_full(&studio.segments(name), studio.window(name));
        }
        assert_eq!(studio.lengths_ms("v0"), [2000; 7], "{rate:?}");
    }
    for (rate, gop) in [((60_000, 1001), 120), ((120, 1), 240)] {
        let mut studio = filmed(&Pictures::new(rate, gop), 13.0);
        studio.finish();
        laws::parts_are_full(&studio.segments("v0"), studio.window("v0"));
    }
}

#[test]
fn one_frame_a_second_gets_parts_of_one_frame() {
    // A13.
    let mut studio = filmed(&Pictures::new((1, 1), 2), 21.0);
    studio.finish();
    let window = studio.window("v0");
    assert_eq!(window.part_target, Span::from_millis(1003));
    laws::parts_are_full(&studio.segments("v0"), window);
    for segment in studio.segments("v0") {
        assert!(segment.parts.iter().all(|part| laws::read(&part.bytes).2.len() == 1));
    }
    assert_eq!(studio.lengths_ms("v0"), [2000; 10]);
}

#[test]
fn a_rate_that_the_bitstream_keeps_to_itself_is_measured() {
    let mut pictures = thirty();
    pictures.track = track(0, avc(None));
    let mut studio = filmed(&pictures, 11.0);
    studio.finish();
    assert_eq!(studio.window("v0").part_target, Span::from_millis(203));
    laws::parts_are_full(&studio.segments("v0"), studio.window("v0"));
}

#[test]
fn sound_alone_and_pictures_alone_are_shown() {
    // A11, H22.
    let aac = track(0, aac(LC_44K));
    let mut radio = Studio::new();
    radio.catalog(&[&aac]);
    radio.play(sound(&aac, 0, secs(1.0), secs(13.0)));
    assert!(radio.shown_after() < secs(2.6).since(secs(0.0)).to_duration(), "{:?}", radio.shown_after());
    radio.finish();
    assert_eq!(radio.names(), ["a0"]);
    laws::parts_are_full(&radio.segments("a0"), radio.window("a0"));
    assert!(radio.lengths_ms("a0").iter().take(5).all(|ms| (1980..=2024).contains(ms)));

    let pictures = Pictures { keyint: Some(60), ..thirty() };
    let mut mute = Studio::new();
    mute.catalog(&[&pictures.track]);
    mute.play(pictures.shots(secs(1.0), secs(13.0)));
    assert!(mute.shown_after() < secs(2.3).since(secs(0.0)).to_duration(), "{:?}", mute.shown_after());
    mute.finish();
    assert_eq!(mute.names(), ["v0"]);
}

#[test]
fn short_gops_are_gathered_and_cut_at_keyframes() {
    // H7, H12.
    for (gop, expected) in [(15, 2000), (20, 2000), (30, 2000), (45, 1500), (25, 1667)] {
        let mut studio = filmed(&Pictures { keyint: Some(gop), ..Pictures::new((30, 1), gop.into()) }, 16.0);
        studio.finish();
        assert_eq!(studio.window("v0").target_duration_secs, 2);
        assert!(studio.segments("v0").iter().all(|segment| segment.independent));
        assert!(studio.lengths_ms("v0").iter().take(6).all(|&ms| ms == expected), "{:?}", studio.lengths_ms("v0"));
    }
}

#[test]
fn a_long_gop_makes_a_long_target() {
    // H7, A13: x264's default of 250 frames.
    let mut told = filmed(&Pictures { keyint: Some(250), ..Pictures::new((30, 1), 250) }, 40.0);
    told.finish();
    assert_eq!(told.window("v0").target_duration_secs, 8);
    assert_eq!(told.lengths_ms("v0")[..4], [8333; 4]);
    // The same without a word of it: what three seconds do not show may take ten.
    let mut silent = filmed(&Pictures::new((30, 1), 250), 40.0);
    assert!(silent.shown_after() < secs(4.1).since(secs(0.0)).to_duration());
    silent.finish();
    assert_eq!(silent.window("v0").target_duration_secs, 10);
    assert!(silent.window("v0").independent_segments);
}

#[test]
fn a_scene_cut_ends_a_segment_when_waiting_could_burst_the_target() {
    // H7: groups of up to five seconds, some of them cut short.
    let pictures = Pictures { keyint: Some(150), ..Pictures::new((30, 1), 150) };
    let mut shots = pictures.shots(secs(1.0), secs(41.0));
    for (index, shot) in shots.iter_mut().enumerate() {
        shot.frame.is_sync |= index % 77 == 0;
    }
    let mut studio = Studio::new();
    studio.catalog(&[&pictures.track]);
    studio.play(shots);
    studio.finish();
    assert_eq!(studio.window("v0").target_duration_secs, 5);
    assert!(studio.segments("v0").iter().all(|segment| segment.independent));
}

#[test]
fn a_gop_without_end_is_cut_where_it_must_be() {
    // H7, H12: INDEPENDENT-SEGMENTS goes.
    let mut studio = filmed(&Pictures { keyint: Some(u32::MAX), ..Pictures::new((30, 1), 100_000) }, 45.0);
    studio.finish();
    let window = studio.window("v0");
    assert_eq!((window.target_duration_secs, window.independent_segments), (10, false));
    assert!(studio.window("a1").independent_segments);
    let independent: Vec<bool> = studio.segments("v0").iter().map(|segment| segment.independent).collect();
    assert_eq!(independent[..3], [true, false, false]);
}

#[test]
fn numbers_never_come_again_on_a_path() {
    // H8: they start at the second at which the broadcast began, and after those of the one before.
    let first = filmed(&thirty(), 21.0);
    let base = BEGAN - 1_704_067_200;
    let presentation = first.packager.presentation().clone();
    assert_eq!(first.segments("v0")[0].msn, base);
    assert_eq!(first.window("v0").discontinuity_sequence, base / 86_400);
    let last = first.window("v0").open.as_ref().unwrap().msn;
    // Begun again within the same second, on a clock that stands still.
    let began = unix(std::time::UNIX_EPOCH + std::time::Duration::from_secs(BEGAN));
    let again = super::super::Packager::new(
        presentation.path.clone(),
        std::time::UNIX_EPOCH + began,
        super::super::Settings::default(),
        Some(&presentation),
    );
    assert_ne!(again.presentation().era, presentation.era);
    assert!(again.base > last);
}

#[test]
fn the_window_slides_and_what_left_it_can_still_be_fetched() {
    // H9, H10.
    let studio = filmed(&thirty(), 121.0);
    let window = studio.window("v0");
    assert_eq!(window.segments.len(), 15, "30 s");
    let rendition = studio.packager.presentation().renditions.borrow()[0].clone();
    let first = window.media_sequence();
    for msn in first - 15..first {
        assert!(matches!(rendition.segment(msn), Found::Here(_)), "dropped {} segments ago", first - msn);
        assert!(matches!(rendition.part(msn, 9), Found::Here(_)));
    }
    assert_eq!(rendition.segment(first - 30), Found::Nowhere);
    let open = window.open.as_ref().unwrap();
    assert_eq!(rendition.part(open.msn, open.parts.len()), Found::Next, "H27");
    assert_eq!(rendition.part(open.msn, open.parts.len() + 1), Found::Nowhere);
    assert_eq!(rendition.segment(open.msn), Found::Next);
}

#[test]
fn bytes_are_bounded_before_time_is() {
    let settings = super::super::Settings { window_bytes: 1 << 20, ..Default::default() };
    let pictures = thirty();
    let mut studio = Studio::with(settings);
    studio.catalog(&[&pictures.track]);
    studio.play(pictures.shots(secs(1.0), secs(61.0)));
    let window = studio.window("v0");
    let bytes: usize = window.segments.iter().map(|segment| segment.len_bytes()).sum();
    assert!(bytes <= (1 << 20) + 400_000 || window.segments.len() == 3, "{bytes} in {}", window.segments.len());
}

#[test]
fn dates_are_those_of_the_pictures() {
    // H11: the same stretch has the same date in all renditions, one frame of sound aside.
    let studio = filmed(&thirty(), 21.0);
    for name in ["v0", "a1"] {
        for segment in studio.segments(name) {
            let date = unix(segment.wall);
            let expected = std::time::Duration::from_secs(BEGAN) + segment.start.since(secs(0.0)).to_duration();
            assert_eq!(date, expected, "{name}");
        }
    }
}

#[test]
fn the_peak_rate_covers_every_segment() {
    // H3.
    let studio = filmed(&thirty(), 21.0);
    for rendition in studio.packager.presentation().renditions.borrow().iter() {
        let (peak, average) = rendition.rates_bps();
        let rates = studio.segments(&rendition.name);
        for segment in &rates {
            let rate = (segment.len_bytes() as f64 * 8.0 / segment.duration.as_secs_f64()) as u64;
            assert!(peak >= rate, "{}: {peak} < {rate}", rendition.name);
        }
        assert!(average > 0 && average <= peak);
    }
}
