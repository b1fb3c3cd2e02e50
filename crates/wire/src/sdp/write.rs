use std::fmt;

use super::{Description, Fingerprint, Format, Fragment, Rid, Section, Simulcast};

/// The whole text, with CRLF throughout (W36).
impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v=0\r\no={}\r\ns=-\r\nt=0 0\r\n", self.origin)?;
        if !self.bundle.is_empty() {
            write!(f, "a=group:BUNDLE {}\r\n", self.bundle.join(" "))?;
        }
        if self.ice_lite {
            f.write_str("a=ice-lite\r\n")?;
        }
        if !self.ice_options.is_empty() {
            write!(f, "a=ice-options:{}\r\n", self.ice_options.join(" "))?;
        }
        self.others.iter().try_for_each(|other| write!(f, "a={other}\r\n"))?;
        self.sections.iter().try_for_each(|section| section.fmt(f))
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {}", self.kind.as_str(), self.port, self.protocol)?;
        self.formats.iter().try_for_each(|format| write!(f, " {}", format.payload))?;
        if !self.tail.is_empty() {
            write!(f, " {}", self.tail)?;
        }
        f.write_str("\r\nc=IN IP4 0.0.0.0\r\n")?;
        line(f, "mid", self.mid.as_deref())?;
        write!(f, "a={}\r\n", self.direction.as_str())?;
        line(f, "ice-ufrag", self.ice_ufrag.as_deref())?;
        line(f, "ice-pwd", self.ice_pwd.as_deref())?;
        line(f, "fingerprint", self.fingerprint.as_ref())?;
        line(f, "setup", self.setup.map(|setup| setup.as_str()))?;
        let flags =
            [("rtcp-mux", self.rtcp_mux), ("rtcp-mux-only", self.rtcp_mux_only), ("rtcp-rsize", self.rtcp_rsize)];
        flags.iter().filter(|(_, on)| *on).try_for_each(|(name, _)| write!(f, "a={name}\r\n"))?;
        self.formats.iter().try_for_each(|format| format.fmt(f))?;
        self.extensions
            .iter()
            .try_for_each(|extension| write!(f, "a=extmap:{} {}\r\n", extension.id, extension.uri))?;
        self.rids.iter().try_for_each(|rid| line(f, "rid", Some(rid)))?;
        line(f, "simulcast", self.simulcast.as_ref())?;
        self.msids.iter().try_for_each(|msid| line(f, "msid", Some(msid)))?;
        for group in &self.ssrc_groups {
            write!(f, "a=ssrc-group:{}", group.semantics)?;
            group.ssrcs.iter().try_for_each(|ssrc| write!(f, " {ssrc}"))?;
            f.write_str("\r\n")?;
        }
        self.ssrcs.iter().try_for_each(|it| write!(f, "a=ssrc:{} {}:{}\r\n", it.ssrc, it.name, it.value))?;
        self.candidates.iter().try_for_each(|candidate| line(f, "candidate", Some(candidate)))?;
        if self.end_of_candidates {
            f.write_str("a=end-of-candidates\r\n")?;
        }
        self.others.iter().try_for_each(|other| write!(f, "a={other}\r\n"))
    }
}

impl fmt::Display for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "ice-ufrag", self.ice_ufrag.as_deref())?;
        line(f, "ice-pwd", self.ice_pwd.as_deref())?;
        if self.ice_lite {
            f.write_str("a=ice-lite\r\n")?;
        }
        if !self.ice_options.is_empty() {
            write!(f, "a=ice-options:{}\r\n", self.ice_options.join(" "))?;
        }
        // The kind of the section says nothing here, but the line must be there (RFC 8840 §4.4).
        f.write_str("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n")?;
        line(f, "mid", self.mid.as_deref())?;
        self.candidates.iter().try_for_each(|candidate| line(f, "candidate", Some(candidate)))?;
        if self.end_of_candidates {
            f.write_str("a=end-of-candidates\r\n")?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, "a={name}:{value}\r\n"))
}

/// The rtpmap, rtcp-fb and fmtp lines.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { payload, name, clock, channels, parameters, feedback } = self;
        if !name.is_empty() {
            write!(f, "a=rtpmap:{payload} {name}/{clock}")?;
            if *channels > 1 {
                write!(f, "/{channels}")?;
            }
            f.write_str("\r\n")?;
        }
        feedback.iter().try_for_each(|what| write!(f, "a=rtcp-fb:{payload} {what}\r\n"))?;
        if parameters.is_empty() { Ok(()) } else { write!(f, "a=fmtp:{payload} {parameters}\r\n") }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.hash)?;
        for (index, byte) in self.digest.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, if self.is_send { "send" } else { "recv" })?;
        if self.restrictions.is_empty() { Ok(()) } else { write!(f, " {}", self.restrictions) }
    }
}

impl fmt::Display for Simulcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        for (direction, streams) in [("send", &self.send), ("recv", &self.recv)] {
            if !streams.is_empty() {
                let streams: Vec<String> = streams.iter().map(|alternatives| alternatives.join(",")).collect();
                write!(f, "{gap}{direction} {}", streams.join(";"))?;
                gap = " ";
            }
        }
        Ok(())
    }
}
