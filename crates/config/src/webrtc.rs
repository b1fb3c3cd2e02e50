use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
            connect_timeout: Duration::from_secs(15),
            max_sessions: 5_000,
            max_load: 0.85,
            max_connecting_per_address: 64,
        }
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
}
