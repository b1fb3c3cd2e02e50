//! Broadcasts to try manifests on.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use media::codec::Codec;
use media::{Path, Span, Time};

use crate::hls::sample::{aac, avc, track};
use crate::{Init, Part, Segment, Window};

pub(super) const PART_MS: i64 = 200;
pub(super) const LISTED: usize = 6;
pub(super) const FIRST: u64 = 91_230_900;

/// One segment of the picture, as the publisher made it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) ms: i64,
    pub(super) init: u32,
    pub(super) breaks: bool,
    /// Nothing came for so long before it.
    pub(super) hole_ms: i64,
    pub(super) silent: bool,
}

pub(super) const EVEN: Cut = Cut { ms: 2000, init: 0, breaks: false, hole_ms: 0, silent: false };

/// A broadcast with a picture in two sizes and a sound, seen at any moment of its life.
pub(super) struct Run {
    pub(super) cuts: Vec<Cut>,
    pub(super) over: bool,
}

pub(super) fn time(ms: i64) -> Time {
    Time(ms * 1_000_000)
}

pub(super) fn path() -> Path {
    "live/alice".parse().unwrap()
}

pub(super) fn zero() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_230_900)
}

impl Run {
    pub(super) fn of(cuts: impl IntoIterator<Item = Cut>) -> Self {
        Self { cuts: cuts.into_iter().collect(), over: false }
    }

    /// Start and end of every segment in milliseconds.
    pub(super) fn bounds(&self) -> Vec<(i64, i64)> {
        let mut at = 0;
        let bound = |cut: &Cut| {
            at += cut.hole_ms;
            let start = at;
            at += cut.ms;
            (start, at)
        };
        self.cuts.iter().map(bound).collect()
    }

    pub(super) fn length_ms(&self) -> i64 {
        self.bounds().last().map_or(0, |&(_, end)| end)
    }

    pub(super) fn window(&self, id: u16, codec: &Codec, now_ms: i64) -> Window {
        let sound = codec.sound().is_some();
        let snap = |ms: i64| if sound { Time::from_ticks(frames_until(ms) * 1024, 48_000) } else { time(ms) };
        let mut segments: Vec<Arc<Segment>> = Vec::new();
        let mut open = None;
        for (index, (cut, (start_ms, end_ms))) in self.cuts.iter().zip(self.bounds()).enumerate() {
            if start_ms > now_ms {
                break;
            }
            let done = now_ms >= end_ms;
            let (start, reach) = (snap(start_ms), snap(if done { end_ms } else { now_ms / PART_MS * PART_MS }));
            let duration = Span(reach.since(start).0.max(0));
            let gap = cut.silent && sound;
            let part = Part { start, duration, independent: true, bytes: Bytes::from_static(b"part") };
            let init = Init {
                number: if sound { 0 } else { cut.init },
                track: track(id, codec.clone(), sound.then_some("en")),
                bytes: Bytes::new(),
            };
            let segment = Arc::new(Segment {
                msn: FIRST + index as u64,
                init: Arc::new(init),
                start,
                wall: zero() + Duration::from_nanos(start.0.unsigned_abs()),
                duration,
                discontinuity: cut.breaks,
                gap,
                independent: true,
                parts: if gap || duration.0 == 0 { Vec::new() } else { vec![Arc::new(part)] },
                whole: None,
            });
            if done { segments.push(segment) } else { open = Some(segment) }
        }
        let ended = self.over && now_ms >= self.length_ms();
        segments.drain(..segments.len().saturating_sub(LISTED));
        Window {
            version: now_ms as u64 + 1,
            segments,
            open,
            discontinuity_sequence: FIRST,
            target_duration_secs: 4,
            part_target: Span::from_millis(PART_MS),
            independent_segments: true,
            ended,
        }
    }

    pub(super) fn windows(&self, now_ms: i64) -> [(&'static str, Window); 3] {
        [("v0", steady()), ("v1", steady()), ("a2", aac(2))].map(|(name, codec)| {
            let id = name[1..].parse().unwrap();
            (name, self.window(id, &codec, now_ms))
        })
    }
}

pub(super) fn frames_until(ms: i64) -> i64 {
    (ms * 48 + 1023).div_euclid(1024)
}

/// Thirty frames a second, so that all cuts of the tests are whole frames.
fn steady() -> Codec {
    match avc() {
        Codec::Avc(mut avc) => {
            avc.picture.frame_rate = Some((30, 1));
            Codec::Avc(avc)
        }
        other => other,
    }
}
