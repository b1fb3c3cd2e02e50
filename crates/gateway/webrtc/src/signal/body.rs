use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use tokio::time::timeout;

use super::answer::Problem;

/// Larger than any offer (W42).
const MAX_BYTES: usize = 64 * 1024;
/// How long a client may take to send it (F8).
const PATIENCE: Duration = Duration::from_secs(10);

/// The media type of a request, without its parameters and in lower case.
pub(crate) fn content_type(parts: &Parts) -> String {
    let value = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The whole text of a request; its length need not be known before (W42).
pub(crate) async fn text(body: Body) -> Result<String, Problem> {
    let bytes = timeout(PATIENCE, collect(body))
        .await
        .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long"))??;
    String::from_utf8(bytes).map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body is no UTF-8"))
}

async fn collect(body: Body) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body was cut short"))?;
        if bytes.len() + chunk.len() > MAX_BYTES {
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
