//! The DASH manifest, and the clock that its players go by.

use std::time::SystemTime;

use ::media::Path;
use axum::body::Body;
use axum::extract::{Request, State};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use metrics::counter;
use tokio::time::Instant;

use crate::House;
use crate::access;
use crate::answer::{Keep, Problem};
use crate::api_model::when;
use crate::hls::{PATIENCE, accepts_gzip, as_soon_as, presentation, watched};

/// The only file of a presentation's directory.
const FILE: &str = "manifest.mpd";

const UNKNOWN: Problem = Problem::not_found("no such manifest");

/// `/dash/<path>/manifest.mpd`.
pub(crate) async fn manifest(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    match answer(&house, &parts).await {
        Ok(response) | Err(response) => response,
    }
}

/// `/api/v1/time`: this moment as an ISO date, by the clock that says when segments are there (D2).
pub(crate) async fn time() -> Response<Body> {
    let mut response = Response::new(Body::from(when(SystemTime::now())));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, Keep::Never.to_header(true));
    response
}

async fn answer(house: &House, request: &Parts) -> Result<Response<Body>, Response<Body>> {
    let unknown = || UNKNOWN.into_response();
    let rest = request.uri.path().strip_prefix("/dash/").ok_or_else(unknown)?;
    let path = rest.strip_suffix(FILE).and_then(|path| path.strip_suffix('/')).ok_or_else(unknown)?;
    let path: Path = path.parse().map_err(|_| unknown())?;
    let entry = access::watch(house, &path, request).await?;

    let deadline = Instant::now() + PATIENCE;
    watched(house, &path);
    let presentation = presentation(house, &path, deadline).await.map_err(Problem::into_response)?;
    let look = |_: &[_]| presentation.manifests.newest(&presentation, SystemTime::now());
    let manifest = as_soon_as(&presentation, deadline, look).await.map_err(Problem::into_response)?;
    let rendered = presentation.manifests.rendered(&manifest, entry.query_key(), || {
        counter!("onair_dash_manifests_rendered_total").increment(1);
    });

    let gzip = accepts_gzip(request);
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let keep = match manifest.max_age_secs() {
        0 => Keep::Revalidate,
        secs => Keep::Secs(secs),
    };
    headers.insert(CACHE_CONTROL, keep.to_header(entry.is_open()));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let packing = if gzip { ".gz" } else { "" };
    let etag = format!("\"{}.{}{packing}\"", presentation.era, manifest.version());
    if let Ok(etag) = HeaderValue::try_from(&etag) {
        headers.insert(ETAG, etag);
    }
    if request.headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/dash+xml"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    *response.body_mut() = Body::from(if gzip { rendered.gzip() } else { rendered.plain.clone() });
    Ok(response)
}
