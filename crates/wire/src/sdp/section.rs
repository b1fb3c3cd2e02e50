use super::{
    Candidate, Direction, Extension, Fingerprint, Format, Rid, Setup, Simulcast, SsrcGroup, SsrcLine, attribute,
};
use crate::Malformed;

/// What a section carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MediaKind {
    /// Sound.
    #[default]
    Audio,
    /// Pictures.
    Video,
    /// Anything else, as written: `application` for data channels.
    Other(String),
}

impl MediaKind {
    /// As written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Other(kind) => kind,
        }
    }
}

/// One m-line with its attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// What it carries.
    pub kind: MediaKind,
    /// 0 rejects the section, 9 stands for "ICE will tell".
    pub port: u16,
    /// `UDP/TLS/RTP/SAVPF`.
    pub protocol: String,
    /// Payload types in order of preference. For a data channel, empty.
    pub formats: Vec<Format>,
    /// What follows the protocol where it is not RTP: `webrtc-datachannel`.
    pub tail: String,
    /// Names the section in its BUNDLE group.
    pub mid: Option<String>,
    /// Which way media flows.
    pub direction: Direction,
    /// ICE user fragment.
    pub ice_ufrag: Option<String>,
    /// ICE password.
    pub ice_pwd: Option<String>,
    /// Digest of the certificate.
    pub fingerprint: Option<Fingerprint>,
    /// Who begins the handshake.
    pub setup: Option<Setup>,
    /// RTP and RTCP share one port.
    pub rtcp_mux: bool,
    /// And nothing else will do.
    pub rtcp_mux_only: bool,
    /// Reduced-size RTCP (RFC 5506).
    pub rtcp_rsize: bool,
    /// Header extensions.
    pub extensions: Vec<Extension>,
    /// Layers by name.
    pub rids: Vec<Rid>,
    /// Which layers are sent side by side.
    pub simulcast: Option<Simulcast>,
    /// `stream track` as written.
    pub msids: Vec<String>,
    /// What is said of single sources.
    pub ssrcs: Vec<SsrcLine>,
    /// Sources that belong together.
    pub ssrc_groups: Vec<SsrcGroup>,
    /// Addresses we can use; the others were passed over (W20).
    pub candidates: Vec<Candidate>,
    /// No more candidates will come.
    pub end_of_candidates: bool,
    /// Attributes not named above, as written.
    pub others: Vec<String>,
}

impl Section {
    /// Reads what follows `m=`.
    pub(super) fn parse(value: &str) -> Result<Self, Malformed> {
        let mut words = value.splitn(4, ' ');
        let kind = match words.next().unwrap_or_default() {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            "" => return Err(Malformed("SDP media line")),
            other => MediaKind::Other(other.to_owned()),
        };
        let port = words.next().and_then(|port| port.split('/').next()?.parse().ok());
        let (Some(port), Some(protocol)) = (port, words.next()) else { return Err(Malformed("SDP media line")) };
        let tail = words.next().unwrap_or_default();
        let mut section = Self { kind, port, protocol: protocol.to_owned(), ..Self::default() };
        if protocol.contains("RTP/") {
            for payload in tail.split_ascii_whitespace() {
                let payload = payload.parse().ok().filter(|payload| *payload < 128);
                let payload = payload.ok_or(Malformed("SDP payload type"))?;
                section.formats.push(Format { payload, channels: 1, ..Format::default() });
            }
        } else {
            section.tail = tail.to_owned();
        }
        Ok(section)
    }

    /// The format of that payload type.
    pub fn format(&self, payload: u8) -> Option<&Format> {
        self.formats.iter().find(|format| format.payload == payload)
    }

    /// The id of the header extension of that URI.
    pub fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions.iter().find(|extension| extension.uri == uri).map(|extension| extension.id)
    }

    /// Takes in what follows `a=`.
    pub(super) fn take(&mut self, line: &str) -> Result<(), Malformed> {
        let (name, value) = attribute(line);
        match name {
            "mid" => self.mid = Some(token(value)?),
            "sendrecv" => self.direction = Direction::SendRecv,
            "sendonly" => self.direction = Direction::SendOnly,
            "recvonly" => self.direction = Direction::RecvOnly,
            "inactive" => self.direction = Direction::Inactive,
            "ice-ufrag" => self.ice_ufrag = Some(token(value)?),
            "ice-pwd" => self.ice_pwd = Some(token(value)?),
            "fingerprint" => self.prefer_fingerprint(value.parse()?),
            "setup" => self.setup = Some(value.parse()?),
            "rtcp-mux" => self.rtcp_mux = true,
            "rtcp-mux-only" => self.rtcp_mux_only = true,
            "rtcp-rsize" => self.rtcp_rsize = true,
            "rtpmap" => self.rtpmap(value)?,
            "fmtp" => self.about_format(value, |format, rest| rest.clone_into(&mut format.parameters)),
            "rtcp-fb" if value.starts_with("* ") => {
                let what = value.get(2..).unwrap_or_default().trim();
                self.formats.iter_mut().for_each(|format| format.feedback.push(what.to_owned()));
            }
            "rtcp-fb" => self.about_format(value, |format, rest| format.feedback.push(rest.to_owned())),
            "extmap" => self.extensions.push(value.parse()?),
            "rid" => self.rids.push(value.parse()?),
            "simulcast" => self.simulcast = Some(value.parse()?),
            "msid" => self.msids.push(value.to_owned()),
            "ssrc" => self.ssrcs.push(value.parse()?),
            "ssrc-group" => self.ssrc_groups.push(value.parse()?),
            "candidate" => self.candidates.extend(Candidate::parse(value)),
            "end-of-candidates" => self.end_of_candidates = true,
            _ => self.others.push(line.to_owned()),
        }
        Ok(())
    }

    /// A section's own replaces the session's; among several, the one that everybody can check stays.
    fn prefer_fingerprint(&mut self, new: Fingerprint) {
        let is_better = self.fingerprint.as_ref().is_none_or(|old| old.hash != "sha-256" || new.hash == "sha-256");
        if is_better {
            self.fingerprint = Some(new);
        }
    }

    fn rtpmap(&mut self, value: &str) -> Result<(), Malformed> {
        let (payload, encoding) = value.split_once(' ').ok_or(Malformed("SDP rtpmap"))?;
        let mut parts = encoding.trim().split('/');
        let name = parts.next().unwrap_or_default().to_owned();
        let clock = parts.next().and_then(|clock| clock.parse().ok()).ok_or(Malformed("SDP rtpmap"))?;
        let channels = parts.next().map_or(Ok(1), str::parse).map_err(|_| Malformed("SDP rtpmap"))?;
        let payload: u8 = payload.parse().map_err(|_| Malformed("SDP rtpmap"))?;
        if let Some(format) = self.formats.iter_mut().find(|format| format.payload == payload) {
            (format.name, format.clock, format.channels) = (name, clock, channels);
        }
        Ok(())
    }

    /// Lines about a payload type that the m-line does not list are passed over.
    fn about_format(&mut self, value: &str, apply: impl FnOnce(&mut Format, &str)) {
        let Some((payload, rest)) = value.split_once(' ') else { return };
        let Ok(payload) = payload.parse::<u8>() else { return };
        if let Some(format) = self.formats.iter_mut().find(|format| format.payload == payload) {
            apply(format, rest.trim());
        }
    }
}

/// A word without spaces, of sane length.
pub(super) fn token(value: &str) -> Result<String, Malformed> {
    let value = value.trim();
    let plain = value.bytes().all(|c| c.is_ascii_graphic());
    if value.is_empty() || value.len() > 256 || !plain {
        return Err(Malformed("SDP token"));
    }
    Ok(value.to_owned())
}
