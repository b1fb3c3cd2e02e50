//! Nothing old is shown, nothing missing is remembered, and what browsers need comes through.

use std::thread;
use std::time::{Duration, Instant};

use testkit::alone;
use testkit::ffmpeg::Source;
use testkit::playlist::Media;

use crate::cache::{Cache, Kind};
use crate::server;

const BOTH: [Kind; 2] = [Kind::Nginx, Kind::Varnish];

/// H38: a playlist is kept for half a target duration, and not a moment longer. nginx counts in whole seconds, which may
/// add one.
#[test]
fn a_playlist_is_never_served_stale() {
    let _alone = alone();
    let server = server(&[]);
    let _publisher = Source::default().publish(&server.rtmp_url("live/fresh"));
    server.await_stream("live/fresh");
    let first = server.await_media("live/fresh", "v0", |list| list.segments.len() >= 2);
    let caches = BOTH.map(|kind| Cache::start(kind, server.http));
    let half_target = Duration::from_secs(u64::from(first.target / 2).max(1));
    // A little more on a busy machine.
    let age = |kind| half_target + Duration::from_millis(if kind == Kind::Nginx { 1400 } else { 400 });
    let mut history = Vec::new();
    let end = Instant::now() + Duration::from_secs(15);
    while Instant::now() < end {
        history.push((Instant::now(), server.media("live/fresh", "v0").edge()));
        for cache in &caches {
            let reply = cache.get("/hls/live/fresh/v0.m3u8");
            let now = Instant::now();
            let shown = Media::parse(&reply.text()).edge();
            let due = history.iter().rev().find(|(at, _)| now - *at >= age(cache.kind));
            if let Some((_, due)) = due {
                assert!(shown >= *due, "{:?} shows {shown:?}, {due:?} is older than it may be", cache.kind);
            }
        }
        thread::sleep(Duration::from_millis(70));
    }
}

/// Segments are fetched once; and the second viewer's answer is the first one's, byte for byte (D15).
#[test]
fn media_is_fetched_once() {
    let _alone = alone();
    let server = server(&[]);
    let _publisher = Source::default().publish(&server.rtmp_url("live/once"));
    server.await_stream("live/once");
    let list = server.await_media("live/once", "v0", |list| list.segments.len() >= 3);
    let newest = list.segments.last().unwrap();
    let [segment, part] =
        [&newest.uri, &newest.parts[0].uri].map(|uri| testkit::server::resolve("/hls/live/once/v0.m3u8", uri));
    for kind in BOTH {
        let cache = Cache::start(kind, server.http);
        for path in [&segment, &part] {
            let before = server.metric("onair_http_requests_total", "route=\"/media/");
            let first = cache.get(path);
            // nginx has sent the whole answer before it puts it into its cache.
            thread::sleep(Duration::from_millis(500));
            let second = cache.get(path);
            assert_eq!((first.status, second.status), (200, 200));
            assert_eq!(first.body, second.body);
            assert_eq!(second.header("x-cache"), Some("HIT"), "{kind:?}");
            let range = cache.get_with(path, &[("Range", "bytes=4-7")]);
            assert_eq!((range.status, &range.body[..]), (206, &first.body[4..8]), "{kind:?}");
            let asked = server.metric("onair_http_requests_total", "route=\"/media/") - before;
            assert_eq!(asked, 1.0, "{kind:?}: {path}");
        }
    }
}

/// A stream that was asked for before it began is there as soon as it is.
#[test]
fn what_is_missing_is_not_remembered() {
    let _alone = alone();
    let server = server(&[]);
    let caches = BOTH.map(|kind| Cache::start(kind, server.http));
    let addresses = ["/hls/live/late/index.m3u8", "/hls/live/late/v0.m3u8", "/dash/live/late/manifest.mpd"];
    for cache in &caches {
        for address in addresses {
            assert_eq!(cache.get(address).status, 404, "{:?}", cache.kind);
        }
    }
    let _publisher = Source::default().publish(&server.rtmp_url("live/late"));
    server.await_stream("live/late");
    for cache in &caches {
        for address in addresses {
            assert_eq!(cache.get(address).status, 200, "{:?}: {address}", cache.kind);
        }
    }
    // A part that is not hinted is unknown now, and there in a while.
    let open = server.media("live/late", "v0").open.msn;
    let later = |list: &Media| list.segments.last().is_some_and(|segment| segment.msn > open + 1);
    let era = server.media("live/late", "v0").segments[0].uri.rsplit('/').nth(1).unwrap().to_owned();
    let part = format!("/media/live/late/{era}/v0.{}.0.m4s", open + 1);
    for cache in &caches {
        assert_eq!(cache.get(&part).status, 404, "{:?}", cache.kind);
    }
    server.await_media("live/late", "v0", later);
    for cache in &caches {
        assert_eq!(cache.get(&part).status, 200, "{:?}", cache.kind);
    }
}

/// H2, H40, D14.
#[test]
fn cors_and_compression_come_through() {
    let _alone = alone();
    let server = server(&[]);
    let _publisher = Source::default().publish(&server.rtmp_url("live/cors"));
    server.await_stream("live/cors");
    let list = server.await_media("live/cors", "v0", |list| list.segments.len() >= 2);
    let segment = testkit::server::resolve("/hls/live/cors/v0.m3u8", &list.segments[0].uri);
    for kind in BOTH {
        let cache = Cache::start(kind, server.http);
        for address in ["/hls/live/cors/index.m3u8", "/hls/live/cors/v0.m3u8", "/dash/live/cors/manifest.mpd"] {
            // Those who can unpack and those who cannot, in both orders, as a cache may have the other's answer.
            for coding in ["gzip", "identity", "gzip, deflate, br, zstd"] {
                let reply = cache.get_with(address, &[("Accept-Encoding", coding), ("Origin", "https://example.com")]);
                assert_eq!(reply.status, 200, "{kind:?}: {address}");
                let packed = reply.header("content-encoding") == Some("gzip");
                assert_eq!(packed, coding != "identity", "{kind:?}: {address} for {coding}");
                assert!(reply.text().starts_with(['#', '<']), "{kind:?}: {address} for {coding}");
                assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{kind:?}: {address}");
            }
        }
        for _ in 0..2 {
            let reply = cache.get_with(&segment, &[("Accept-Encoding", "gzip"), ("Origin", "https://example.com")]);
            assert_eq!((reply.status, reply.header("content-encoding")), (200, None), "{kind:?}");
            assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{kind:?}");
            assert!(reply.header("access-control-expose-headers").is_some_and(|list| list.contains("content-range")));
        }
        let preflight = testkit::http::request(
            cache.address,
            "OPTIONS",
            &segment,
            &[
                ("Origin", "https://example.com"),
                ("Access-Control-Request-Method", "GET"),
                ("Access-Control-Request-Headers", "range"),
            ],
        );
        let preflight = preflight.unwrap();
        assert_eq!(preflight.status, 204, "{kind:?}");
        assert!(
            preflight.header("access-control-allow-headers").is_some_and(|list| list.contains("range")),
            "{kind:?}"
        );
    }
}

/// F13: what asks for a key is kept for nobody.
#[test]
fn what_needs_a_key_passes_through() {
    let _alone = alone();
    let rule = "access.watch=[{ path = \"private/*\", key = \"canary-0123456789\" }]";
    let server = server(&[rule]);
    let _publisher = Source::default().publish(&server.rtmp_url("private/board"));
    let caches = BOTH.map(|kind| Cache::start(kind, server.http));
    let address = "/hls/private/board/v0.m3u8";
    let keyed = format!("{address}?key=canary-0123456789");
    let deadline = Instant::now() + Duration::from_secs(20);
    while testkit::http::get(server.http, &keyed).status != 200 {
        assert!(Instant::now() < deadline, "{}", server.log());
        thread::sleep(Duration::from_millis(50));
    }
    for cache in &caches {
        let bearer = [("Authorization", "Bearer canary-0123456789")];
        for _ in 0..2 {
            assert_eq!(cache.get(&keyed).status, 200, "{:?}", cache.kind);
            assert_eq!(cache.get_with(address, &bearer).status, 200, "{:?}", cache.kind);
            assert_eq!(cache.get(address).status, 401, "{:?} gave away what it was not asked to keep", cache.kind);
        }
    }
}
