use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Where `onair-transcoder` is. Empty: beside the server's own program.
    #[schemars(with = "String")]
    pub worker: PathBuf,
}

impl Default for Transcode {
    fn default() -> Self {
        Self { audio: true, hls_aac: true, thumbnails: true, worker: PathBuf::new() }
    }
}
