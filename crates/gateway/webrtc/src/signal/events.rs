//! Server-sent events of a viewer's session (WHEP's core extension; conformance E13–E17, E19, E20).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use hub::State;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use super::answer::{Problem, empty};
use super::begin::{header, no_randomness};
use super::{body, no_method};
use crate::end::End;
use crate::entry::{Entry, Ladder, Rung};
use crate::room::{News, Room};

/// A comment this often keeps proxies from closing a stream that has nothing to say.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What one can be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Active,
    Inactive,
    Layers,
    Reconnect,
    Viewercount,
}

/// Every topic there is.
pub(crate) const TOPICS: [Topic; 5] =
    [Topic::Active, Topic::Inactive, Topic::Layers, Topic::Reconnect, Topic::Viewercount];

impl Topic {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Layers => "layers",
            Self::Reconnect => "reconnect",
            Self::Viewercount => "viewercount",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        TOPICS.into_iter().find(|topic| topic.as_str() == name)
    }
}

/// `…/sse` makes a stream (or is one, as some clients would have it: E20); `…/sse/<name>` is the stream.
pub(crate) async fn events(
    entry: &Arc<Entry>,
    name: Option<&str>,
    parts: &Parts,
    body: Body,
) -> Result<Response<Body>, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "there is no such stream of events");
    let room = entry.room.as_ref().ok_or_else(unknown)?;
    match (name, &parts.method) {
        (None, &Method::POST) => subscribe(entry, parts, body).await,
        (None, &Method::GET) => Ok(stream(entry, room, TOPICS.to_vec())),
        (Some(name), &Method::GET) => Ok(stream(entry, room, entry.stream(name).ok_or_else(unknown)?)),
        (Some(name), &Method::DELETE) if entry.close_stream(name) => Ok(empty(StatusCode::OK)),
        (Some(_), &Method::DELETE) => Err(unknown()),
        (None, _) => Err(no_method("POST, GET, OPTIONS")),
        (Some(_), _) => Err(no_method("GET, DELETE, OPTIONS")),
    }
}

async fn subscribe(entry: &Entry, parts: &Parts, body: Body) -> Result<Response<Body>, Problem> {
    if body::content_type(parts) != "application/json" {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the events come as application/json"));
    }
    let text = body::text(body).await?;
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, detail);
    let names: Vec<String> =
        serde_json::from_str(&text).map_err(|_| bad("a JSON array of event names is wanted".to_owned()))?;
    let topics =
        names.iter().map(|name| Topic::from_name(name).ok_or_else(|| bad("there is no such event".to_owned())));
    let topics: Vec<Topic> = topics.collect::<Result<_, _>>()?;
    let Some(name) = entry.open_stream(topics).map_err(no_randomness)? else {
        let detail = "this session has as many streams of events as it may";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(5));
    };
    let mut response = empty(StatusCode::CREATED);
    response.headers_mut().insert(LOCATION, header(format!("{}/sse/{name}", entry.location()))?);
    Ok(response)
}

fn stream(entry: &Arc<Entry>, room: &Arc<Room>, topics: Vec<Topic>) -> Response<Body> {
    let (mut news, mut ladder) = (room.news(), entry.ladder());
    // How things stand is news to who has just come.
    news.mark_changed();
    ladder.mark_changed();
    let video_index = entry.video_index;
    let feed =
        Feed { topics, news, ladder, queue: VecDeque::new(), told: Told::default(), video_index, is_over: false };
    let mut response = Response::new(Body::from_stream(stream::unfold(feed, Feed::next)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // What nginx reads, which else would gather events before it passes them on.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// What one listener was told.
#[derive(Default)]
struct Told {
    is_active: Option<bool>,
    viewers: Option<usize>,
    layers: Option<String>,
}

struct Feed {
    topics: Vec<Topic>,
    news: watch::Receiver<News>,
    ladder: watch::Receiver<Ladder>,
    queue: VecDeque<Bytes>,
    told: Told,
    video_index: Option<usize>,
    is_over: bool,
}

impl Feed {
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some((Ok(event), self));
            }
            if self.is_over {
                return None;
            }
            tokio::select! {
                biased;
                changed = self.news.changed() => match changed {
                    Ok(()) => self.on_news(),
                    Err(_) => self.is_over = true,
                },
                changed = self.ladder.changed() => match changed {
                    Ok(()) => self.on_ladder(),
                    Err(_) => self.is_over = true,
                },
                () = sleep(KEEP_ALIVE) => self.queue.push_back(Bytes::from_static(b":\n\n")),
            }
        }
    }

    fn on_news(&mut self) {
        let News { state, viewers } = *self.news.borrow_and_update();
        let is_active = state == State::Live;
        match (self.told.is_active.replace(is_active), is_active) {
            (Some(true), true) | (Some(false), false) => {}
            (_, true) => self.tell(Topic::Active, &json!({})),
            // Never the first (E16).
            (Some(true), false) => self.tell(Topic::Inactive, &json!({})),
            (None, false) => self.told.is_active = None,
        }
        if self.told.viewers.replace(viewers) != Some(viewers) {
            self.tell(Topic::Viewercount, &json!({ "viewercount": viewers }));
        }
    }

    fn on_ladder(&mut self) {
        let Ladder { rungs, end } = self.ladder.borrow_and_update().clone();
        if let Some(end) = end {
            if matches!(end, End::CodecChanged | End::Stopped) {
                self.tell(Topic::Reconnect, &json!({}));
            }
            if self.told.is_active == Some(true) && end == End::Ended {
                self.tell(Topic::Inactive, &json!({}));
            }
            self.is_over = true;
            return;
        }
        let Some(index) = self.video_index.filter(|_| !rungs.is_empty()) else { return };
        let layers = layers(index, &rungs);
        let text = layers.to_string();
        if self.told.layers.as_ref() != Some(&text) {
            self.tell(Topic::Layers, &layers);
            self.told.layers = Some(text);
        }
    }

    fn tell(&mut self, topic: Topic, data: &Value) {
        if self.topics.contains(&topic) {
            let name = topic.as_str();
            self.queue.push_back(format!("event: {name}\ndata: {data}\n\n").into());
        }
    }
}

/// Keyed by the section; a layer that is silent has a bitrate of 0. Behind each is what it comes to with fewer of its
/// temporal layers, by the highest that is left (E17).
fn layers(index: usize, rungs: &[Rung]) -> Value {
    let layer = |rung: &Rung, rate_bps: u64, temporal: Option<usize>| {
        let mut layer = json!({ "rid": rung.rid, "encodingId": rung.rid, "bitrate": rate_bps });
        if let (Some(id), Some(layer)) = (temporal, layer.as_object_mut()) {
            layer.insert("temporalLayerId".to_owned(), id.into());
        }
        if let (Some((width, height)), Some(layer)) = (rung.size, layer.as_object_mut()) {
            layer.insert("width".to_owned(), width.into());
            layer.insert("height".to_owned(), height.into());
        }
        layer
    };
    let all = rungs.iter().flat_map(|rung| {
        let thinner = rung.thinner_bps.iter().enumerate().rev();
        let thinner = thinner.map(move |(id, rate_bps)| layer(rung, *rate_bps, Some(id)));
        std::iter::once(layer(rung, rung.rate_bps, None)).chain(thinner)
    });
    json!({ index.to_string(): { "layers": all.collect::<Vec<_>>() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(rid: &str, rate_bps: u64) -> Rung {
        Rung {
            id: media::TrackId(0),
            rid: rid.to_owned(),
            rate_bps,
            size: Some((640, 360)),
            is_sent: true,
            thinner_bps: Vec::new(),
        }
    }

    #[test]
    fn temporal_layers_stand_behind_the_whole() {
        let rungs = [Rung { thinner_bps: vec![2, 4], ..rung("v0", 5) }, rung("v2", 1)];
        let told = layers(1, &rungs);
        let told: Vec<_> = told["1"]["layers"].as_array().unwrap().iter().collect();
        let of = |entry: &&Value| {
            (entry["rid"].clone(), entry["temporalLayerId"].as_u64(), entry["bitrate"].as_u64().unwrap())
        };
        let expected = [("v0", None, 5), ("v0", Some(1), 4), ("v0", Some(0), 2), ("v2", None, 1)];
        let expected = expected.map(|(rid, layer, rate)| (json!(rid), layer, rate));
        assert_eq!(told.iter().map(of).collect::<Vec<_>>(), expected);
    }

    async fn heard(feed: Feed, count: usize) -> (Vec<String>, Option<Feed>) {
        let (mut feed, mut heard) = (Some(feed), Vec::new());
        while heard.len() < count {
            let Some((event, next)) = feed.take().unwrap().next().await else { return (heard, None) };
            heard.push(String::from_utf8(event.unwrap().to_vec()).unwrap());
            feed = Some(next);
        }
        (heard, feed)
    }

    /// E15–E17, E19.
    #[tokio::test]
    async fn a_listener_hears_how_things_stand_and_what_changes() {
        let (news, ladder) = (watch::Sender::new(News { state: State::Live, viewers: 1 }), watch::Sender::default());
        let (mut listener, mut layers) = (news.subscribe(), ladder.subscribe());
        listener.mark_changed();
        layers.mark_changed();
        let feed = Feed {
            topics: TOPICS.to_vec(),
            news: listener,
            ladder: layers,
            queue: VecDeque::new(),
            told: Told::default(),
            video_index: Some(1),
            is_over: false,
        };
        let (first, feed) = heard(feed, 2).await;
        assert_eq!(first, ["event: active\ndata: {}\n\n", "event: viewercount\ndata: {\"viewercount\":1}\n\n"]);
        ladder.send_replace(Ladder { rungs: vec![rung("v0", 5), rung("v2", 0)], end: None });
        let (next, feed) = heard(feed.unwrap(), 1).await;
        let data = next[0].strip_prefix("event: layers\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["1"]["layers"][0]["rid"], "v0");
        assert_eq!((&data["1"]["layers"][0]["bitrate"], &data["1"]["layers"][1]["bitrate"]), (&json!(5), &json!(0)));
        news.send_replace(News { state: State::Away, viewers: 1 });
        let (next, feed) = heard(feed.unwrap(), 1).await;
        assert_eq!(next, ["event: inactive\ndata: {}\n\n"]);
        ladder.send_replace(Ladder { rungs: Vec::new(), end: Some(End::CodecChanged) });
        let (next, feed) = heard(feed.unwrap(), 2).await;
        assert_eq!((next, feed.is_none()), (vec!["event: reconnect\ndata: {}\n\n".to_owned()], true));
    }

    /// E16.
    #[tokio::test]
    async fn inactive_is_never_the_first_word() {
        let (news, ladder) = (watch::Sender::new(News { state: State::Away, viewers: 3 }), watch::Sender::default());
        let mut listener = news.subscribe();
        listener.mark_changed();
        let feed = Feed {
            topics: vec![Topic::Active, Topic::Inactive],
            news: listener,
            ladder: ladder.subscribe(),
            queue: VecDeque::new(),
            told: Told::default(),
            video_index: None,
            is_over: false,
        };
        let change = async {
            tokio::task::yield_now().await;
            news.send_replace(News { state: State::Live, viewers: 3 });
        };
        let ((first, _), ()) = tokio::join!(heard(feed, 1), change);
        assert_eq!(first, ["event: active\ndata: {}\n\n"]);
    }
}
