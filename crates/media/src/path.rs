use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a broadcast, such as `live/alice`: one to eight segments joined by `/`.
///
/// A segment is 1 to 64 characters of `A–Z a–z 0–9 - _ . ~` and does not begin with a dot. So a
/// path needs no escaping in a URL, a playlist, an XML manifest, a log line or a file name, and
/// can never climb out of a directory (conformance F7).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(Arc<str>);

/// Why a text is no [`Path`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// Nothing, or nothing between two slashes.
    #[error("a stream name has an empty part")]
    Empty,
    /// More than eight segments, or a segment of more than 64 characters.
    #[error("a stream name is too long")]
    TooLong,
    /// A character outside the allowed ones, or a segment that begins with a dot.
    #[error("a stream name may hold only letters, digits and - _ . ~, and no part begins with a dot")]
    Forbidden,
}

impl Path {
    /// The path as it stands in URLs, without a leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many segments it has, 1 to 8.
    pub fn depth(&self) -> usize {
        self.0.split('/').count()
    }
}

impl FromStr for Path {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        for (index, segment) in text.split('/').enumerate() {
            let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_.~".contains(&c);
            match segment.as_bytes() {
                [] => return Err(BadPath::Empty),
                _ if index >= 8 => return Err(BadPath::TooLong),
                bytes if bytes.len() > 64 => return Err(BadPath::TooLong),
                [b'.', ..] => return Err(BadPath::Forbidden),
                bytes if bytes.iter().all(|&c| plain(c)) => {}
                _ => return Err(BadPath::Forbidden),
            }
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_paths() {
        for name in ["live/alice", "a", "cam-1/main_720p", "x/y/z", "v1.2~b"] {
            assert_eq!(name.parse::<Path>().unwrap().as_str(), name);
        }
    }

    /// F7.
    #[test]
    fn hostile_names_are_refused() {
        for name in [
            "",
            "/",
            "/live",
            "live/",
            "a//b",
            "..",
            "a/../b",
            ".",
            ".git",
            "a\\b",
            "a b",
            "a%2e",
            "a\0b",
            "a\r\nb",
            "a;b",
            "ä",
            "🦀",
            "\u{202e}x",
            "a?b",
            "a&b",
            "<b>",
            "a\"b",
        ] {
            assert!(name.parse::<Path>().is_err(), "{name:?}");
        }
        assert_eq!("x".repeat(65).parse::<Path>(), Err(BadPath::TooLong));
        assert_eq!("a/a/a/a/a/a/a/a/a".parse::<Path>(), Err(BadPath::TooLong));
    }
}
