use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Pattern;

/// Renditions that a publisher does not send, made by `onair-transcoder`, a program beside the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Transcode {
    /// Make sound that viewers can play, as Opus for WebRTC of a publisher's AAC, for as long as somebody listens. `false`
    /// makes none: viewers hear what is sent, if their players can.
    pub audio: bool,
    /// Add AAC to HLS and DASH where a publisher sends other sound, such as Opus from a browser: not every player takes
    /// that.
    pub hls_aac: bool,
    /// Make stills of live streams for `/thumbnail/<path>.jpg`, the home page and messengers, while somebody asks for them:
    /// at most one in five seconds of a stream.
    pub thumbnails: bool,
    /// Make pictures without B-frames where a publisher sends them with B-frames, which WebRTC does not carry, for as long as
    /// somebody watches by WebRTC. It costs about a processor for 1080p: an encoder that makes none costs nothing.
    pub webrtc_video: bool,
    /// Smaller pictures beside those that are sent, for viewers with narrow links, such as
    /// `[{ path = "live/*", preset = "standard" }]`; docs/transcoding.md has all that can be said there. Of several that
    /// name a stream the first counts. None is made unless it is asked for here, as each costs processor time.
    pub ladder: Vec<Ladder>,
    /// Where `onair-transcoder` is. Empty: beside the server's own program.
    #[schemars(with = "String")]
    pub worker: PathBuf,
}

impl Default for Transcode {
    fn default() -> Self {
        let worker = PathBuf::new();
        Self { audio: true, hls_aac: true, thumbnails: true, webrtc_video: true, ladder: Vec::new(), worker }
    }
}

/// The rungs that streams get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// Which streams.
    pub path: Pattern,
    /// Rungs for everyday, and how much processor time they are worth.
    #[serde(default)]
    pub preset: Preset,
    /// Rungs of one's own, instead of the preset's.
    #[serde(default)]
    pub rungs: Vec<Rung>,
    /// When rungs are made.
    #[serde(default)]
    pub start: Start,
    /// What encodes them. The processor does where that fails.
    #[serde(default)]
    pub encode: Encode,
    /// Which device encodes by VAAPI, such as `/dev/dri/renderD129`. Empty: the first.
    #[serde(default)]
    #[schemars(with = "String")]
    pub device: PathBuf,
}

/// Rungs for everyday.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// 1080, 720, 480 and 360 lines, as far as the source has more.
    #[default]
    Standard,
    /// 720 and 360 lines, encoded with as little effort as can be.
    LowPower,
}

/// When rungs are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// For as long as the stream is live.
    #[default]
    Always,
    /// While somebody watches; the first viewer waits some seconds for them.
    Watched,
}

/// What encodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encode {
    /// The processor.
    #[default]
    Software,
    /// NVIDIA's NVENC.
    Nvenc,
    /// Intel's Quick Sync Video.
    Qsv,
    /// VAAPI, by which Linux has the encoders of AMD and Intel.
    Vaapi,
}

/// One rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Lines of the picture, or columns where it is upright: even, 144 to 4320.
    pub height: u16,
    /// Thousands of bits a second.
    pub kbps: u32,
    /// Frames a second at most; all of them where unsaid.
    #[serde(default)]
    pub fps: u16,
    /// The codec.
    #[serde(default)]
    pub codec: RungCodec,
}

/// What a rung is encoded as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RungCodec {
    /// H.264.
    #[default]
    H264,
    /// HEVC.
    Hevc,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
}
