use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the server says about itself, on standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How much: `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`, also by part, such as `"info,onair_gateway_rtmp=debug"`.
    pub level: String,
    /// How: `"text"` for people, `"json"` for machines, `"auto"` for text on a terminal and JSON elsewhere.
    pub format: Format,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: Format::Auto }
    }
}
