use std::borrow::Cow;
use std::fmt;

use media::{BadPath, Language, Path};

/// A key as a publisher shows it. Never shown itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The key, for whoever must compare it.
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Languages a publisher may name.
const MOST_LANGUAGES: usize = 16;

/// Who publishes what.
pub(super) struct Identity {
    pub(super) path: Path,
    pub(super) secret: Option<Secret>,
    /// What is spoken in its audio tracks, in their order, where it says so.
    pub(super) languages: Vec<Language>,
    /// What a player would have.
    pub(super) wish: Wish,
}

/// What a player asks for in the query of the stream's name: `alice?video=v720&audio=none&codecs=hvc1`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The picture, by its name.
    pub video: Option<Box<str>>,
    /// The sound, by its name.
    pub audio: Option<Box<str>>,
    /// FourCCs of codecs that it takes, for players that have no other way to say so.
    pub codecs: Option<Box<str>>,
}

/// Which broadcast is meant, and by which key (conformance R9).
///
/// The path is the application and the stream name joined, so that `rtmp://host/live` with the name `alice`
/// and `rtmp://host/live/alice` without a name are one; where the application is missing, `tc_url` has it.
/// The key is `key=` or `token=` in the query of the name, the application or `tc_url`, in that order. There,
/// `languages=en,de` says what is spoken, as OBS and ffmpeg have no other place for it.
pub(super) fn identify(app: &str, tc_url: &str, name: &str) -> Result<Identity, BadPath> {
    let (name, name_query) = split_query(name);
    let (app, app_query) = split_query(app);
    let (url, url_query) = split_query(tc_url);
    let app = if app.trim_matches('/').is_empty() { path_of(url) } else { app };
    // What Flash calls the instance one did not ask for.
    let app = app.trim_matches('/');
    let app = app.strip_suffix("_definst_").map_or(app, |app| app.trim_matches('/'));
    // Old encoders name the container before the stream.
    let name = name.trim_matches('/');
    let name = name.strip_prefix("flv:").or_else(|| name.strip_prefix("mp4:")).unwrap_or(name);
    let joint = if app.is_empty() || name.is_empty() { "" } else { "/" };
    let path = format!("{}{joint}{}", decode(app), decode(name)).parse()?;
    let queries = || [name_query, app_query, url_query].into_iter();
    let secret = queries().find_map(|query| value_in(query, "key").or_else(|| value_in(query, "token"))).map(Secret);
    let languages = queries().find_map(|query| value_in(query, "languages")).unwrap_or_default();
    // Behind one that is no language nobody knows which is whose.
    let tags = languages.split(',').take(MOST_LANGUAGES).map_while(Language::try_from_tag);
    let said = |name| queries().find_map(|query| value_in(query, name)).map(String::into_boxed_str);
    let wish = Wish { video: said("video"), audio: said("audio"), codecs: said("codecs") };
    Ok(Identity { path, secret, languages: tags.collect(), wish })
}

fn split_query(text: &str) -> (&str, &str) {
    text.split_once('?').unwrap_or((text, ""))
}

/// The path of a URL such as `rtmp://[::1]:1935/live`.
fn path_of(url: &str) -> &str {
    let behind_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    behind_scheme.split_once('/').map_or("", |(_, path)| path)
}

fn value_in(query: &str, wanted: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, value)| *name == wanted && !value.is_empty())?;
    Some(decode(value).into_owned())
}

/// Percent-encoding undone; what is none stays as it is.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.split_first_chunk::<2>().filter(|_| first == b'%');
        let escaped = digits.and_then(|(&[high, low], after)| Some((hex(high)? << 4 | hex(low)?, after)));
        let (byte, after) = escaped.unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "s3cret/+?";

    fn identity(app: &str, tc_url: &str, name: &str) -> (String, Option<String>) {
        let Identity { path, secret, .. } = identify(app, tc_url, name).unwrap();
        (path.to_string(), secret.map(Secret::into_inner))
    }

    /// R9.
    #[test]
    fn every_form_of_an_address_is_the_same_stream() {
        for (app, tc_url, name) in [
            ("live", "rtmp://host/live", "alice"),
            ("live/", "rtmp://host:1935/live/", "alice"),
            ("/live", "rtmp://host/live", "/alice/"),
            ("live/alice", "rtmp://host/live/alice", ""),
            ("", "rtmp://host/", "live/alice"),
            ("", "rtmp://[2001:db8::1]:1935/live", "alice"),
            ("", "rtmps://[::1]/live?x=y", "alice"),
            ("live", "rtmp://host/live", "%61lic%65"),
            ("live%2Falice", "rtmp://host/live", ""),
            ("live/_definst_", "rtmp://host/live/_definst_", "alice"),
            ("live", "rtmp://host/live", "flv:alice"),
            ("live?a=b", "rtmp://host/live?a=b", "alice?c=d&e"),
        ] {
            assert_eq!(identity(app, tc_url, name), ("live/alice".into(), None), "{app} {tc_url} {name}");
        }
        assert_eq!(identity("app/inst", "", "cam").0, "app/inst/cam");
    }

    /// R9.
    #[test]
    fn the_key_is_found_wherever_a_client_can_put_it() {
        let url = "rtmp://host/live?token=s3cret%2f%2B%3F";
        for (app, tc_url, name) in [
            ("live", "rtmp://host/live", "alice?key=s3cret/+?"),
            ("live", "rtmp://host/live", "alice?x=1&token=s3cret%2F%2b%3f&y"),
            ("live?key=s3cret/+?", "rtmp://host/live", "alice"),
            ("live", url, "alice?key="),
            ("", url, "alice"),
        ] {
            assert_eq!(identity(app, tc_url, name), ("live/alice".into(), Some(KEY.into())), "{app} {tc_url} {name}");
        }
    }

    #[test]
    fn languages_are_named_beside_the_key() {
        let languages = |name: &str| identify("live", "", name).unwrap().languages;
        let tags = |tags: &[&str]| tags.iter().map(|tag| Language::try_from_tag(tag).unwrap()).collect::<Vec<_>>();
        assert_eq!(languages("alice?key=x&languages=en,pt-BR"), tags(&["en", "pt-BR"]));
        assert_eq!(languages("alice?languages=de%2Cfr"), tags(&["de", "fr"]));
        assert_eq!(languages("alice?languages=de,%22,fr"), tags(&["de"]));
        assert_eq!(languages("alice?languages="), []);
        assert_eq!(languages(&format!("alice?languages={}", "a,".repeat(1000))).len(), MOST_LANGUAGES);
    }

    /// F7: the name is decoded once, then held to what a path may be.
    #[test]
    fn hostile_names_are_refused() {
        for name in
            ["..", "%2e%2e%2fetc", "a%00b", "a\r\nb", "a\\b", "a//b", "%252e", "a b", "é", "", &"x".repeat(4096)]
        {
            assert!(identify("", "rtmp://host/", name).is_err(), "{name:?}");
        }
    }

    /// F11.
    #[test]
    fn a_secret_does_not_show_itself() {
        let Identity { secret, .. } = identify("live", "", "alice?key=canary").unwrap();
        assert!(!format!("{secret:?}").contains("canary"));
    }
}
