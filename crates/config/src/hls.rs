use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How streams are cut for the players: HLS and low-latency HLS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hls {
    /// How long a segment shall be: at least `"1s"`. Segments are cut at keyframes, so a publisher that sends
    /// keyframes more rarely than that gets longer ones.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub segment: Duration,
    /// How long a part of a segment shall be: `"50ms"` to half a segment. Shorter parts bring viewers closer to live and
    /// cost more requests.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub part: Duration,
    /// How much of a live stream is kept in memory, and so how far back a viewer can go: at least six segments.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub window: Duration,
}

impl Default for Hls {
    fn default() -> Self {
        Self { segment: Duration::from_secs(2), part: Duration::from_millis(200), window: Duration::from_secs(30) }
    }
}
