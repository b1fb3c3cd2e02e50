//! A house with one hand-fed stream in it.

use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use ::media::codec::{Aac, Avc, Codec, Picture, Sound};
use ::media::{Origin, Path, Span, Time, Track, TrackId};
use ::package::{Init, Library, Part, Segment, Shelf, Slot, Window};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hub::{
    Action, Admission, Ask, Broadcast, Claim, Demand, Derived, Hub, Lease, Limits, Making, Now, Publisher, Rendition,
    Verdict, Wish,
};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::peer::Peer;
use crate::{About, Carried, House, router};

pub(super) const KEY: &str = "open sesame&";
/// A good one for what is not here.
pub(super) const OTHER_KEY: &str = "open barley";
pub(super) const ERA: &str = "tqzlpg";
pub(super) const PARTS: usize = 10;
const PART: Span = Span::from_millis(200);

/// Asks for [`KEY`] below `private/`, and of publishers from elsewhere.
struct Doorman;

impl Admission for Doorman {
    fn admit(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>> {
        let is_open = match ask.action {
            Action::Watch => !ask.path.as_str().starts_with("private/"),
            Action::Publish => ask.peer.is_loopback(),
        };
        Box::pin(async move {
            match ask.secret {
                _ if is_open => Verdict::Allowed,
                None => Verdict::NeedsKey,
                Some(key) if key == KEY => Verdict::Allowed,
                Some(key) if key == OTHER_KEY => Verdict::OtherKey,
                Some(_) => Verdict::WrongKey,
            }
        })
    }
}

/// The house and the stream.
pub(super) struct Stage {
    pub(super) house: House,
    pub(super) router: Router,
    renditions: Arc<Renditions>,
    shelf: Shelf,
    pub(super) video: Slot,
    pub(super) audio: Slot,
    /// Keeps the broadcast live.
    _publisher: Publisher,
}

/// Says that those renditions are made.
#[derive(Default)]
struct Renditions(Mutex<Vec<Rendition>>);

impl Demand for Renditions {
    fn want(&self, _: &Broadcast, _: TrackId, _: Wish) -> Option<Lease> {
        None
    }

    fn renditions(&self) -> Vec<Rendition> {
        self.0.lock().unwrap().clone()
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn text(&self) -> String {
        if self.header("content-encoding") == "gzip" {
            let mut text = String::new();
            GzDecoder::new(&*self.body).read_to_string(&mut text).unwrap();
            return text;
        }
        String::from_utf8(self.body.to_vec()).unwrap()
    }
}

impl Stage {
    /// Live, but with nothing on the shelf.
    pub(super) fn empty(path: &str) -> Self {
        let path: Path = path.parse().unwrap();
        let hub = Hub::new(Limits::default());
        let publisher = hub.publish(&path, Claim { proto: "rtmp", peer: None }, Now::from_clocks()).unwrap();
        publisher.declare(Track::source(TrackId(0), avc())).unwrap();
        publisher.declare(Track::source(TrackId(1), aac())).unwrap();
        let renditions = Arc::<Renditions>::default();
        let house = House {
            hub,
            library: Library::default(),
            admission: Arc::new(Doorman),
            demand: renditions.clone(),
            stills: Arc::new(()),
            carried: Some(Arc::new(|_| Carried { video: vec!["h264"], audio: vec!["opus"] })),
            flv: Some(Arc::new(tokio::sync::Semaphore::new(2))),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            about: About {
                version: "1.2.3",
                rtmp_port: Some(1935),
                rtmps_port: Some(1936),
                https_port: Some(8443),
                webrtc: true,
            },
            trusted_proxies: Arc::new(["10.0.0.0/8".parse().unwrap()]),
            stop: CancellationToken::new(),
        };
        let slot = |id, codec| {
            let init = Init { number: 0, track: Arc::new(Track::source(TrackId(id), codec)), bytes: "init".into() };
            Slot::new(Arc::new(init), window(100, 0, 0))
        };
        Self {
            router: router(house.clone(), Router::new()),
            house,
            renditions,
            shelf: Shelf::new(path, ERA.to_owned()),
            video: slot(0, avc()),
            audio: slot(1, aac()),
            _publisher: publisher,
        }
    }

    /// On the shelf, with segments 100 to 109 and three parts of 110.
    pub(super) fn live(path: &str) -> Self {
        let stage = Self::empty(path);
        stage.place();
        stage.show();
        stage.set(window(100, 10, 3));
        stage
    }

    pub(super) fn place(&self) {
        self.house.library.place(self.shelf.presentation().clone());
    }

    pub(super) fn show(&self) {
        self.shelf.show([&self.video, &self.audio]);
    }

    /// The sound was taken out.
    pub(super) fn show_video_alone(&self) {
        self.shelf.show([&self.video]);
    }

    /// Replaces both windows.
    pub(super) fn set(&self, window: Window) {
        self.audio.replace(Window { segments: window.segments.clone(), open: window.open.clone(), ..window });
        self.video.replace(window);
    }

    /// The sound is to be made into Opus, with little success.
    pub(super) fn make_opus(&self) -> Derived {
        let opus = Codec::Opus(::media::codec::Opus::plain(2));
        let track = Track { origin: Origin::Transcoder, ..Track::source(TrackId(101), opus) };
        let broadcast = self.house.hub.broadcast(&self.shelf.presentation().path).unwrap();
        let derived = broadcast.derive(track.clone()).unwrap();
        let rendition = Rendition {
            path: broadcast.path().clone(),
            source: TrackId(1),
            track: Arc::new(track),
            making: Making::BackingOff(std::time::Instant::now() + Duration::from_secs(60)),
            frames: 42,
            dropped: 3,
            restarts: 5,
            last_failure: Some("hangs".into()),
            encoder: Some("libx264".into()),
            fallback_from: Some("nvenc"),
            delay: Some(Duration::from_micros(31_250)),
        };
        self.renditions.0.lock().unwrap().push(rendition);
        derived
    }

    pub(super) async fn get(&self, uri: &str) -> Reply {
        self.send("GET", uri, &[]).await
    }

    pub(super) async fn send(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> Reply {
        call(self.router.clone(), method, uri, headers).await
    }
}

/// One request from a stranger's address.
pub(super) async fn call(router: Router, method: &str, uri: &str, headers: &[(&str, &str)]) -> Reply {
    call_with(router, method, uri, headers, Body::empty()).await
}

/// The same with a body.
pub(super) async fn call_with(router: Router, method: &str, uri: &str, headers: &[(&str, &str)], body: Body) -> Reply {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body).unwrap();
    request.extensions_mut().insert(Peer("192.0.2.7".parse().unwrap()));
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply { status: parts.status, headers: parts.headers, body }
}

/// A window of complete segments from `first`, and an open one with so many parts.
pub(super) fn window(first: u64, segments: u64, open_parts: usize) -> Window {
    let open = first + segments;
    Window {
        version: open * 100 + open_parts as u64 + 1,
        segments: (first..open).map(|msn| segment(msn, PARTS)).collect(),
        open: Some(segment(open, open_parts)),
        discontinuity_sequence: 7,
        target_duration_secs: 2,
        part_target: PART,
        independent_segments: true,
        ended: false,
    }
}

/// The same, over.
pub(super) fn ended(first: u64, segments: u64) -> Window {
    let window = window(first, segments, 0);
    Window { open: None, ended: true, version: window.version + 1, ..window }
}

fn segment(msn: u64, parts: usize) -> Arc<Segment> {
    let start = Time(i64::try_from(msn).unwrap() * PART.0 * PARTS as i64);
    let part = |index: usize| Part {
        start: Time(start.0 + PART.0 * index as i64),
        duration: PART,
        independent: index == 0,
        bytes: part_bytes(msn, index),
    };
    let init = Init { number: 0, track: Arc::new(Track::source(TrackId(0), avc())), bytes: "init".into() };
    Arc::new(Segment {
        msn,
        init: Arc::new(init),
        start,
        wall: UNIX_EPOCH + Duration::from_secs(1_795_230_900 + 2 * msn),
        duration: Span(PART.0 * parts as i64),
        discontinuity: false,
        gap: false,
        independent: true,
        parts: (0..parts).map(|index| Arc::new(part(index))).collect(),
        whole: None,
    })
}

pub(super) fn part_bytes(msn: u64, part: usize) -> Bytes {
    format!("<{msn}.{part}>").into()
}

pub(super) fn segment_bytes(msn: u64) -> Vec<u8> {
    (0..PARTS).flat_map(|part| part_bytes(msn, part)).collect()
}

pub(super) fn avc() -> Codec {
    let picture = Picture { width: 1280, height: 720, pixel_aspect: (1, 1), frame_rate: Some((30, 1)), colour: None };
    Codec::Avc(Avc {
        sps: Vec::new(),
        pps: Vec::new(),
        profile: 0x64,
        constraints: 0,
        level: 0x1f,
        chroma_format: 1,
        luma_depth: 8,
        chroma_depth: 8,
        reorder_frames: None,
        picture,
    })
}

fn aac() -> Codec {
    let sound = Sound { rate: 48_000, channels: 2 };
    let config = Bytes::from_static(&[0x11, 0x90]);
    Codec::Aac(Aac { config, object_type: 2, core_rate: 48_000, frame_samples: 1024, sound })
}
