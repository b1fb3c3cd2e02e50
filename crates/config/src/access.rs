use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Pattern, Secret};

/// Who may publish and who may watch.
///
/// In a path, `*` stands for any one part and `**` for any number of parts: `"live/*"`, `"private/**"`.
/// Keys are texts of at least eight characters; `openssl rand -hex 16` makes a good one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Keys that open streams to publishers, such as `[{ path = "live/*", key = "…" }]`. From another machine nobody
    /// publishes without one.
    pub publish: Vec<Rule>,
    /// Streams that ask viewers for a key, such as `[{ path = "private/**", key = "…" }]`. All others are open to everybody.
    /// Several keys for one path are several entries.
    pub watch: Vec<Rule>,
    /// Programs on this very machine publish without a key. Turn it off where strangers seem to come from this machine:
    /// behind a TCP proxy, a tunnel or a container's port forwarding.
    pub loopback_publishes: bool,
}

/// A key and what it opens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which streams.
    pub path: Pattern,
    /// The key that opens them.
    pub key: Secret,
}

impl Default for Access {
    fn default() -> Self {
        Self { publish: Vec::new(), watch: Vec::new(), loopback_publishes: true }
    }
}
