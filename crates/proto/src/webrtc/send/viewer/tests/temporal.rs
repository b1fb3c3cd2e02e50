//! Temporal layers left out and taken in again, in virtual time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use media::{Frame, Span, Temporal, Time, TrackId};
use wire::rtcp::{Nacks, Rtcp};

use super::super::super::Writer;
use super::super::super::fixtures::MS;
use super::super::Event;
use super::layers::{HIGH, LOW, layer};
use super::stage::{Peer, Stage, VIDEO};
use crate::webrtc::negotiate::Coding;

/// As browsers make three layers of thirty pictures a second: every fourth is of the lowest, every second of the two lower.
const LAYERS: [u8; 4] = [0, 2, 1, 2];
/// 1.32 Mbit/s, of which 0.54 are the lowest layer and 0.84 the two lower ones.
const BYTES: [usize; 3] = [9_000, 5_000, 4_000];
const GOP: i64 = 120;
/// One may begin with the middle layer at every third of its pictures, and with the highest behind each of the lowest.
const UP_EVERY: i64 = 3;

/// A publisher with one track, or two of which the second costs a third.
struct Publisher {
    frames: i64,
    gop: i64,
    /// Divides the bytes of each.
    tracks: Vec<usize>,
}

fn is_up(number: i64, gop: i64) -> bool {
    match number % gop % 4 {
        1 => true,
        2 => number % gop / 4 % UP_EVERY == 0,
        _ => false,
    }
}

/// The frames that a decoder must have for that one.
fn needed(number: i64, gop: i64) -> Vec<i64> {
    let place = number % gop;
    match place % 4 {
        _ if place == 0 => vec![],
        0 => vec![number - 4],
        1 => vec![number - 1],
        2 if is_up(number, gop) => vec![number - 2],
        2 => vec![number - 2, number - 4],
        _ => vec![number - 1, number - 2],
    }
}

impl Publisher {
    fn new(tracks: &[usize]) -> Self {
        Self { frames: 0, gop: GOP, tracks: tracks.to_vec() }
    }

    fn stage(&self, width_bps: Option<u64>) -> Stage {
        let begin = Instant::now();
        let tracks = [layer(HIGH, 1280), layer(LOW, 320)];
        let writers = tracks.into_iter().take(self.tracks.len()).map(|track| Writer::new(track, begin).unwrap());
        let peer = Peer { coding: Coding::Vp8, ..Peer::default() };
        let mut stage = Stage::new(peer, writers.collect(), begin, begin);
        (stage.network.width_bps, stage.network.queue) = (width_bps, 400 * MS);
        stage
    }

    fn run(&mut self, stage: &mut Stage, ms: u64) {
        for _ in 0..ms {
            stage.tick();
            while self.frames * 100 / 3 <= stage.ms() {
                let number = self.frames;
                let temporal =
                    Temporal { layer: LAYERS[(number % self.gop % 4) as usize], switches_up: is_up(number, self.gop) };
                let is_sync = number % self.gop == 0;
                for (at, share) in self.tracks.iter().enumerate() {
                    let bytes = BYTES[usize::from(temporal.layer)] * if is_sync { 2 } else { 1 } / share;
                    let mut payload = vec![0x55; bytes];
                    payload[0] = at as u8;
                    payload[1..9].copy_from_slice(&number.to_be_bytes());
                    let dts = Time::ZERO + Span::from_millis(number * 100 / 3);
                    let frame = Frame { dts, reorder: Span::ZERO, is_sync, payload: payload.into(), temporal };
                    stage.append(at, &frame);
                }
                self.frames += 1;
            }
        }
    }
}

/// Track, number and time of every frame that was shown.
fn shown(stage: &Stage) -> Vec<(u8, i64, Instant)> {
    let frame = |(_, payload, at): (u32, Vec<u8>, Instant)| {
        (payload[4], i64::from_be_bytes(payload[5..13].try_into().unwrap()), at)
    };
    stage.receiver.frames().into_iter().map(frame).collect()
}

/// P9, P11: numbers, picture ids and timestamps go on, every picture ends with a marker, and none comes without those that
/// it needs.
fn is_sound(stage: &Stage, gop: i64) {
    assert!(stage.receiver.missing().is_empty(), "{:?}", stage.receiver.missing());
    let mut had = BTreeSet::new();
    for (track, number, _) in shown(stage) {
        assert!(needed(number, gop).iter().all(|number| had.contains(&(track, *number))), "{track}: {number}");
        had.insert((track, number));
    }
    let packets: Vec<_> = stage.receiver.video.values().collect();
    for pair in packets.windows(2) {
        let id = |at: usize| u16::from_be_bytes([pair[at].payload[2], pair[at].payload[3]]) & 0x7fff;
        let is_next = pair[1].payload[0] & 0x10 != 0;
        assert_eq!(pair[0].marker, is_next, "a marker ends a picture, and nothing else does");
        assert_eq!(id(1), (id(0) + u16::from(is_next)) & 0x7fff, "picture ids go on");
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!(if is_next { (90..90_000).contains(&step) } else { step == 0 }, "{step}");
    }
}

/// Pictures a second between two moments, and the longest time that one stood.
fn rate(stage: &Stage, from: Instant, to: Instant) -> (f64, Duration) {
    let times: Vec<_> = shown(stage).into_iter().map(|(.., at)| at).filter(|at| (from..to).contains(at)).collect();
    let still = times.windows(2).map(|pair| pair[1].saturating_duration_since(pair[0])).max().unwrap_or_default();
    (times.len() as f64 / (to - from).as_secs_f64(), still)
}

/// P11. A track that has no smaller one beside it comes with fewer pictures over a link that is too narrow for all.
#[test]
fn a_link_too_narrow_for_the_whole_gets_fewer_pictures_and_all_again_when_it_widens() {
    for (width_bps, pictures) in [(1_100_000, 15.0), (680_000, 7.5)] {
        let mut publisher = Publisher::new(&[1]);
        let mut stage = publisher.stage(Some(6_000_000));
        publisher.run(&mut stage, 6_000);
        let (all, _) = rate(&stage, stage.begin + 1000 * MS, stage.now);
        assert!(all > 29.0, "{all}");
        let narrowed = stage.now;
        stage.network.width_bps = Some(width_bps);
        publisher.run(&mut stage, 20_000);
        let (few, _) = rate(&stage, stage.now - 10_000 * MS, stage.now);
        assert!((few - pictures).abs() < 1.0, "{width_bps}: {few}");
        let (_, still) = rate(&stage, narrowed, stage.now);
        assert!(still < 500 * MS, "{width_bps}: {still:?}");
        let widened = stage.now;
        stage.network.width_bps = Some(6_000_000);
        publisher.run(&mut stage, 15_000);
        let (all, _) = rate(&stage, stage.now - 3_000 * MS, stage.now);
        assert!(all > 29.0, "{width_bps}: {all}");
        let (_, still) = rate(&stage, widened, stage.now);
        assert!(still < 300 * MS, "{width_bps}: {still:?}");
        publisher.run(&mut stage, 500);
        is_sound(&stage, publisher.gop);
    }
}

/// Between two tracks there is the better one with every second picture.
#[test]
fn between_two_tracks_the_better_one_comes_with_half_its_pictures() {
    let mut publisher = Publisher::new(&[1, 3]);
    let mut stage = publisher.stage(Some(6_000_000));
    publisher.run(&mut stage, 10_000);
    assert_eq!(stage.viewer.stats().track, Some(HIGH));
    stage.network.width_bps = Some(1_150_000);
    publisher.run(&mut stage, 20_000);
    let (few, _) = rate(&stage, stage.now - 5_000 * MS, stage.now);
    assert_eq!(stage.viewer.stats().track, Some(HIGH));
    assert!((few - 15.0).abs() < 1.0, "{few}");
    // But not with a quarter: the other one moves.
    stage.network.width_bps = Some(700_000);
    publisher.run(&mut stage, 20_000);
    let (all, _) = rate(&stage, stage.now - 5_000 * MS, stage.now);
    assert_eq!(stage.viewer.stats().track, Some(LOW));
    assert!(all > 29.0, "{all}");
    publisher.run(&mut stage, 500);
    is_sound(&stage, publisher.gop);
}

/// E18, P9. Down at once; up where the frames allow it, a layer at a time, without a keyframe.
#[test]
fn a_chosen_temporal_layer_is_kept_until_another_is_chosen() {
    let mut publisher = Publisher { gop: 10_000, ..Publisher::new(&[1]) };
    let mut stage = publisher.stage(None);
    publisher.run(&mut stage, 2_000);
    assert!(stage.viewer.choose(stage.now, None, Some(0)));
    assert!(!stage.viewer.choose(stage.now, None, Some(3)), "there is no such layer");
    assert!(!stage.viewer.choose(stage.now, Some(TrackId(9)), Some(0)));
    let chosen = stage.now;
    publisher.run(&mut stage, 4_000);
    let (few, _) = rate(&stage, chosen + 100 * MS, stage.now);
    assert!((few - 7.5).abs() < 0.5, "{few}");
    let [track] = &stage.viewer.layers()[..] else { panic!() };
    let near = |figure: u64, wanted: u64| figure.abs_diff(wanted) < wanted / 10;
    assert!(near(track.rate_bps, 1_320_000), "{track:?}");
    assert!(matches!(track.thinner_bps[..], [low, middle] if near(low, 540_000) && near(middle, 840_000)), "{track:?}");
    assert!(stage.viewer.choose(stage.now, Some(HIGH), Some(1)));
    let chosen = stage.now;
    publisher.run(&mut stage, 4_000);
    let (few, _) = rate(&stage, chosen + 500 * MS, stage.now);
    assert!((few - 15.0).abs() < 0.5, "{few}");
    assert!(stage.viewer.choose(stage.now, None, None));
    // By what the link carries, again: with proof.
    publisher.run(&mut stage, 6_000);
    let (all, still) = rate(&stage, stage.now - 2_000 * MS, stage.now);
    assert!(all > 29.0 && still < 50 * MS, "{all} {still:?}");
    assert!(
        !stage
            .events
            .iter()
            .any(|(at, event)| matches!(event, Event::KeyframeWanted(_)) && *at > stage.begin + 1000 * MS)
    );
    is_sound(&stage, publisher.gop);
}

/// P1, P11: what was left out has no number that could be asked for.
#[test]
fn what_was_never_sent_is_never_sent_again() {
    let mut publisher = Publisher::new(&[1]);
    let mut stage = publisher.stage(None);
    publisher.run(&mut stage, 2_000);
    stage.viewer.choose(stage.now, None, Some(0));
    publisher.run(&mut stage, 2_000);
    let last = |stage: &Stage| *stage.receiver.video.last_key_value().unwrap().0;
    let begin = last(&stage);
    while last(&stage) == begin {
        publisher.run(&mut stage, 1);
    }
    // All of a picture of the lowest layer is there, and the next one a tenth of a second away.
    publisher.run(&mut stage, 15);
    let last = last(&stage);
    let (before, repairs) = (stage.viewer.stats(), stage.receiver.repairs);
    let missing = Nacks((1..=20).map(|ahead| (last + ahead) as u16).collect());
    stage.say(&Rtcp::Nack { sender: 1, media: VIDEO, missing });
    publisher.run(&mut stage, 50);
    let after = stage.viewer.stats();
    assert_eq!((after.retransmitted, stage.receiver.repairs), (before.retransmitted, repairs));
    assert!(after.refused > before.refused);
}
