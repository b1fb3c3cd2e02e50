use ::media::Path;
use axum::body::Body;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use hub::{Action, Ask, Verdict};

use crate::House;
use crate::answer::Problem;
use crate::peer::{Peer, origin};

/// How a viewer came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// The path is open to everybody.
    Open,
    /// The path asks for a key, and this viewer has one.
    Keyed {
        /// The key from the query, which the addresses in playlists must carry on (H37). A key from the
        /// `Authorization` header comes with every request by itself.
        query_key: Option<String>,
    },
}

impl Entry {
    /// The answer may be kept by a cache that others share.
    pub(crate) fn is_open(&self) -> bool {
        *self == Self::Open
    }

    /// What to put into child addresses.
    pub(crate) fn query_key(&self) -> Option<&str> {
        match self {
            Self::Keyed { query_key: Some(key) } => Some(key),
            _ => None,
        }
    }
}

/// Lets a viewer in or says 401, without a word on whether there is such a stream. Asked at every request (F13).
///
/// An open path is open with any key, so that one address of its media is the same for all.
pub(crate) async fn watch(house: &House, path: &Path, request: &Parts) -> Result<Entry, Response<Body>> {
    let ask =
        |secret| Ask { action: Action::Watch, path: path.clone(), peer: from(house, request), secret, proto: "hls" };
    if house.admission.admit(ask(None)).await == Verdict::Allowed {
        return Ok(Entry::Open);
    }
    let query_key = key_of(request.uri.query().unwrap_or_default());
    let Some(secret) = query_key.clone().or_else(|| bearer(request)) else {
        return Err(unauthorized("Bearer realm=\"onair\""));
    };
    match house.admission.admit(ask(Some(secret))).await {
        Verdict::Allowed => Ok(Entry::Keyed { query_key }),
        Verdict::NeedsKey | Verdict::WrongKey => Err(unauthorized("Bearer realm=\"onair\", error=\"invalid_token\"")),
        Verdict::OtherKey => Err(forbidden()),
    }
}

/// Whether one who comes like this would have to bring a key to publish.
pub(crate) async fn publish_needs_key(house: &House, path: Path, request: &Parts) -> bool {
    let ask = Ask { action: Action::Publish, path, peer: from(house, request), secret: None, proto: "rtmp" };
    house.admission.admit(ask).await != Verdict::Allowed
}

/// Whether one who comes like this may publish with that key.
pub(crate) async fn publish(house: &House, path: Path, secret: Option<String>, request: &Parts) -> Verdict {
    let ask = Ask { action: Action::Publish, path, peer: from(house, request), secret, proto: "rtmp" };
    house.admission.admit(ask).await
}

fn from(house: &House, request: &Parts) -> std::net::IpAddr {
    // A request without a connection is nobody's: it gets no right that an address gives.
    let peer = request.extensions.get::<Peer>().map_or(std::net::Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0);
    origin(peer, &request.headers, &house.trusted_proxies)
}

fn key_of(query: &str) -> Option<String> {
    let key = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "key").map(|(_, key)| key.into_owned());
    key.filter(|key| !key.is_empty())
}

fn bearer(request: &Parts) -> Option<String> {
    let (scheme, token) = request.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned()).filter(|token| !token.is_empty())
}

fn unauthorized(challenge: &'static str) -> Response<Body> {
    refused(StatusCode::UNAUTHORIZED, "this address asks for a key", challenge)
}

/// The key is a good one for something else (RFC 6750 §3.1).
fn forbidden() -> Response<Body> {
    let challenge = "Bearer realm=\"onair\", error=\"insufficient_scope\"";
    refused(StatusCode::FORBIDDEN, "this key is for another stream", challenge)
}

fn refused(status: StatusCode, detail: &'static str, challenge: &'static str) -> Response<Body> {
    let mut response = Problem::new(status, detail).into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_the_query() {
        assert_eq!(key_of("_HLS_msn=3&key=a%26b+c"), Some("a&b c".to_owned()));
        assert_eq!(key_of("key="), None);
        assert_eq!(key_of("monkey=1"), None);
        assert_eq!(key_of(""), None);
    }

    #[test]
    fn a_bearer_is_found_in_its_header() {
        let bearer = |value: &str| {
            let (parts, ()) = http::Request::builder().header(AUTHORIZATION, value).body(()).unwrap().into_parts();
            bearer(&parts)
        };
        assert_eq!(bearer("Bearer abc.def"), Some("abc.def".to_owned()));
        assert_eq!(bearer("bEARER  x "), Some("x".to_owned()));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer "), None);
        assert_eq!(bearer("Bearer"), None);
    }
}
