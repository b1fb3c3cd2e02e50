//! HTTP-FLV: a broadcast as one answer without end, for players of that kind (mpegts.js, VLC, ffplay).

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use ::media::{Kind, Path};
use ::package::flv::{Opened, Opening, Polled, Refusal, Viewer, Wants};
use axum::body::Body;
use axum::extract::{Request, State};
use bytes::Bytes;
use futures_util::stream::try_unfold;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use hub::{Broadcast, Now};
use metrics::Counter;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::debug;
use wire::flv::File;

use crate::answer::{Keep, Problem};
use crate::connection::{Busy, UnderWay};
use crate::{House, access, figures};

/// What some players want at the end of an address. A stream's name loses it.
const SUFFIX: &str = ".flv";
/// How often a player that waits for its beginning is looked after.
const LOOK: Duration = Duration::from_millis(100);
/// For how long sound may wait for the next picture to go with it.
const TOGETHER: Duration = Duration::from_millis(60);
/// As much is handed on at once, or a little more.
const BATCH_BYTES: usize = 256 << 10;

const UNKNOWN: Problem = Problem::not_found("no such stream");
const OFF: Problem = Problem::not_found("there is no HTTP-FLV here: http.max_flv_players is 0");
const NOT_YET: Problem = Problem::not_found("this stream is not live now").retry_after(1);
const NO_TRACK: Problem = Problem::not_found("the stream has no track of that name");
const UNPLAYABLE: Problem =
    Problem::new(StatusCode::NOT_ACCEPTABLE, "nothing of this stream is in a codec that the player takes");
const FULL: Problem =
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "there are as many players as may be").retry_after(5);

/// `/flv/<path>`, with `.flv` behind it or not.
pub(crate) async fn play(State(house): State<House>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    match answer(&house, &parts).await {
        Ok(response) | Err(response) => response,
    }
}

async fn answer(house: &House, request: &Parts) -> Result<Response<Body>, Response<Body>> {
    let refused = |problem: Problem, reason| {
        figures::viewer_refused(reason);
        problem.into_response()
    };
    let rest = request.uri.path().strip_prefix("/flv/").unwrap_or_default();
    let path = rest.strip_suffix(SUFFIX).unwrap_or(rest);
    let path: Path = path.parse().map_err(|_| refused(UNKNOWN, "not_found"))?;
    let entry = access::watch(house, &path, request).await.inspect_err(|_| figures::viewer_refused("key"))?;
    let permits = house.flv.clone().ok_or_else(|| refused(OFF, "off"))?;
    let broadcast = house.hub.broadcast(&path).ok_or_else(|| refused(UNKNOWN, "not_found"))?;
    let permit = permits.try_acquire_owned().map_err(|_| refused(FULL, "full"))?;
    let wants = Wants::of_query(request.uri.query().unwrap_or_default());
    let viewer = open(house, broadcast, wants).await.map_err(|refusal| {
        let problem = match refusal {
            Refusal::NotLive | Refusal::NotYet => NOT_YET,
            Refusal::NoTrack => NO_TRACK,
            Refusal::Codec(_) => UNPLAYABLE,
        };
        refused(problem, refusal.reason())
    })?;
    debug!(stream = %path, "playing");
    let busy = request.extensions.get::<Busy>().map(Busy::begin);
    let mut response = Response::new(Playing::body(viewer, house.stop.clone(), (permit, busy)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("video/x-flv"));
    headers.insert(CACHE_CONTROL, Keep::Never.to_header(entry.is_open()));
    Ok(response)
}

/// Finds what the player can be given, and waits for it where it must.
async fn open(house: &House, broadcast: Broadcast, wants: Wants) -> Result<Box<Viewer>, Refusal> {
    let mut changes = broadcast.changes();
    let mut opening = Opening::new(broadcast, house.demand.clone(), wants, "flv", Instant::now());
    loop {
        opening = match opening.poll(Now::from_clocks()) {
            (Opened::Ready(viewer), _) => return Ok(viewer),
            (Opened::Refused(refusal), _) => return Err(refusal),
            (Opened::Wait, None) => return Err(Refusal::NotYet),
            (Opened::Wait, Some(opening)) => opening,
        };
        tokio::select! {
            _ = changes.next() => {}
            () = sleep(LOOK) => {}
        }
    }
}

/// One player, for as long as its answer goes on.
struct Playing {
    viewer: Box<Viewer>,
    file: File,
    pieces: VecDeque<Bytes>,
    is_over: bool,
    skips: u64,
    stop: CancellationToken,
    sent: Counter,
    /// Where what the viewer sets going goes on: this thread only serves connections.
    home: Option<Handle>,
    _held: (OwnedSemaphorePermit, Option<UnderWay>),
    _watching: figures::Watching,
}

impl Playing {
    fn body(viewer: Box<Viewer>, stop: CancellationToken, held: (OwnedSemaphorePermit, Option<UnderWay>)) -> Body {
        let mut file = File::default();
        file.begin(viewer.has(Kind::Video), viewer.has(Kind::Audio));
        let playing = Self {
            viewer,
            file,
            pieces: VecDeque::new(),
            is_over: false,
            skips: 0,
            stop,
            sent: figures::sent_bytes(),
            home: Handle::try_current().ok(),
            _held: held,
            _watching: figures::Watching::now(),
        };
        Body::from_stream(try_unfold(playing, |mut playing| async move {
            let piece = playing.next().await;
            Ok::<_, io::Error>(piece.map(|piece| (piece, playing)))
        }))
    }

    /// The next bytes of the file; `None` when the broadcast is over, or the server stops.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                self.sent.increment(piece.len() as u64);
                return Some(piece);
            }
            if self.is_over {
                return None;
            }
            self.fill();
            if self.pieces.is_empty() && !self.is_over {
                tokio::select! {
                    () = self.viewer.wait() => {}
                    () = sleep(TOGETHER) => {}
                    () = self.stop.cancelled() => self.is_over = true,
                }
            }
        }
    }

    fn fill(&mut self) {
        let _at_home = self.home.as_ref().map(Handle::enter);
        let now = Instant::now();
        let mut bytes = 0;
        while bytes < BATCH_BYTES {
            match self.viewer.poll(now) {
                Polled::Tag(tag) => {
                    bytes += tag.head.len() + tag.payload.len();
                    self.file.tag(tag.kind, tag.timestamp, &tag.head, tag.payload, &mut self.pieces);
                }
                Polled::Wait => break,
                Polled::Ended => {
                    self.is_over = true;
                    break;
                }
            }
        }
        self.file.flush(&mut self.pieces);
        let skips = self.viewer.skips();
        if skips > self.skips {
            figures::skipped(skips - self.skips);
            self.skips = skips;
        }
    }
}
