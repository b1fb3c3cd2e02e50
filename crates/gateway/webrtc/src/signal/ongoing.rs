//! What a client asks of a session that it has: late candidates, another ICE session, the end.

use axum::body::Body;
use http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use tokio::sync::oneshot;
use wire::sdp::Fragment;

use super::answer::{Problem, empty};
use super::begin::{end, header, no_randomness};
use super::body;
use crate::end::End;
use crate::entry::{Entry, Ice};
use crate::gateway::Gateway;
use crate::random;
use crate::shard::Request;

/// Ends it. One that its client has left already is ended all the same, once (W6, W8); `If-Match` does not matter (W7).
pub(crate) async fn delete(gateway: &Gateway, entry: &Entry) -> Result<Response<Body>, Problem> {
    if !entry.is_over() {
        end(gateway, entry, End::Deleted).await;
    }
    gateway.registry().remove(&entry.token);
    Ok(empty(StatusCode::OK))
}

/// Late candidates, or an ICE restart (RFC 9725 §4.3).
pub(crate) async fn patch(
    gateway: &Gateway,
    entry: &Entry,
    parts: &Parts,
    body: Body,
) -> Result<Response<Body>, Problem> {
    if body::content_type(parts) != "application/trickle-ice-sdpfrag" {
        let detail = "a session takes application/trickle-ice-sdpfrag; what was agreed on does not change";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let wanted = wanted(parts)?;
    let text = body::text(body).await?;
    let fragment = Fragment::parse(&text)
        .map_err(|bad| Problem::new(StatusCode::BAD_REQUEST, format!("this is no ICE fragment: {bad}")))?;
    let ice = entry.ice();
    let is_new = fragment.ice_ufrag.as_ref().is_some_and(|ufrag| *ufrag != ice.their_ufrag);
    match wanted {
        Wanted::Any if is_new => restart(gateway, entry, fragment).await,
        Wanted::Tags(tags) if !tags.contains(&ice.etag) => {
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, "this is about an ICE session that is over"))
        }
        Wanted::Tags(_) if is_new => {
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "an ICE restart comes with If-Match: *"))
        }
        // The peer checks every address of ours and is found by its checks: there is nothing to do with its own.
        Wanted::Any | Wanted::Tags(_) => Ok(empty(StatusCode::NO_CONTENT)),
    }
}

/// What an `If-Match` names.
enum Wanted {
    Any,
    Tags(Vec<String>),
}

fn wanted(parts: &Parts) -> Result<Wanted, Problem> {
    let mut tags = Vec::new();
    for value in parts.headers.get_all(IF_MATCH) {
        let value = value.to_str().map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "If-Match is no text"))?;
        tags.extend(value.split(',').map(|tag| tag.trim().to_owned()));
    }
    match &tags[..] {
        [] => Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "an If-Match must name the ICE session")),
        // Quoted, as the examples of a draft have it (W18).
        [tag] if tag == "*" || tag == "\"*\"" => Ok(Wanted::Any),
        _ => Ok(Wanted::Tags(tags)),
    }
}

async fn restart(gateway: &Gateway, entry: &Entry, fragment: Fragment) -> Result<Response<Body>, Problem> {
    let (Some(their_ufrag), Some(_)) = (fragment.ice_ufrag, fragment.ice_pwd) else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "an ICE restart needs ice-ufrag and ice-pwd"));
    };
    let ours = random::credentials().map_err(no_randomness)?;
    let etag = random::etag().map_err(no_randomness)?;
    let (reply, done) = oneshot::channel();
    let request =
        Request::Restart { id: entry.target.id, credentials: ours.clone(), their_ufrag: their_ufrag.clone(), reply };
    if !gateway.ask(entry.target.shard, request).await || done.await.is_err() {
        return Err(Problem::new(StatusCode::NOT_FOUND, "there is no such session"));
    }
    let answer = Fragment {
        ice_ufrag: Some(ours.ufrag),
        ice_pwd: Some(ours.pwd),
        ice_lite: true,
        ice_options: vec!["trickle".to_owned(), "ice2".to_owned()],
        mid: fragment.mid,
        candidates: gateway.candidates(),
        end_of_candidates: true,
    };
    entry.set_ice(Ice { etag: etag.clone(), their_ufrag });
    let mut response = Response::new(Body::from(answer.to_string()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/trickle-ice-sdpfrag"));
    headers.insert(ETAG, header(etag)?);
    Ok(response)
}
