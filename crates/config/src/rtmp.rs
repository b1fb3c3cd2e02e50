use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// RTMP: what OBS, ffmpeg and hardware encoders push, and what VLC and ffplay can play.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rtmp {
    /// Where to listen, as `"address:port"`, or `"off"` for no RTMP at all.
    #[serde(with = "crate::listen::or_off")]
    #[schemars(with = "String")]
    pub listen: Option<SocketAddr>,
    /// Where to listen for RTMPS, such as `"[::]:1936"`, or `"off"`. Needs a certificate: see `[tls]`.
    #[serde(with = "crate::listen::or_off")]
    #[schemars(with = "String")]
    pub tls_listen: Option<SocketAddr>,
    /// How long a client may take from connecting to publishing or playing.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub handshake_timeout: Duration,
    /// How long a publisher may be silent before it is dropped, and a player may take nothing of what it is sent.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub idle_timeout: Duration,
    /// Connections at the same time. When all are taken, the oldest that neither publishes nor plays makes room.
    pub max_connections: usize,
    /// Players at the same time, 0 for none at all. The other connections are there for publishers.
    pub max_players: usize,
    /// Connections from one address at the same time. Loopback is not counted.
    pub max_connections_per_address: usize,
}

impl Default for Rtmp {
    fn default() -> Self {
        Self {
            listen: Some((Ipv6Addr::UNSPECIFIED, 1935).into()),
            tls_listen: None,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(10),
            max_connections: 1_000,
            max_players: 500,
            max_connections_per_address: 64,
        }
    }
}
