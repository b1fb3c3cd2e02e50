use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Access, Hls, Http, Hub, Log, Rtmp, Server, Tls, Transcode, Webrtc};

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[http]`
    pub http: Http,
    /// `[rtmp]`
    pub rtmp: Rtmp,
    /// `[webrtc]`
    pub webrtc: Webrtc,
    /// `[tls]`
    pub tls: Tls,
    /// `[access]`
    pub access: Access,
    /// `[hls]`
    pub hls: Hls,
    /// `[transcode]`
    pub transcode: Transcode,
    /// `[hub]`
    pub hub: Hub,
    /// `[server]`
    pub server: Server,
    /// `[log]`
    pub log: Log,
}
