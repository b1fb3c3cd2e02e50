//! For those who run the server: is it alive, may it get more work, and its figures.

use std::fmt::{self, Write};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use hub::{Broadcast, Rendition, State as Standing, Stats, TrackStats};

use crate::House;
use crate::answer::{Keep, Problem};
use crate::api::visible;
use crate::api_model::{doing, name};
use crate::process::Process;

/// `/healthz`: the process answers.
pub(crate) async fn healthz() -> Response<Body> {
    text("ok\n".to_owned(), "text/plain; charset=utf-8")
}

/// `/readyz`: it takes new work, which it does not while it is asked to stop (F15).
pub(crate) async fn readyz(State(house): State<House>) -> Response<Body> {
    if house.stop.is_cancelled() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping").into_response();
    }
    text("ready\n".to_owned(), "text/plain; charset=utf-8")
}

/// `/metrics`: what was counted, and how things stand now. Streams that the caller may not watch have no lines of
/// their own.
pub(crate) async fn metrics(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let mut page = house.metrics.render();
    let now = Instant::now();
    let seen: Vec<_> = visible(&house, &parts).await.into_iter().map(|one| (one.stats(now), one)).collect();
    // Writing into a text does not fail.
    let _ = broadcasts(&mut page, &house.hub.broadcasts());
    let _ = tracks(&mut page, &seen);
    let _ = renditions(&mut page, &seen, &house.demand.renditions());
    let _ = process(&mut page, Process::now());
    text(page, "text/plain; version=0.0.4; charset=utf-8")
}

fn text(body: String, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, Keep::Never.to_header(true));
    response
}

fn broadcasts(page: &mut String, all: &[Broadcast]) -> fmt::Result {
    writeln!(page, "# HELP onair_broadcasts Broadcasts by how they stand.\n# TYPE onair_broadcasts gauge")?;
    [Standing::Live, Standing::Away].iter().try_for_each(|standing| {
        let count = all.iter().filter(|broadcast| broadcast.state() == *standing).count();
        writeln!(page, "onair_broadcasts{{state=\"{}\"}} {count}", name(*standing))
    })
}

/// One figure of a track: its name, what it means, its type and where it stands.
type Figure = (&'static str, &'static str, &'static str, fn(&TrackStats) -> u64);

const FIGURES: [Figure; 6] = [
    ("onair_track_frames_total", "Frames that came in.", "counter", |track| track.frames),
    ("onair_track_bytes_total", "Their payload.", "counter", |track| track.bytes),
    ("onair_track_bits_per_second", "Payload over the last seconds.", "gauge", |track| track.bitrate_bps),
    ("onair_track_dropped_frames_total", "Frames that could not be used.", "counter", |track| track.drops.total()),
    ("onair_track_restamped_frames_total", "Frames whose time was put right.", "counter", |track| track.restamped),
    ("onair_track_readers", "Readers inside the server.", "gauge", |track| track.subscribers as u64),
];

/// Paths and track names need no escaping in labels. Lines come and go with their streams, so they are never many.
fn tracks(page: &mut String, seen: &[(Stats, Broadcast)]) -> fmt::Result {
    for (figure, help, kind, value) in FIGURES {
        writeln!(page, "# HELP {figure} {help}\n# TYPE {figure} {kind}")?;
        for (stats, broadcast) in seen {
            for track in &stats.tracks {
                let (path, name) = (broadcast.path(), track.track.name());
                writeln!(page, "{figure}{{stream=\"{path}\",track=\"{name}\"}} {}", value(track))?;
            }
        }
    }
    let figure = "onair_broadcast_discontinuities_total";
    writeln!(page, "# HELP {figure} Breaks of the timeline.\n# TYPE {figure} counter")?;
    seen.iter().try_for_each(|(stats, broadcast)| {
        writeln!(page, "{figure}{{stream=\"{}\"}} {}", broadcast.path(), stats.discontinuities)
    })
}

/// One figure of a rendition.
type Making = (&'static str, &'static str, fn(&Rendition) -> u64);

const MADE: [Making; 3] = [
    ("onair_rendition_frames_total", "Frames made.", |rendition| rendition.frames),
    ("onair_rendition_dropped_frames_total", "Frames left out on the way.", |rendition| rendition.dropped),
    ("onair_rendition_restarts_total", "Times that its making failed and began again.", |rendition| rendition.restarts),
];

fn renditions(page: &mut String, seen: &[(Stats, Broadcast)], all: &[Rendition]) -> fmt::Result {
    let is_seen = |rendition: &&Rendition| seen.iter().any(|(_, broadcast)| *broadcast.path() == rendition.path);
    let all: Vec<_> = all.iter().filter(is_seen).collect();
    for (figure, help, value) in MADE {
        writeln!(page, "# HELP {figure} {help}\n# TYPE {figure} counter")?;
        for rendition in &all {
            let (path, name) = (&rendition.path, rendition.track.name());
            writeln!(page, "{figure}{{stream=\"{path}\",track=\"{name}\"}} {}", value(rendition))?;
        }
    }
    let figure = "onair_rendition_delay_seconds";
    writeln!(page, "# HELP {figure} From a frame of its source to a frame of it, of late.\n# TYPE {figure} gauge")?;
    for Rendition { path, track, delay, .. } in &all {
        if let Some(delay) = delay {
            let (name, delay) = (track.name(), delay.as_secs_f64());
            writeln!(page, "{figure}{{stream=\"{path}\",track=\"{name}\",quantile=\"0.95\"}} {delay}")?;
        }
    }
    let figure = "onair_rendition_state";
    writeln!(page, "# HELP {figure} 1, with what is being done for it.\n# TYPE {figure} gauge")?;
    all.iter().try_for_each(|Rendition { path, track, making, .. }| {
        writeln!(page, "{figure}{{stream=\"{path}\",track=\"{}\",state=\"{}\"}} 1", track.name(), doing(*making))
    })
}

fn process(page: &mut String, process: Process) -> fmt::Result {
    let Process { resident_bytes, threads, cpu_secs, open_fds } = process;
    let whole = |value: Option<u64>| value.map(|value| value as f64);
    let figures = [
        ("process_resident_memory_bytes", "gauge", whole(resident_bytes)),
        ("process_threads", "gauge", whole(threads)),
        ("process_open_fds", "gauge", whole(open_fds)),
        ("process_cpu_seconds_total", "counter", cpu_secs),
    ];
    figures
        .iter()
        .filter_map(|(name, kind, value)| Some((name, kind, (*value)?)))
        .try_for_each(|(name, kind, value)| writeln!(page, "# TYPE {name} {kind}\n{name} {value}"))
}
