use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where publishers and viewers meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hub {
    /// How long viewers are kept waiting for a publisher that went away. Back within it, the stream simply goes on.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub grace: Duration,
    /// How long a publisher must have been silent before another may take its stream over.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub takeover_after: Duration,
    /// Streams at the same time.
    pub max_broadcasts: usize,
    /// What is kept of one track at most: groups of frames, each of which a viewer may begin with.
    pub max_track_groups: usize,
    /// What is kept of one track at most: bytes, as a number or such as `"32MiB"`. A single group is never longer than this.
    #[serde(with = "crate::size")]
    #[schemars(with = "String")]
    pub max_track_bytes: usize,
    /// What is kept of one track at most: age. The newest group is kept however old it is.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub max_track_age: Duration,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(10),
            takeover_after: Duration::from_secs(5),
            max_broadcasts: 1_000,
            max_track_groups: 64,
            max_track_bytes: 32 << 20,
            max_track_age: Duration::from_secs(4),
        }
    }
}
