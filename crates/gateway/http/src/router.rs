//! Which address is answered by which conversation, and what holds for all of them.

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::{MethodRouter, get};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONNECTION, CONTENT_LENGTH, HOST, REFERRER_POLICY,
    TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use metrics::counter;
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;
use tracing::debug;

use crate::answer::Problem;
use crate::peer::{Peer, origin};
use crate::{House, api, dash, flv, hls, media, obs, ops, pages, thumbnail};

/// Bytes of the address of a request; more is answered by 414.
const URI_BYTES: usize = 8 * 1024;
/// Bytes of the body of a request; more is answered by 413.
const BODY_BYTES: u64 = 64 * 1024;

/// Everything above the connection, as one service.
///
/// `guests` are the addresses of other gateways, such as those of WebRTC's signalling: they share the connections and
/// what holds for all. Their requests carry where they come from, as an [`std::net::IpAddr`] among the extensions.
pub fn router(house: House, guests: Router) -> Router {
    let fetched = Router::new()
        .route("/hls/{*rest}", get(hls::playlist).fallback(no_method))
        .route("/dash/{*rest}", get(dash::manifest).fallback(no_method))
        .route("/media/{*rest}", get(media::bytes).fallback(no_method))
        .with_state(house.clone());
    let known = Router::new()
        .route("/flv/{*path}", get(flv::play).fallback(no_method))
        .route("/api", get(pages::reference).fallback(no_method))
        .route("/api/openapi.json", get(api::document).fallback(no_method))
        .route("/healthz", get(ops::healthz).fallback(no_method))
        .route("/readyz", get(ops::readyz).fallback(no_method))
        .route("/metrics", get(ops::metrics).fallback(no_method))
        .route("/", get(pages::home).fallback(no_method))
        .route("/watch/{*path}", get(pages::watch).fallback(no_method))
        .route("/publish/{*path}", get(pages::publish).fallback(no_method))
        .route("/embed/{*path}", get(pages::embed).fallback(no_method))
        .route("/assets/{*name}", get(pages::asset).fallback(no_method))
        .route("/favicon.svg", get(pages::asset).fallback(no_method));
    let known =
        api_routes().into_iter().fold(known, |known, (path, method)| known.route(path, method.fallback(no_method)));
    let mut others = known.with_state(house.clone()).merge(guests);
    if let Ok(runtime) = Handle::try_current() {
        others = others.layer(from_fn_with_state(runtime, at_home));
    }
    fetched.merge(others).fallback(pages::nowhere).layer(from_fn_with_state(house, common))
}

/// What a conversation sets going may outlive it, and has no place on a thread that serves connections.
async fn at_home(State(runtime): State<Handle>, request: Request, next: Next) -> Response<Body> {
    TokioContext::new(next.run(request), runtime).await
}

/// The addresses of the API; a test holds the API's description to them.
pub(crate) fn api_routes() -> [(&'static str, MethodRouter<House>); 8] {
    let multitrack = || get(obs::multitrack).post(obs::multitrack);
    [
        ("/api/v1/streams", get(api::streams)),
        ("/api/v1/streams/{*path}", get(api::stream)),
        ("/api/v1/transcodes", get(api::transcodes)),
        ("/api/v1/server", get(api::server)),
        ("/api/v1/obs/multitrack", multitrack()),
        ("/api/v1/obs/multitrack/{*application}", multitrack()),
        ("/api/v1/time", get(dash::time)),
        ("/thumbnail/{*path}", get(thumbnail::thumbnail)),
    ]
}

async fn no_method(method: Method) -> Response<Body> {
    if method == Method::OPTIONS {
        return no_content();
    }
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD and OPTIONS are known here").into_response()
}

fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// What holds for every request, and what every answer carries.
async fn common(State(house): State<House>, mut request: Request, next: Next) -> Response<Body> {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let is_media = ["/hls/", "/dash/", "/media/", "/flv/", "/thumbnail/", "/api/v1/time"]
        .iter()
        .any(|prefix| request.uri().path().starts_with(prefix));
    let is_signalling = is_signalling(request.uri().path());
    let method = request.method().clone();
    if let Some(peer) = request.extensions().get::<Peer>() {
        let origin = origin(peer.0, request.headers(), &house.trusted_proxies);
        request.extensions_mut().insert(origin);
    }
    let (parts, body) = request.into_parts();
    let is_chunked = parts.headers.contains_key(TRANSFER_ENCODING);
    let mut response = match check(&parts) {
        Err(problem) => {
            let mut response = problem.into_response();
            // Where a message ends is not sure any more.
            if parts.version < Version::HTTP_2 {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
        Ok(()) if is_media && method == Method::OPTIONS => preflight(),
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
    };
    let headers = response.headers_mut();
    // A length beside the encoding may have been taken away before we looked. If a proxy went by it, what follows on
    // the connection is not what its client sent: nothing shall (RFC 9112 §6.3, F18).
    if is_chunked {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A page's address may hold a key (F11).
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if is_media {
        share(headers);
    }
    if is_signalling {
        // What is refused here, before its own gateway sees it, must be readable too (W13).
        headers.entry(ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(HeaderValue::from_static("*"));
    }
    let route = matched.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    // Routes are few and our own words: no label grows with what clients send.
    counter!("onair_http_requests_total", "route" => route.to_owned(), "status" => status.to_string()).increment(1);
    debug!(%method, route, status, "answered");
    response
}

/// Refuses what no client of ours sends and what proxies and servers may read differently (F18).
fn check(request: &Parts) -> Result<(), Problem> {
    let bad = |detail| Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    let uri = &request.uri;
    if uri.path().len() + uri.query().map_or(0, str::len) > URI_BYTES {
        return Err(Problem::new(StatusCode::URI_TOO_LONG, "the address is too long"));
    }
    let headers = &request.headers;
    if headers.contains_key(TRANSFER_ENCODING) {
        if headers.contains_key(CONTENT_LENGTH) {
            return bad("a length and a transfer encoding at once");
        }
        // Only signalling takes a body, whose length a client need not know before (W42).
        if !is_signalling(uri.path()) || !matches!(request.method, Method::POST | Method::PATCH | Method::DELETE) {
            return bad("a transfer encoding has no place here");
        }
    }
    if headers.get_all(HOST).iter().count() > 1 {
        return bad("more than one Host");
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_BYTES) {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"));
    }
    Ok(())
}

/// Where WebRTC sessions begin and are.
fn is_signalling(path: &str) -> bool {
    path.starts_with("/whip/") || path.starts_with("/whep/")
}

/// Any site may play what anybody may watch; keys go in addresses or headers, never in cookies (H40, F12).
fn share(headers: &mut HeaderMap) {
    let exposed = "content-length, content-range, date, age, etag, retry-after";
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(policy, HeaderValue::from_static("cross-origin"));
}

fn preflight() -> Response<Body> {
    let mut response = no_content();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    let allowed = "range, authorization, if-none-match, if-range, cache-control";
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}
