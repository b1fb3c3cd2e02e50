//! The shapes of `/api/v1`, spelled as clients read them.

use std::time::{Instant, SystemTime};

use ::media::Track as MediaTrack;
use hub::{Broadcast, State, TrackStats};
use serde::Serialize;

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
    tracks: Vec<Track>,
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
    pub(crate) fn of(broadcast: &Broadcast, now: Instant) -> Self {
        let stats = broadcast.stats(now);
        Self {
            path: broadcast.path().to_string(),
            state: name(stats.state),
            since: when(stats.since),
            publisher: Publisher { proto: stats.publisher.proto },
            tracks: stats.tracks.iter().map(Track::of).collect(),
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
        }
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
