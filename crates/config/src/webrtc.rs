use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Secret;

/// WebRTC: browsers, OBS and GStreamer publish by WHIP, browsers watch by WHEP. Signalling comes by HTTP; this is
/// where the media comes and goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Webrtc {
    /// Where media is sent and received, by UDP and by TCP of the same number, as `"address:port"`; or `"off"` for no
    /// WebRTC at all. One port serves all sessions.
    #[serde(with = "crate::listen::or_off")]
    #[schemars(with = "String")]
    pub listen: Option<SocketAddr>,
    /// Addresses by which others reach this machine, where it does not know them itself: behind a NAT, in a container
    /// or a cloud. Such as `["203.0.113.5"]`, or `["203.0.113.5:18189"]` where the port outside is another. The best
    /// comes first. Without any, the addresses of the network interfaces are told.
    pub public: Vec<Public>,
    /// STUN and TURN servers that clients are told to use, for networks from which the address above cannot be reached,
    /// such as `[{ url = "turn:turn.example.org?transport=udp", secret = "…" }]`, or `[{ url = "stun:stun.example.org" }]`.
    /// The secret is the one that the TURN server shares with those who make its credentials (coturn:
    /// `static-auth-secret`). A server with a public address needs none.
    pub ice_servers: Vec<IceServer>,
    /// How long the credentials for a TURN server are good. Each session gets its own.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub ice_credentials: Duration,
    /// How long a client may take from its request to the first media.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
    /// Sessions at the same time, publishers and viewers together. A tenth of them is kept for publishers.
    pub max_sessions: usize,
    /// The share of its time that a thread which serves viewers may be busy. Above it newcomers are sent away (503);
    /// when it has more to do than it can, the newest viewers get a smaller picture, or leave.
    pub max_load: f64,
    /// Sessions from one address that are not connected yet.
    pub max_connecting_per_address: usize,
}

impl Default for Webrtc {
    fn default() -> Self {
        Self {
            listen: Some((Ipv6Addr::UNSPECIFIED, 8189).into()),
            public: Vec::new(),
            ice_servers: Vec::new(),
            ice_credentials: Duration::from_secs(60 * 60),
            connect_timeout: Duration::from_secs(15),
            max_sessions: 5_000,
            max_load: 0.85,
            max_connecting_per_address: 64,
        }
    }
}

/// A server that helps clients to find a way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:host:port`, `turn:host:port?transport=udp` or `turns:host:port?transport=tcp`.
    pub url: IceUrl,
    /// What time-limited credentials for a TURN server are made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
}

/// The address of a STUN or TURN server (RFC 7064, RFC 7065).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct IceUrl(String);

/// Why a text is no [`IceUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no address such as `stun:host:3478`, `turn:host:3478?transport=udp` or `turns:host:5349?transport=tcp`")]
pub struct BadIceUrl;

impl IceUrl {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One that relays, which nobody does for strangers.
    pub fn is_turn(&self) -> bool {
        self.0.starts_with("turn")
    }
}

impl FromStr for IceUrl {
    type Err = BadIceUrl;

    fn from_str(text: &str) -> Result<Self, BadIceUrl> {
        let (scheme, rest) = text.split_once(':').ok_or(BadIceUrl)?;
        let (host, query) = rest.split_once('?').map_or((rest, None), |(host, query)| (host, Some(query)));
        let is_turn = matches!(scheme, "turn" | "turns");
        let knows_scheme = is_turn || matches!(scheme, "stun" | "stuns");
        let knows_query = matches!((is_turn, query), (_, None) | (true, Some("transport=udp" | "transport=tcp")));
        // Of names, addresses and ports alone: it goes into a header between `<` and `>`.
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if knows_scheme && knows_query && !host.is_empty() && host.chars().all(is_host) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadIceUrl)
        }
    }
}

impl<'de> Deserialize<'de> for IceUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An address to tell clients, with a port where that is not the one listened at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Public {
    /// The address.
    pub ip: IpAddr,
    /// The port, where it is another.
    pub port: Option<u16>,
}

/// Why a text is no [`Public`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither an address such as `203.0.113.5` nor one with a port such as `203.0.113.5:18189`")]
pub struct BadPublic;

impl FromStr for Public {
    type Err = BadPublic;

    fn from_str(text: &str) -> Result<Self, BadPublic> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self { ip, port: None });
        }
        let address: SocketAddr = text.parse().map_err(|_| BadPublic)?;
        if address.port() == 0 { Err(BadPublic) } else { Ok(Self { ip: address.ip(), port: Some(address.port()) }) }
    }
}

impl fmt::Display for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

impl Serialize for Public {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Public {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_tell_may_have_a_port_of_its_own() {
        for text in ["203.0.113.5", "203.0.113.5:18189", "2001:db8::1", "[2001:db8::1]:18189"] {
            assert_eq!(text.parse::<Public>().unwrap().to_string(), text);
        }
        for text in ["", "example.org", "203.0.113.5:0", "203.0.113.5:99999", "[2001:db8::1]"] {
            assert_eq!(text.parse::<Public>(), Err(BadPublic), "{text:?}");
        }
    }

    #[test]
    fn addresses_of_servers_that_help_are_names_and_ports_alone() {
        for text in [
            "stun:stun.example.org",
            "stun:192.0.2.7:3478",
            "turn:turn.example.org:3478?transport=udp",
            "turns:[2001:db8::1]:5349?transport=tcp",
        ] {
            assert_eq!(text.parse::<IceUrl>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "turn:",
            "http://example.org",
            "stun:a>b",
            "turn:a b",
            "turn:a,b",
            "stun:a?transport=udp",
            "turn:a?transport=sctp",
            "turn:user@a",
        ] {
            assert_eq!(text.parse::<IceUrl>(), Err(BadIceUrl), "{text:?}");
        }
    }
}
