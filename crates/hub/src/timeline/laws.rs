use std::collections::HashMap;
use std::time::{Duration, Instant};

use media::{Span, Time};
use proptest::prelude::*;

use super::{DRIFT, HEADROOM, LAG_MAX, LEAD_MAX, Placed, Stamp, Timeline};
use crate::fixtures::{AUDIO, VIDEO, audio, video};

/// What a hostile or broken publisher does next.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// A frame this much after the last one of its track.
    Step(i64),
    /// A frame anywhere.
    Anywhere(i64),
    Restart,
}

fn moves() -> impl Strategy<Value = (bool, Move, u64)> {
    let step = prop_oneof![
        4 => Just(33_000_000_i64),
        2 => Just(21_333_333_i64),
        2 => -200_000_000..400_000_000_i64,
        1 => -100_000_000_000..100_000_000_000_i64,
    ];
    let what = prop_oneof![
        20 => step.prop_map(Move::Step),
        2 => any::<i64>().prop_map(Move::Anywhere),
        1 => Just(Move::Restart),
    ];
    let passed = prop_oneof![5 => 0..50_000_000_u64, 1 => Just(0), 1 => 0..20_000_000_000_u64];
    (any::<bool>(), what, passed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// A6, A7, A8: whatever comes.
    #[test]
    fn every_track_rises_and_stays_near_arrival(moves in prop::collection::vec(moves(), 1..400)) {
        let zero = Instant::now();
        let mut timeline = Timeline::new(zero);
        timeline.describe(&video(Some((30, 1))));
        timeline.describe(&audio(48_000));
        let mut passed = Duration::ZERO;
        let mut stamps = HashMap::from([(VIDEO, Time::ZERO), (AUDIO, Time::ZERO)]);
        let mut newest = HashMap::from([(VIDEO, Time(-1)), (AUDIO, Time(-1))]);
        for (is_video, what, more) in moves {
            passed += Duration::from_nanos(more);
            let id = if is_video { VIDEO } else { AUDIO };
            let dts = match what {
                Move::Step(step) => stamps[&id] + Span(step),
                Move::Anywhere(at) => Time(at),
                Move::Restart => {
                    timeline.restart();
                    Time::ZERO
                }
            };
            stamps.insert(id, dts);
            let stamp = Stamp { dts, reorder: Span::ZERO, ticks: (!is_video).then_some(1024) };
            let Placed::At(place) = timeline.place(id, stamp, zero + passed) else { continue };
            prop_assert!(place.dts > newest[&id], "{:?} after {:?}", place.dts, newest[&id]);
            newest.insert(id, place.dts);
            let off = place.dts.since(Time::ZERO + HEADROOM + Span::from(passed));
            let drift = Span::from(passed).0 / DRIFT;
            prop_assert!(off.0 <= LEAD_MAX.0 + drift, "{off:?} ahead");
            prop_assert!(off.0 >= -LAG_MAX.0 - drift - 1_000_000_000, "{off:?} behind");
        }
    }
}
