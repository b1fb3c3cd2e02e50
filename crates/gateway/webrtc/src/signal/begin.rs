//! A POST: from an offer to an answer, and a session that waits for its peer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use media::Path;
use proto::webrtc::negotiate::{Ours, Refusal, Terms, accept_publisher};
use proto::webrtc::receive::{Receiver, Settings};
use proto::webrtc::transport::{Begin, Transport};
use tokio::sync::oneshot;
use tracing::{info, info_span, warn};
use wire::sdp::Description;

use super::answer::Problem;
use super::{access, body, peer};
use crate::door::{Full, Seat};
use crate::end::End;
use crate::entry::{Entrance, Entry, NewEntry, Role};
use crate::figures;
use crate::gateway::Gateway;
use crate::ingest::{Ingest, claim};
use crate::random::{self, NoRandomness};
use crate::session::{Flow, Session};
use crate::shard::Request;

/// When a client that was sent away for want of room may try again, seconds.
const RETRY_SECS: u32 = 5;

/// Answers an offer.
pub(crate) async fn begin(
    gateway: &Gateway,
    role: Role,
    path: Path,
    parts: &Parts,
    body: Body,
) -> Result<Response<Body>, Problem> {
    let span = info_span!("offer", proto = role.as_str(), peer = %peer(parts), stream = %path);
    let outcome = try_begin(gateway, role, &path, parts, body).await;
    if let Err(problem) = &outcome {
        if role == Role::Whip {
            figures::refused(problem.status.canonical_reason().unwrap_or("other"));
        }
        // The sentence is the one that the client gets; it holds nothing secret.
        span.in_scope(|| warn!(status = problem.status.as_u16(), reason = problem.detail, "refused"));
    }
    outcome
}

async fn try_begin(
    gateway: &Gateway,
    role: Role,
    path: &Path,
    parts: &Parts,
    body: Body,
) -> Result<Response<Body>, Problem> {
    if gateway.stop().is_cancelled() {
        let stopping = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping");
        return Err(stopping.retry_after(RETRY_SECS));
    }
    let entrance = access::enter(gateway, role, path, parts).await?;
    if body::content_type(parts) != "application/sdp" {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "an offer comes as application/sdp"));
    }
    let text = body::text(body).await?;
    let offer = Description::parse(&text)
        .map_err(|bad| Problem::new(StatusCode::BAD_REQUEST, format!("this is no session description: {bad}")))?;
    let peer = peer(parts);
    let seat = gateway.door().enter(peer).map_err(|full| turned_away(role, full))?;
    match role {
        Role::Whip => publish(gateway, path, peer, entrance, seat, &offer).await,
        Role::Whep => Err(Problem::new(StatusCode::NOT_IMPLEMENTED, "watching by WebRTC is not there yet")),
    }
}

async fn publish(
    gateway: &Gateway,
    path: &Path,
    peer: IpAddr,
    entrance: Entrance,
    seat: Seat,
    offer: &Description,
) -> Result<Response<Body>, Problem> {
    let ours = ours(gateway)?;
    let (terms, answer) = accept_publisher(offer, &ours).map_err(refused)?;
    let publisher = claim(gateway.hub(), path, peer).await.map_err(|refusal| match refusal {
        hub::Refusal::Busy => Problem::new(StatusCode::CONFLICT, refusal.to_string()).retry_after(RETRY_SECS),
        hub::Refusal::Full(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, refusal.to_string()).retry_after(RETRY_SECS)
        }
    })?;
    figures::publishes();
    let now = Instant::now();
    let settings = Settings { ssrc: random::ssrc().map_err(no_randomness)?, ..Settings::default() };
    let ingest = Ingest::new(publisher, Receiver::new(&terms, settings, now));
    let who = Who { role: Role::Whip, path, peer, entrance };
    open(gateway, who, seat, &ours, &terms, Flow::In(Box::new(ingest)), answer.to_string(), now).await
}

struct Who<'a> {
    role: Role,
    path: &'a Path,
    peer: IpAddr,
    entrance: Entrance,
}

/// Gives the session to its shard and the answer to the client.
#[expect(clippy::too_many_arguments, reason = "everything that a session is made of comes together here, once")]
async fn open(
    gateway: &Gateway,
    who: Who<'_>,
    seat: Seat,
    ours: &Ours,
    terms: &Terms,
    flow: Flow,
    answer: String,
    now: Instant,
) -> Result<Response<Body>, Problem> {
    let Who { role, path, peer, entrance } = who;
    let begin = Begin {
        identity: gateway.identity(),
        credentials: ours.credentials.clone(),
        their_ufrag: &terms.their_ufrag,
        fingerprint: terms.fingerprint.clone(),
        is_dtls_client: terms.is_dtls_client,
        patience: gateway.config().connect_timeout,
        media_is_life: role == Role::Whip,
    };
    let transport = Transport::new(begin, now);
    let target = gateway.next_target();
    let entry = Entry::new(NewEntry {
        target,
        role,
        path: path.clone(),
        peer,
        entrance,
        their_ufrag: terms.their_ufrag.clone(),
    });
    let entry = Arc::new(entry.map_err(no_randomness)?);
    let span = info_span!("session", proto = role.as_str(), conn = target.id, %peer, stream = %path);
    span.in_scope(|| info!(role = if role == Role::Whip { "publisher" } else { "viewer" }, "offered"));
    let session = Session::new(entry.clone(), transport, flow, seat, span, now);
    gateway.registry().add(entry.clone());
    let abandoned = Abandon { gateway, entry: Some(entry.clone()) };
    if !gateway.ask(target.shard, Request::Open(Box::new(session))).await {
        gateway.registry().remove(&entry.token);
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping").retry_after(RETRY_SECS));
    }
    abandoned.kept();
    created(&entry, answer)
}

/// A client that leaves before it is answered leaves no session behind.
struct Abandon<'a> {
    gateway: &'a Gateway,
    entry: Option<Arc<Entry>>,
}

impl Abandon<'_> {
    fn kept(mut self) {
        self.entry = None;
    }
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            let now = Instant::now();
            entry.note(|standing| standing.end = Some((now, End::Abandoned)));
            self.gateway.registry().over(&entry.token, now);
        }
    }
}

fn created(entry: &Entry, answer: String) -> Result<Response<Body>, Problem> {
    let mut response = Response::new(Body::from(answer));
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/sdp"));
    headers.insert(LOCATION, header(entry.location())?);
    headers.insert(ETAG, header(entry.ice().etag)?);
    headers
        .insert(HeaderName::from_static("accept-patch"), HeaderValue::from_static("application/trickle-ice-sdpfrag"));
    Ok(response)
}

pub(crate) fn header(text: String) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(text).map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no header could be made"))
}

/// What this server says of itself in one answer.
fn ours(gateway: &Gateway) -> Result<Ours, Problem> {
    Ok(Ours {
        session: random::session().map_err(no_randomness)?,
        credentials: random::credentials().map_err(no_randomness)?,
        fingerprint: gateway.identity().fingerprint(),
        candidates: gateway.candidates(),
    })
}

pub(crate) fn no_randomness(error: NoRandomness) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn refused(refusal: Refusal) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.to_string())
}

fn turned_away(role: Role, full: Full) -> Problem {
    let (limit, status, detail) = match full {
        Full::Total => ("total", StatusCode::SERVICE_UNAVAILABLE, "the server has as many sessions as it may"),
        Full::Address => (
            "address",
            StatusCode::TOO_MANY_REQUESTS,
            "too many sessions from this address are waiting to be connected",
        ),
    };
    figures::turned_away(role, limit);
    Problem::new(status, detail).retry_after(RETRY_SECS)
}

/// Ends a session and waits until it has ended.
pub(crate) async fn end(gateway: &Gateway, entry: &Entry, end: End) {
    let (reply, ended) = oneshot::channel();
    if gateway.ask(entry.target.shard, Request::Close { id: entry.target.id, end, reply }).await {
        // An error means that the shard is gone, and the session with it.
        let _ = ended.await;
    }
}
