use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use hub::{Broadcast, Claim, Cursor, Demand, From, Hub, Lease, Limits, Now, Publisher, Step, Wish};
use media::codec::{Aac, Opus};
use media::{Codec, Frame, Kind, Origin, Span, Time, Track, TrackId};
use onair_transcoder::sound::{Encoder, RATE};
use transcode::protocol::sound::{Coding, Output};
use transcode::{Condition, Settings, Transcoder};

pub(crate) const SOUND: TrackId = TrackId(1);

/// A hub, a publisher of sound and a transcoder with real workers.
pub(crate) struct Stage {
    pub(crate) hub: Hub,
    pub(crate) transcoder: Transcoder,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let limits = Limits { track_age: Duration::from_secs(600), track_groups: 10_000, ..Limits::default() };
        let worker = Path::new(env!("CARGO_BIN_EXE_onair-transcoder"));
        Self { hub: Hub::new(limits), transcoder: Transcoder::new(worker, Settings::default()) }
    }

    pub(crate) fn publish(&self, codec: Codec) -> Publisher {
        let now = Now { at: Instant::now(), wall: SystemTime::now() };
        let publisher = self.hub.publish(&"live/a".parse().unwrap(), Claim { proto: "test", peer: None }, now).unwrap();
        publisher.declare(Track::source(SOUND, codec)).unwrap();
        publisher
    }

    pub(crate) fn condition(&self) -> Condition {
        self.transcoder.status()[0].condition.clone()
    }

    /// What the track of a lease is made by.
    pub(crate) fn codec(broadcast: &Broadcast, lease: &Lease) -> Codec {
        broadcast.catalog().track(lease.track()).unwrap().codec.clone()
    }

    /// The rendition of a broadcast's sound, from its beginning, when its worker listens.
    pub(crate) async fn want(&self, broadcast: &Broadcast, wish: Wish) -> (Lease, Cursor) {
        let source = broadcast.catalog().of_kind(Kind::Audio).find(|track| track.origin == Origin::Source).unwrap().id;
        let lease = self.transcoder.want(broadcast, source, wish).unwrap();
        let cursor = broadcast.follow(lease.track(), From::Oldest).unwrap();
        while self.condition().process.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (lease, cursor)
    }
}

pub(crate) fn aac() -> Codec {
    Codec::Aac(Aac::from_config(&[0x11, 0x90]).unwrap())
}

pub(crate) fn opus() -> Codec {
    Codec::Opus(Opus::plain(2))
}

/// Frames of sound as `sample` has it, by time in samples; each with the sample at which it begins.
pub(crate) fn encoded(coding: Coding, secs: i64, sample: impl Fn(i64) -> f32) -> Vec<(i64, Bytes)> {
    let mut encoder = Encoder::open(&Output { id: 1, coding, bitrate_bps: 128_000 }).unwrap();
    let len = encoder.frame_len() as i64;
    let mut frames = Vec::new();
    for begin in (0..secs * i64::from(RATE)).step_by(len as usize) {
        let sound: Vec<f32> = (begin..begin + len).flat_map(|at| [sample(at); 2]).collect();
        encoder.encode(begin, &sound, &mut frames).unwrap();
    }
    frames
}

/// Sends frames, stamped by their samples and `later` by so much, as fast as they are taken.
pub(crate) async fn send(publisher: &Publisher, frames: &[(i64, Bytes)], later: Span, realtime: bool) {
    let start = tokio::time::Instant::now();
    let zero = frames.first().map_or(0, |(at, _)| *at);
    for (at, payload) in frames {
        // In time for the hub, which believes no clock that runs away.
        let due = start + Span::from_ticks(at - zero, RATE).to_duration();
        if realtime {
            tokio::time::sleep_until(due).await;
        }
        let dts = Time::from_ticks(at - zero, RATE) + later;
        let frame = Frame::alone(dts, payload.clone());
        publisher.append(SOUND, frame, due.into_std() + later.to_duration()).unwrap();
    }
}

/// What a cursor has until nothing came for so long.
pub(crate) async fn read(cursor: &mut Cursor, quiet: Duration) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        match tokio::time::timeout(quiet, cursor.next()).await {
            Ok(Step::Frame(frame)) => frames.push(frame),
            Ok(Step::Ended) | Err(_) => return frames,
            Ok(_) => {}
        }
    }
}
