use std::fmt;
use std::str::FromStr;

/// File name of the multivariant playlist.
pub const INDEX: &str = "index.m3u8";

/// The last part of a media URL: which bytes of a presentation are meant.
///
/// It displays as it stands in playlists, and parses back to the same value: `v0.i0.mp4`, `v0.123.m4s`, `v0.123.4.m4s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// An initialization segment.
    Init {
        /// Name of the rendition.
        rendition: &'a str,
        /// Its number, counted from 0.
        number: u32,
    },
    /// A whole segment.
    Segment {
        /// Name of the rendition.
        rendition: &'a str,
        /// Media sequence number.
        msn: u64,
    },
    /// One part of a segment.
    Part {
        /// Name of the rendition.
        rendition: &'a str,
        /// Media sequence number of its segment.
        msn: u64,
        /// Place in the segment, from 0.
        part: usize,
    },
}

/// A file name that is no [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the address of an init, a segment or a part")]
pub struct BadAddress;

impl<'a> Address<'a> {
    /// Reads a file name. There is one spelling of each address: no leading zeros, no signs.
    pub fn parse(name: &'a str) -> Result<Self, BadAddress> {
        let mut words = name.split('.');
        let rendition = words.next().filter(|name| is_rendition(name)).ok_or(BadAddress)?;
        let mut word = || words.next().ok_or(BadAddress);
        let first = word()?;
        let address = match (first.strip_prefix('i'), word()?) {
            (Some(digits), "mp4") => Self::Init { rendition, number: number(digits)? },
            (None, "m4s") => Self::Segment { rendition, msn: number(first)? },
            (None, second) if word()? == "m4s" => Self::Part { rendition, msn: number(first)?, part: number(second)? },
            _ => return Err(BadAddress),
        };
        if words.next().is_some() { Err(BadAddress) } else { Ok(address) }
    }

    /// Name of the rendition.
    pub fn rendition(&self) -> &'a str {
        match self {
            Self::Init { rendition, .. } | Self::Segment { rendition, .. } | Self::Part { rendition, .. } => rendition,
        }
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init { rendition, number } => write!(f, "{rendition}.i{number}.mp4"),
            Self::Segment { rendition, msn } => write!(f, "{rendition}.{msn}.m4s"),
            Self::Part { rendition, msn, part } => write!(f, "{rendition}.{msn}.{part}.m4s"),
        }
    }
}

/// `v` or `a` and a number, as tracks are named.
fn is_rendition(name: &str) -> bool {
    name.strip_prefix(['v', 'a']).is_some_and(|digits| number::<u16>(digits).is_ok())
}

fn number<N: FromStr>(digits: &str) -> Result<N, BadAddress> {
    let canonical = match digits.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if canonical { digits.parse().map_err(|_| BadAddress) } else { Err(BadAddress) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_playlists_name_is_found_again() {
        for address in [
            Address::Init { rendition: "v0", number: 0 },
            Address::Segment { rendition: "a1", msn: 91_234_567 },
            Address::Part { rendition: "v65535", msn: u64::MAX, part: 4 },
        ] {
            assert_eq!(Address::parse(&address.to_string()), Ok(address));
        }
    }

    /// F7.
    #[test]
    fn other_names_are_no_addresses() {
        for name in [
            "",
            ".",
            "v0",
            "v0.m4s",
            "v0.1.mp4",
            "v0.i1.m4s",
            "v0.i.mp4",
            "v0.01.m4s",
            "v0.+1.m4s",
            "v0.-1.m4s",
            "v0.1.2.3.m4s",
            "v0.1.2.mp4",
            "v0.1.m4s.",
            "v0.1.m4s.m4s",
            "v.1.m4s",
            "v65536.1.m4s",
            "x0.1.m4s",
            "v0.18446744073709551616.m4s",
            "v0.i4294967296.mp4",
            "v0.१.m4s",
        ] {
            assert_eq!(Address::parse(name), Err(BadAddress), "{name:?}");
        }
    }
}
