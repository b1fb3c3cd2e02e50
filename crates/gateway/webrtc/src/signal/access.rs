use std::time::Duration;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use hub::{Action, Ask, Verdict};
use media::Path;
use tokio::time::timeout;

use super::answer::Problem;
use super::peer;
use crate::entry::{Entrance, Entry, Role};
use crate::gateway::Gateway;

/// How long whoever decides on access may take. Then the answer is no (conformance F14).
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets a client begin, or says 401 without a word on whether there is such a stream.
pub(crate) async fn enter(gateway: &Gateway, role: Role, path: &Path, parts: &Parts) -> Result<Entrance, Problem> {
    // Without any key first: an open door is open whatever key somebody carries.
    if ask(gateway, role, path, parts, None).await == Verdict::Allowed {
        return Ok(Entrance::Free);
    }
    let (secret, entrance) = match (bearer(parts), key(parts)) {
        (Some(token), _) => (token, Entrance::Bearer),
        (None, Some(key)) => (key, Entrance::Query),
        (None, None) => return Err(unauthorized(false)),
    };
    match ask(gateway, role, path, parts, Some(secret)).await {
        Verdict::Allowed => Ok(entrance),
        Verdict::NeedsKey | Verdict::WrongKey => Err(unauthorized(true)),
        Verdict::OtherKey => Err(forbidden()),
    }
}

/// Lets a client go on with its session (W9, F13).
pub(crate) async fn of_session(gateway: &Gateway, entry: &Entry, parts: &Parts) -> Result<(), Problem> {
    let secret = match entry.entrance {
        Entrance::Query => return Ok(()),
        Entrance::Free => bearer(parts),
        Entrance::Bearer => Some(bearer(parts).ok_or_else(|| unauthorized(false))?),
    };
    let is_wrong = secret.is_some();
    match ask(gateway, entry.role, &entry.path, parts, secret).await {
        Verdict::Allowed => Ok(()),
        Verdict::NeedsKey | Verdict::WrongKey => Err(unauthorized(is_wrong)),
        Verdict::OtherKey => Err(forbidden()),
    }
}

/// Whether whoever asks may publish there, and so may know who connects.
pub(crate) async fn may_publish(gateway: &Gateway, path: &Path, parts: &Parts) -> bool {
    let secret = bearer(parts).or_else(|| key(parts));
    ask(gateway, Role::Whip, path, parts, secret).await == Verdict::Allowed
}

async fn ask(gateway: &Gateway, role: Role, path: &Path, parts: &Parts, secret: Option<String>) -> Verdict {
    let action = match role {
        Role::Whip => Action::Publish,
        Role::Whep => Action::Watch,
    };
    let ask = Ask { action, path: path.clone(), peer: peer(parts), secret, proto: role.as_str() };
    timeout(PATIENCE, gateway.admission().admit(ask)).await.unwrap_or(Verdict::NeedsKey)
}

/// The token of an `Authorization` header; the scheme's case does not matter (W34).
fn bearer(parts: &Parts) -> Option<String> {
    let (scheme, token) = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned()).filter(|token| !token.is_empty())
}

fn key(parts: &Parts) -> Option<String> {
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let key = form_urlencoded::parse(query).find(|(name, _)| name == "key").map(|(_, key)| key.into_owned());
    key.filter(|key| !key.is_empty())
}

/// The key is a good one for something else (W9, RFC 6750 §3.1).
fn forbidden() -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"onair\", error=\"insufficient_scope\"");
    Problem::new(StatusCode::FORBIDDEN, "this key is for another stream").with(WWW_AUTHENTICATE, challenge)
}

fn unauthorized(is_wrong: bool) -> Problem {
    let (challenge, detail) = match is_wrong {
        true => ("Bearer realm=\"onair\", error=\"invalid_token\"", "this key opens nothing here"),
        false => ("Bearer realm=\"onair\"", "this address asks for a key, as a bearer token or as ?key="),
    };
    Problem::new(StatusCode::UNAUTHORIZED, detail).with(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
