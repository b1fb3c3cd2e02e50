use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep};

use super::stage::{PARTS, Reply, Stage, call, ended, window};

const INDEX: &str = "/hls/live/alice/index.m3u8";
const VIDEO: &str = "/hls/live/alice/v0.m3u8";

/// H1, H38, H40.
#[tokio::test(start_paused = true)]
async fn playlists_say_what_they_are_and_how_long_they_keep() {
    let stage = Stage::live("live/alice");
    for (uri, keep) in [
        (INDEX, "public, max-age=1"),
        (VIDEO, "public, max-age=1"),
        ("/hls/live/alice/a1.m3u8", "public, max-age=1"),
        ("/hls/live/alice/v0.m3u8?_HLS_skip=YES", "public, max-age=1"),
        ("/hls/live/alice/v0.m3u8?_HLS_msn=109", "public, max-age=12"),
        ("/hls/live/alice/v0.m3u8?_HLS_msn=110&_HLS_part=2&_HLS_skip=YES", "public, max-age=12"),
    ] {
        let reply = stage.get(uri).await;
        assert_eq!(reply.status, 200, "{uri}");
        assert_eq!(reply.header("content-type"), "application/vnd.apple.mpegurl");
        assert_eq!(reply.header("cache-control"), keep, "{uri}");
        assert_eq!(reply.header("vary"), "accept-encoding");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert!(reply.text().starts_with("#EXTM3U\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_multivariant_names_the_media_playlists() {
    let stage = Stage::live("live/alice");
    stage.video.measured(3_000_000, 2_500_000);
    let text = stage.get(INDEX).await.text();
    assert!(text.contains("BANDWIDTH=3192000,AVERAGE-BANDWIDTH=2692000,CODECS=\"avc1.64001f,mp4a.40.2\""), "{text}");
    assert!(text.contains("URI=\"a1.m3u8\"") && text.ends_with("v0.m3u8\n"), "{text}");
    let audio = stage.get("/hls/live/alice/a1.m3u8").await.text();
    assert!(audio.contains("#EXT-X-RENDITION-REPORT:URI=\"v0.m3u8\",LAST-MSN=110,LAST-PART=2"), "{audio}");
}

/// H2.
#[tokio::test(start_paused = true)]
async fn playlists_are_gzipped_for_those_who_take_it() {
    let stage = Stage::live("live/alice");
    for uri in [INDEX, VIDEO] {
        let plain = stage.get(uri).await;
        assert_eq!(plain.header("content-encoding"), "");
        for accepted in ["gzip", "br, GZIP;q=0.5", "deflate,gzip ; q=1.0"] {
            let packed = stage.send("GET", uri, &[("accept-encoding", accepted)]).await;
            assert_eq!(packed.header("content-encoding"), "gzip", "{accepted}");
            assert_eq!(packed.text(), plain.text());
        }
        for refused in ["gzip;q=0", "gzip;q=0.00, br", "identity", "xgzip"] {
            let reply = stage.send("GET", uri, &[("accept-encoding", refused)]).await;
            assert_eq!(reply.header("content-encoding"), "", "{refused}");
        }
    }
    let ranged = stage.send("GET", VIDEO, &[("range", "bytes=0-3")]).await;
    assert_eq!(ranged.status, 200);
}

#[tokio::test(start_paused = true)]
async fn head_is_get_without_its_body() {
    let stage = Stage::live("live/alice");
    let get = stage.get(VIDEO).await;
    let head = stage.send("HEAD", VIDEO, &[]).await;
    assert_eq!((head.status, head.body.len()), (get.status, 0));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(stage.send("POST", VIDEO, &[]).await.status, 405);
}

/// H30: answered at once when it comes, and not before.
#[tokio::test(start_paused = true)]
async fn a_reload_waits_for_the_part_it_asks() {
    let stage = Stage::live("live/alice");
    let began = Instant::now();
    let (reply, ()) = tokio::join!(stage.get("/hls/live/alice/v0.m3u8?_HLS_msn=110&_HLS_part=4"), async {
        sleep(Duration::from_millis(200)).await;
        stage.set(window(100, 10, 4));
        sleep(Duration::from_millis(200)).await;
        stage.set(window(100, 10, 5));
    });
    assert_eq!(began.elapsed(), Duration::from_millis(400));
    assert!(reply.text().contains("v0.110.4.m4s\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"../../../media/"));
}

/// H30, H31.
#[tokio::test(start_paused = true)]
async fn a_reload_waits_for_the_segment_it_asks() {
    let stage = Stage::live("live/alice");
    for uri in ["/hls/live/alice/v0.m3u8?_HLS_msn=110", "/hls/live/alice/v0.m3u8?_HLS_msn=110&_HLS_part=12"] {
        stage.set(window(100, 10, 3));
        let (reply, ()) = tokio::join!(stage.get(uri), async {
            sleep(Duration::from_secs(1)).await;
            stage.set(window(101, 10, 0));
            sleep(Duration::from_secs(1)).await;
            stage.set(window(101, 10, 1));
        });
        let waits_for_next = uri.contains("_HLS_part");
        assert_eq!(reply.text().contains("v0.111.0.m4s\",INDEPENDENT=YES"), waits_for_next, "{uri}");
        assert!(reply.text().contains("/v0.110.m4s\n"));
    }
}

/// H32, H33, H34, H38.
#[tokio::test(start_paused = true)]
async fn what_needs_no_waiting_is_answered_at_once() {
    let stage = Stage::live("live/alice");
    let began = Instant::now();
    for (query, status) in [
        ("_HLS_msn=3", 200),
        ("_HLS_msn=109", 200),
        ("_HLS_msn=112", 400),
        ("_HLS_msn=110&_HLS_part=99", 400),
        ("_HLS_part=1", 400),
        ("_HLS_msn=-1", 400),
        ("_HLS_msn=x", 400),
        ("_HLS_msn=99999999999999999999", 400),
        ("_HLS_x=1&utm=2", 200),
    ] {
        let reply = stage.get(&format!("{VIDEO}?{query}")).await;
        assert_eq!(reply.status, status, "{query}");
        if status == 400 {
            assert_eq!(reply.header("cache-control"), "public, max-age=8", "{query}");
            assert_eq!(reply.header("content-type"), "application/problem+json");
            assert_eq!(reply.header("access-control-allow-origin"), "*");
        }
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// H35.
#[tokio::test(start_paused = true)]
async fn a_reload_gives_up_after_three_target_durations() {
    let stage = Stage::live("live/alice");
    let began = Instant::now();
    let reply = stage.get(&format!("{VIDEO}?_HLS_msn=111&_HLS_part=0")).await;
    assert_eq!((reply.status.as_u16(), began.elapsed()), (503, Duration::from_secs(6)));
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(reply.header("cache-control"), "no-store");
}

/// H17, H35.
#[tokio::test(start_paused = true)]
async fn the_end_answers_every_reload() {
    let stage = Stage::live("live/alice");
    let (reply, ()) = tokio::join!(stage.get("/hls/live/alice/v0.m3u8?_HLS_msn=111"), async {
        sleep(Duration::from_secs(1)).await;
        stage.set(ended(100, 11));
    });
    assert!(reply.text().ends_with("#EXT-X-ENDLIST\n"));
    assert_eq!(stage.get(&format!("{VIDEO}?_HLS_msn=999&_HLS_part=7")).await.status, 200);
}

/// H5: a stream that has begun is waited for.
#[tokio::test(start_paused = true)]
async fn a_young_stream_is_waited_for() {
    let stage = Stage::empty("live/alice");
    let feed = async {
        sleep(Duration::from_secs(1)).await;
        stage.place();
        sleep(Duration::from_secs(1)).await;
        stage.show();
        sleep(Duration::from_secs(1)).await;
        stage.set(window(100, 0, 3));
        sleep(Duration::from_secs(1)).await;
        stage.set(window(100, 1, 0));
        Instant::now()
    };
    let answered = |reply: Reply| {
        assert_eq!(reply.status, 200);
        Instant::now()
    };
    let began = Instant::now();
    let (index, video, fed) =
        tokio::join!(async { answered(stage.get(INDEX).await) }, async { answered(stage.get(VIDEO).await) }, feed);
    assert_eq!((index, video), (fed, fed));
    assert_eq!(began.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_young_stream_has_an_end() {
    let stage = Stage::empty("live/alice");
    for placed in [false, true] {
        if placed {
            stage.place();
        }
        for uri in [INDEX, VIDEO] {
            let began = Instant::now();
            let reply = stage.get(uri).await;
            assert_eq!((reply.status.as_u16(), began.elapsed()), (404, Duration::from_secs(10)));
            assert_eq!((reply.header("retry-after"), reply.header("cache-control")), ("1", "no-store"));
        }
    }
}

/// F7, H40.
#[tokio::test(start_paused = true)]
async fn what_is_unknown_is_said_at_once() {
    let stage = Stage::live("live/alice");
    let began = Instant::now();
    for uri in [
        "/hls/live/bob/index.m3u8",
        "/hls/live/alice/index.m3u",
        "/hls/live/alice/v1.m3u8",
        "/hls/live/alice/v0.mpd",
        "/hls/live/alice/",
        "/hls/index.m3u8",
        "/hls//index.m3u8",
        "/hls/../live/alice/index.m3u8",
        "/hls/live/%2e%2e/index.m3u8",
        "/hls/live%2Falice/index.m3u8",
        "/hls/live/alice%00/index.m3u8",
        "/hls/live/alice;x/index.m3u8",
        "/hls/live/%0d%0aSet-Cookie:x/index.m3u8",
        "/hls/live/%f0%9f%a6%80/index.m3u8",
        "/hls/a/a/a/a/a/a/a/a/a/index.m3u8",
    ] {
        let reply = stage.get(uri).await;
        assert_eq!(reply.status, 404, "{uri}");
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{uri}");
        assert!(["no-store", "public, max-age=2"].contains(&reply.header("cache-control")), "{uri}");
    }
    let long = format!("/hls/{}/index.m3u8", "x".repeat(4096));
    assert_eq!(stage.get(&long).await.status, 404);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// The count of playlists rendered so far.
fn rendered(metrics: &str) -> u64 {
    let line = metrics.lines().find(|line| line.starts_with("onair_hls_playlists_rendered_total{kind=\"media\"}"));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

fn parked(metrics: &str) -> &str {
    let line = metrics.lines().find(|line| line.starts_with("onair_hls_parked{kind=\"reload\"}"));
    line.map_or("", |line| line.rsplit(' ').next().unwrap())
}

/// H41.
#[test]
fn a_thousand_parked_reloads_cost_one_rendering_a_change() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let stage = Stage::live("live/alice");
            let mut players = JoinSet::new();
            for player in 0..1000 {
                let router = stage.router.clone();
                players.spawn(async move {
                    let headers: &[_] = if player % 2 == 0 { &[("accept-encoding", "gzip")] } else { &[] };
                    for part in 3..PARTS {
                        let uri = format!("{VIDEO}?_HLS_msn=110&_HLS_part={part}");
                        let reply = call(router.clone(), "GET", &uri, headers).await;
                        assert!(reply.text().contains(&format!("v0.110.{part}.m4s\"")));
                    }
                });
            }
            for parts in 4..=PARTS {
                sleep(Duration::from_millis(200)).await;
                assert_eq!(parked(&metrics.render()), "1000");
                assert_eq!(rendered(&metrics.render()), parts as u64 - 4);
                let began = Instant::now();
                stage.set(window(100, 10, parts));
                while rendered(&metrics.render()) < parts as u64 - 3 {
                    yield_now().await;
                }
                assert_eq!(began.elapsed(), Duration::ZERO);
            }
            while let Some(player) = players.join_next().await {
                player.unwrap();
            }
            assert_eq!(rendered(&metrics.render()), PARTS as u64 - 3);
            assert_eq!(parked(&metrics.render()), "0");
        });
    });
}

/// H35: who leaves is forgotten.
#[test]
fn a_client_that_leaves_waits_no_longer() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let stage = Stage::live("live/alice");
            let router = stage.router.clone();
            let player = tokio::spawn(async move { call(router, "GET", &format!("{VIDEO}?_HLS_msn=111"), &[]).await });
            sleep(Duration::from_millis(1)).await;
            assert_eq!(parked(&metrics.render()), "1");
            player.abort();
            player.await.unwrap_err();
            assert_eq!(parked(&metrics.render()), "0");
        });
    });
}

/// H18.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_never_see_a_torn_playlist() {
    let stage = Stage::live("live/alice");
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for reader in 0..200 {
        let (router, over) = (stage.router.clone(), over.clone());
        readers.spawn(async move {
            let (mut last, mut reads) = ((0, 0), 0);
            let uri = if reader % 2 == 0 { VIDEO.to_owned() } else { format!("{VIDEO}?_HLS_skip=YES") };
            while !over.load(Ordering::Relaxed) {
                let text = call(router.clone(), "GET", &uri, &[]).await.text();
                let edge = whole(&text);
                assert!(edge >= last, "H8: {edge:?} after {last:?}");
                (last, reads) = (edge, reads + 1);
                yield_now().await;
            }
            reads
        });
    }
    for open in 111..160 {
        for parts in 0..PARTS {
            stage.set(window(open - 10, 10, parts));
            sleep(Duration::from_millis(1)).await;
        }
    }
    over.store(true, Ordering::Relaxed);
    let mut reads = 0;
    while let Some(reader) = readers.join_next().await {
        reads += reader.unwrap();
    }
    assert!(reads > 1000, "{reads}");
}

/// The edge of a playlist that hangs together.
fn whole(text: &str) -> (u64, usize) {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.parse::<u64>().ok());
    let first = value("#EXT-X-MEDIA-SEQUENCE:").unwrap();
    let skipped = value("#EXT-X-SKIP:SKIPPED-SEGMENTS=").unwrap_or(0);
    let msns: Vec<u64> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit('/').next().unwrap().split('.').nth(1).unwrap().parse().unwrap())
        .collect();
    let open = first + skipped + msns.len() as u64;
    assert!(msns.iter().copied().eq(first + skipped..open), "{text}");
    assert_eq!(skipped + msns.len() as u64, 10, "{text}");
    let parts = text.lines().filter(|line| line.contains(&format!("/v0.{open}."))).count() - 1;
    let hint = format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"../../../media/live/alice/tqzlpg/v0.{open}.{parts}.m4s\"");
    assert!(text.lines().any(|line| line == hint), "{text}");
    (open, parts)
}

/// A rendition that was taken out is not shown again by a playlist of before, when the numbers come to the same.
#[tokio::test(start_paused = true)]
async fn a_rendition_that_is_gone_is_gone_from_the_multivariant_at_once() {
    let stage = Stage::live("live/alice");
    let before = stage.get(INDEX).await.text();
    assert!(before.contains("a1.m3u8") && before.contains("v0.m3u8"));
    let both = window(100, 10, 3).version * 2;
    stage.show_video_alone();
    stage.set(::package::Window { version: both, ..window(100, 10, 4) });
    let after = stage.get(INDEX).await.text();
    assert!(!after.contains("a1.m3u8") && after.contains("v0.m3u8"), "{after}");
}
