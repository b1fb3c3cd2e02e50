//! What the API tells of sessions: to those who may publish there, for a session tells where somebody is.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use serde::Serialize;

use super::access;
use crate::entry::Entry;
use crate::gateway::Gateway;

#[derive(Serialize)]
struct Sessions {
    /// One for each thread of viewers.
    load: Vec<Load>,
    sessions: Vec<Session>,
}

#[derive(Serialize)]
struct Load {
    /// `calm`, `full` (newcomers are sent away) or `overloaded`.
    state: &'static str,
    /// The share of its time that it has something to do.
    busy: f64,
    /// Viewers that are sent a smaller picture than they could have.
    degraded: usize,
}

#[derive(Serialize)]
struct Session {
    path: String,
    role: &'static str,
    since: String,
    /// Where its request came from.
    peer: String,
    /// `connecting`, `connected` or `ended`.
    state: &'static str,
    /// How far it came: `offered`, `checked`, `handshaking`, `connected`.
    step: &'static str,
    /// Where its media comes from or goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    checks: u32,
    bitrate_bps: u64,
    loss: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
    /// Why it ended, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// It ended because something failed.
    failed: bool,
}

/// `/api/v1/webrtc/sessions`: those that are, and those that ended a moment ago.
pub(crate) async fn sessions(State(gateway): State<Gateway>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let mut sessions = Vec::new();
    for entry in gateway.registry().all(Instant::now()) {
        if access::may_publish(&gateway, &entry.path, &parts).await {
            sessions.push(Session::of(&entry));
        }
    }
    let load = gateway.pressures().iter().map(|it| Load {
        state: it.state().as_str(),
        busy: it.busy(),
        degraded: it.degraded(),
    });
    let load = load.collect();
    let text = serde_json::to_vec(&Sessions { load, sessions }).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Session {
    fn of(entry: &Entry) -> Self {
        let standing = entry.standing();
        let progress = &standing.progress;
        let end = standing.end.as_ref().map(|(_, end)| end);
        let step = match () {
            () if progress.is_secured => "connected",
            () if progress.heard_dtls => "handshaking",
            () if progress.road.is_some() => "checked",
            () => "offered",
        };
        let state = match end {
            Some(_) => "ended",
            None if progress.is_secured => "connected",
            None => "connecting",
        };
        Self {
            path: entry.path.to_string(),
            role: entry.role.as_str(),
            since: humantime::format_rfc3339_millis(entry.began).to_string(),
            peer: entry.peer.to_string(),
            state,
            step,
            address: progress.road.map(|road| road.remote).or(progress.stranger).map(|from| from.to_string()),
            transport: progress.road.map(|road| if road.is_tcp { "tcp" } else { "udp" }),
            checks: progress.checks.valid,
            bitrate_bps: standing.bitrate_bps,
            loss: standing.loss,
            remark: standing.remark.clone(),
            why: end.map(ToString::to_string),
            failed: end.is_some_and(|end| end.is_failure()),
        }
    }
}
