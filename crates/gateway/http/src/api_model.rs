//! The shapes of `/api/v1`, spelled as clients read them.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use ::media::{Origin, Track as MediaTrack, TrackId};
use hub::{Broadcast, Making, Rendition, State, TrackStats};
use serde::Serialize;

use crate::Carried;

/// RFC 3339, in UTC, to the millisecond.
pub(crate) fn when(time: SystemTime) -> String {
    // Years beyond 9999 have no such spelling.
    let time = time.min(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(253_402_300_799));
    humantime::format_rfc3339_millis(time).to_string()
}

/// All streams that the caller may watch.
#[derive(Serialize)]
pub(crate) struct Streams {
    /// The server's clock, so that clients can set theirs beside it.
    pub(crate) now: String,
    pub(crate) streams: Vec<Stream>,
}

/// One stream, and the server's clock.
#[derive(Serialize)]
pub(crate) struct StreamNow {
    pub(crate) now: String,
    #[serde(flatten)]
    pub(crate) stream: Stream,
}

#[derive(Serialize)]
pub(crate) struct Stream {
    path: String,
    state: &'static str,
    since: String,
    publisher: Publisher,
    /// Who watches by a connection that goes on, by how they come: `rtmp`, `flv`, `whep`.
    viewers: BTreeMap<&'static str, usize>,
    tracks: Vec<Track>,
    /// What viewers by WebRTC get, where there is WebRTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    webrtc: Option<Carried>,
}

/// How they come; their address is nobody's business.
#[derive(Serialize)]
struct Publisher {
    proto: &'static str,
}

#[derive(Serialize)]
struct Track {
    name: String,
    kind: &'static str,
    codec: &'static str,
    codecs_string: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_rate: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    bitrate_bps: u64,
    /// How it does, of a track that the server makes itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<Made>,
}

/// How the making of a rendition goes.
#[derive(Serialize)]
pub(crate) struct Made {
    /// The track that it is made of, while that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    state: &'static str,
    frames: u64,
    dropped_frames: u64,
    restarts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback_from: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<f64>,
    /// While it is backing off: milliseconds to the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u64>,
}

/// All renditions that are made of streams that the caller may watch.
#[derive(Serialize)]
pub(crate) struct Transcodes {
    pub(crate) now: String,
    pub(crate) transcodes: Vec<Transcode>,
}

/// One rendition.
#[derive(Serialize)]
pub(crate) struct Transcode {
    stream: String,
    name: String,
    kind: &'static str,
    codec: &'static str,
    #[serde(flatten)]
    made: Made,
}

/// The server, to those who want to publish.
#[derive(Serialize)]
pub(crate) struct Server {
    pub(crate) now: String,
    pub(crate) version: &'static str,
    pub(crate) rtmp_port: Option<u16>,
    pub(crate) rtmps_port: Option<u16>,
    pub(crate) webrtc: bool,
    pub(crate) https_port: Option<u16>,
    pub(crate) publish_needs_key: bool,
}

impl Stream {
    pub(crate) fn of(broadcast: &Broadcast, webrtc: Option<Carried>, renditions: &[Rendition], now: Instant) -> Self {
        let stats = broadcast.stats(now);
        let track = |stats: &TrackStats| {
            let is_ours =
                |rendition: &&Rendition| rendition.track.id == stats.track.id && rendition.path == *broadcast.path();
            let made = (stats.track.origin == Origin::Transcoder).then(|| {
                let rendition = renditions.iter().find(is_ours);
                // One that has just ended is in the catalog for a moment.
                rendition.map_or_else(Made::default, |rendition| Made::of(broadcast, rendition, now))
            });
            Track { made, ..Track::of(stats) }
        };
        Self {
            path: broadcast.path().to_string(),
            state: name(stats.state),
            since: when(stats.since),
            publisher: Publisher { proto: stats.publisher.proto },
            viewers: broadcast.viewers(),
            tracks: stats.tracks.iter().map(track).collect(),
            webrtc,
        }
    }
}

impl Track {
    fn of(stats: &TrackStats) -> Self {
        let MediaTrack { codec, language, .. } = &*stats.track;
        let (picture, sound) = (codec.picture(), codec.sound());
        // What the bitstream says, or else what comes.
        let frame_rate = picture.map(|picture| match picture.frame_rate {
            Some((frames, seconds @ 1..)) => f64::from(frames) / f64::from(seconds),
            _ => stats.frame_rate,
        });
        Self {
            name: stats.track.name().to_string(),
            kind: codec.kind().as_str(),
            codec: codec.name(),
            codecs_string: codec.to_string(),
            width: picture.map(|picture| picture.width),
            height: picture.map(|picture| picture.height),
            frame_rate: frame_rate.map(|rate| (rate * 1000.0).round() / 1000.0),
            sample_rate: sound.map(|sound| sound.rate),
            channels: sound.map(|sound| sound.channels),
            language: language.as_ref().map(|language| language.as_str().to_owned()),
            bitrate_bps: stats.bitrate_bps,
            made: None,
        }
    }
}

impl Default for Made {
    fn default() -> Self {
        Self {
            of: None,
            state: doing(Making::Starting),
            frames: 0,
            dropped_frames: 0,
            restarts: 0,
            last_failure: None,
            encoder: None,
            fallback_from: None,
            delay_ms: None,
            retry_ms: None,
        }
    }
}

impl Made {
    fn of(broadcast: &Broadcast, rendition: &Rendition, now: Instant) -> Self {
        let Rendition { source, making, frames, dropped, restarts, fallback_from, delay, .. } = *rendition;
        let of = |id: TrackId| broadcast.catalog().track(id).map(|track| track.name().to_string());
        let retry_ms = match making {
            Making::BackingOff(at) => u64::try_from(at.saturating_duration_since(now).as_millis()).ok(),
            _ => None,
        };
        Self {
            of: of(source),
            state: doing(making),
            frames,
            dropped_frames: dropped,
            restarts,
            last_failure: rendition.last_failure.clone(),
            encoder: rendition.encoder.clone(),
            fallback_from,
            delay_ms: delay.map(|delay| (delay.as_secs_f64() * 10_000.0).round() / 10.0),
            retry_ms,
        }
    }
}

impl Transcode {
    pub(crate) fn of(broadcast: &Broadcast, rendition: &Rendition, now: Instant) -> Self {
        let track = &rendition.track;
        Self {
            stream: rendition.path.to_string(),
            name: track.name().to_string(),
            kind: track.kind().as_str(),
            codec: track.codec.name(),
            made: Made::of(broadcast, rendition, now),
        }
    }
}

/// What is being done for a rendition, in the API and in labels.
pub(crate) fn doing(making: Making) -> &'static str {
    match making {
        Making::Running => "running",
        Making::Starting => "starting",
        Making::Shed => "shed",
        Making::BackingOff(_) => "backing-off",
    }
}

/// The name of a state, in the API and in labels.
pub(crate) fn name(state: State) -> &'static str {
    match state {
        State::Live => "live",
        State::Away => "away",
        State::Ended => "ended",
    }
}
