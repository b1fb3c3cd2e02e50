//! `/api/v1`: what the server knows, as JSON.

use std::time::{Instant, SystemTime};

use ::media::Path;
use axum::body::Body;
use axum::extract::{Request, State};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Response};
use hub::{Broadcast, Rendition};

use crate::access;
use crate::answer::{Keep, Problem, json};
use crate::api_model::{Server, Stream, StreamNow, Streams, Transcode, Transcodes, when};
use crate::{About, House};

/// The description of this API, kept by hand; a test holds it to the routes.
const DOCUMENT: &str = include_str!("openapi.json");
/// Where a newcomer publishes, as the pages propose it.
const FIRST_PATH: &str = "live/stream";

/// `/api/v1/streams`: those that the caller may watch.
pub(crate) async fn streams(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let now = Instant::now();
    let streams = visible(&house, &parts).await;
    let renditions = house.demand.renditions();
    let streams = streams.iter().map(|broadcast| tell(&house, broadcast, &renditions, now)).collect();
    json(&Streams { now: when(SystemTime::now()), streams })
}

/// `/api/v1/streams/<path>`.
pub(crate) async fn stream(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let path = parts.uri.path().strip_prefix("/api/v1/streams/").and_then(|path| path.parse::<Path>().ok());
    let unknown = || Problem::not_found("no such stream").into_response();
    let Some(path) = path else { return unknown() };
    if let Err(refusal) = access::watch(&house, &path, &parts).await {
        return refusal;
    }
    match house.hub.broadcast(&path) {
        Some(broadcast) => {
            let stream = tell(&house, &broadcast, &house.demand.renditions(), Instant::now());
            json(&StreamNow { now: when(SystemTime::now()), stream })
        }
        None => unknown(),
    }
}

fn tell(house: &House, broadcast: &Broadcast, renditions: &[Rendition], now: Instant) -> Stream {
    let carried = house.carried.as_ref().map(|carried| carried(broadcast));
    Stream::of(broadcast, carried, renditions, now)
}

/// `/api/v1/transcodes`: what is being made of streams that the caller may watch, and how it does.
pub(crate) async fn transcodes(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let now = Instant::now();
    let seen = visible(&house, &parts).await;
    let of = |rendition: &Rendition| {
        let broadcast = seen.iter().find(|broadcast| *broadcast.path() == rendition.path)?;
        Some(Transcode::of(broadcast, rendition, now))
    };
    let transcodes = house.demand.renditions().iter().filter_map(of).collect();
    json(&Transcodes { now: when(SystemTime::now()), transcodes })
}

/// `/api/v1/server`: what a publisher has to know.
pub(crate) async fn server(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let publish_needs_key = match FIRST_PATH.parse() {
        Ok(path) => access::publish_needs_key(&house, path, &parts).await,
        Err(_) => true,
    };
    let About { version, rtmp_port, rtmps_port, https_port, webrtc } = house.about;
    json(&Server {
        now: when(SystemTime::now()),
        version,
        rtmp_port,
        rtmps_port,
        https_port,
        webrtc,
        publish_needs_key,
    })
}

/// `/api/openapi.json`.
pub(crate) async fn document() -> Response<Body> {
    let mut response = Response::new(Body::from(DOCUMENT));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, Keep::Revalidate.to_header(true));
    response
}

/// The broadcasts that this caller may watch: of others not even the name is told.
pub(crate) async fn visible(house: &House, request: &Parts) -> Vec<Broadcast> {
    let mut seen = Vec::new();
    for broadcast in house.hub.broadcasts() {
        if access::watch(house, broadcast.path(), request).await.is_ok() {
            seen.push(broadcast);
        }
    }
    seen
}
