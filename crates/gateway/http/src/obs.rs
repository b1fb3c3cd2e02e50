//! What OBS asks before "Enhanced Broadcasting": which pictures to encode, in which sizes, and where to send them.
//!
//! The shapes are those of OBS's own `GoLiveApi` (`frontend/utility/models/multitrack-video.hpp`): it sends what the
//! machine can do and gets back one entry for each encoder to start. OBS 30.2 and 31 name one picture (schema 2024-06-04),
//! later ones a list of canvases, their sound and their encoders as well.

use ::media::Path;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use http::header::HOST;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use hub::Verdict;
use serde::{Deserialize, Serialize};

use crate::answer::{Problem, json};
use crate::{House, access};

/// Bytes of what OBS sends; it is about two thousand.
const LONGEST: usize = 64 << 10;
/// The application of the RTMP address, where the address of the request names none.
const APPLICATION: &str = "live";
/// An encoder that every OBS has.
const ENCODER: &str = "obs_x264";
/// The day of OBS's own description of these shapes.
const SCHEMA: &str = "2025-01-25";
/// Heights of the steps below the picture itself.
const HEIGHTS: [u32; 4] = [720, 480, 360, 240];
/// Steps altogether unless OBS says how many it will have.
const STEPS: usize = 3;
/// As many video tracks as OBS can send.
const MOST_STEPS: usize = 6;

/// `/api/v1/obs/multitrack` and `/api/v1/obs/multitrack/<application>`: POST as OBS asks, or GET for people who paste
/// the answer into its settings.
pub(crate) async fn multitrack(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let wish = if parts.method == Method::POST {
        let malformed = || Problem::new(StatusCode::BAD_REQUEST, "this is not what OBS sends").into_response();
        let Ok(body) = to_bytes(body, LONGEST).await else { return malformed() };
        let Ok(wish) = serde_json::from_slice::<Wish>(&body) else { return malformed() };
        wish
    } else {
        Wish::from_query(parts.uri.query().unwrap_or_default())
    };
    let application = parts.uri.path().strip_prefix("/api/v1/obs/multitrack").unwrap_or_default().trim_matches('/');
    let application = if application.is_empty() { APPLICATION } else { application };
    if application.parse::<Path>().is_err() {
        return Problem::not_found("no application can have that name").into_response();
    }
    let mut endpoints = Vec::new();
    for (protocol, scheme, port) in
        [("RTMP", "rtmp", house.about.rtmp_port), ("RTMPS", "rtmps", house.about.rtmps_port)]
    {
        if let (Some(port), Some(host)) = (port, host(&parts)) {
            let url_template = format!("{scheme}://{host}:{port}/{application}/{{stream_key}}");
            endpoints.push(Endpoint { protocol, url_template });
        }
    }
    let problem = if endpoints.is_empty() {
        Some("This server takes no RTMP.")
    } else if parts.method == Method::POST {
        refusal(&house, application, &wish.authentication, &parts).await
    } else {
        None
    };
    let status = match problem {
        None => Status { result: "success", html_en_us: None },
        Some(text) => Status { result: "error", html_en_us: Some(text) },
    };
    json(&Answer {
        meta: Meta { service: "Onair", schema_version: SCHEMA, config_id: "" },
        status,
        ingest_endpoints: endpoints,
        encoder_configurations: encoders(&wish, parts.uri.query().unwrap_or_default()),
        audio_configurations: sounds(&wish.preferences),
    })
}

/// Why nobody may publish with that stream key, said before OBS starts three encoders for nothing.
async fn refusal(house: &House, application: &str, stream_key: &str, request: &Parts) -> Option<&'static str> {
    let (name, query) = stream_key.split_once('?').unwrap_or((stream_key, ""));
    let path = format!("{application}/{}", name.trim_matches('/'));
    let Ok(path) = path.parse::<Path>() else {
        return Some("A stream key begins with a name of letters, digits and - _ . ~");
    };
    // In a stream key a plus is a plus.
    let query = query.replace('+', "%2B");
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let secret = pairs.find(|(name, value)| matches!(&**name, "key" | "token") && !value.is_empty());
    match access::publish(house, path, secret.map(|(_, value)| value.into_owned()), request).await {
        Verdict::Allowed => None,
        Verdict::NeedsKey => Some("Publishing here needs a key: add ?key=… to the stream key."),
        Verdict::WrongKey | Verdict::OtherKey => Some("This key does not allow publishing here."),
    }
}

/// The name by which the server was asked, without the port. What could not stand in a URL is none.
fn host(request: &Parts) -> Option<&str> {
    let authority = authority(request)?;
    let end = authority.rfind(':').filter(|&colon| !authority[colon..].contains(']')).unwrap_or(authority.len());
    authority.get(..end).filter(|host| !host.is_empty())
}

/// The same with the port, where one was named.
pub(crate) fn authority(request: &Parts) -> Option<&str> {
    let header = request.headers.get(HOST).and_then(|value| value.to_str().ok());
    let authority = header.or_else(|| request.uri.authority().map(|authority| authority.as_str()))?;
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || b"-._[]:".contains(&c);
    (!authority.is_empty() && authority.bytes().all(is_plain)).then_some(authority)
}

/// What OBS says, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wish {
    /// The stream key.
    authentication: String,
    client: Client,
    preferences: Preferences,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Client {
    /// The encoders it has, by OBS's names; versions before 32 do not say.
    supported_encoders: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Preferences {
    /// Kilobits a second of all video tracks together.
    maximum_aggregate_bitrate: Option<u64>,
    maximum_video_tracks: Option<usize>,
    /// A second sound, for recordings at the server, is to be sent; OBS begins nothing if no encoder is named for it.
    vod_track_audio: bool,
    /// As many as OBS mixes. It refuses to begin when it is told to send fewer.
    audio_channels: Option<u32>,
    /// The first is the one that all see.
    canvases: Vec<Canvas>,
    /// Before there were canvases.
    width: Option<u32>,
    /// Before there were canvases.
    height: Option<u32>,
    /// Before there were canvases.
    framerate: Option<Rate>,
}

impl Preferences {
    fn canvas(&self) -> Canvas {
        let usual = Canvas::default();
        self.canvases.first().copied().unwrap_or(Canvas {
            width: self.width.unwrap_or(usual.width),
            height: self.height.unwrap_or(usual.height),
            framerate: self.framerate.unwrap_or(usual.framerate),
        })
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
struct Canvas {
    width: u32,
    height: u32,
    framerate: Rate,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(default)]
struct Rate {
    numerator: u32,
    denominator: u32,
}

impl Default for Canvas {
    fn default() -> Self {
        Self { width: 1920, height: 1080, framerate: Rate::default() }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self { numerator: 30, denominator: 1 }
    }
}

impl Wish {
    /// `?width=1920&height=1080&fps=60&tracks=4&bitrate=8000`, each of them if wanted.
    fn from_query(query: &str) -> Self {
        let number = |name: &str| find(query, name).and_then(|value| value.parse::<u32>().ok());
        let usual = Canvas::default();
        let canvas = Canvas {
            width: number("width").unwrap_or(usual.width),
            height: number("height").unwrap_or(usual.height),
            framerate: number("fps").map_or(usual.framerate, |numerator| Rate { numerator, denominator: 1 }),
        };
        let preferences = Preferences {
            maximum_aggregate_bitrate: number("bitrate").map(u64::from),
            maximum_video_tracks: number("tracks").map(|tracks| tracks as usize),
            canvases: vec![canvas],
            ..Preferences::default()
        };
        Self { preferences, ..Self::default() }
    }
}

fn find(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

#[derive(Serialize)]
struct Answer {
    meta: Meta,
    status: Status,
    ingest_endpoints: Vec<Endpoint>,
    encoder_configurations: Vec<Encoder>,
    audio_configurations: Sounds,
}

#[derive(Serialize)]
struct Meta {
    service: &'static str,
    schema_version: &'static str,
    /// Would come back as a part of the stream key.
    config_id: &'static str,
}

#[derive(Serialize)]
struct Status {
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    html_en_us: Option<&'static str>,
}

#[derive(Serialize)]
struct Endpoint {
    protocol: &'static str,
    url_template: String,
}

/// One encoder to start, for one video track.
#[derive(Serialize)]
struct Encoder {
    #[serde(rename = "type")]
    kind: String,
    width: u32,
    height: u32,
    framerate: Rate,
    gpu_scale_type: &'static str,
    colorspace: &'static str,
    range: &'static str,
    format: &'static str,
    settings: Settings,
    canvas_index: u32,
}

/// As OBS's encoders know them; what one does not know it passes over.
#[derive(Serialize)]
struct Settings {
    rate_control: &'static str,
    /// Kilobits a second.
    bitrate: u64,
    /// The same in all, so that players can go from one to the other at every segment.
    keyint_sec: u32,
    profile: &'static str,
    bf: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    preset: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tune: Option<&'static str>,
}

#[derive(Serialize)]
struct Sounds {
    live: Vec<Sound>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vod: Option<Vec<Sound>>,
}

#[derive(Serialize)]
struct Sound {
    codec: &'static str,
    track_id: u32,
    channels: u32,
    settings: SoundSettings,
}

#[derive(Serialize)]
struct SoundSettings {
    /// Kilobits a second.
    bitrate: u32,
}

/// AAC with as many channels as OBS mixes.
fn sounds(wish: &Preferences) -> Sounds {
    let channels = wish.audio_channels.unwrap_or(2).clamp(1, 8);
    let bitrate = (channels.div_ceil(2) * 160).min(320);
    let sound = |track_id| Sound { codec: "aac", track_id, channels, settings: SoundSettings { bitrate } };
    Sounds { live: vec![sound(1)], vod: wish.vod_track_audio.then(|| vec![sound(2)]) }
}

/// The ladder: the picture as it is, then steps at least a quarter smaller. `?encoder=` names another encoder of OBS, which
/// is passed over where OBS says that it has no such encoder: it would not begin at all.
fn encoders(wish: &Wish, query: &str) -> Vec<Encoder> {
    let Preferences { maximum_aggregate_bitrate, maximum_video_tracks, .. } = &wish.preferences;
    let canvas = wish.preferences.canvas();
    let (width, height) = (canvas.width.clamp(16, 16_384), canvas.height.clamp(16, 16_384));
    let Rate { numerator, denominator } = canvas.framerate;
    let framerate = Rate { numerator: numerator.clamp(1, 1_000_000), denominator: denominator.clamp(1, 1_000_000) };
    let steps = maximum_video_tracks.unwrap_or(STEPS).clamp(1, MOST_STEPS);
    let mut sizes = vec![(width, height)];
    for step in HEIGHTS {
        let last = sizes.last().map_or(height, |&(_, height)| height);
        if sizes.len() < steps && u64::from(step) * 4 <= u64::from(last) * 3 {
            // Encoders want even edges.
            let across = (u64::from(width) * u64::from(step) / u64::from(height)).max(16) as u32 & !1;
            sizes.push((across, step));
        }
    }
    let kbps: Vec<u64> = sizes.iter().map(|&size| rate_kbps(size, framerate)).collect();
    let all: u64 = kbps.iter().sum();
    let most = maximum_aggregate_bitrate.unwrap_or(all).clamp(100, all.max(100));
    let known = &wish.client.supported_encoders;
    let is_there = |name: &String| is_encoder(name) && (known.is_empty() || known.contains(name));
    let kind = find(query, "encoder").filter(is_there).unwrap_or_else(|| ENCODER.to_owned());
    let is_x264 = kind == ENCODER;
    let is_h264 = !["av1", "hevc", "265"].iter().any(|other| kind.contains(other));
    let encoder = |((width, height), kbps): ((u32, u32), u64)| Encoder {
        kind: kind.clone(),
        width,
        height,
        framerate,
        gpu_scale_type: "OBS_SCALE_BICUBIC",
        colorspace: "VIDEO_CS_709",
        range: "VIDEO_RANGE_PARTIAL",
        format: "VIDEO_FORMAT_NV12",
        settings: Settings {
            rate_control: "CBR",
            bitrate: (kbps * most / all.max(1)).max(50),
            keyint_sec: 2,
            // HEVC and AV1 have no "high" of eight bits.
            profile: if is_h264 { "high" } else { "main" },
            bf: 0,
            preset: is_x264.then_some("veryfast"),
            tune: is_x264.then_some("zerolatency"),
        },
        canvas_index: 0,
    };
    sizes.into_iter().zip(kbps).map(encoder).collect()
}

/// A name as OBS's encoders have.
fn is_encoder(name: &str) -> bool {
    (1..=100).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"_.-".contains(&c))
}

/// Small pictures need more bits for each of their pixels, and twice the frames not twice the bits.
fn rate_kbps((width, height): (u32, u32), rate: Rate) -> u64 {
    let pixels = u64::from(width) * u64::from(height) * 30;
    let kbps = if height >= 720 { pixels * 75 / 1_000_000 } else { pixels / 10_000 };
    let is_fast = u64::from(rate.numerator) > 40 * u64::from(rate.denominator);
    let kbps = if is_fast { kbps * 14 / 10 } else { kbps };
    kbps.next_multiple_of(50)
}
