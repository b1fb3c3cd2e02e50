//! What OBS is told before it encodes.

use serde_json::{Value, json};

use super::stage::*;

async fn ask(stage: &Stage, uri: &str, body: &Value) -> Value {
    let headers = [("host", "video.example:8080"), ("content-type", "application/json")];
    let reply = call_with(stage.router.clone(), "POST", uri, &headers, body.to_string().into()).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/json"));
    serde_json::from_str(&reply.text()).unwrap()
}

/// As OBS 32 sends it, in parts.
fn post(stream_key: &str) -> Value {
    json!({
        "service": "IVS",
        "schema_version": "2025-01-25",
        "authentication": stream_key,
        "client": { "name": "obs-studio", "version": "32.0.0", "supported_codecs": ["h264", "av1"] },
        "capabilities": { "cpu": { "physical_cores": 8, "logical_cores": 16 }, "gpu": null },
        "preferences": {
            "maximum_aggregate_bitrate": null,
            "maximum_video_tracks": null,
            "vod_track_audio": false,
            "audio_samples_per_sec": 48_000,
            "canvases": [{
                "width": 1920,
                "height": 1080,
                "canvas_width": 1920,
                "canvas_height": 1080,
                "framerate": { "numerator": 60, "denominator": 1 }
            }]
        }
    })
}

fn sizes(answer: &Value) -> Vec<(u64, u64, u64)> {
    let encoders = answer["encoder_configurations"].as_array().unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    let size = |one: &Value| (number(&one["width"]), number(&one["height"]), number(&one["settings"]["bitrate"]));
    encoders.iter().map(size).collect()
}

#[tokio::test]
async fn obs_gets_a_ladder_and_the_address_of_the_server_it_asked() {
    let stage = Stage::live("live/alice");
    let answer = ask(&stage, "/api/v1/obs/multitrack", &post("bob?key=open%20sesame%26")).await;
    assert_eq!(answer["status"]["result"], "success");
    let endpoints = &answer["ingest_endpoints"];
    assert_eq!(endpoints[0]["protocol"], "RTMP");
    assert_eq!(endpoints[0]["url_template"], "rtmp://video.example:1935/live/{stream_key}");
    assert_eq!(endpoints[1]["url_template"], "rtmps://video.example:1936/live/{stream_key}");
    assert_eq!(sizes(&answer), [(1920, 1080, 6550), (1280, 720, 2950), (852, 480, 1750)]);
    let first = &answer["encoder_configurations"][0];
    assert_eq!((&first["type"], &first["settings"]["keyint_sec"]), (&"obs_x264".into(), &2.into()));
    assert_eq!(first["framerate"], json!({ "numerator": 60, "denominator": 1 }));
    assert_eq!(answer["audio_configurations"]["live"][0]["codec"], "aac");
    assert_eq!(answer["meta"]["config_id"], "");
}

#[tokio::test]
async fn what_obs_asks_for_bounds_the_ladder() {
    let stage = Stage::live("live/alice");
    let mut wish = post("bob?key=open%20sesame%26");
    wish["preferences"]["maximum_video_tracks"] = 6.into();
    wish["preferences"]["maximum_aggregate_bitrate"] = 3000.into();
    wish["preferences"]["canvases"][0]["height"] = 700.into();
    let answer = ask(&stage, "/api/v1/obs/multitrack/studio?encoder=obs_nvenc_h264_tex", &wish).await;
    assert!(answer["ingest_endpoints"][0]["url_template"].as_str().unwrap().ends_with(":1935/studio/{stream_key}"));
    let sizes = sizes(&answer);
    assert_eq!(sizes.iter().map(|size| size.1).collect::<Vec<_>>(), [700, 480, 360, 240]);
    assert!(sizes.iter().map(|size| size.2).sum::<u64>() <= 3000);
    assert_eq!(answer["encoder_configurations"][3]["type"], "obs_nvenc_h264_tex");
    assert!(answer["encoder_configurations"][3]["settings"].get("preset").is_none());
}

#[tokio::test]
async fn who_may_not_publish_is_told_so_before_encoding() {
    let stage = Stage::live("live/alice");
    for (stream_key, said) in [("bob", "needs a key"), ("bob?key=wrong", "does not allow"), ("../x", "begins with")] {
        let answer = ask(&stage, "/api/v1/obs/multitrack", &post(stream_key)).await;
        assert_eq!(answer["status"]["result"], "error");
        assert!(answer["status"]["html_en_us"].as_str().unwrap().contains(said), "{stream_key}");
    }
}

#[tokio::test]
async fn people_get_a_ladder_to_paste() {
    let stage = Stage::live("live/alice");
    let uri = "/api/v1/obs/multitrack?width=1280&height=720&fps=25&tracks=2";
    let reply = stage.send("GET", uri, &[("host", "[2001:db8::1]:8080")]).await;
    let answer: Value = serde_json::from_str(&reply.text()).unwrap();
    assert_eq!(sizes(&answer), [(1280, 720, 2100), (852, 480, 1250)]);
    assert_eq!(answer["ingest_endpoints"][0]["url_template"], "rtmp://[2001:db8::1]:1935/live/{stream_key}");
}

/// F5.
#[tokio::test]
async fn nonsense_is_refused() {
    let stage = Stage::live("live/alice");
    for body in ["", "[", "{\"preferences\":7}"] {
        let reply = call_with(stage.router.clone(), "POST", "/api/v1/obs/multitrack", &[], body.into()).await;
        assert_eq!(reply.status, 400, "{body}");
    }
    let long = "x".repeat(70_000);
    let reply = call_with(stage.router.clone(), "POST", "/api/v1/obs/multitrack", &[], long.into()).await;
    assert_eq!(reply.status, 400);
    assert_eq!(stage.get("/api/v1/obs/multitrack/a%00b").await.status, 404);
    let strange = stage.send("GET", "/api/v1/obs/multitrack", &[("host", "a<b")]).await.text();
    assert!(strange.contains("takes no RTMP") && !strange.contains('<'));
    let tiny = json!({ "preferences": { "canvases": [{ "width": 0, "height": 4_294_967_295u32, "framerate": { "numerator": 0, "denominator": 0 } }] } });
    assert!(!sizes(&ask(&stage, "/api/v1/obs/multitrack", &tiny).await).is_empty());
}
