//! A POST: from an offer to an answer, and a session that waits for its peer.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use http::header::{CONTENT_TYPE, ETAG, LINK, LOCATION};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use hub::Broadcast;
use media::{Kind, Path};
use proto::webrtc::negotiate::{Ours, Refusal, Terms, accept_answer, accept_publisher, accept_viewer, offer_viewer};
use proto::webrtc::receive::{Receiver, Settings};
use proto::webrtc::transport::{Begin, Transport};
use tokio::sync::oneshot;
use tokio::time::sleep;
use tracing::{info, info_span, warn};
use wire::sdp::Description;

use super::answer::{Problem, empty};
use super::events::TOPICS;
use super::watch::{Published, live, wanted};
use super::{access, body, peer};
use crate::door::{Full, Seat};
use crate::egress::Egress;
use crate::end::End;
use crate::entry::{Entrance, Entry, NewEntry, Role};
use crate::figures;
use crate::gateway::Gateway;
use crate::ingest::{Ingest, claim};
use crate::pending::{self, Pending};
use crate::random::{self, NoRandomness};
use crate::room::{self, Leases, Place, Rooms};
use crate::session::{Flow, Session};
use crate::shard::Request;
use crate::table::Target;

/// When a client that was sent away for want of room may try again, seconds.
const RETRY_SECS: u32 = 5;

/// What the publisher could do better where pictures are made anew for a viewer.
const REMADE: &str = "the publisher's pictures are made anew for this viewer, as WebRTC does not carry them as they are; that \
                      takes processor time and some quality: an encoder without B-frames that sends H.264 saves both (OBS: \
                      B-frames 0; x264: bframes=0 or tune=zerolatency)";

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
        return Err(stopping());
    }
    let entrance = access::enter(gateway, role, path, parts).await?;
    if body::content_type(parts) != "application/sdp" {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "an offer comes as application/sdp"));
    }
    let text = body::text(body).await?;
    let who = Who { path, peer: peer(parts), entrance };
    if role == Role::Whep && text.trim().is_empty() {
        return counter_offer(gateway, who).await;
    }
    let offer = description(&text)?;
    match role {
        Role::Whip => publish(gateway, who, &offer).await,
        Role::Whep => watch(gateway, who, &offer).await,
    }
}

/// Who comes, and how.
struct Who<'a> {
    path: &'a Path,
    peer: IpAddr,
    entrance: Entrance,
}

fn description(text: &str) -> Result<Description, Problem> {
    let bad = |bad| Problem::new(StatusCode::BAD_REQUEST, format!("this is no session description: {bad}"));
    Description::parse(text).map_err(bad)
}

async fn publish(gateway: &Gateway, who: Who<'_>, offer: &Description) -> Result<Response<Body>, Problem> {
    let seat = seat(gateway, Role::Whip, who.peer)?;
    let ours = ours(gateway)?;
    let (terms, answer) = accept_publisher(offer, &ours).map_err(refused)?;
    let publisher = claim(gateway.hub(), who.path, who.peer).await.map_err(|refusal| {
        let status = match refusal {
            hub::Refusal::Busy => StatusCode::CONFLICT,
            hub::Refusal::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Problem::new(status, refusal.to_string()).retry_after(RETRY_SECS)
    })?;
    figures::publishes();
    let now = Instant::now();
    let settings = Settings { ssrc: random::ssrc().map_err(no_randomness)?, ..Settings::default() };
    let flow = Flow::In(Box::new(Ingest::new(publisher, Receiver::new(&terms, settings, now))));
    let token = random::token().map_err(no_randomness)?;
    let opening = Opening {
        target: gateway.next_target(Role::Whip),
        token,
        who,
        seat,
        ours: &ours,
        terms: &terms,
        flow,
        remark: None,
        now,
    };
    let entry = open(gateway, opening).await?;
    created(gateway, &entry, answer.to_string())
}

async fn watch(gateway: &Gateway, who: Who<'_>, offer: &Description) -> Result<Response<Body>, Problem> {
    let broadcast = live(gateway, who.path, &wanted(offer)).await?;
    let seat = seat(gateway, Role::Whep, who.peer)?;
    let ours = ours(gateway)?;
    let accept = || accept_viewer(offer, &ours, &Published::of(&broadcast).available());
    let ((terms, answer), leases) = agreed(gateway, &broadcast, accept).await?;
    let token = random::token().map_err(no_randomness)?;
    let entry = view(gateway, (&broadcast, leases), token, who, seat, &ours, &terms).await?;
    created(gateway, &entry, answer.to_string())
}

/// What is agreed upon, and what is made for it: where WebRTC does not carry the publisher's pictures to this viewer (P18,
/// P19), it is asked again when they have been made anew.
async fn agreed<T>(
    gateway: &Gateway,
    broadcast: &Broadcast,
    accept: impl Fn() -> Result<T, Refusal>,
) -> Result<(T, Leases), Problem> {
    let mut leases = Leases { sound: room::opus(gateway, broadcast), pictures: None };
    let refusal = match accept() {
        Ok(terms) => return Ok((terms, leases)),
        Err(refusal) => refusal,
    };
    leases.pictures = room::pictures(gateway, broadcast);
    let Some(pictures) = &leases.pictures else { return Err(refused(refusal)) };
    room::begun(broadcast, pictures).await;
    Ok((accept().map_err(refused)?, leases))
}

/// Opens a viewer's session.
async fn view(
    gateway: &Gateway,
    (broadcast, leases): (&Broadcast, Leases),
    token: String,
    who: Who<'_>,
    seat: Seat,
    ours: &Ours,
    terms: &Terms,
) -> Result<Arc<Entry>, Problem> {
    let (target, now) = (gateway.next_target(Role::Whep), Instant::now());
    let remark = leases.pictures.as_ref().map(|_| REMADE);
    let place = Rooms::enter(gateway, broadcast, leases, target.shard);
    let seed = random::session().map_err(no_randomness)?;
    let flow = Flow::Out(Box::new(Egress::new(place, terms, seed, now)));
    open(gateway, Opening { target, token, who, seat, ours, terms, flow, remark, now }).await
}

/// A client without an offer gets one of ours to answer (E5).
async fn counter_offer(gateway: &Gateway, who: Who<'_>) -> Result<Response<Body>, Problem> {
    let broadcast = live(gateway, who.path, &[Kind::Audio, Kind::Video]).await?;
    let seat = seat(gateway, Role::Whep, who.peer)?;
    let ours = ours(gateway)?;
    let accept = || offer_viewer(&ours, &Published::of(&broadcast).available());
    let (offer, leases) = agreed(gateway, &broadcast, accept).await?;
    let token = random::token().map_err(no_randomness)?;
    let (text, number) = (offer.to_string(), ours.session);
    let Who { peer, entrance, .. } = who;
    gateway.offers().add(token.clone(), Pending { broadcast, leases, peer, entrance, ours, offer, seat });
    let (offers, forgotten) = (gateway.clone(), token.clone());
    tokio::spawn(async move {
        sleep(pending::PATIENCE).await;
        offers.offers().take(&forgotten);
    });
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::NOT_ACCEPTABLE;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/sdp"));
    headers.insert(LOCATION, header(format!("/whep/.session/{token}"))?);
    // The session is numbered when it is answered; whose this is does not matter to a relay.
    relays(gateway, number, headers)?;
    Ok(response)
}

/// The answer to an offer of ours (E6).
pub(crate) async fn answered(
    gateway: &Gateway,
    token: &str,
    parts: &Parts,
    body: Body,
) -> Result<Response<Body>, Problem> {
    if body::content_type(parts) != "application/sdp" {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "an answer comes as application/sdp"));
    }
    let answer = description(&body::text(body).await?)?;
    let gone = || Problem::new(StatusCode::NOT_FOUND, "there is no such session");
    let Pending { broadcast, leases, peer, entrance, ours, offer, seat } =
        gateway.offers().take(token).ok_or_else(gone)?;
    let terms = match accept_answer(&offer, &answer) {
        Ok(terms) => terms,
        Err(refusal) => {
            // It may try again as long as the offer stands.
            gateway.offers().add(token.to_owned(), Pending { broadcast, leases, peer, entrance, ours, offer, seat });
            return Err(refused(refusal));
        }
    };
    let path = broadcast.path().clone();
    let who = Who { path: &path, peer, entrance };
    let entry = view(gateway, (&broadcast, leases), token.to_owned(), who, seat, &ours, &terms).await?;
    let mut response = empty(StatusCode::NO_CONTENT);
    response.headers_mut().insert(ETAG, header(entry.ice().etag)?);
    extensions(&entry, response.headers_mut())?;
    Ok(response)
}

/// What a session is made of.
struct Opening<'a> {
    target: Target,
    token: String,
    who: Who<'a>,
    seat: Seat,
    ours: &'a Ours,
    terms: &'a Terms,
    flow: Flow,
    /// What is to be said of it beside what is missing.
    remark: Option<&'static str>,
    now: Instant,
}

/// Gives the session to its shard.
async fn open(gateway: &Gateway, opening: Opening<'_>) -> Result<Arc<Entry>, Problem> {
    let Opening { target, token, who, seat, ours, terms, flow, remark, now } = opening;
    let Who { path, peer, entrance } = who;
    let place: Option<&Place> = match &flow {
        Flow::In(_) => None,
        Flow::Out(egress) => Some(egress.place()),
    };
    let role = if place.is_some() { Role::Whep } else { Role::Whip };
    let mut told: Vec<_> = ours.candidates.iter().map(|candidate| candidate.address).collect();
    // UDP and TCP have the same.
    let mut seen = HashSet::new();
    told.retain(|address| seen.insert(*address));
    let transport = Transport::new(
        Begin {
            identity: gateway.identity(),
            credentials: ours.credentials.clone(),
            their_ufrag: &terms.their_ufrag,
            fingerprint: terms.fingerprint.clone(),
            is_dtls_client: terms.is_dtls_client,
            patience: gateway.config().connect_timeout,
            told,
            media_is_life: role == Role::Whip,
        },
        now,
    );
    let entry = Arc::new(Entry::new(NewEntry {
        target,
        token,
        role,
        path: path.clone(),
        peer,
        entrance,
        etag: random::etag().map_err(no_randomness)?,
        their_ufrag: terms.their_ufrag.clone(),
        room: place.map(|place| place.room.clone()),
        video_index: terms.media.iter().find(|media| media.kind == Kind::Video).map(|media| media.index),
    }));
    let remarks: Vec<&str> = terms.missing.iter().map(|missing| missing.why.as_str()).chain(remark).collect();
    if !remarks.is_empty() {
        entry.note(|standing| standing.remark = Some(remarks.join("; ")));
    }
    let span = info_span!("session", proto = role.as_str(), conn = target.id, %peer, stream = %path);
    span.in_scope(|| info!(remarks = (!remarks.is_empty()).then(|| remarks.join("; ")), "offered"));
    let session = Session::new(entry.clone(), transport, flow, seat, span, now);
    gateway.registry().add(entry.clone());
    let abandoned = Abandon { gateway, entry: Some(entry.clone()) };
    if !gateway.ask(target.shard, Request::Open(Box::new(session))).await {
        gateway.registry().remove(&entry.token);
        return Err(stopping());
    }
    abandoned.kept();
    Ok(entry)
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
            entry.finish(now, End::Abandoned);
            self.gateway.registry().over(&entry.token, now);
        }
    }
}

fn created(gateway: &Gateway, entry: &Entry, answer: String) -> Result<Response<Body>, Problem> {
    let mut response = Response::new(Body::from(answer));
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/sdp"));
    headers.insert(LOCATION, header(entry.location())?);
    headers.insert(ETAG, header(entry.ice().etag)?);
    let trickle = HeaderValue::from_static("application/trickle-ice-sdpfrag");
    headers.insert(HeaderName::from_static("accept-patch"), trickle);
    relays(gateway, entry.target.id, headers)?;
    extensions(entry, headers)?;
    Ok(response)
}

/// Who may help to find a way; one field for each server, and only for those who were let in (W14, W32).
fn relays(gateway: &Gateway, session: u64, headers: &mut HeaderMap) -> Result<(), Problem> {
    gateway.relays(session).try_for_each(|link| {
        headers.append(LINK, header(link)?);
        Ok(())
    })
}

/// What a viewer may do beyond watching; one field for each (E13, E18).
fn extensions(entry: &Entry, headers: &mut HeaderMap) -> Result<(), Problem> {
    if entry.role == Role::Whep {
        let (location, names) = (entry.location(), TOPICS.map(|topic| topic.as_str()).join(","));
        let urn = "urn:ietf:params:whep:ext:core";
        headers
            .append(LINK, header(format!("<{location}/sse>; rel=\"{urn}:server-sent-events\"; events=\"{names}\""))?);
        headers.append(LINK, header(format!("<{location}/layers>; rel=\"{urn}:layer\""))?);
    }
    Ok(())
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

fn stopping() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping").retry_after(RETRY_SECS)
}

fn refused(refusal: Refusal) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, refusal.to_string())
}

fn seat(gateway: &Gateway, role: Role, peer: IpAddr) -> Result<Seat, Problem> {
    let is_viewer = role == Role::Whep;
    if is_viewer && gateway.is_full() {
        figures::turned_away(role, "load");
        let detail = "the server has as much to do as it can bear";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY_SECS));
    }
    gateway.door().enter(peer, is_viewer).map_err(|full| {
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
    })
}

/// Ends a session and waits until it has ended.
pub(crate) async fn end(gateway: &Gateway, entry: &Entry, end: End) {
    let (reply, ended) = oneshot::channel();
    if gateway.ask(entry.target.shard, Request::Close { id: entry.target.id, end, reply }).await {
        // An error means that the shard is gone, and the session with it.
        let _ = ended.await;
    }
}
