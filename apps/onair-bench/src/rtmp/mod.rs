//! RTMP: publishers and viewers.

mod chunks;
mod client;
mod publisher;

pub use chunks::Message;
pub use client::{Aim, Client};
pub use publisher::publish;

use std::fmt;

/// `rtmp://host[:port]/app/stream`, where the app may have slashes of its own and the stream a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtmpUrl {
    /// Host and port.
    pub authority: String,
    /// All but the last part of the path.
    pub app: String,
    /// The last part, query included.
    pub stream: String,
}

/// Why a text is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form rtmp://host/app/stream")]
pub struct BadUrl;

impl RtmpUrl {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let rest = text.strip_prefix("rtmp://").ok_or(BadUrl)?;
        let (authority, path) = rest.split_once('/').ok_or(BadUrl)?;
        let end = path.find('?').unwrap_or(path.len());
        let slash = path.get(..end).and_then(|path| path.rfind('/')).ok_or(BadUrl)?;
        let (app, stream) = path.split_at(slash);
        if authority.is_empty() || app.is_empty() || stream.len() < 2 {
            return Err(BadUrl);
        }
        Ok(Self {
            authority: authority.to_owned(),
            app: app.to_owned(),
            stream: stream.get(1..).unwrap_or("").to_owned(),
        })
    }

    /// What to connect to.
    pub fn address(&self) -> String {
        let has_port = self.authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if has_port { self.authority.clone() } else { format!("{}:1935", self.authority) }
    }
}

impl fmt::Display for RtmpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rtmp://{}/{}/{}", self.authority, self.app, self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_is_the_stream_with_its_query() {
        let url = RtmpUrl::parse("rtmp://h/a/b/c?key=x/y").unwrap();
        assert_eq!((&*url.app, &*url.stream, &*url.address()), ("a/b", "c?key=x/y", "h:1935"));
        assert_eq!(RtmpUrl::parse("rtmp://[::1]:9/a/b").unwrap().address(), "[::1]:9");
        for bad in ["http://h/a/b", "rtmp://h", "rtmp://h/a", "rtmp://h/a/", "rtmp:///a/b"] {
            assert_eq!(RtmpUrl::parse(bad), Err(BadUrl), "{bad}");
        }
    }
}
