//! Signalling by HTTP: WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep), one session for each POST.
//!
//! `/whip/<path>` and `/whep/<path>` are the endpoints, `/whip/.session/<token>` and its like the sessions: no stream
//! name has a part that begins with a dot. Every answer, errors included, can be read by any site; a session's address
//! cannot be guessed and holds no key.

mod access;
mod answer;
mod api;
mod begin;
mod body;
mod events;
mod layers;
mod ongoing;
#[cfg(test)]
mod tests;
mod watch;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::routing::{any, get};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use media::Path;

use crate::entry::Role;
use crate::gateway::Gateway;
use answer::{Problem, empty};
pub(crate) use events::Topic;
pub use watch::Carried;

/// What scripts of other sites may read of an answer (W13).
const EXPOSED: &str = "location, etag, link, retry-after, www-authenticate";

/// Our addresses in the API, which its description names.
pub const API: [&str; 1] = ["/api/v1/webrtc/sessions"];

/// The addresses of WHIP and WHEP, and what the API tells of sessions.
pub(crate) fn router(gateway: Gateway) -> Router {
    let [sessions] = API;
    Router::new()
        .route("/whip/{*rest}", any(whip))
        .route("/whep/{*rest}", any(whep))
        .route(sessions, get(api::sessions))
        .with_state(gateway)
}

async fn whip(State(gateway): State<Gateway>, request: Request) -> Response<Body> {
    shared(dispatch(gateway, Role::Whip, "/whip/", request).await)
}

async fn whep(State(gateway): State<Gateway>, request: Request) -> Response<Body> {
    shared(dispatch(gateway, Role::Whep, "/whep/", request).await)
}

async fn dispatch(gateway: Gateway, role: Role, prefix: &str, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let rest = parts.uri.path().strip_prefix(prefix).unwrap_or_default().to_owned();
    let outcome = match rest.strip_prefix(".session/") {
        Some(token) => on_session(gateway, role, token, parts, body).await,
        None => on_endpoint(gateway, role, &rest, parts, body).await,
    };
    outcome.unwrap_or_else(Problem::into_response)
}

async fn on_endpoint(
    gateway: Gateway,
    role: Role,
    rest: &str,
    parts: Parts,
    body: Body,
) -> Result<Response<Body>, Problem> {
    let path = rest.parse::<Path>().map_err(|bad| Problem::new(StatusCode::BAD_REQUEST, bad.to_string()))?;
    match parts.method {
        Method::POST => begin::begin(&gateway, role, path, &parts, body).await,
        // No body and no side effect (W10, E2).
        Method::GET | Method::HEAD => {
            let mut response = empty(StatusCode::OK);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/sdp"));
            Ok(response)
        }
        Method::OPTIONS => Ok(options("accept-post", "application/sdp")),
        _ => Err(no_method("POST, GET, HEAD, OPTIONS")),
    }
}

async fn on_session(
    gateway: Gateway,
    role: Role,
    rest: &str,
    parts: Parts,
    body: Body,
) -> Result<Response<Body>, Problem> {
    if parts.method == Method::OPTIONS {
        // A preflight carries no token to check, and learns nothing (W12).
        return Ok(options("accept-patch", "application/trickle-ice-sdpfrag"));
    }
    let (token, part) = rest.split_once('/').map_or((rest, None), |(token, part)| (token, Some(part)));
    if role == Role::Whep && part.is_none() && gateway.offers().is_there(token) {
        return on_offer(&gateway, token, &parts, body).await;
    }
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "there is no such session");
    let entry =
        gateway.registry().find(token, Instant::now()).filter(|entry| entry.role == role).ok_or_else(unknown)?;
    access::of_session(&gateway, &entry, &parts).await?;
    if let Some(part) = part {
        let name = part.strip_prefix("sse/");
        return match part {
            _ if entry.is_over() || role == Role::Whip => Err(unknown()),
            "layers" => layers::layers(&gateway, &entry, &parts, body).await,
            _ if part == "sse" || name.is_some() => events::events(&entry, name, &parts, body).await,
            _ => Err(unknown()),
        };
    }
    match parts.method {
        Method::DELETE => ongoing::delete(&gateway, &entry).await,
        _ if entry.is_over() => Err(unknown()),
        Method::PATCH => ongoing::patch(&gateway, &entry, &parts, body).await,
        Method::GET | Method::HEAD => Ok(empty(StatusCode::OK)),
        _ => Err(no_method("PATCH, DELETE, GET, HEAD, OPTIONS")),
    }
}

/// A session that waits for the answer to our offer. Its address, which nobody can guess, is what lets one in.
async fn on_offer(gateway: &Gateway, token: &str, parts: &Parts, body: Body) -> Result<Response<Body>, Problem> {
    match parts.method {
        Method::PATCH => begin::answered(gateway, token, parts, body).await,
        Method::DELETE => {
            gateway.offers().take(token);
            Ok(empty(StatusCode::OK))
        }
        Method::GET | Method::HEAD => Ok(empty(StatusCode::OK)),
        _ => Err(no_method("PATCH, DELETE, GET, HEAD, OPTIONS")),
    }
}

/// The answer to a preflight, and to whoever asks what there is (W11, W12).
fn options(name: &'static str, accepted: &'static str) -> Response<Body> {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static(name), HeaderValue::from_static(accepted));
    let methods = HeaderValue::from_static("POST, PATCH, DELETE, GET, HEAD, OPTIONS");
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    let allowed = HeaderValue::from_static("authorization, content-type, if-match, accept, last-event-id");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

fn no_method(allowed: &'static str) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("only {allowed} are known here"))
        .with(ALLOW, HeaderValue::from_static(allowed))
}

/// Any site may publish and watch for those who have the key; keys never come as cookies (W13, F12).
fn shared(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Where a request comes from; the HTTP gateway says so. A request without is nobody's: it gets no right that an
/// address gives.
fn peer(parts: &Parts) -> IpAddr {
    parts.extensions.get::<IpAddr>().copied().unwrap_or(Ipv4Addr::UNSPECIFIED.into())
}
