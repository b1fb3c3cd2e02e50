use std::time::Duration;

use tokio::time::Instant;

use super::stage::{KEY, OTHER_KEY, Stage};

const QUERY: &str = "key=open+sesame%26";

/// F13, H40: no word on what there is.
#[tokio::test(start_paused = true)]
async fn without_the_key_all_addresses_are_alike() {
    let stage = Stage::live("private/alice");
    let began = Instant::now();
    let mut seen = Vec::new();
    for uri in [
        "/hls/private/alice/index.m3u8",
        "/hls/private/alice/v0.m3u8?_HLS_msn=110&_HLS_part=3",
        "/hls/private/nobody/index.m3u8",
        "/media/private/alice/tqzlpg/v0.109.m4s",
        "/media/private/nobody/tqzlpg/v0.109.m4s",
        "/api/v1/streams/private/alice",
        "/api/v1/streams/private/nobody",
    ] {
        let reply = stage.get(uri).await;
        assert_eq!(reply.status, 401, "{uri}");
        assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"onair\"");
        assert_eq!(reply.header("cache-control"), "no-store");
        let shared = if uri.starts_with("/api") { "" } else { "*" };
        assert_eq!(reply.header("access-control-allow-origin"), shared);
        seen.push(reply.body);
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
    let wrong = stage.get("/hls/private/alice/index.m3u8?key=canary77").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("www-authenticate").contains("invalid_token"));
    assert!(!wrong.text().contains("canary77"));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_key_for_something_else_is_told_so() {
    let stage = Stage::live("private/alice");
    let key: String = form_urlencoded::byte_serialize(OTHER_KEY.as_bytes()).collect();
    for path in ["/hls/private/alice/index.m3u8", "/hls/private/nobody/index.m3u8"] {
        let reply = stage.get(&format!("{path}?key={key}")).await;
        assert_eq!(reply.status, 403);
        assert!(reply.header("www-authenticate").contains("insufficient_scope"));
    }
}

/// H37.
#[tokio::test(start_paused = true)]
async fn a_key_in_the_query_reaches_every_child() {
    let stage = Stage::live("private/alice");
    let index = stage.get(&format!("/hls/private/alice/index.m3u8?{QUERY}&_HLS_x=1")).await;
    assert_eq!(index.header("cache-control"), "private, max-age=1");
    assert!(index.text().ends_with(&format!("v0.m3u8?{QUERY}\n")), "{}", index.text());
    let media = stage.get(&format!("/hls/private/alice/v0.m3u8?_HLS_msn=109&{QUERY}&_HLS_skip=YES")).await.text();
    for line in media.lines().filter(|line| line.contains("URI=") || !line.starts_with('#')) {
        assert!(line.contains(&format!("?{QUERY}")) && !line.contains("_HLS_"), "{line}");
    }
    let segment = stage.get(&format!("/media/private/alice/tqzlpg/v0.109.m4s?{QUERY}")).await;
    assert_eq!(
        (segment.status.as_u16(), segment.header("cache-control")),
        (200, "private, max-age=31536000, immutable")
    );
}

/// H37.
#[tokio::test(start_paused = true)]
async fn a_key_in_the_header_is_in_no_address() {
    let stage = Stage::live("private/alice");
    let bearer = format!("Bearer {KEY}");
    let bearer = [("authorization", bearer.as_str())];
    for uri in ["/hls/private/alice/index.m3u8", "/hls/private/alice/v0.m3u8"] {
        let reply = stage.send("GET", uri, &bearer).await;
        assert_eq!(reply.status, 200);
        assert!(!reply.text().contains("key="));
    }
    assert_eq!(stage.send("GET", "/media/private/alice/tqzlpg/v0.109.m4s", &bearer).await.status, 200);
    assert_eq!(stage.send("GET", "/api/v1/streams/private/alice", &bearer).await.status, 200);
}

/// H37: one address for all, so that a cache needs to keep it only once.
#[tokio::test(start_paused = true)]
async fn a_key_on_an_open_path_goes_nowhere() {
    let stage = Stage::live("live/alice");
    let reply = stage.get(&format!("/hls/live/alice/v0.m3u8?{QUERY}")).await;
    assert_eq!(reply.header("cache-control"), "public, max-age=1");
    assert!(!reply.text().contains("key="));
}

#[tokio::test(start_paused = true)]
async fn lists_show_only_what_the_caller_may_watch() {
    for (path, shown) in [("live/alice", true), ("private/alice", false)] {
        let stage = Stage::live(path);
        for uri in ["/api/v1/streams", "/metrics"] {
            assert_eq!(stage.get(uri).await.text().contains(path), shown, "{uri}");
            assert!(stage.get(&format!("{uri}?{QUERY}")).await.text().contains(path));
        }
    }
}
