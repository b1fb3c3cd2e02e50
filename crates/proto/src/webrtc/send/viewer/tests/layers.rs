use std::sync::Arc;
use std::time::{Duration, Instant};

use media::codec::{Picture, Vp8};
use media::{Codec, Frame, Span, Time, Track, TrackId};

use super::super::super::Writer;
use super::super::super::fixtures::{MS, picture};
use super::super::Event;
use super::stage::{Peer, Stage};
use crate::webrtc::negotiate::Coding;

pub(super) const HIGH: TrackId = TrackId(0);
pub(super) const MIDDLE: TrackId = TrackId(2);
pub(super) const LOW: TrackId = TrackId(4);

pub(super) fn layer(id: TrackId, width: u32) -> Arc<Track> {
    let picture = Picture { width, height: width * 9 / 16, pixel_aspect: (1, 1), frame_rate: None, colour: None };
    Arc::new(Track::source(id, Codec::Vp8(Vp8 { profile: 0, picture })))
}

/// Three layers of VP8 at 30 frames a second; keyframes of each every two seconds, a few frames apart.
pub(super) struct Ladder {
    pub(super) frames: i64,
    pub(super) silent: Vec<usize>,
    pub(super) lag_ms: i64,
    /// The publisher makes keyframes when it is asked, of all layers together.
    pub(super) answers: bool,
    pub(super) asked: usize,
    /// Of an ordinary frame of each; a keyframe is so many times as large.
    pub(super) bytes: [usize; 3],
    pub(super) key: usize,
    /// Frames from one keyframe to the next.
    pub(super) gop: i64,
}

impl Ladder {
    pub(super) fn new() -> Self {
        let bytes = [10_000, 3_000, 700];
        Self { frames: 0, silent: Vec::new(), lag_ms: 0, answers: false, asked: 0, bytes, key: 3, gop: 60 }
    }

    pub(super) fn stage(width_bps: Option<u64>, lag_ms: i64) -> (Self, Stage) {
        let mut ladder = Self { lag_ms, ..Self::new() };
        let stage = ladder.join(width_bps, 0);
        (ladder, stage)
    }

    /// A viewer that joins when the broadcast has run for so long.
    pub(super) fn join(&mut self, width_bps: Option<u64>, before_ms: i64) -> Stage {
        let begin = Instant::now();
        let layers = [layer(HIGH, 1280), layer(MIDDLE, 640), layer(LOW, 320)];
        let mut writers = layers.map(|layer| Writer::new(layer, begin).unwrap());
        for ms in 0..before_ms {
            let now = begin + MS * ms as u32;
            self.play(ms, false, |at, frame| writers[at].append(frame, now));
        }
        let peer = Peer { coding: Coding::Vp8, ..Peer::default() };
        let mut stage = Stage::new(peer, writers.into(), begin, begin + MS * before_ms as u32);
        stage.network.width_bps = width_bps;
        stage
    }

    pub(super) fn run(&mut self, stage: &mut Stage, ms: u64) {
        for _ in 0..ms {
            stage.tick();
            // What was wanted half a round trip ago.
            let is_wish = |(at, event): &(Instant, Event)| {
                matches!(event, Event::KeyframeWanted(_)) && *at + 30 * MS <= stage.now
            };
            let wishes = stage.events.iter().filter(|event| is_wish(event)).count();
            let is_answer = self.answers && wishes > self.asked;
            if self.play(stage.ms(), is_answer, |at, frame| stage.append(at, frame)) {
                self.asked = wishes;
            }
        }
    }

    /// Makes what is due; the first with keyframes if those were asked for. Whether there was anything.
    fn play(&mut self, at_ms: i64, mut is_answer: bool, mut append: impl FnMut(usize, &Frame)) -> bool {
        let begin = self.frames;
        while self.frames * 100 / 3 <= at_ms {
            for (at, bytes) in self.bytes.into_iter().enumerate() {
                if self.silent.contains(&at) {
                    continue;
                }
                let is_sync = (self.frames + 5 * at as i64) % self.gop == 0 || self.frames == 0 || is_answer;
                // The layer stands in the first byte, whether it is a keyframe in the second.
                let mut payload = vec![at as u8; if is_sync { bytes * self.key } else { bytes }];
                payload[1] = is_sync.into();
                let dts = Time::ZERO + Span::from_millis(self.frames * 100 / 3 + self.lag_ms * at as i64);
                append(
                    at,
                    &Frame {
                        dts,
                        reorder: Span::ZERO,
                        is_sync,
                        payload: payload.into(),
                        temporal: media::Temporal::BASE,
                    },
                );
            }
            is_answer = false;
            self.frames += 1;
        }
        self.frames > begin
    }
}

/// Layer and whether it is a keyframe, picture id, timestamp and time of every frame.
fn shown(stage: &Stage) -> Vec<(u8, bool, u16, u32, Instant)> {
    let frame = |(timestamp, payload, at): (u32, Vec<u8>, Instant)| {
        (payload[4], payload[5] == 1, u16::from_be_bytes([payload[2], payload[3]]) & 0x7fff, timestamp, at)
    };
    stage.receiver.frames().into_iter().map(frame).collect()
}

/// P9, P11: whatever was switched, numbers have no hole, timestamps go on, and a layer begins with a keyframe.
pub(super) fn is_seamless(stage: &Stage) {
    assert!(stage.receiver.missing().is_empty());
    let frames = shown(stage);
    for pair in frames.windows(2) {
        let [(before, _, id, timestamp, _), (layer, is_sync, next_id, next, _)] = pair else { panic!() };
        assert_eq!(*next_id, (id + 1) & 0x7fff, "picture ids go on");
        let step = next.wrapping_sub(*timestamp);
        assert!((90..90_000).contains(&step), "{step}");
        assert!(layer == before || *is_sync, "a switch lands on a keyframe");
    }
}

pub(super) fn switches(stage: &Stage) -> Vec<(u128, TrackId)> {
    let switch = |(at, event): &(Instant, Event)| match event {
        Event::Switched { to, .. } => Some(((*at - stage.begin).as_millis(), *to)),
        _ => None,
    };
    stage.events.iter().filter_map(switch).collect()
}

#[test]
fn a_wide_link_gets_the_best_layer_and_keeps_it() {
    let (mut ladder, mut stage) = Ladder::stage(Some(20_000_000), 0);
    ladder.run(&mut stage, 20_000);
    is_seamless(&stage);
    let switches = switches(&stage);
    assert_eq!(switches.last().unwrap().1, HIGH, "{switches:?}");
    assert!(switches.len() <= 2, "{switches:?}");
    let layers = stage.viewer.layers();
    assert_eq!(layers.iter().map(|layer| layer.track.id).collect::<Vec<_>>(), [HIGH, MIDDLE, LOW]);
    assert!(layers[0].is_sent && layers.iter().all(|layer| layer.rate_bps > 100_000), "{layers:?}");
}

/// A link that narrows moves the viewer down without a freeze, and one that widens moves it up again.
#[test]
fn the_layer_follows_the_link() {
    let (mut ladder, mut stage) = Ladder::stage(Some(8_000_000), 3);
    ladder.run(&mut stage, 10_000);
    assert_eq!(stage.viewer.stats().track, Some(HIGH));
    stage.network.width_bps = Some(1_200_000);
    ladder.run(&mut stage, 15_000);
    assert_eq!(stage.viewer.stats().track, Some(MIDDLE), "{:?}", switches(&stage));
    let from = stage.now;
    ladder.run(&mut stage, 5_000);
    let late = shown(&stage).into_iter().filter(|frame| frame.4 >= from).collect::<Vec<_>>();
    let gap = late.windows(2).map(|pair| pair[1].4.saturating_duration_since(pair[0].4)).max().unwrap();
    assert!(gap < 500 * MS, "{gap:?}");
    stage.network.width_bps = Some(8_000_000);
    ladder.run(&mut stage, 60_000);
    assert_eq!(stage.viewer.stats().track, Some(HIGH), "{:?}", switches(&stage));
    is_seamless(&stage);
    assert!(switches(&stage).len() <= 10, "{:?}", switches(&stage));
}

/// P10.
#[test]
fn a_layer_that_falls_silent_is_left_within_a_second() {
    let (mut ladder, mut stage) = Ladder::stage(None, 0);
    ladder.run(&mut stage, 10_000);
    assert_eq!(stage.viewer.stats().track, Some(HIGH));
    ladder.silent = vec![0];
    let silent_at = stage.now;
    ladder.run(&mut stage, 3_000);
    let frames = shown(&stage);
    let next = frames.iter().find(|(layer, ..)| *layer > 0 && frames.last().unwrap().0 == *layer);
    let after = frames.iter().find(|frame| frame.4 > silent_at + 20 * MS).unwrap();
    assert!(next.is_some() && after.1, "a keyframe");
    assert!(after.4 - silent_at < Duration::from_secs(1), "{:?}", after.4 - silent_at);
    is_seamless(&stage);
    assert!(stage.events.iter().any(|(at, event)| *event == Event::Layers && *at > silent_at));
    assert_eq!(stage.viewer.layers()[0].rate_bps, 0);

    ladder.silent.clear();
    ladder.run(&mut stage, 40_000);
    assert_eq!(stage.viewer.stats().track, Some(HIGH), "and taken again when it is back");
}

/// E18.
#[test]
fn a_chosen_layer_is_switched_to_at_a_keyframe_and_kept() {
    let (mut ladder, mut stage) = Ladder::stage(None, 0);
    ladder.run(&mut stage, 5_500);
    assert!(stage.viewer.choose(stage.now, Some(LOW), None));
    assert!(!stage.viewer.choose(stage.now, Some(TrackId(9)), None));
    ladder.run(&mut stage, 2_500);
    assert_eq!(stage.viewer.stats().track, Some(LOW));
    ladder.run(&mut stage, 20_000);
    assert_eq!(stage.viewer.stats().track, Some(LOW));
    assert!(stage.viewer.choose(stage.now, None, None));
    ladder.run(&mut stage, 15_000);
    assert_eq!(stage.viewer.stats().track, Some(HIGH));
    is_seamless(&stage);
}

/// Layers whose keyframes are one and the same moment: the second of a pair must not be missed.
#[test]
fn aligned_keyframes_can_be_switched_between() {
    let begin = Instant::now();
    let layers = [layer(HIGH, 1280), layer(LOW, 320)];
    let writers = layers.map(|layer| Writer::new(layer, begin).unwrap());
    let mut stage = Stage::new(Peer { coding: Coding::Vp8, ..Peer::default() }, writers.into(), begin, begin);
    for frame in 0..300 {
        for at in 0..2 {
            let is_sync = frame % 60 == 0;
            let mut payload = vec![at as u8; 1_000];
            payload[1] = is_sync.into();
            let dts = Time::ZERO + Span::from_millis(frame * 33);
            stage.append(
                at,
                &Frame { dts, reorder: Span::ZERO, is_sync, payload: payload.into(), temporal: media::Temporal::BASE },
            );
        }
        if frame == 100 {
            stage.viewer.choose(stage.now, Some(LOW), None);
        }
        stage.pass(33);
    }
    is_seamless(&stage);
    let frames = shown(&stage);
    let first = frames.iter().position(|(layer, ..)| *layer == 1).unwrap();
    assert!((119..=122).contains(&first), "{first}");
}

/// The machine has no keyframe of the layer that it wants at hand: it asks, and again until one comes.
#[test]
fn a_switch_that_waits_asks_for_a_keyframe() {
    let begin = Instant::now();
    let layers = [layer(HIGH, 1280), layer(LOW, 320)];
    let writers = layers.map(|layer| Writer::new(layer, begin).unwrap());
    let mut stage = Stage::new(Peer { coding: Coding::Vp8, ..Peer::default() }, writers.into(), begin, begin);
    for frame in 0..200 {
        for at in 0..2 {
            let mut shot = picture(frame * 33, frame == 0, 1_000);
            shot.payload = vec![at as u8; 1_000].into();
            stage.append(at, &shot);
        }
        if frame == 100 {
            stage.viewer.choose(stage.now, Some(LOW), None);
        }
        stage.pass(33);
    }
    let asks: Vec<_> = stage.events.iter().filter(|(_, event)| *event == Event::KeyframeWanted(LOW)).collect();
    assert!((3..=6).contains(&asks.len()), "{asks:?}");
    assert!(asks.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 500 * MS), "P3");
}
