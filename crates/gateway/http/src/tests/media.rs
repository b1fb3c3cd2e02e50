use std::sync::Arc;
use std::time::Duration;

use ::package::Window;
use tokio::time::{Instant, sleep};

use super::stage::{Stage, part_bytes, segment_bytes, window};

const BASE: &str = "/media/live/alice/tqzlpg";

/// H1, H2, H25, H38, H40.
#[tokio::test(start_paused = true)]
async fn media_is_what_it_says_and_keeps_for_ever() {
    let stage = Stage::live("live/alice");
    for (name, bytes, kind) in [
        ("v0.i0.mp4", b"init".to_vec(), "video/mp4"),
        ("v0.109.m4s", segment_bytes(109), "video/mp4"),
        ("v0.110.2.m4s", part_bytes(110, 2).to_vec(), "video/mp4"),
        ("v0.100.9.m4s", part_bytes(100, 9).to_vec(), "video/mp4"),
        ("a1.109.m4s", segment_bytes(109), "audio/mp4"),
    ] {
        let reply = stage.send("GET", &format!("{BASE}/{name}"), &[("accept-encoding", "gzip")]).await;
        assert_eq!(reply.status, 200, "{name}");
        assert_eq!(reply.body, bytes, "{name}");
        assert_eq!(reply.header("content-type"), kind);
        assert_eq!(reply.header("content-length"), bytes.len().to_string());
        assert_eq!(reply.header("content-encoding"), "");
        assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert!(reply.header("access-control-expose-headers").contains("content-range, date, age"));

        let head = stage.send("HEAD", &format!("{BASE}/{name}"), &[]).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), bytes.len().to_string());

        let known = [("if-none-match", reply.header("etag"))];
        assert_eq!(stage.send("GET", &format!("{BASE}/{name}"), &known).await.status, 304);
    }
}

/// H28, F18.
#[tokio::test(start_paused = true)]
async fn a_range_is_cut_out_of_the_parts() {
    let stage = Stage::live("live/alice");
    let whole = segment_bytes(109);
    let uri = format!("{BASE}/v0.109.m4s");
    let end = whole.len() - 1;
    for (range, wanted, said) in [
        ("bytes=0-9007199254740991", &whole[..], format!("bytes 0-{end}/{}", whole.len())),
        ("bytes=5-20", &whole[5..21], format!("bytes 5-20/{}", whole.len())),
        ("bytes=-3", &whole[end - 2..], format!("bytes {}-{end}/{}", end - 2, whole.len())),
    ] {
        let reply = stage.send("GET", &uri, &[("range", range), ("accept-encoding", "gzip")]).await;
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (206, wanted), "{range}");
        assert_eq!(reply.header("content-range"), said);
        assert_eq!(reply.header("content-length"), wanted.len().to_string());
    }
    for range in ["bytes=9999-", "bytes=0-1,3-4", &format!("bytes={}", "0-,".repeat(1000))] {
        let reply = stage.send("GET", &uri, &[("range", range)]).await;
        assert_eq!(reply.status, 416);
        assert_eq!(reply.header("content-range"), format!("bytes */{}", whole.len()));
    }
    let other = [("range", "bytes=0-1"), ("if-range", "\"something.else\"")];
    assert_eq!(stage.send("GET", &uri, &other).await.status, 200);
}

/// H27.
#[tokio::test(start_paused = true)]
async fn the_hinted_part_comes_when_it_is_whole() {
    let stage = Stage::live("live/alice");
    let began = Instant::now();
    let (reply, ()) = tokio::join!(stage.get("/media/live/alice/tqzlpg/v0.110.3.m4s"), async {
        sleep(Duration::from_millis(200)).await;
        stage.set(window(100, 10, 4));
    });
    assert_eq!((reply.status.as_u16(), began.elapsed()), (200, Duration::from_millis(200)));
    assert_eq!(reply.body, part_bytes(110, 3));
}

/// H27.
#[tokio::test(start_paused = true)]
async fn a_hint_that_comes_to_nothing_is_404_as_soon_as_that_is_known() {
    let stage = Stage::live("live/alice");
    let began = Instant::now();
    let (reply, ()) = tokio::join!(stage.get("/media/live/alice/tqzlpg/v0.110.3.m4s"), async {
        sleep(Duration::from_millis(200)).await;
        // The segment ends with the parts it has.
        let short = window(100, 10, 3);
        let last = short.open.clone().unwrap();
        let segments = short.segments.iter().cloned().chain([last]).collect();
        stage.video.replace(Window { segments, version: short.version + 1, ..window(100, 11, 0) });
    });
    assert_eq!((reply.status.as_u16(), began.elapsed()), (404, Duration::from_millis(200)));
    assert_eq!(reply.header("cache-control"), "no-store");
}

/// H27, H35.
#[tokio::test(start_paused = true)]
async fn a_hinted_part_is_given_up_after_three_target_durations() {
    let stage = Stage::live("live/alice");
    let began = Instant::now();
    let reply = stage.get("/media/live/alice/tqzlpg/v0.110.3.m4s").await;
    assert_eq!((reply.status.as_u16(), began.elapsed()), (503, Duration::from_secs(6)));
    assert_eq!(reply.header("cache-control"), "no-store");
}

/// H27, F7.
#[tokio::test(start_paused = true)]
async fn what_nobody_hinted_is_unknown_at_once() {
    let stage = Stage::live("live/alice");
    let began = Instant::now();
    for name in [
        "tqzlpg/v0.110.4.m4s",
        "tqzlpg/v0.111.0.m4s",
        "tqzlpg/v0.112.m4s",
        "tqzlpg/v0.99.m4s",
        "tqzlpg/v0.i1.mp4",
        "tqzlpg/v1.109.m4s",
        "tqzlpg/v0.109.mp4",
        "tqzlpg/..%2fv0.109.m4s",
        "tqzlpg/",
        "other/v0.109.m4s",
        "v0.109.m4s",
        "..",
    ] {
        let reply = stage.get(&format!("/media/live/alice/{name}")).await;
        assert_eq!(reply.status, 404, "{name}");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// H10.
#[tokio::test(start_paused = true)]
async fn a_segment_that_left_the_window_can_still_be_fetched() {
    let stage = Stage::live("live/alice");
    let old = window(100, 1, 0);
    stage.video.retire(Arc::clone(&old.segments[0]));
    stage.set(window(101, 10, 0));
    assert_eq!(stage.get(&format!("{BASE}/v0.100.m4s")).await.body, segment_bytes(100));
    assert_eq!(stage.get(&format!("{BASE}/v0.100.3.m4s")).await.body, part_bytes(100, 3));
}

/// H40.
#[tokio::test(start_paused = true)]
async fn a_preflight_is_allowed_without_a_look() {
    let stage = Stage::live("live/alice");
    let asks = [
        ("origin", "https://example.org"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    for uri in ["/hls/live/alice/v0.m3u8", "/media/live/alice/tqzlpg/v0.109.m4s", "/hls/private/x/index.m3u8"] {
        let reply = stage.send("OPTIONS", uri, &asks).await;
        assert_eq!(reply.status, 204);
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert!(reply.header("access-control-allow-methods").contains("GET"));
        assert!(reply.header("access-control-allow-headers").contains("range"));
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
}
