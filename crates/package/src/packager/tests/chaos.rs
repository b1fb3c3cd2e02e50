//! Publishers that no one would believe: whatever comes, the laws hold.

use bytes::Bytes;
use media::{Frame, Span};
use proptest::prelude::*;

use super::super::Settings;
use super::*;

#[derive(Clone, Debug)]
struct Blow {
    track: usize,
    /// Milliseconds since the last frame of that track.
    step_ms: i64,
    reorder_ms: i64,
    is_sync: bool,
    breaks: bool,
    wait_ms: i64,
    event: u8,
}

fn blows() -> impl Strategy<Value = Vec<Blow>> {
    let step = prop_oneof![
        20 => 1..60i64,
        3 => 60..900i64,
        2 => 900..4_000i64,
        1 => 4_000..40_000i64,
        1 => Just(3_600_000_000i64),
        1 => -5_000..1i64,
    ];
    let blow = (0..4usize, step, -50..500i64, any::<bool>(), 0..200u8, 0..300i64, 0..250u8).prop_map(
        |(track, step_ms, reorder_ms, is_sync, breaks, wait_ms, event)| Blow {
            track,
            step_ms,
            reorder_ms,
            is_sync,
            breaks: breaks == 0,
            wait_ms: if wait_ms > 150 { 0 } else { wait_ms },
            event,
        },
    );
    prop::collection::vec(blow, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_whatever_comes(blows in blows()) {
        let tracks = [
            [track(0, avc(Some((30, 1)))), track(0, avc(None))],
            [track(1, aac(LC_48K)), track(1, aac(LC_44K))],
            [track(2, avc(Some((25, 1)))), track(2, avc(Some((25, 1))))],
            // Without silence: a channel layout of its own.
            [track(3, aac(LC_44K)), track(3, aac(LC_48K))],
        ];
        // Nothing leaves the window before the reader has seen it.
        let mut studio = Studio::with(Settings { window: Span::from_millis(3_600_000), ..Settings::default() });
        studio.catalog(&[&tracks[0][0], &tracks[1][0]]);
        let (mut at, mut epoch, mut which) = ([secs(1.0); 4], 0, [0; 4]);
        for blow in blows {
            studio.skip(blow.wait_ms);
            match blow.event {
                0 => studio.away(),
                1 => studio.catalog(&[&tracks[1][0], &tracks[2][0]]),
                2 => studio.catalog(&[&tracks[0][0], &tracks[1][0], &tracks[2][0]]),
                3 => which[blow.track] = 1 - which[blow.track],
                4 => studio.catalog(&[]),
                _ => {}
            }
            epoch += u32::from(blow.breaks);
            at[blow.track] += Span::from_millis(blow.step_ms);
            let frame = Frame {
                dts: at[blow.track],
                reorder: Span::from_millis(blow.reorder_ms),
                is_sync: blow.is_sync,
                payload: Bytes::from_static(&[7; 50]),
                temporal: media::Temporal::BASE,
            };
            studio.arrive(Shot { track: tracks[blow.track][which[blow.track]].clone(), epoch, frame });
        }
        studio.finish();
    }
}
