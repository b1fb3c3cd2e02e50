//! The web pages, as they were built.

use std::borrow::Cow;

use ::media::Path;
use ::pages::{File, content_security_policy, file};
use axum::body::Body;
use axum::extract::{Request, State};
use bytes::Bytes;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
    X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};

use crate::answer::{Keep, Problem};
use crate::hls::accepts;
use crate::{House, social};

/// `/`.
pub(crate) async fn home(request: Request) -> Response<Body> {
    page("home.html", false, StatusCode::OK, &request.into_parts().0)
}

/// `/watch/<path>`. Whether that stream is live is for the page to find out.
///
/// Messengers that are sent its address show a picture of what is live, where anybody may watch.
pub(crate) async fn watch(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix("/watch/").and_then(|path| path.parse::<Path>().ok());
    let (Some(path), Some(file)) = (path, file("watch.html")) else {
        return of_stream("/watch/", "watch.html", false, Request::from_parts(parts, body));
    };
    let card = social::card(&house, &path, &parts).await;
    let page = String::from_utf8_lossy(&file.bytes).replacen(social::MARK, &card, 1);
    let etag = format!("\"{:016x}\"", social::hash(page.as_bytes()));
    let file = File { bytes: page.into_bytes().into(), gzip: None, brotli: None, etag, ..file };
    guarded(file, false, StatusCode::OK, &parts)
}

/// `/embed/<path>`: the one page that others may show in a frame.
pub(crate) async fn embed(request: Request) -> Response<Body> {
    of_stream("/embed/", "embed.html", true, request)
}

/// `/publish/<path>`: camera, microphone or screen by WHIP. Whether the path may be published to is for that to say.
pub(crate) async fn publish(request: Request) -> Response<Body> {
    of_stream("/publish/", "publish.html", false, request)
}

/// `/api`: the description of the API for people, to try it.
pub(crate) async fn reference(request: Request) -> Response<Body> {
    page("reference.html", false, StatusCode::OK, &request.into_parts().0)
}

/// `/assets/<name>` and what else lies beside the pages.
pub(crate) async fn asset(request: Request) -> Response<Body> {
    let parts = request.into_parts().0;
    let name = parts.uri.path().trim_start_matches('/');
    match file(name) {
        Some(file) => write(file, &parts),
        None => lost(&parts),
    }
}

/// Where nothing is: a page for people, a problem for programs.
pub(crate) async fn nowhere(request: Request) -> Response<Body> {
    lost(&request.into_parts().0)
}

fn of_stream(prefix: &str, name: &str, framed: bool, request: Request) -> Response<Body> {
    let parts = request.into_parts().0;
    let path = parts.uri.path().strip_prefix(prefix).unwrap_or_default();
    if path.parse::<Path>().is_err() {
        return lost(&parts);
    }
    page(name, framed, StatusCode::OK, &parts)
}

fn lost(request: &Parts) -> Response<Body> {
    let wants_page = request
        .headers
        .get(ACCEPT)
        .is_some_and(|accept| accept.as_bytes().windows(9).any(|word| word.eq_ignore_ascii_case(b"text/html")));
    if wants_page && (request.method == Method::GET || request.method == Method::HEAD) {
        return page("lost.html", false, StatusCode::NOT_FOUND, request);
    }
    Problem::not_found("nothing is here").into_response()
}

fn page(name: &str, framed: bool, status: StatusCode, request: &Parts) -> Response<Body> {
    match file(name) {
        Some(file) => guarded(file, framed, status, request),
        None => Problem::not_found("the page is not built in").into_response(),
    }
}

/// A page with its guards.
fn guarded(file: File, framed: bool, status: StatusCode, request: &Parts) -> Response<Body> {
    let mut response = write(file, request);
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(content_security_policy(framed)));
    if !framed {
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    }
    response
}

fn write(file: File, request: &Parts) -> Response<Body> {
    let File { bytes, gzip, brotli, content_type, is_hashed, etag } = file;
    // One tag a form, as a strong tag means the very bytes.
    let tag = |form: &str| etag.strip_suffix('"').map(|bare| format!("{bare}{form}\""));
    let (body, coding, tag) = match (brotli, gzip) {
        (Some(brotli), _) if accepts(request, "br") => (brotli, Some("br"), tag("-br")),
        (_, Some(gzip)) if accepts(request, "gzip") => (gzip, Some("gzip"), tag("-gz")),
        _ => (bytes, None, Some(etag)),
    };
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let keep = if is_hashed { Keep::Forever } else { Keep::Revalidate };
    headers.insert(CACHE_CONTROL, keep.to_header(true));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(tag) = tag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
        let known = request.headers.get(IF_NONE_MATCH).is_some_and(|known| {
            known.to_str().is_ok_and(|list| list.split(',').any(|known| known.trim().trim_start_matches("W/") == tag))
        });
        headers.insert(ETAG, tag);
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(coding) = coding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    *response.body_mut() = Body::from(match body {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    });
    response
}
