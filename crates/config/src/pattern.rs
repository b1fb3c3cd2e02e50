use std::fmt;
use std::str::FromStr;

use media::Path;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names streams by their path: `*` stands for any one part, `**` for any number of parts, none included.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct Pattern(String);

/// Why a text is no [`Pattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// A part that is neither a star nor fit for a stream's name.
    #[error(transparent)]
    Path(#[from] media::BadPath),
    /// A star beside other characters.
    #[error("`*` and `**` stand for whole parts, such as in `live/*`")]
    Star,
    /// `**` more than once: never needed, and slow to match.
    #[error("`**` may stand in a path once")]
    Twice,
}

impl Pattern {
    /// Whether the pattern names this path.
    pub fn matches(&self, path: &Path) -> bool {
        let pattern: Vec<&str> = self.0.split('/').collect();
        let parts: Vec<&str> = path.as_str().split('/').collect();
        match pattern.iter().position(|&part| part == "**") {
            None => same(&pattern, &parts),
            Some(at) => {
                let (head, tail) = (&pattern[..at], &pattern[at + 1..]);
                parts.len() >= head.len() + tail.len()
                    && same(head, &parts[..head.len()])
                    && same(tail, &parts[parts.len() - tail.len()..])
            }
        }
    }
}

fn same(pattern: &[&str], parts: &[&str]) -> bool {
    pattern.len() == parts.len() && pattern.iter().zip(parts).all(|(&want, &part)| want == "*" || want == part)
}

impl FromStr for Pattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let mut stand_in = Vec::new();
        let mut any_depth = 0;
        for part in text.split('/') {
            match part {
                "**" => any_depth += 1,
                "*" => stand_in.push("x"),
                part if part.contains('*') => return Err(BadPattern::Star),
                part => stand_in.push(part),
            }
        }
        if any_depth > 1 {
            return Err(BadPattern::Twice);
        }
        if any_depth == 0 || !stand_in.is_empty() {
            stand_in.join("/").parse::<Path>()?;
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(&path.parse().unwrap())
    }

    #[test]
    fn one_star_stands_for_exactly_one_part() {
        assert!(matches("live/*", "live/alice"));
        assert!(!matches("live/*", "live"));
        assert!(!matches("live/*", "live/alice/cam"));
        assert!(matches("*/alice", "live/alice"));
    }

    #[test]
    fn two_stars_stand_for_any_number_of_parts() {
        for path in ["a", "a/b", "a/b/c"] {
            assert!(matches("**", path));
            assert!(matches("a/**", path));
        }
        assert!(!matches("a/**", "b/a"));
        assert!(matches("a/**/z", "a/z"));
        assert!(matches("a/**/z", "a/b/c/z"));
        assert!(!matches("a/**/z", "a"));
        assert!(!matches("a/**/a", "a"));
    }

    #[test]
    fn a_plain_pattern_names_one_path() {
        assert!(matches("live/alice", "live/alice"));
        assert!(!matches("live/alice", "live/alicia"));
        assert!(!matches("live/alice", "live/Alice"));
    }

    #[test]
    fn what_can_name_no_stream_is_refused() {
        for text in ["", "/", "/live", "live/", "live//*", "live/al*", "live/***", "**/**", "a b", "../*"] {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
    }
}
