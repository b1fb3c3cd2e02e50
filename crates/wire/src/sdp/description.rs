use super::{MAX_BYTES, Section, attribute, lines};
use crate::Malformed;

/// A whole session description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// What follows `o=`: user, session id, version, network, address.
    pub origin: String,
    /// Mids of the BUNDLE group, in order; empty without one.
    pub bundle: Vec<String>,
    /// The writer is ICE-lite.
    pub ice_lite: bool,
    /// Words of ice-options: `trickle`, `ice2`.
    pub ice_options: Vec<String>,
    /// Session attributes not named above, as written. Those that have a section's meaning (ICE, DTLS,
    /// direction) were given to every section that does not say otherwise.
    pub others: Vec<String>,
    /// The sections, in order.
    pub sections: Vec<Section>,
}

/// Session attributes that are defaults for every section (RFC 8839 §5.4, RFC 8122, RFC 8866 §6.7).
const INHERITED: [&str; 9] =
    ["ice-ufrag", "ice-pwd", "fingerprint", "setup", "sendrecv", "sendonly", "recvonly", "inactive", "rtcp-mux"];
/// More sections than any honest offer has.
const MAX_SECTIONS: usize = 32;

impl Description {
    /// Reads a description. Must begin with `v=0` and be no longer than [`MAX_BYTES`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_BYTES {
            return Err(Malformed("SDP: too long"));
        }
        let mut lines = lines(text);
        if lines.next().transpose()? != Some(('v', "0")) {
            return Err(Malformed("SDP version"));
        }
        let mut description = Self::default();
        let mut inherited: Vec<&str> = Vec::new();
        for line in lines {
            let (kind, value) = line?;
            let is_full = description.sections.len() >= MAX_SECTIONS;
            match (kind, description.sections.last_mut()) {
                ('m', _) if is_full => return Err(Malformed("SDP: too many sections")),
                ('m', _) => {
                    let mut section = Section::parse(value)?;
                    inherited.iter().try_for_each(|line| section.take(line))?;
                    description.sections.push(section);
                }
                ('a', Some(section)) => section.take(value)?,
                ('a', None) if INHERITED.contains(&attribute(value).0) => inherited.push(value),
                ('a', None) => description.take(value),
                ('o', None) => value.clone_into(&mut description.origin),
                _ => {}
            }
        }
        Ok(description)
    }

    fn take(&mut self, line: &str) {
        let (name, value) = attribute(line);
        match name {
            "group" if value.starts_with("BUNDLE") => {
                self.bundle = value.split_ascii_whitespace().skip(1).map(str::to_owned).collect();
            }
            "ice-lite" => self.ice_lite = true,
            "ice-options" => self.ice_options = value.split_ascii_whitespace().map(str::to_owned).collect(),
            _ => self.others.push(line.to_owned()),
        }
    }

    /// The section of that mid.
    pub fn section(&self, mid: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.mid.as_deref() == Some(mid))
    }
}
