use std::time::{Duration, Instant};

use media::{Span, Time, TrackId};

use super::{Place, Placed, Stamp, Timeline};
use crate::claim::Dropped;
use crate::fixtures::{AUDIO, VIDEO, audio, video};

const MS: i64 = 1_000_000;

/// A publisher with exact clocks, seen through millisecond stamps.
struct Studio {
    timeline: Timeline,
    zero: Instant,
    /// Added to every stamp, in milliseconds.
    base_ms: i64,
    frame_rate: (i64, i64),
    sample_rate: i64,
}

/// One frame, as it was and as it came out.
#[derive(Clone, Copy, Debug)]
struct Shot {
    id: TrackId,
    /// When it was captured, in nanoseconds from zero of the test.
    captured: i64,
    placed: Placed,
}

impl Shot {
    fn place(&self) -> Place {
        let Placed::At(place) = self.placed else { panic!("{self:?}") };
        place
    }
}

impl Studio {
    fn new(frame_rate: (u32, u32), sample_rate: u32) -> Self {
        Self::with_hint(frame_rate, Some(frame_rate), sample_rate)
    }

    fn with_hint(frame_rate: (u32, u32), hint: Option<(u32, u32)>, sample_rate: u32) -> Self {
        let zero = Instant::now();
        let mut timeline = Timeline::new(zero);
        timeline.describe(&video(hint));
        timeline.describe(&audio(sample_rate));
        let frame_rate = (frame_rate.0.into(), frame_rate.1.into());
        Self { timeline, zero, base_ms: 0, frame_rate, sample_rate: sample_rate.into() }
    }

    /// Video frame `n` is captured then.
    fn video_at(&self, n: i64) -> i64 {
        (i128::from(n) * i128::from(self.frame_rate.1) * 1_000_000_000 / i128::from(self.frame_rate.0)) as i64
    }

    /// Audio frame `n` is captured then.
    fn audio_at(&self, n: i64) -> i64 {
        (i128::from(n) * 1024 * 1_000_000_000 / i128::from(self.sample_rate)) as i64
    }

    fn place(&mut self, id: TrackId, stamp_ms: i64, arrival: i64) -> Placed {
        let ticks = (id == AUDIO).then_some(1024);
        let stamp = Stamp { dts: Time(stamp_ms * MS), reorder: Span::ZERO, ticks };
        self.timeline.place(id, stamp, self.zero + Duration::from_nanos(arrival as u64))
    }

    /// Captures both tracks from `from` to `to` (milliseconds), sends each frame at once.
    fn shoot(&mut self, from_ms: i64, to_ms: i64) -> Vec<Shot> {
        self.shoot_by(from_ms, to_ms, |captured| captured)
    }

    /// The same with a network that delivers what was captured at a time later.
    fn shoot_by(&mut self, from_ms: i64, to_ms: i64, arrival: impl Fn(i64) -> i64) -> Vec<Shot> {
        let range = from_ms * MS..to_ms * MS;
        let videos = (0..).map(|n| (self.video_at(n), VIDEO));
        let videos: Vec<_> = videos.take_while(|(at, _)| *at < range.end).collect();
        let audios: Vec<_> = (0..).map(|n| (self.audio_at(n), AUDIO)).take_while(|(at, _)| *at < range.end).collect();
        let mut all: Vec<_> = videos.into_iter().chain(audios).filter(|(at, _)| range.contains(at)).collect();
        all.sort();
        all.into_iter()
            .map(|(captured, id)| {
                let stamp_ms = self.base_ms + (captured + MS / 2) / MS;
                Shot { id, captured, placed: self.place(id, stamp_ms, arrival(captured)) }
            })
            .collect()
    }
}

fn of(id: TrackId, shots: &[Shot]) -> Vec<Shot> {
    shots.iter().copied().filter(|shot| shot.id == id).collect()
}

/// Distances of neighbouring frames, in ticks of `scale`.
fn steps(shots: &[Shot], scale: u32) -> Vec<i64> {
    let ticks: Vec<_> = shots.iter().map(|shot| shot.place().dts.to_ticks(scale)).collect();
    ticks.windows(2).map(|two| two[1] - two[0]).collect()
}

/// How far every frame came out from where it was captured, beyond the shift of all, in nanoseconds.
fn errors(shots: &[Shot], shift: Span) -> impl Iterator<Item = i64> {
    shots.iter().map(move |shot| shot.place().dts.0 - shot.captured - shift.0)
}

/// What the first frame was moved by.
fn shift(shots: &[Shot]) -> Span {
    Span(shots[0].place().dts.0 - shots[0].captured)
}

fn breaks(shots: &[Shot]) -> usize {
    shots.iter().filter(|shot| matches!(shot.placed, Placed::At(Place { broke: true, .. }))).count()
}

fn restamped(shots: &[Shot]) -> usize {
    shots.iter().filter(|shot| matches!(shot.placed, Placed::At(Place { restamped: true, .. }))).count()
}

fn assert_rising(shots: &[Shot]) {
    for id in [VIDEO, AUDIO] {
        let times: Vec<_> = of(id, shots)
            .iter()
            .filter_map(|shot| if let Placed::At(place) = shot.placed { Some(place.dts) } else { None })
            .collect();
        assert!(times.is_sorted_by(|a, b| a < b), "{id:?} goes back");
    }
}

/// Sound and picture of one moment come out this far apart at most, in nanoseconds.
fn lip_error(shots: &[Shot]) -> i64 {
    let shift_of = |id| {
        let track = of(id, shots);
        errors(&track, Span::ZERO).sum::<i64>() / track.len() as i64
    };
    (shift_of(VIDEO) - shift_of(AUDIO)).abs()
}

/// A3, A15.
#[test]
fn an_hour_of_ntsc_and_44100_hz_is_exact_from_millisecond_stamps() {
    let mut studio = Studio::new((30_000, 1001), 44_100);
    studio.base_ms = 777;
    let shots = studio.shoot(0, 3_600_000);
    let (video, audio) = (of(VIDEO, &shots), of(AUDIO, &shots));
    // The phase settles within the first two seconds.
    assert!(steps(&video[60..], 90_000).iter().all(|&step| step == 3003));
    assert!(steps(&audio, 44_100).iter().all(|&step| step == 1024));
    let shift = shift(&shots);
    assert!(errors(&shots, shift).all(|error| error.abs() < 3 * MS / 2));
    assert_eq!((breaks(&shots), restamped(&shots)), (0, 0));
}

/// A3.
#[test]
fn common_rates_are_learnt_where_the_bitstream_does_not_say_or_lies() {
    for rate in [(24_000, 1001), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001), (60, 1), (120, 1), (10, 1)]
    {
        for hint in [None, Some((25, 2)), Some((30, 1)), Some((30_000, 1001)), Some((90_000, 1))] {
            let mut studio = Studio::with_hint(rate, hint, 48_000);
            let shots = of(VIDEO, &studio.shoot(0, 60_000));
            let exact = i64::from(90_000 * rate.1 / rate.0);
            let settled = &shots[shots.len() / 4..];
            let odd = steps(settled, 90_000).iter().filter(|&&step| step != exact).count();
            let allowed = if 90_000 * rate.1 % rate.0 == 0 { 0 } else { settled.len() };
            assert!(odd <= allowed, "{rate:?} claimed as {hint:?}: {odd} of {}", settled.len());
            assert!(errors(&shots, shift(&shots)).all(|error| error.abs() < 3 * MS / 2), "{rate:?} as {hint:?}");
        }
    }
}

/// A3: FLV rounds decode time and presentation time each for itself.
#[test]
fn pictures_of_b_frames_are_shown_at_exact_times() {
    let mut studio = Studio::new((30_000, 1001), 48_000);
    let shown: Vec<_> = (0..900)
        .map(|n| {
            // I P B B P B B, two frames of delay.
            let shown = if n % 3 == 0 { n + 3 } else { n + 1 };
            let (dts_ms, pts_ms) = (studio.video_at(n) / MS, studio.video_at(shown) / MS);
            let stamp = Stamp { dts: Time(dts_ms * MS), reorder: Span((pts_ms - dts_ms) * MS), ticks: None };
            let at = studio.zero + Duration::from_nanos(studio.video_at(n) as u64);
            let Placed::At(place) = studio.timeline.place(VIDEO, stamp, at) else { panic!("dropped") };
            (shown, (place.dts + place.reorder).to_ticks(90_000))
        })
        .collect();
    let (first, base) = shown[60];
    assert!(shown[60..].iter().all(|&(n, ticks)| ticks == base + (n - first) * 3003));
}

/// A13.
#[test]
fn a_varying_frame_rate_is_left_alone() {
    let mut studio = Studio::new((30, 1), 48_000);
    let mut ms = 0;
    let mut last = None;
    for n in 0_i64..2000 {
        ms += 7 + n * n % 131;
        let Placed::At(place) = studio.place(VIDEO, ms, ms * MS) else { panic!("dropped") };
        let shift = place.dts.0 - ms * MS;
        if let Some(last) = last.replace(shift) {
            assert!((shift - last).abs() <= MS, "frame {n} moved by {shift}");
        }
    }
}

/// A13.
#[test]
fn one_frame_a_second_is_no_gap_and_no_jump() {
    let mut studio = Studio::new((1, 1), 48_000);
    let shots = of(VIDEO, &studio.shoot(0, 100_000));
    assert!(steps(&shots, 1000).iter().all(|&step| step == 1000));
    assert_eq!((breaks(&shots), restamped(&shots)), (0, 0));
}

/// A13: a relay begins with what it has kept.
#[test]
fn slides_that_come_in_a_burst_are_no_jumps() {
    for hint in [Some((1, 1)), None] {
        let mut studio = Studio::with_hint((1, 1), hint, 48_000);
        let shots = of(VIDEO, &studio.shoot_by(0, 60_000, |at| at.max(20_000 * MS) - 20_000 * MS));
        assert!(steps(&shots[8..], 1000).iter().all(|&step| step == 1000));
        if hint.is_some() {
            assert_eq!((breaks(&shots), restamped(&shots)), (0, 0));
        }
    }
}

/// A15: a sound card that runs 100 parts in a million fast, against stamps of the computer's clock.
#[test]
fn a_drifting_sound_card_is_followed_in_small_steps() {
    let mut studio = Studio::new((30, 1), 44_100);
    let mut last = None;
    for n in 0..155_000 {
        let captured = studio.audio_at(n) - studio.audio_at(n) / 10_000;
        let stamp_ms = captured / MS;
        let Placed::At(place) = studio.place(AUDIO, stamp_ms, captured) else { panic!("dropped") };
        let error = place.dts.since(Time(stamp_ms * MS) + super::HEADROOM);
        assert!(error.abs() < Span::from_millis(20), "frame {n} off by {error:?}");
        if let Some(last) = last.replace(place.dts) {
            let step = place.dts.since(last).to_ticks(44_100);
            assert!((1024 - 22..=1024).contains(&step), "frame {n} lasts {step}");
        }
    }
}

/// A15: stamps that say when a frame was sent rather than captured.
#[test]
fn sound_stamped_with_jitter_keeps_even_steps() {
    let mut studio = Studio::new((30, 1), 48_000);
    let mut times = Vec::new();
    for n in 0..10_000 {
        let captured = studio.audio_at(n);
        let stamp_ms = captured / MS + n * 7919 % 37;
        let Placed::At(place) = studio.place(AUDIO, stamp_ms, captured) else { panic!("dropped") };
        times.push(place.dts);
    }
    let odd = times.windows(2).filter(|two| two[1].since(two[0]).to_ticks(48_000) != 1024).count();
    assert!(odd < 100, "{odd} uneven steps");
}

/// A12.
#[test]
fn three_seconds_without_input_stay_three_seconds() {
    let mut studio = Studio::new((30, 1), 48_000);
    let mut shots = studio.shoot(0, 10_000);
    shots.extend(studio.shoot(13_000, 20_000));
    assert_rising(&shots);
    assert_eq!((breaks(&shots), restamped(&shots)), (0, 0));
    let shift = shift(&shots);
    assert!(errors(&shots, shift).all(|error| error.abs() < 12 * MS));
}

/// A12: the same when the publisher's connection, not the publisher, stood still.
#[test]
fn a_backlog_that_arrives_at_once_keeps_its_own_times() {
    let mut studio = Studio::new((30, 1), 48_000);
    let shots =
        studio.shoot_by(0, 40_000, |at| if (10_000 * MS..25_000 * MS).contains(&at) { 25_000 * MS } else { at });
    assert_eq!((breaks(&shots), restamped(&shots)), (0, 0));
    let shift = shift(&shots);
    assert!(errors(&shots, shift).all(|error| error.abs() < 3 * MS / 2));
}

/// A6.
#[test]
fn a_single_stray_stamp_is_put_where_it_belongs() {
    for stray_ms in [5 * 3_600_000, -3_600_000, -900, 5000] {
        for id in [VIDEO, AUDIO] {
            let mut studio = Studio::new((30, 1), 48_000);
            let mut shots = studio.shoot(0, 5000);
            let (captured, stamp_ms) = (5000 * MS, 5000 + stray_ms);
            // The frame of 5 000 ms comes with a wrong stamp, and the rest goes on as if nothing was.
            shots.push(Shot { id, captured, placed: studio.place(id, stamp_ms, captured) });
            shots.extend(studio.shoot(5001, 10_000));
            assert_eq!((breaks(&shots), restamped(&shots)), (0, 1), "{id:?} by {stray_ms} ms");
            assert_rising(&shots);
            let shift = shift(&shots);
            assert!(errors(&shots, shift).all(|error| error.abs() < 30 * MS), "{id:?} by {stray_ms} ms");
        }
    }
}

/// A6, A2.
#[test]
fn a_lasting_jump_is_one_break_and_keeps_lips_with_voices() {
    for jump_ms in [5 * 3_600_000, -3_600_000, -4000, 4000, -1_000_000_000] {
        let mut studio = Studio::new((30, 1), 44_100);
        studio.base_ms = 60_000;
        let mut shots = studio.shoot(0, 10_000);
        let shift = shift(&shots);
        studio.base_ms += jump_ms;
        shots.extend(studio.shoot(10_000, 20_000));
        assert_eq!(breaks(&shots), 1, "by {jump_ms} ms");
        assert_rising(&shots);
        assert!(errors(&shots, shift).all(|error| error.abs() < 40 * MS), "by {jump_ms} ms");
        let (_, after) = shots.split_at(shots.len() - 500);
        assert!(lip_error(after) < 25 * MS, "by {jump_ms} ms: {}", lip_error(after));
    }
}

/// A2: sound jumps back 300 ms after the picture did.
#[test]
fn tracks_that_jump_at_different_moments_do_not_separate() {
    let mut studio = Studio::new((30, 1), 48_000);
    let mut shots = studio.shoot(0, 10_000);
    for ms in 10_000..20_000 {
        let before = studio.base_ms;
        let n = |rate: i64| (ms * rate / 1000, (ms + 1) * rate / 1000);
        for (id, jumped) in [(VIDEO, true), (AUDIO, ms >= 10_300)] {
            studio.base_ms = if jumped { before + 7_000_000 } else { before };
            let (from, to) = if id == VIDEO { n(30) } else { ((ms * 48 + 1023) / 1024, ((ms + 1) * 48 + 1023) / 1024) };
            for n in from..to {
                let captured = if id == VIDEO { studio.video_at(n) } else { studio.audio_at(n) };
                let stamp_ms = studio.base_ms + (captured + MS / 2) / MS;
                shots.push(Shot { id, captured, placed: studio.place(id, stamp_ms, ms * MS) });
            }
        }
        studio.base_ms = before;
    }
    assert_eq!(breaks(&shots), 1);
    assert_rising(&shots);
    let shift = shift(&shots);
    assert!(errors(&shots, shift).all(|error| error.abs() < 40 * MS));
    assert!(lip_error(&shots[shots.len() - 300..]) < 25 * MS);
}

/// A7.
#[test]
fn equal_and_backward_stamps_come_out_rising() {
    let mut studio = Studio::new((30, 1), 48_000);
    let mut shots = Vec::new();
    for (n, stamp_ms) in [0, 33, 33, 33, 20, 100, 90, 133, 133, 167, 200].into_iter().enumerate() {
        let captured = n as i64 * 33 * MS;
        shots.push(Shot { id: VIDEO, captured, placed: studio.place(VIDEO, stamp_ms, captured) });
    }
    assert_rising(&shots);
    assert!(shots.iter().all(|shot| matches!(shot.placed, Placed::At(_))));
}

/// A7: a clock that stands still for good.
#[test]
fn a_publisher_whose_stamps_never_move_stays_up() {
    let mut studio = Studio::new((30, 1), 48_000);
    let shots: Vec<_> = (0..30_000)
        .map(|n| {
            let captured = studio.video_at(n);
            Shot { id: VIDEO, captured, placed: studio.place(VIDEO, 0, captured) }
        })
        .collect();
    assert_rising(&shots);
    assert!(errors(&shots, super::HEADROOM).all(|error| error.abs() < 62_000 * MS));
}

/// A8.
#[test]
fn a_publisher_that_returns_at_zero_goes_on_later_by_the_time_that_passed() {
    let mut studio = Studio::new((30, 1), 48_000);
    studio.base_ms = 500_000;
    let before = studio.shoot(0, 10_000);
    assert!(studio.timeline.restart());
    // Four seconds later, with stamps from zero.
    studio.base_ms = -14_000;
    let after = studio.shoot(14_000, 20_000);
    assert_eq!(breaks(&after), 0, "a return is counted by the one who calls restart");
    let shift = shift(&before);
    assert!(errors(&before, shift).chain(errors(&after, shift)).all(|error| error.abs() < 2 * MS));
}

/// A8: even if the first publisher sent faster than time passes.
#[test]
fn a_return_never_goes_back() {
    let mut studio = Studio::new((30, 1), 48_000);
    let mut shots = studio.shoot_by(0, 20_000, |at| at / 4);
    studio.timeline.restart();
    studio.base_ms = -6000;
    shots.extend(studio.shoot(6000, 10_000));
    assert_rising(&shots);
}

#[test]
fn nothing_to_return_to_breaks_nothing() {
    assert!(!Studio::new((30, 1), 48_000).timeline.restart());
}

/// A10.
#[test]
fn sound_that_begins_five_seconds_late_is_placed_by_the_same_clock() {
    let mut studio = Studio::new((30, 1), 48_000);
    let mut shots = of(VIDEO, &studio.shoot(0, 0));
    for n in 0..300 {
        let captured = studio.video_at(n);
        shots.push(Shot { id: VIDEO, captured, placed: studio.place(VIDEO, captured / MS, captured) });
        if n >= 150 {
            let placed = studio.place(AUDIO, captured / MS, captured);
            shots.push(Shot { id: AUDIO, captured, placed });
        }
    }
    assert_eq!((breaks(&shots), restamped(&shots)), (0, 0));
    assert!(lip_error(&shots) < 50 * MS);
}

#[test]
fn a_file_pushed_at_full_speed_does_not_run_away() {
    let mut studio = Studio::new((30, 1), 48_000);
    let shots = studio.shoot_by(0, 600_000, |at| at / 20);
    let lead = |shot: &Shot| match shot.placed {
        Placed::At(place) => place.dts.0 - shot.captured / 20,
        Placed::Dropped(why) => {
            assert_eq!(why, Dropped::Ahead);
            0
        }
    };
    assert!(shots.iter().all(|shot| lead(shot) < 62_000 * MS));
    assert!(shots.iter().filter(|shot| matches!(shot.placed, Placed::At(_))).count() > 3000);
    assert_rising(&shots);
}

#[test]
fn a_clock_that_runs_a_little_fast_for_a_week_is_never_noticed() {
    let mut studio = Studio::new((1, 1), 48_000);
    let mut shots = Vec::new();
    for n in 0..7 * 86_400 {
        let captured = studio.video_at(n);
        // 300 parts in a million: three minutes in a week.
        let stamp_ms = (captured + captured / 10_000 * 3) / MS;
        shots.push(Shot { id: VIDEO, captured, placed: studio.place(VIDEO, stamp_ms, captured) });
    }
    assert_eq!((breaks(&shots), restamped(&shots)), (0, 0));
    assert!(shots.iter().all(|shot| matches!(shot.placed, Placed::At(_))));
}
