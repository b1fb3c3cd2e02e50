use super::section::token;
use super::{Candidate, MAX_BYTES, attribute, lines};
use crate::Malformed;

/// `application/trickle-ice-sdpfrag` (RFC 8840 §4.4, RFC 9725 §4.3): candidates that came later, or an ICE restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// User fragment of the ICE session that it is about.
    pub ice_ufrag: Option<String>,
    /// Its password.
    pub ice_pwd: Option<String>,
    /// The writer is ICE-lite.
    pub ice_lite: bool,
    /// Words of ice-options: `trickle`, `ice2`.
    pub ice_options: Vec<String>,
    /// Which section its candidates stand in: the first that is named.
    pub mid: Option<String>,
    /// The candidates we can use (W20); BUNDLE makes all sections one, so they are not told apart.
    pub candidates: Vec<Candidate>,
    /// No more will come.
    pub end_of_candidates: bool,
}

impl Fragment {
    /// Reads a fragment. One that says nothing of ICE is malformed.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_BYTES {
            return Err(Malformed("SDP fragment: too long"));
        }
        let mut fragment = Self::default();
        let mut says_anything = false;
        for line in lines(text) {
            let ('a', value) = line? else { continue };
            let (name, value) = attribute(value);
            let known = match name {
                "ice-ufrag" => fragment.ice_ufrag.replace(token(value)?).is_none_or(|before| before == value),
                "ice-pwd" => fragment.ice_pwd.replace(token(value)?).is_none_or(|before| before == value),
                "candidate" => {
                    fragment.candidates.extend(Candidate::parse(value));
                    true
                }
                "end-of-candidates" => {
                    fragment.end_of_candidates = true;
                    true
                }
                "ice-lite" => {
                    fragment.ice_lite = true;
                    continue;
                }
                "ice-options" => {
                    fragment.ice_options = value.split_ascii_whitespace().map(str::to_owned).collect();
                    continue;
                }
                "mid" if fragment.mid.is_none() => {
                    fragment.mid = Some(token(value)?);
                    continue;
                }
                _ => continue,
            };
            if !known {
                return Err(Malformed("SDP fragment: two ICE sessions"));
            }
            says_anything = true;
        }
        if says_anything { Ok(fragment) } else { Err(Malformed("SDP fragment")) }
    }
}
