use std::fmt;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that must not be shown: whichever way it is printed, `…` comes out.
#[derive(Clone, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into hiding.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: to compare with, never to print.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("…")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error of `String` would quote what it found instead, which may be the secret without its quotes.
        String::deserialize(deserializer).map(Self).map_err(|_| D::Error::custom("a key is a text in quotes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F11.
    #[test]
    fn no_way_of_printing_shows_the_secret() {
        let secret = Secret::new("canary-1234");
        let shown = format!("{secret} {secret:?} {secret:#?} {}", toml::Value::try_from(&secret).unwrap());
        assert!(!shown.contains("canary"), "{shown}");
        assert_eq!(secret.expose(), "canary-1234");
    }

    #[test]
    fn a_key_of_the_wrong_type_is_not_quoted_in_the_error() {
        let error = Secret::deserialize(toml::Value::Integer(12_345_678)).unwrap_err();
        assert!(!error.to_string().contains("1234"), "{error}");
    }
}
