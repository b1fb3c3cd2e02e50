use std::time::{Duration, SystemTime};

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use super::stage::{KEY, PARTS, Stage, ended, part_bytes, segment_bytes, window};
use crate::peer::Peer;

const MANIFEST: &str = "/dash/live/alice/manifest.mpd";
const OPEN: &str = "/media/live/alice/tqzlpg/v0.110.m4s";

/// D1, D14.
#[tokio::test(start_paused = true)]
async fn the_manifest_says_what_it_is_and_how_long_it_keeps() {
    let stage = Stage::live("live/alice");
    let reply = stage.get(MANIFEST).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/dash+xml");
    assert_eq!(reply.header("cache-control"), "public, max-age=1");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert!(reply.text().contains("<BaseURL>../../../media/live/alice/tqzlpg/</BaseURL>"), "{}", reply.text());

    let packed = stage.send("GET", MANIFEST, &[("accept-encoding", "gzip")]).await;
    assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
    assert_eq!(packed.text(), reply.text());
    let known = [("if-none-match", reply.header("etag"))];
    assert_eq!(stage.send("GET", MANIFEST, &known).await.status, 304);
    assert_ne!(packed.header("etag"), reply.header("etag"));

    for uri in ["/dash/live/alice/", "/dash/live/alice/index.mpd", "/dash/live/bob/manifest.mpd", "/dash/manifest.mpd"]
    {
        assert_eq!(stage.get(uri).await.status, 404, "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_manifest_comes_with_the_first_segment() {
    let stage = Stage::empty("live/alice");
    let began = Instant::now();
    let (reply, ()) = tokio::join!(stage.get(MANIFEST), async {
        stage.place();
        stage.show();
        sleep(Duration::from_secs(1)).await;
        stage.set(window(100, 0, 5));
        sleep(Duration::from_secs(1)).await;
        stage.set(window(100, 1, 0));
    });
    assert_eq!((reply.status.as_u16(), began.elapsed()), (200, Duration::from_secs(2)));
}

/// F13: a key goes on to the media.
#[tokio::test(start_paused = true)]
async fn a_private_manifest_asks_for_its_key_and_hands_it_on() {
    let stage = Stage::live("private/alice");
    let uri = "/dash/private/alice/manifest.mpd";
    assert_eq!(stage.get(uri).await.status, 401);
    let key: String = form_urlencoded::byte_serialize(KEY.as_bytes()).collect();
    let reply = stage.get(&format!("{uri}?key={key}")).await;
    assert_eq!(reply.header("cache-control"), "private, max-age=1");
    assert!(reply.text().contains(&format!("$Number$.m4s?key={key}\"")), "{}", reply.text());
}

/// D2.
#[tokio::test(start_paused = true)]
async fn the_clock_can_be_read_from_anywhere() {
    let stage = Stage::live("live/alice");
    let reply = stage.get("/api/v1/time").await;
    let said = humantime::parse_rfc3339(&reply.text()).unwrap();
    assert!(SystemTime::now().duration_since(said).unwrap() < Duration::from_millis(100));
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
}

/// D7, D8.
#[tokio::test(start_paused = true)]
async fn an_open_segment_comes_part_by_part() {
    let stage = Stage::live("live/alice");
    let mut request = Request::get(OPEN).body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer("192.0.2.7".parse().unwrap()));
    let began = Instant::now();
    let response = stage.router.clone().oneshot(request).await.unwrap();
    assert_eq!((response.status().as_u16(), began.elapsed()), (200, Duration::ZERO));
    assert!(!response.headers().contains_key("content-length"));
    assert_eq!(response.headers()["content-type"], "video/mp4");

    let mut body = response.into_body();
    let mut whole = Vec::new();
    for part in 0..PARTS {
        if part >= 3 {
            stage.set(if part + 1 == PARTS { window(101, 10, 0) } else { window(100, 10, part + 1) });
        }
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame, part_bytes(110, part));
        whole.extend_from_slice(&frame);
    }
    assert!(body.frame().await.is_none());
    assert_eq!(whole, segment_bytes(110));
    let later = stage.get(OPEN).await;
    assert_eq!(later.body, whole);
    assert_eq!(later.header("content-length"), whole.len().to_string());
}

#[tokio::test(start_paused = true)]
async fn the_segment_after_the_open_one_is_waited_for() {
    let stage = Stage::live("live/alice");
    let began = Instant::now();
    let (reply, ()) = tokio::join!(stage.get("/media/live/alice/tqzlpg/v0.111.m4s"), async {
        sleep(Duration::from_secs(1)).await;
        stage.set(window(101, 10, 0));
        sleep(Duration::from_secs(1)).await;
        stage.set(window(101, 10, 1));
        stage.set(window(102, 10, 0));
    });
    assert_eq!((reply.status.as_u16(), began.elapsed()), (200, Duration::from_secs(2)));
    assert_eq!(reply.body, segment_bytes(111));
}

/// D8: what breaks off must not look whole.
#[tokio::test(start_paused = true)]
async fn an_open_segment_that_never_ends_breaks_off() {
    let stage = Stage::live("live/alice");
    let mut request = Request::get(OPEN).body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer("192.0.2.7".parse().unwrap()));
    let began = Instant::now();
    let response = stage.router.clone().oneshot(request).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
    assert_eq!(began.elapsed(), Duration::from_secs(6));
}

/// D13.
#[tokio::test(start_paused = true)]
async fn after_the_end_nothing_is_waited_for() {
    let stage = Stage::live("live/alice");
    stage.set(ended(100, 10));
    let began = Instant::now();
    assert_eq!(stage.get(OPEN).await.status, 404);
    assert!(stage.get(MANIFEST).await.text().contains("mediaPresentationDuration"));
    assert_eq!(began.elapsed(), Duration::ZERO);
}
