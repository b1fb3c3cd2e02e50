//! Answers that every conversation gives: errors that say what is wrong, and how long things may be kept.

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

/// How long an answer may be kept, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Not at all.
    Never,
    /// To be asked for again each time.
    Revalidate,
    /// So many seconds.
    Secs(u32),
    /// For ever: what the address names does not change.
    Forever,
}

impl Keep {
    /// The value of `Cache-Control`. What only some may see, shared caches do not keep.
    pub(crate) fn to_header(self, shared: bool) -> HeaderValue {
        let scope = if shared { "public" } else { "private" };
        let text = match self {
            Self::Never => return HeaderValue::from_static("no-store"),
            Self::Revalidate => return HeaderValue::from_static("no-cache"),
            Self::Secs(secs) => format!("{scope}, max-age={secs}"),
            Self::Forever => format!("{scope}, max-age=31536000, immutable"),
        };
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("no-store"))
    }
}

/// What went wrong, for people and programs (RFC 9457).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) detail: &'static str,
    pub(crate) keep: Keep,
    pub(crate) retry_after_secs: Option<u32>,
}

#[derive(Serialize)]
struct Document<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    pub(crate) const fn new(status: StatusCode, detail: &'static str) -> Self {
        Self { status, detail, keep: Keep::Never, retry_after_secs: None }
    }

    pub(crate) const fn not_found(detail: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// May be kept so many seconds.
    pub(crate) const fn kept(self, secs: u32) -> Self {
        Self { keep: Keep::Secs(secs), ..self }
    }

    /// May be different in so many seconds.
    pub(crate) const fn retry_after(self, secs: u32) -> Self {
        Self { retry_after_secs: Some(secs), ..self }
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let Self { status, detail, keep, retry_after_secs } = self;
        let title = status.canonical_reason().unwrap_or("Error");
        let document = Document { title, status: status.as_u16(), detail };
        let mut response = json(&document);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, keep.to_header(true));
        if let Some(secs) = retry_after_secs {
            headers.insert(RETRY_AFTER, secs.into());
        }
        response
    }
}

/// A value as JSON, not to be kept.
pub(crate) fn json(value: &impl Serialize) -> Response<Body> {
    // Only maps with keys that are no texts fail to serialize; our documents have none.
    let text = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, Keep::Never.to_header(true));
    response
}
