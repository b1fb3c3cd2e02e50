use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The process as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// How long connections may take to end when the server is asked to stop.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub drain: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self { drain: Duration::from_secs(5) }
    }
}
