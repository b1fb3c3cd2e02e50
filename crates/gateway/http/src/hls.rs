//! Playlists: the multivariant one, and media playlists with reloads that wait for what they ask.

use std::sync::Arc;
use std::time::Duration;

use ::media::Path;
use ::package::hls::{Decision, Directives, INDEX, Media, Multivariant, Rendered, Variant, decide, has_place};
use ::package::{Presentation, Rendition, Window};
use axum::body::Body;
use axum::extract::{Request, State};
use futures_util::future::select_all;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use metrics::counter;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::House;
use crate::access::{self, Entry};
use crate::answer::{Keep, Problem};
use crate::parked::Parked;

/// How long a stream that has begun may take to show its first segment.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long a player waits for rungs that have just begun.
const RUNGS: Duration = Duration::from_secs(6);
/// For how many target durations a reload is parked (H35).
const PARKED_TARGETS: u32 = 3;

const UNKNOWN: Problem = Problem::not_found("no such playlist");
const NOT_FOR_HLS: Problem = Problem::not_found("HLS has no place for the codecs of this stream");
const NOT_YET: Problem = Problem::not_found("the stream has begun, but there is nothing to show yet").retry_after(1);

/// `/hls/<path>/<file>`.
pub(crate) async fn playlist(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    match answer(&house, &parts).await {
        Ok(response) | Err(response) => response,
    }
}

async fn answer(house: &House, request: &Parts) -> Result<Response<Body>, Response<Body>> {
    let unknown = || UNKNOWN.into_response();
    let rest = request.uri.path().strip_prefix("/hls/").ok_or_else(unknown)?;
    let (path, file) = rest.rsplit_once('/').ok_or_else(unknown)?;
    let path: Path = path.parse().map_err(|_| unknown())?;
    let entry = access::watch(house, &path, request).await?;
    let deadline = Instant::now() + PATIENCE;
    watched(house, &path);
    let served = match file.strip_suffix(".m3u8") {
        _ if file == INDEX => multivariant(house, &path, &entry, deadline).await,
        Some(name) => media(house, &path, name, &entry, request, deadline).await,
        None => Err(UNKNOWN),
    };
    let Served { rendered, keep_secs } = served.map_err(Problem::into_response)?;
    Ok(write(&rendered, keep_secs, &entry, request))
}

/// A playlist and for how many seconds it may be kept.
struct Served {
    rendered: Arc<Rendered>,
    keep_secs: u32,
}

fn write(rendered: &Rendered, keep_secs: u32, entry: &Entry, request: &Parts) -> Response<Body> {
    let gzip = accepts_gzip(request);
    let mut response = Response::new(Body::from(if gzip { rendered.gzip() } else { rendered.plain.clone() }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.apple.mpegurl"));
    headers.insert(CACHE_CONTROL, Keep::Secs(keep_secs).to_header(entry.is_open()));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether `gzip` is named in `Accept-Encoding` and not refused by `q=0`.
pub(crate) fn accepts_gzip(request: &Parts) -> bool {
    accepts(request, "gzip")
}

/// Whether a coding is named in `Accept-Encoding` and not refused by `q=0`.
pub(crate) fn accepts(request: &Parts, coding: &str) -> bool {
    let values = request.headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let mut words = item.split(';').map(str::trim);
        let is_named = words.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let is_refused =
            words.filter_map(|word| word.strip_prefix("q=")).any(|q| q.trim_matches(['0', '.']).is_empty());
        is_named && !is_refused
    })
}

/// Half a target duration, at least a second (H38).
fn half_target(window: &Window) -> u32 {
    (window.target_duration_secs / 2).max(1)
}

async fn multivariant(house: &House, path: &Path, entry: &Entry, deadline: Instant) -> Result<Served, Problem> {
    let presentation = presentation(house, path, deadline).await?;
    let keep_secs = half_target(&*first_window(&presentation, deadline).await?);
    promised(house, path, &presentation).await;
    // Rises with every change of any rendition.
    let renditions = presentation.renditions.borrow().clone();
    if !renditions.iter().any(|rendition| has_place(&rendition.track.borrow().codec)) {
        return Err(NOT_FOR_HLS);
    }
    let versions = renditions.iter().map(|rendition| rendition.window.borrow().version);
    let version = versions.fold(0, u64::saturating_add);
    let variant = Variant { skip: false, key: entry.query_key() };
    let rendered = presentation.playlists.rendered(version, variant, || {
        counter!("onair_hls_playlists_rendered_total", "kind" => "multivariant").increment(1);
        Rendered::new(Multivariant::of(&presentation, variant.key))
    });
    Ok(Served { rendered, keep_secs })
}

/// Whoever makes renditions for viewers hears that there is one.
pub(crate) fn watched(house: &House, path: &Path) {
    if let Some(broadcast) = house.hub.broadcast(path) {
        house.demand.watched(&broadcast);
    }
}

/// Waits for rungs that begin just now: players ask once and for all which there are.
async fn promised(house: &House, path: &Path, presentation: &Presentation) {
    let Some(broadcast) = house.hub.broadcast(path) else { return };
    let names: Vec<String> = house.demand.promised(&broadcast).iter().map(|id| format!("v{}", id.0)).collect();
    if names.is_empty() {
        return;
    }
    let mut renditions = presentation.renditions.clone();
    let are_there =
        |list: &Arc<Vec<Arc<Rendition>>>| names.iter().all(|name| list.iter().any(|rendition| rendition.name == *name));
    // Late is no reason to refuse.
    let _ = until(&mut renditions, Instant::now() + RUNGS, are_there).await;
}

/// The presentation of a path; of one that is live but has none yet, as soon as it has.
pub(crate) async fn presentation(house: &House, path: &Path, deadline: Instant) -> Result<Arc<Presentation>, Problem> {
    let mut placed = house.library.placed();
    loop {
        placed.borrow_and_update();
        if let Some(presentation) = house.library.presentation(path) {
            return Ok(presentation);
        }
        if house.hub.broadcast(path).is_none() {
            return Err(UNKNOWN);
        }
        if !matches!(timeout_at(deadline, placed.changed()).await, Ok(Ok(()))) {
            return Err(NOT_YET);
        }
    }
}

/// A window with something to show, of any rendition, as soon as there is one (H5).
async fn first_window(presentation: &Presentation, deadline: Instant) -> Result<Arc<Window>, Problem> {
    as_soon_as(presentation, deadline, |windows| windows.iter().find(|window| shows(window)).cloned()).await
}

/// What `look` finds in the windows of a presentation, as soon as it finds something.
pub(crate) async fn as_soon_as<T>(
    presentation: &Presentation,
    deadline: Instant,
    look: impl Fn(&[Arc<Window>]) -> Option<T>,
) -> Result<T, Problem> {
    let mut renditions = presentation.renditions.clone();
    loop {
        let list = renditions.borrow_and_update().clone();
        let mut readers: Vec<_> = list.iter().map(|rendition| rendition.window.clone()).collect();
        let windows: Vec<_> = readers.iter_mut().map(|window| window.borrow_and_update().clone()).collect();
        if let Some(found) = look(&windows) {
            return Ok(found);
        }
        // A window whose writer is gone changes no more.
        readers.retain(|window| window.has_changed().is_ok());
        let any_change = async {
            if readers.is_empty() {
                return renditions.changed().await;
            }
            tokio::select! {
                change = renditions.changed() => change,
                (change, ..) = select_all(readers.iter_mut().map(|window| Box::pin(window.changed()))) => change,
            }
        };
        if !matches!(timeout_at(deadline, any_change).await, Ok(Ok(()))) {
            return Err(NOT_YET);
        }
    }
}

/// Enough to begin with: players know no list without a segment.
fn shows(window: &Arc<Window>) -> bool {
    !window.segments.is_empty() || window.ended
}

async fn media(
    house: &House,
    path: &Path,
    name: &str,
    entry: &Entry,
    request: &Parts,
    deadline: Instant,
) -> Result<Served, Problem> {
    let query = request.uri.query().unwrap_or_default();
    let directives = Directives::parse(query).map_err(|_| malformed(house, path, name))?;
    let presentation = presentation(house, path, deadline).await?;
    let rendition = rendition(&presentation, name, deadline).await?;
    let mut windows = rendition.window.clone();
    let window = until(&mut windows, deadline, shows).await.ok_or(NOT_YET)?;

    let target_secs = window.target_duration_secs;
    let blocking = directives.is_blocking();
    let keep_secs = if blocking { 6 * target_secs } else { half_target(&window) };
    let window = match decide(&window, &directives) {
        Decision::Serve => window,
        _ => reload(&mut windows, &directives, target_secs).await?,
    };
    let variant = Variant { skip: directives.skip, key: entry.query_key() };
    let rendered = rendition.playlists.rendered(window.version, variant, || {
        counter!("onair_hls_playlists_rendered_total", "kind" => "media").increment(1);
        render(&presentation, &rendition, &window, variant)
    });
    Ok(Served { rendered, keep_secs })
}

/// At once, and kept for four target durations where there is one (H34, H38).
fn malformed(house: &House, path: &Path, name: &str) -> Problem {
    let problem = Problem::new(StatusCode::BAD_REQUEST, "malformed _HLS_ directives");
    let presentation = house.library.presentation(path);
    let target_secs = presentation.and_then(|presentation| {
        let renditions = presentation.renditions.borrow();
        let rendition = renditions.iter().find(|rendition| rendition.name == name)?;
        Some(rendition.window.borrow().target_duration_secs)
    });
    target_secs.map_or(problem, |target_secs| problem.kept(4 * target_secs))
}

/// The rendition of that name. Before a presentation shows any, nobody knows whether it will come.
async fn rendition(presentation: &Presentation, name: &str, deadline: Instant) -> Result<Arc<Rendition>, Problem> {
    let mut renditions = presentation.renditions.clone();
    let list = until(&mut renditions, deadline, |list| !list.is_empty()).await.ok_or(NOT_YET)?;
    let target_secs = list.first().map_or(1, |rendition| rendition.window.borrow().target_duration_secs);
    list.iter().find(|rendition| rendition.name == name).cloned().ok_or(UNKNOWN.kept(target_secs))
}

/// The value of a watch as soon as it is as wanted.
async fn until<T>(
    watch: &mut watch::Receiver<Arc<T>>,
    deadline: Instant,
    wanted: impl Fn(&Arc<T>) -> bool,
) -> Option<Arc<T>> {
    let found = timeout_at(deadline, watch.wait_for(wanted)).await;
    found.ok()?.ok().map(|value| value.clone())
}

/// Waits for a window that answers (H30, H31), for at most three target durations (H35).
async fn reload(
    windows: &mut watch::Receiver<Arc<Window>>,
    directives: &Directives,
    target_secs: u32,
) -> Result<Arc<Window>, Problem> {
    let _parked = Parked::begin("reload");
    let limit = Duration::from_secs(u64::from(target_secs * PARKED_TARGETS));
    let deadline = Instant::now() + limit;
    let window = until(windows, deadline, |window| decide(window, directives) != Decision::Wait).await;
    let Some(window) = window else {
        // A moment's state, unlike a 400: kept by nobody, or a publisher's return would be hidden by the cache.
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "nothing came for too long").retry_after(1));
    };
    match decide(&window, directives) {
        Decision::Refuse => Err(Problem::new(StatusCode::BAD_REQUEST, "too far ahead").kept(4 * target_secs)),
        _ => Ok(window),
    }
}

fn render(presentation: &Presentation, rendition: &Rendition, window: &Window, variant: Variant<'_>) -> Rendered {
    let all = presentation.renditions.borrow().clone();
    let others: Vec<_> = all
        .iter()
        .filter(|other| other.name != rendition.name)
        .map(|other| (other.name.as_str(), other.window.borrow().clone()))
        .collect();
    let Presentation { path, era, .. } = presentation;
    Rendered::new(Media { path, era, name: &rendition.name, window, others: &others, variant })
}
