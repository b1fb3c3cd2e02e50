//! CMAF bytes: inits, segments and parts, shared by every player and never copied for one.

use std::sync::Arc;
use std::time::Duration;

use ::media::{Kind, Path};
use ::package::hls::Address;
use ::package::{Found, Presentation, Rendition, Window};
use axum::body::Body;
use axum::extract::{Request, State};
use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::House;
use crate::access::{self, Entry};
use crate::answer::{Keep, Problem};
use crate::growing;
use crate::parked::Parked;
use crate::pieces::Pieces;
use crate::range::{Selection, select};

/// For how many target durations a request for the hinted part is parked.
const PARKED_TARGETS: u32 = 3;

const UNKNOWN: Problem = Problem::not_found("no such media");
const LATE: Problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "nothing came for too long").retry_after(1);

/// `/media/<path>/<era>/<file>`.
pub(crate) async fn bytes(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    match answer(&house, &parts).await {
        Ok(response) | Err(response) => response,
    }
}

async fn answer(house: &House, request: &Parts) -> Result<Response<Body>, Response<Body>> {
    let unknown = || UNKNOWN.into_response();
    let rest = request.uri.path().strip_prefix("/media/").ok_or_else(unknown)?;
    let (rest, file) = rest.rsplit_once('/').ok_or_else(unknown)?;
    let (path, era) = rest.rsplit_once('/').ok_or_else(unknown)?;
    let path: Path = path.parse().map_err(|_| unknown())?;
    let entry = access::watch(house, &path, request).await?;
    let address = Address::parse(file).map_err(|_| unknown())?;
    let presentation = house.library.presentation(&path).filter(|there| there.era == era).ok_or_else(unknown)?;
    let rendition = rendition(&presentation, address.rendition()).ok_or_else(unknown)?;
    let etag = format!("\"{era}.{file}\"");
    if let Address::Segment { msn, .. } = address
        && begun(&rendition, msn).await.map_err(Problem::into_response)?
    {
        return Ok(write_growing(rendition, msn, &etag, &entry));
    }
    let pieces = find(&rendition, &address).await.map_err(Problem::into_response)?;
    Ok(write(pieces, rendition.track.borrow().kind(), &etag, &entry, request))
}

fn rendition(presentation: &Presentation, name: &str) -> Option<Arc<Rendition>> {
    presentation.renditions.borrow().iter().find(|rendition| rendition.name == name).cloned()
}

async fn find(rendition: &Rendition, address: &Address<'_>) -> Result<Pieces, Problem> {
    let pieces = match *address {
        Address::Init { number, .. } => vec![rendition.init(number).ok_or(UNKNOWN)?.bytes.clone()],
        Address::Segment { msn, .. } => await_next(rendition, || rendition.segment(msn)).await?,
        Address::Part { msn, part, .. } => {
            let found = || match rendition.part(msn, part) {
                Found::Here(bytes) => Found::Here(vec![bytes]),
                Found::Next => Found::Next,
                Found::Nowhere => Found::Nowhere,
            };
            await_next(rendition, found).await?
        }
    };
    Ok(Pieces::of(pieces))
}

/// Whether the segment is in the making, with something of it there (D7). For the one after it, waits until it begins.
async fn begun(rendition: &Rendition, msn: u64) -> Result<bool, Problem> {
    let mut windows = rendition.window.clone();
    let deadline = Instant::now() + patience(&windows.borrow());
    let mut parked = None;
    loop {
        let window = windows.borrow_and_update().clone();
        let newest = window.segments.iter().chain(&window.open).next_back();
        let next = newest.map(|newest| newest.msn.saturating_add(1));
        match &window.open {
            Some(open) if open.msn == msn && !open.parts.is_empty() => return Ok(true),
            Some(open) if open.msn == msn => {}
            _ if next == Some(msn) && !window.ended => {}
            _ => return Ok(false),
        }
        parked.get_or_insert_with(|| Parked::begin("segment"));
        match timeout_at(deadline, windows.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(UNKNOWN),
            Err(_) => return Err(LATE),
        }
    }
}

/// For how long something is waited for.
fn patience(window: &Window) -> Duration {
    Duration::from_secs(u64::from(window.target_duration_secs.saturating_mul(PARKED_TARGETS)))
}

/// Waits for what was hinted until it is whole (H27). What is no longer hinted, or never was, is unknown at once.
async fn await_next(rendition: &Rendition, find: impl Fn() -> Found<Vec<Bytes>>) -> Result<Vec<Bytes>, Problem> {
    let mut windows: watch::Receiver<_> = rendition.window.clone();
    let deadline = Instant::now() + patience(&windows.borrow_and_update());
    let mut parked = None;
    loop {
        match find() {
            Found::Here(bytes) => return Ok(bytes),
            Found::Nowhere => return Err(UNKNOWN),
            Found::Next => {}
        }
        parked.get_or_insert_with(|| Parked::begin("part"));
        match timeout_at(deadline, windows.changed()).await {
            Ok(Ok(())) => drop(windows.borrow_and_update()),
            Ok(Err(_)) => return Err(UNKNOWN),
            Err(_) => return Err(LATE),
        }
    }
}

/// Of a segment in the making the length is not known, so there is none, and no range of it (D7).
fn write_growing(rendition: Arc<Rendition>, msn: u64, etag: &str, entry: &Entry) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, Keep::Forever.to_header(entry.is_open()));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(ETAG, etag);
    }
    headers.insert(CONTENT_TYPE, content_type(rendition.track.borrow().kind()));
    let patience = patience(&rendition.window.borrow());
    *response.body_mut() = growing::body(rendition, msn, patience);
    response
}

fn content_type(kind: Kind) -> HeaderValue {
    HeaderValue::from_static(match kind {
        Kind::Video => "video/mp4",
        Kind::Audio => "audio/mp4",
    })
}

fn write(pieces: Pieces, kind: Kind, etag: &str, entry: &Entry, request: &Parts) -> Response<Body> {
    let header = |name| request.headers.get(name).map(HeaderValue::as_bytes);
    let len = pieces.len();
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, Keep::Forever.to_header(entry.is_open()));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(ETAG, etag);
    }
    if header(IF_NONE_MATCH).is_some_and(|known| known == etag.as_bytes() || known == b"*") {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    // The tag is strong: with another one, the client holds parts of something else.
    let range = header(RANGE).filter(|_| header(IF_RANGE).is_none_or(|known| known == etag.as_bytes()));
    let (pieces, range) = match range.map_or(Selection::Whole, |range| select(range, len)) {
        Selection::Whole => (pieces, None),
        Selection::Slice(range) => (pieces.slice(range.clone()), Some(range)),
        Selection::Unsatisfiable => return unsatisfiable(len),
    };
    headers.insert(CONTENT_TYPE, content_type(kind));
    if let Some(range) = range {
        let text = format!("bytes {}-{}/{len}", range.start, range.end.saturating_sub(1));
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    *response.body_mut() = Body::new(pieces);
    response
}

fn unsatisfiable(len: usize) -> Response<Body> {
    let mut response = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "one range within the body").into_response();
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{len}")) {
        response.headers_mut().insert(CONTENT_RANGE, value);
    }
    response
}
