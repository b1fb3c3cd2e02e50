//! Pages, API and operations.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use serde_json::Value;

use super::stage::{KEY, Stage, call};
use crate::router;
use crate::router::api_routes;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn the_api_tells_what_is_live() {
    let stage = Stage::live("live/alice");
    let reply = stage.get("/api/v1/streams").await;
    assert_eq!((reply.header("content-type"), reply.header("cache-control")), ("application/json", "no-store"));
    assert_eq!(reply.header("access-control-allow-origin"), "", "F12");
    let all = json(&reply.text());
    let one = json(&stage.get("/api/v1/streams/live/alice").await.text());
    assert!(all["now"].as_str().unwrap().ends_with('Z'));
    assert_eq!(all["streams"][0]["path"], "live/alice");
    assert_eq!(one["state"], "live");
    assert_eq!(one["publisher"]["proto"], "rtmp");
    assert_eq!(one["viewers"], serde_json::json!({}));
    assert_eq!(one["webrtc"], serde_json::json!({ "video": ["h264"], "audio": ["opus"] }));
    let tracks = one["tracks"].as_array().unwrap().as_slice();
    let [video, audio] = tracks else { panic!("{one}") };
    assert!(tracks.iter().all(|track| track.get("made").is_none()), "{one}");
    assert_eq!(video["codecs_string"], "avc1.64001f");
    assert_eq!((&video["width"], &video["height"], &video["frame_rate"]), (&1280.into(), &720.into(), &30.0.into()));
    assert_eq!((&audio["name"], &audio["sample_rate"], &audio["channels"]), (&"a1".into(), &48_000.into(), &2.into()));
    assert!(audio.get("width").is_none());

    for uri in ["/api/v1/streams/live/bob", "/api/v1/streams/..%2f", "/api/v1/none"] {
        let reply = stage.get(uri).await;
        assert_eq!(reply.status, 404);
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(json(&reply.text())["status"], 404);
    }
}

#[tokio::test]
async fn the_api_tells_who_needs_a_key_to_publish() {
    let stage = Stage::live("live/alice");
    let server = json(&stage.get("/api/v1/server").await.text());
    assert_eq!((&server["version"], &server["rtmp_port"]), (&"1.2.3".into(), &1935.into()));
    assert_eq!(server["rtmps_port"], 1936);
    assert_eq!(server["https_port"], 8443);
    assert_eq!(server["publish_needs_key"], true);
    // Nobody is believed who says to come from loopback.
    let claims = [("x-forwarded-for", "127.0.0.1")];
    let server = json(&stage.send("GET", "/api/v1/server", &claims).await.text());
    assert_eq!(server["publish_needs_key"], true);
}

#[tokio::test]
async fn the_document_of_the_api_names_its_routes() {
    let stage = Stage::live("live/alice");
    let document = json(&stage.get("/api/openapi.json").await.text());
    let paths = document["paths"].as_object().unwrap();
    // A route that is not described, or described and not there, fails here; those of guests are held by apps/onair.
    let guests = |path: &&str| path.starts_with("/api/v1/webrtc/");
    let described: BTreeSet<_> = paths.keys().map(String::as_str).filter(|path| !guests(path)).collect();
    let routes: Vec<_> = api_routes().into_iter().map(|(path, _)| path.replace("{*", "{")).collect();
    let described: BTreeSet<_> = described.into_iter().map(|path| path.trim_end_matches(".jpg")).collect();
    assert_eq!(described, routes.iter().map(String::as_str).collect());
    // Of pictures there are tests of their own.
    for path in described.into_iter().filter(|path| path.starts_with("/api/")) {
        let uri = path.replace("{path}", "live/alice").replace("{application}", "live");
        assert_eq!(stage.get(&uri).await.status, 200, "{path}");
    }
    let schema = &document["components"]["schemas"]["Stream"];
    let stream = json(&stage.get("/api/v1/streams/live/alice").await.text());
    for name in schema["required"].as_array().unwrap() {
        assert!(stream.get(name.as_str().unwrap()).is_some(), "{name}");
    }
    let known = |schema: &str, value: &Value| {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        value.as_object().unwrap().keys().filter(|name| *name != "now").all(|name| properties.contains_key(name))
    };
    assert!(known("Stream", &stream) && known("Track", &stream["tracks"][0]) && known("Track", &stream["tracks"][1]));
}

/// What is made of a stream is told to those who may watch it, by the API and among the figures.
#[tokio::test]
async fn renditions_tell_how_they_do() {
    for (path, is_seen) in [("live/alice", true), ("private/alice", false)] {
        let stage = Stage::live(path);
        let made = stage.make_opus();
        let all = json(&stage.get("/api/v1/transcodes").await.text());
        let figures = stage.get("/metrics").await.text();
        let frames = format!("onair_rendition_frames_total{{stream=\"{path}\",track=\"a101\"}} 42");
        let state = format!("onair_rendition_state{{stream=\"{path}\",track=\"a101\",state=\"backing-off\"}} 1");
        let delay =
            format!("onair_rendition_delay_seconds{{stream=\"{path}\",track=\"a101\",quantile=\"0.95\"}} 0.03125");
        for line in [frames, state, delay] {
            assert_eq!(figures.lines().any(|there| there == line), is_seen, "{figures}");
        }
        if !is_seen {
            assert_eq!(all["transcodes"].as_array().unwrap().len(), 0);
            let keyed = [("authorization", format!("Bearer {KEY}"))];
            let keyed = keyed.each_ref().map(|(name, value)| (*name, value.as_str()));
            let all = json(&stage.send("GET", "/api/v1/transcodes", &keyed).await.text());
            assert_eq!(all["transcodes"][0]["stream"], path);
            continue;
        }
        let one = &all["transcodes"][0];
        assert_eq!(
            (&one["stream"], &one["name"], &one["codec"], &one["of"]),
            (&path.into(), &"a101".into(), &"opus".into(), &"a1".into())
        );
        assert_eq!(
            (&one["state"], &one["frames"], &one["dropped_frames"], &one["restarts"]),
            (&"backing-off".into(), &42.into(), &3.into(), &5.into())
        );
        assert_eq!(one["last_failure"], "hangs");
        assert_eq!(
            (&one["encoder"], &one["fallback_from"], &one["delay_ms"]),
            (&"libx264".into(), &"nvenc".into(), &31.3.into())
        );
        assert!((50_000..=60_000).contains(&one["retry_ms"].as_u64().unwrap()), "{one}");
        let stream = json(&stage.get(&format!("/api/v1/streams/{path}")).await.text());
        let track = stream["tracks"].as_array().unwrap().iter().find(|track| track["name"] == "a101").unwrap();
        assert_eq!((&track["made"]["state"], &track["made"]["of"]), (&"backing-off".into(), &"a1".into()));
        let document = json(&stage.get("/api/openapi.json").await.text());
        let properties = &document["components"]["schemas"]["Made"]["properties"];
        for name in track["made"].as_object().unwrap().keys() {
            assert!(properties.get(name).is_some(), "{name} is not described");
        }
        drop(made);
    }
}

#[tokio::test]
async fn operators_see_how_things_stand() {
    let stage = Stage::live("live/alice");
    assert_eq!(stage.get("/healthz").await.text(), "ok\n");
    assert_eq!(stage.get("/readyz").await.status, 200);
    let figures = stage.get("/metrics").await;
    assert!(figures.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = figures.text();
    for line in [
        "onair_broadcasts{state=\"live\"} 1",
        "onair_broadcasts{state=\"away\"} 0",
        "onair_track_frames_total{stream=\"live/alice\",track=\"v0\"} 0",
        "onair_track_bytes_total{stream=\"live/alice\",track=\"a1\"} 0",
        "# TYPE process_resident_memory_bytes gauge",
    ] {
        assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
    }
    stage.house.stop.cancel();
    assert_eq!(stage.get("/readyz").await.status, 503);
    assert_eq!(stage.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn pages_come_with_their_guards() {
    let stage = Stage::live("live/alice");
    for (uri, framed) in [
        ("/", false),
        ("/api", false),
        ("/watch/live/alice", false),
        ("/watch/not/live", false),
        ("/publish/live/alice", false),
        ("/embed/live/alice", true),
    ] {
        let reply = stage.get(uri).await;
        assert_eq!(reply.status, 200, "{uri}");
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(reply.header("cache-control"), "no-cache");
        assert!(reply.header("content-security-policy").contains("default-src 'self'"));
        assert_eq!(reply.header("content-security-policy").contains("frame-ancestors"), !framed, "{uri}");
        assert_eq!(reply.header("x-frame-options").is_empty(), framed, "{uri}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        let known = [("if-none-match", reply.header("etag"))];
        assert_eq!(stage.send("GET", uri, &known).await.status, 304);
    }
}

/// Would make stills.
struct Painter;

impl hub::Stills for Painter {
    fn still<'a>(&'a self, _: &'a hub::Broadcast) -> hub::StillFuture<'a> {
        Box::pin(async { Err(hub::NoStill::NotYet) })
    }

    fn can(&self, _: &hub::Broadcast) -> bool {
        true
    }
}

/// Whoever sends the address of a page on sends a picture along, if anybody may see it.
#[tokio::test]
async fn a_page_tells_messengers_what_is_live() {
    let with_stills = |path| {
        let mut stage = Stage::live(path);
        stage.house.stills = Arc::new(Painter);
        stage.router = router(stage.house.clone(), Router::new());
        stage
    };
    let stage = with_stills("live/alice");
    let page = |uri: &'static str, headers: &'static [(&str, &str)]| {
        let reply = stage.send("GET", uri, headers);
        async move { reply.await.text() }
    };
    let host = ("host", "tv.example:8080");
    let text = page("/watch/live/alice", &[("host", "tv.example:8080")]).await;
    for (property, content) in
        [("og:title", "alice · Onair"), ("og:image", "http://tv.example:8080/thumbnail/live/alice.jpg")]
    {
        assert!(text.contains(&format!("<meta property=\"{property}\" content=\"{content}\" />")), "{text}");
    }
    assert!(!text.contains("<!-- social -->"));
    assert!(
        page("/watch/live/alice", &[("host", "tv.example:8443")]).await.contains("https://tv.example:8443/thumbnail/")
    );
    for headers in [&[][..], &[("host", "\"><script>")], &[host, ("x-forwarded-proto", "https")]] {
        let text = stage.send("GET", "/watch/live/alice", headers).await.text();
        assert!(!text.contains("https://tv") && !text.contains("<script>"), "{text}");
    }
    assert!(!page("/watch/live/bob", &[("host", "tv.example")]).await.contains("og:image"));
    // Where nobody makes stills, no address of one is named.
    let text = Stage::live("live/alice").send("GET", "/watch/live/alice", &[host]).await.text();
    assert!(text.contains("og:title") && !text.contains("og:image") && !text.contains("twitter:card"), "{text}");
    let locked = with_stills("private/alice");
    let text = locked.send("GET", "/watch/private/alice", &[host]).await.text();
    assert!(text.contains("og:title") && !text.contains("og:image"), "{text}");
}

#[tokio::test]
async fn assets_are_packed_and_keep_for_ever() {
    let stage = Stage::live("live/alice");
    for name in pages::names().filter(|name| name.starts_with("assets/")) {
        let plain = stage.get(&format!("/{name}")).await;
        assert_eq!(plain.status, 200, "{name}");
        assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
        let packed = stage.send("GET", &format!("/{name}"), &[("accept-encoding", "gzip, br")]).await;
        assert!(packed.body.len() <= plain.body.len());
        assert_eq!(packed.header("etag") == plain.header("etag"), packed.header("content-encoding").is_empty());
    }
    assert_eq!(stage.get("/assets/none.js").await.status, 404);
    assert_eq!(stage.get("/assets/..%2fhome.html").await.status, 404);
    assert_eq!(stage.get("/favicon.svg").await.header("content-type"), "image/svg+xml");
}

/// F7.
#[tokio::test]
async fn people_who_are_lost_get_a_page() {
    let stage = Stage::live("live/alice");
    for uri in ["/nowhere", "/watch/%2e%2e/x", "/publish/a;b", "/embed/a;b", "/watch/"] {
        let page = stage.send("GET", uri, &[("accept", "text/html,*/*;q=0.8")]).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (404, "text/html; charset=utf-8"), "{uri}");
        assert_eq!(stage.get(uri).await.header("content-type"), "application/problem+json");
    }
}

/// F18.
#[tokio::test]
async fn what_is_too_large_is_refused() {
    let stage = Stage::live("live/alice");
    let long = format!("/?{}", "x".repeat(9000));
    assert_eq!(stage.get(&long).await.status, 414);
    assert_eq!(stage.send("POST", "/api/v1/streams", &[("content-length", "999999999")]).await.status, 413);
    assert_eq!(stage.send("POST", "/api/v1/streams", &[]).await.status, 405);
    let both = [("content-length", "3"), ("transfer-encoding", "chunked")];
    let reply = call(stage.router.clone(), "POST", "/", &both).await;
    assert_eq!((reply.status.as_u16(), reply.header("connection")), (400, "close"));
}
