use std::str::FromStr;

use crate::Malformed;

/// Which way media flows, seen from the one who wrote it (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// From the writer.
    SendOnly,
    /// To the writer.
    RecvOnly,
    /// Not now.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// Who begins the DTLS handshake (RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The writer will.
    Active,
    /// The reader shall.
    Passive,
    /// The reader may choose; only in offers.
    ActPass,
}

impl Setup {
    /// The attribute's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
        }
    }
}

impl FromStr for Setup {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "active" => Ok(Self::Active),
            "passive" => Ok(Self::Passive),
            "actpass" => Ok(Self::ActPass),
            _ => Err(Malformed("SDP setup")),
        }
    }
}

/// Digest of a DTLS certificate (RFC 8122 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Name of the hash in lower case: `sha-256`.
    pub hash: String,
    /// Its bytes.
    pub digest: Vec<u8>,
}

impl FromStr for Fingerprint {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (hash, digest) = text.split_once(' ').ok_or(Malformed("SDP fingerprint"))?;
        let byte = |pair: &str| (pair.len() == 2).then(|| u8::from_str_radix(pair, 16).ok()).flatten();
        let digest: Option<Vec<u8>> = digest.trim().split(':').map(byte).collect();
        let digest = digest.filter(|digest| digest.len() <= 64).ok_or(Malformed("SDP fingerprint"))?;
        Ok(Self { hash: hash.to_ascii_lowercase(), digest })
    }
}

/// One payload type of a section, with all that is said of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// RTP payload type, 0 to 127.
    pub payload: u8,
    /// Encoding name as written (`H264`, `opus`, `rtx`); empty for a static type without rtpmap.
    pub name: String,
    /// RTP clock, ticks a second; 0 where unsaid.
    pub clock: u32,
    /// Channels; 1 where unsaid.
    pub channels: u8,
    /// The fmtp parameters as written.
    pub parameters: String,
    /// rtcp-fb lines: `nack`, `nack pli`, `transport-cc`.
    pub feedback: Vec<String>,
}

impl Format {
    /// The value of one fmtp parameter; names compare without case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.parameters.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The encoding name is `name`, without case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The payload type that this RTX format repairs (RFC 4588 §8.6).
    pub fn repairs(&self) -> Option<u8> {
        if self.is("rtx") { self.parameter("apt")?.parse().ok() } else { None }
    }

    /// The feedback was offered.
    pub fn has_feedback(&self, what: &str) -> bool {
        self.feedback.iter().any(|have| have == what)
    }
}

/// An RTP header extension (RFC 8285 §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// 1 to 14 in the one-byte form, to 255 in the other.
    pub id: u8,
    /// What it carries.
    pub uri: String,
}

impl FromStr for Extension {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut words = text.split_ascii_whitespace();
        let id = words.next().and_then(|id| id.split('/').next()).and_then(|id| id.parse().ok());
        match (id, words.next()) {
            (Some(id @ 1..), Some(uri)) => Ok(Self { id, uri: uri.to_owned() }),
            _ => Err(Malformed("SDP extmap")),
        }
    }
}

/// One layer that a sender names (RFC 8851).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rid {
    /// The name.
    pub id: String,
    /// `send` (true) or `recv`.
    pub is_send: bool,
    /// What follows, as written: `pt=96;max-width=1280`.
    pub restrictions: String,
}

impl FromStr for Rid {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut words = text.splitn(3, ' ');
        let (id, direction) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let is_send = match direction {
            "send" => true,
            "recv" => false,
            _ => return Err(Malformed("SDP rid")),
        };
        let plain = id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
        if id.is_empty() || id.len() > 32 || !plain {
            return Err(Malformed("SDP rid"));
        }
        Ok(Self { id: id.to_owned(), is_send, restrictions: words.next().unwrap_or_default().to_owned() })
    }
}

/// Which rids are sent side by side (RFC 8853 §5.1): alternatives of one stream by comma, streams by semicolon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulcast {
    /// What the writer sends, each stream with its alternatives; `~` (paused) is taken off.
    pub send: Vec<Vec<String>>,
    /// What the writer takes.
    pub recv: Vec<Vec<String>>,
}

impl FromStr for Simulcast {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut simulcast = Self::default();
        let mut words = text.split_ascii_whitespace();
        while let Some(direction) = words.next() {
            let list = words.next().ok_or(Malformed("SDP simulcast"))?;
            let alternatives =
                |stream: &str| stream.split(',').map(|rid| rid.trim_start_matches('~').to_owned()).collect();
            let streams = list.split(';').map(alternatives).collect();
            match direction {
                "send" => simulcast.send = streams,
                "recv" => simulcast.recv = streams,
                _ => return Err(Malformed("SDP simulcast")),
            }
        }
        Ok(simulcast)
    }
}

/// `a=ssrc:1 cname:x` (RFC 5576 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsrcLine {
    /// The source.
    pub ssrc: u32,
    /// `cname`, `msid`.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl FromStr for SsrcLine {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (ssrc, rest) = text.split_once(' ').ok_or(Malformed("SDP ssrc"))?;
        let (name, value) = super::attribute(rest);
        let ssrc = ssrc.parse().map_err(|_| Malformed("SDP ssrc"))?;
        Ok(Self { ssrc, name: name.to_owned(), value: value.to_owned() })
    }
}

/// `a=ssrc-group:FID 1 2` (RFC 5576 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsrcGroup {
    /// `FID` (media and its retransmissions), `SIM`.
    pub semantics: String,
    /// The sources, in order.
    pub ssrcs: Vec<u32>,
}

impl FromStr for SsrcGroup {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut words = text.split_ascii_whitespace();
        let semantics = words.next().ok_or(Malformed("SDP ssrc-group"))?.to_owned();
        let ssrcs = words.map(str::parse).collect::<Result<_, _>>().map_err(|_| Malformed("SDP ssrc-group"))?;
        Ok(Self { semantics, ssrcs })
    }
}
