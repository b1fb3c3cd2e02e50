use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Network;

/// The web: pages, HLS, DASH, HTTP-FLV, the API and the metrics, all on one port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where to listen, as `"address:port"`. `"[::]:8080"` is port 8080 of every address, IPv4 and IPv6.
    #[serde(with = "crate::listen")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Where to listen for HTTPS, such as `"[::]:8443"`, or `"off"`. Needs a certificate: see `[tls]`.
    #[serde(with = "crate::listen::or_off")]
    #[schemars(with = "String")]
    pub tls_listen: Option<SocketAddr>,
    /// How long a client may take to send the head of a request.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub header_timeout: Duration,
    /// Connections at the same time. Further ones wait in the queue of the operating system.
    pub max_connections: usize,
    /// Connections from one address at the same time. Loopback and trusted proxies are not counted.
    pub max_connections_per_address: usize,
    /// Players by HTTP-FLV at the same time, 0 for none at all.
    pub max_flv_players: usize,
    /// Reverse proxies whose `X-Forwarded-For` is believed, as addresses or networks, such as
    /// `["127.0.0.1", "10.0.0.0/8"]`. A request that comes through one of them counts as coming from where it says.
    pub trusted_proxies: Vec<Network>,
    /// Threads that serve connections, at most: as few of them run as have time for all. 0 is one for each core.
    pub threads: usize,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: (Ipv6Addr::UNSPECIFIED, 8080).into(),
            tls_listen: None,
            header_timeout: Duration::from_secs(10),
            max_connections: 20_000,
            max_connections_per_address: 2_000,
            max_flv_players: 5_000,
            trusted_proxies: Vec::new(),
            threads: 0,
        }
    }
}
