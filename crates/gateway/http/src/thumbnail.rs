//! `/thumbnail/<path>.jpg`: a still of what is live, made while somebody asks and at most once in some seconds.

use std::time::{SystemTime, UNIX_EPOCH};

use ::media::Path;
use axum::body::Body;
use axum::extract::{Request, State};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use hub::{NoStill, State as Standing};

use crate::answer::{Keep, Problem};
use crate::{House, access};

/// How long a still may be kept: it is not made anew more often.
const KEEP_SECS: u32 = 5;

/// The newest still; 404 where there is no picture, 503 where none can be made now.
pub(crate) async fn thumbnail(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let name = parts.uri.path().strip_prefix("/thumbnail/").and_then(|name| name.strip_suffix(".jpg"));
    let Some(path) = name.and_then(|name| name.parse::<Path>().ok()) else {
        return Problem::not_found("a picture's address ends with .jpg").into_response();
    };
    let entry = match access::watch(&house, &path, &parts).await {
        Ok(entry) => entry,
        Err(refusal) => return refusal,
    };
    let broadcast = house.hub.broadcast(&path).filter(|broadcast| broadcast.state() != Standing::Ended);
    let Some(broadcast) = broadcast else {
        return Problem::not_found("this stream is not live").into_response();
    };
    let still = match house.stills.still(&broadcast).await {
        Ok(still) => still,
        Err(why) => return refuse(why),
    };
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    // A still is never changed once it is made: the moment that it shows and its length name its bytes.
    let since = still.taken.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let tag = format!("\"{since:x}-{:x}\"", still.jpeg.len());
    headers.insert(CACHE_CONTROL, Keep::Secs(KEEP_SECS).to_header(entry.is_open()));
    for (name, value) in [(ETAG, tag.clone()), (LAST_MODIFIED, httpdate::fmt_http_date(still.taken))] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    if is_known(&parts, &tag, still.taken) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    *response.body_mut() = Body::from(still.jpeg.clone());
    response
}

/// Whether who asks has it (RFC 9110 §13.1.2, §13.1.3).
fn is_known(request: &Parts, tag: &str, taken: SystemTime) -> bool {
    if let Some(known) = request.headers.get(IF_NONE_MATCH) {
        let is_ours = |known: &str| {
            matches!(known.trim().trim_start_matches("W/"), "*") || known.trim().trim_start_matches("W/") == tag
        };
        return known.to_str().is_ok_and(|list| list.split(',').any(is_ours));
    }
    let since =
        request.headers.get(IF_MODIFIED_SINCE).and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    let secs = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    since.is_some_and(|since| secs(taken) <= secs(since))
}

fn refuse(why: NoStill) -> Response<Body> {
    let unavailable = |detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
    let problem = match why {
        NoStill::NoPicture => Problem::not_found("this stream has no picture"),
        NoStill::NoWorker => unavailable("no pictures are made here"),
        NoStill::NotYet => unavailable("no picture has come yet").retry_after(2),
        NoStill::Busy => unavailable("too many pictures are asked for at once").retry_after(KEEP_SECS),
        NoStill::Failed => unavailable("the picture could not be made").retry_after(KEEP_SECS),
    };
    problem.into_response()
}
