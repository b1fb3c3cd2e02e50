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
    let (track, top) = pick(&choice, entry.video_index, &entry.ladder().borrow().rungs)?;
    let (reply, done) = oneshot::channel();
    let request = Request::Choose { id: entry.target.id, track, top, reply };
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

/// The track, and the highest temporal layer; of either nothing where that is not for the viewer to say.
fn pick(choice: &Choice, video: Option<usize>, rungs: &[Rung]) -> Result<(Option<TrackId>, Option<u8>), Problem> {
    let Choice { media_id, rid, encoding_id, max_width, max_height, spatial_layer_id, temporal_layer_id } = choice;
    if media_id.as_ref().is_some_and(|id| Some(id) != video.map(|index| index.to_string()).as_ref()) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "that section has no layers"));
    }
    if spatial_layer_id.is_some() {
        let detail = "sizes are not told apart within one layer here: choose by rid";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let rung = by_name_or_size(rid.as_ref().or(encoding_id.as_ref()), *max_width, *max_height, rungs)?;
    let Some(layer) = temporal_layer_id else { return Ok((rung.map(|rung| rung.id), None)) };
    // Where there is one layer there is nothing to choose.
    let has_layer = |rung: &Rung| {
        !rung.thinner_bps.is_empty() && usize::try_from(*layer).is_ok_and(|it| it <= rung.thinner_bps.len())
    };
    let is_there = rung.map_or_else(|| rungs.iter().any(has_layer), has_layer);
    let top = u8::try_from(*layer).ok().filter(|_| is_there).ok_or_else(unknown)?;
    Ok((rung.map(|rung| rung.id), Some(top)))
}

fn by_name_or_size<'a>(
    name: Option<&String>,
    max_width: Option<u32>,
    max_height: Option<u32>,
    rungs: &'a [Rung],
) -> Result<Option<&'a Rung>, Problem> {
    if let Some(rid) = name {
        return rungs.iter().find(|rung| rung.rid == *rid).map(Some).ok_or_else(unknown);
    }
    if max_width.is_none() && max_height.is_none() {
        return Ok(None);
    }
    let fits = |rung: &&Rung| {
        let (width, height) = rung.size.unwrap_or((0, 0));
        max_width.is_none_or(|most| width <= most) && max_height.is_none_or(|most| height <= most)
    };
    // Best first; where none is small enough, the smallest.
    Ok(rungs.iter().find(fits).or(rungs.last()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(choice: &str) -> Result<Option<u16>, u16> {
        picked_of(choice, 0).map(|(track, _)| track)
    }

    /// Of three tracks, of which the best has so many temporal layers beside the lowest.
    fn picked_of(choice: &str, above: usize) -> Result<(Option<u16>, Option<u8>), u16> {
        let rung = |id, height| Rung {
            id: TrackId(id),
            rid: format!("v{id}"),
            rate_bps: 1,
            size: Some((height * 16 / 9, height)),
            is_sent: false,
            thinner_bps: if id == 0 { vec![1; above] } else { Vec::new() },
        };
        let choice: Choice = serde_json::from_str(choice).unwrap();
        let picked = pick(&choice, Some(1), &[rung(0, 1080), rung(2, 540), rung(4, 270)]);
        picked.map(|(track, top)| (track.map(|id| id.0), top)).map_err(|problem| problem.status.as_u16())
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
        assert_eq!(picked("{\"temporalLayerId\":0}"), Err(422));
        assert_eq!(picked("{\"spatialLayerId\":0}"), Err(422));
    }

    /// E18.
    #[test]
    fn a_temporal_layer_is_chosen_of_a_track_that_has_it() {
        assert_eq!(picked_of("{\"temporalLayerId\":1}", 2), Ok((None, Some(1))));
        assert_eq!(picked_of("{\"rid\":\"v0\",\"temporalLayerId\":0}", 2), Ok((Some(0), Some(0))));
        assert_eq!(picked_of("{\"rid\":\"v0\",\"temporalLayerId\":2}", 2), Ok((Some(0), Some(2))));
        for none in
            ["{\"temporalLayerId\":3}", "{\"rid\":\"v2\",\"temporalLayerId\":0}", "{\"temporalLayerId\":4294967295}"]
        {
            assert_eq!(picked_of(none, 2), Err(422), "{none}");
        }
    }
}
