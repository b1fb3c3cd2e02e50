//! Which layer a viewer is sent (WHEP's layer extension; conformance E18, E20).

use axum::body::Body;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use media::TrackId;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::answer::{Problem, empty};
use super::{body, no_method};
use crate::entry::{Entry, Rung};
use crate::gateway::Gateway;
use crate::shard::Request;

/// What a viewer wants; nothing at all is the best that its link carries.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Choice {
    media_id: Option<String>,
    rid: Option<String>,
    /// The same, as older clients spell it.
    encoding_id: Option<String>,
    max_width: Option<u32>,
    max_height: Option<u32>,
    spatial_layer_id: Option<u32>,
    temporal_layer_id: Option<u32>,
}

/// `…/layers`.
pub(crate) async fn layers(
    gateway: &Gateway,
    entry: &Entry,
    parts: &Parts,
    body: Body,
) -> Result<Response<Body>, Problem> {
    if parts.method != Method::POST {
        return Err(no_method("POST, OPTIONS"));
    }
    if body::content_type(parts) != "application/json" {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a choice comes as application/json"));
    }
    let text = body::text(body).await?;
    let choice: Choice = serde_json::from_str(&text)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "a JSON object with mediaId and rid is wanted"))?;
    let track = pick(&choice, entry.video_index, &entry.ladder().borrow().rungs)?;
    let (reply, done) = oneshot::channel();
    let request = Request::Choose { id: entry.target.id, track, reply };
    let gone = || Problem::new(StatusCode::NOT_FOUND, "there is no such session");
    if !gateway.ask(entry.target.shard, request).await {
        return Err(gone());
    }
    match done.await {
        Ok(true) => Ok(empty(StatusCode::OK)),
        Ok(false) => Err(unknown()),
        Err(_) => Err(gone()),
    }
}

fn unknown() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "there is no such layer")
}

fn pick(choice: &Choice, video: Option<usize>, rungs: &[Rung]) -> Result<Option<TrackId>, Problem> {
    let Choice { media_id, rid, encoding_id, max_width, max_height, spatial_layer_id, temporal_layer_id } = choice;
    if media_id.as_ref().is_some_and(|id| Some(id) != video.map(|index| index.to_string()).as_ref()) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "that section has no layers"));
    }
    if spatial_layer_id.or(*temporal_layer_id).is_some() {
        let detail = "no layers within one stream are told apart here: choose by rid";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    if let Some(rid) = rid.as_ref().or(encoding_id.as_ref()) {
        return rungs.iter().find(|rung| rung.rid == *rid).map(|rung| Some(rung.id)).ok_or_else(unknown);
    }
    if max_width.is_none() && max_height.is_none() {
        return Ok(None);
    }
    let fits = |rung: &&Rung| {
        let (width, height) = rung.size.unwrap_or((0, 0));
        max_width.is_none_or(|most| width <= most) && max_height.is_none_or(|most| height <= most)
    };
    // Best first; where none is small enough, the smallest.
    Ok(rungs.iter().find(fits).or(rungs.last()).map(|rung| rung.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(choice: &str) -> Result<Option<u16>, u16> {
        let rung = |id, height| Rung {
            id: TrackId(id),
            rid: format!("v{id}"),
            rate_bps: 1,
            size: Some((height * 16 / 9, height)),
            is_sent: false,
        };
        let choice: Choice = serde_json::from_str(choice).unwrap();
        let picked = pick(&choice, Some(1), &[rung(0, 1080), rung(2, 540), rung(4, 270)]);
        picked.map(|track| track.map(|id| id.0)).map_err(|problem| problem.status.as_u16())
    }

    /// E18, E20.
    #[test]
    fn a_layer_is_chosen_by_name_or_by_size_and_no_choice_is_automatic() {
        assert_eq!(picked("{\"mediaId\":\"1\",\"rid\":\"v2\"}"), Ok(Some(2)));
        assert_eq!(picked("{\"encodingId\":\"v4\"}"), Ok(Some(4)));
        assert_eq!(picked("{\"maxHeight\":720}"), Ok(Some(2)));
        assert_eq!(picked("{\"maxWidth\":10}"), Ok(Some(4)));
        assert_eq!((picked("{}"), picked("{\"mediaId\":\"1\"}")), (Ok(None), Ok(None)));
        assert_eq!(picked("{\"rid\":\"v9\"}"), Err(422));
        assert_eq!(picked("{\"mediaId\":\"0\",\"rid\":\"v0\"}"), Err(422));
        assert_eq!(picked("{\"temporalLayerId\":1}"), Err(422));
    }
}
