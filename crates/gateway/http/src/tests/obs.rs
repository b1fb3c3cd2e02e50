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

/// What OBS 31 sends, byte for byte: maps in the order of their names, one picture.
const OBS_31: &str = concat!(
    r#"{"authentication":"bob?key=open%20sesame%26","capabilities":{"cpu":{"logical_cores":16,"#,
    r#""name":"AMD Ryzen 7 5800X 8-Core Processor             ","physical_cores":8,"speed":3800},"gaming_features":"#,
    r#"{"game_bar_enabled":false,"game_dvr_allowed":null,"game_dvr_bg_recording":null,"game_dvr_enabled":false,"#,
    r#""game_mode_enabled":true,"hags_enabled":true},"gpu":[{"dedicated_video_memory":12676235264,"device_id":8708,"#,
    r#""driver_version":"32.0.15.6614","model":"NVIDIA GeForce RTX 3080 Ti","shared_system_memory":17132728320,"#,
    r#""vendor_id":4318}],"memory":{"free":19463774208,"total":34265456640},"system":{"arm":false,"armEmulation":false,"#,
    r#""bits":64,"build":26100,"name":"Windows 10 Pro","release":"24H2","revision":2605,"version":"10.0"}},"client":"#,
    r#"{"name":"obs-studio","supported_codecs":["h264","h265","av1"],"version":"31.0.3"},"preferences":"#,
    r#"{"canvas_height":1440,"canvas_width":2560,"composition_gpu_index":0,"framerate":{"denominator":1001,"#,
    r#""numerator":60000},"height":936,"maximum_aggregate_bitrate":8500,"maximum_video_tracks":null,"#,
    r#""vod_track_audio":false,"width":1664},"schema_version":"2024-06-04","service":"IVS"}"#,
);

/// And OBS 32, with canvases, encoders and sound.
const OBS_32: &str = concat!(
    r#"{"authentication":"bob?key=open%20sesame%26","capabilities":{"cpu":{"logical_cores":8,"name":null,"#,
    r#""physical_cores":8,"speed":null},"gaming_features":null,"gpu":null,"memory":{"free":4215177216,"#,
    r#""total":16655769600},"system":{"arm":false,"armEmulation":false,"bits":64,"build":0,"name":"Linux","#,
    r#""release":"6.12.48","revision":"0","version":"Debian GNU/Linux 13"}},"client":{"name":"obs-studio","#,
    r#""supported_codecs":["av1","h264"],"supported_encoders":["ffmpeg_svt_av1","ffmpeg_aom_av1","obs_x264"],"#,
    r#""version":"32.0.1"},"preferences":{"audio_channels":6,"audio_fixed_buffering":false,"#,
    r#""audio_max_buffering_ms":960,"audio_samples_per_sec":48000,"canvases":[{"canvas_height":1080,"#,
    r#""canvas_width":1920,"framerate":{"denominator":1,"numerator":30},"height":720,"width":1280}],"#,
    r#""composition_gpu_index":0,"maximum_aggregate_bitrate":null,"maximum_video_tracks":10,"vod_track_audio":true},"#,
    r#""schema_version":"2025-01-25","service":"IVS"}"#,
);

/// What OBS does with an answer (`MultitrackVideoOutput.cpp`), up to the server and the stream key that it then uses; or
/// what it would show instead of beginning. nlohmann's macros ask for every member of `Meta` and of an audio encoder.
fn obs_begins(answer: &Value, sent: &Value) -> Result<(String, String), String> {
    let texts = |value: &Value, names: &[&str]| names.iter().all(|name| value[*name].is_string());
    let one_of = |value: &Value, names: &[&str]| value.is_null() || names.iter().any(|name| value == name);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let is_u32 = |value: &Value| value.as_u64().is_some_and(|number| u32::try_from(number).is_ok());
    if !texts(&answer["meta"], &["service", "schema_version", "config_id"]) {
        return Err("FallbackToDefault".to_owned());
    }
    match answer["status"]["result"].as_str() {
        Some("success") => {}
        _ => return Err(answer["status"]["html_en_us"].as_str().unwrap_or("StatusMissingHTML").to_owned()),
    }
    let encoders = list(&answer["encoder_configurations"]);
    let canvases = list(&sent["preferences"]["canvases"]).len().max(1);
    let known = list(&sent["client"]["supported_encoders"]);
    if encoders.is_empty() || encoders.len() > 10 {
        return Err("MissingEncoderConfigs".to_owned());
    }
    for one in &encoders {
        let is_typed =
            texts(one, &["type"]) && ["width", "height", "canvas_index"].iter().all(|name| is_u32(&one[*name]));
        let has_rate = ["numerator", "denominator"].iter().all(|name| is_u32(&one["framerate"][*name]));
        let is_named = one_of(&one["gpu_scale_type"], &["OBS_SCALE_BICUBIC"])
            && one_of(&one["colorspace"], &["VIDEO_CS_709"])
            && one_of(&one["range"], &["VIDEO_RANGE_PARTIAL"])
            && one_of(&one["format"], &["VIDEO_FORMAT_NV12"]);
        if !(is_typed && has_rate && is_named && one["settings"].is_object()) {
            return Err("FallbackToDefault".to_owned());
        }
        if one["canvas_index"].as_u64().unwrap() as usize >= canvases {
            return Err("InvalidEncoderConfig".to_owned());
        }
        if !known.is_empty() && !known.contains(&one["type"]) {
            return Err("EncoderNotAvailable".to_owned());
        }
    }
    let mixed = sent["preferences"]["audio_channels"].as_u64().unwrap_or(2);
    let sounds = &answer["audio_configurations"];
    let vod = sent["preferences"]["vod_track_audio"].as_bool().unwrap();
    for wanted in [Some("live"), vod.then_some("vod")].into_iter().flatten() {
        let sounds = list(&sounds[wanted]);
        if sounds.is_empty() {
            return Err("MissingEncoderConfigs".to_owned());
        }
        for one in &sounds {
            if !(texts(one, &["codec"])
                && is_u32(&one["track_id"])
                && is_u32(&one["channels"])
                && one["settings"].is_object())
            {
                return Err("FallbackToDefault".to_owned());
            }
            if one["channels"].as_u64().unwrap() < mixed {
                return Err("IncompatibleSettings.AudioChannels".to_owned());
            }
        }
    }
    let endpoint =
        list(&answer["ingest_endpoints"]).into_iter().find(|one| one["protocol"].as_str().unwrap().starts_with("RTMP"));
    let url = endpoint.ok_or("NoRTMPURLInConfig")?["url_template"].as_str().unwrap().to_owned();
    let server = url.split("/{stream_key}").next().unwrap().to_owned();
    assert_eq!(answer["meta"]["config_id"], "", "it would be added to the stream key");
    Ok((server, sent["authentication"].as_str().unwrap().to_owned()))
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
async fn obs_31_begins_with_a_ladder_of_its_picture() {
    let stage = Stage::live("live/alice");
    let sent: Value = serde_json::from_str(OBS_31).unwrap();
    assert_eq!(sent.to_string(), OBS_31, "as nlohmann writes it");
    let answer = ask(&stage, "/api/v1/obs/multitrack", &sent).await;
    let begun = obs_begins(&answer, &sent);
    assert_eq!(begun, Ok(("rtmp://video.example:1935/live".to_owned(), "bob?key=open%20sesame%26".to_owned())));
    assert_eq!(
        sizes(&answer).iter().map(|size| (size.0, size.1)).collect::<Vec<_>>(),
        [(1664, 936), (852, 480), (640, 360)]
    );
    assert!(sizes(&answer).iter().map(|size| size.2).sum::<u64>() <= 8500);
    for one in answer["encoder_configurations"].as_array().unwrap() {
        assert_eq!(one["framerate"], json!({ "numerator": 60_000, "denominator": 1001 }));
    }
}

/// It cancels when told to send fewer channels than it mixes, to use an encoder that it has not, or when it is told
/// nothing of a second sound that it wants to send.
#[tokio::test]
async fn obs_32_begins_with_the_sound_and_the_encoders_that_it_has() {
    let stage = Stage::live("live/alice");
    let sent: Value = serde_json::from_str(OBS_32).unwrap();
    assert_eq!(sent.to_string(), OBS_32, "as nlohmann writes it");
    for (wish, kind, profile) in [
        ("", "obs_x264", "high"),
        ("?encoder=obs_nvenc_h264_tex", "obs_x264", "high"),
        ("?encoder=ffmpeg_svt_av1", "ffmpeg_svt_av1", "main"),
    ] {
        let answer = ask(&stage, &format!("/api/v1/obs/multitrack{wish}"), &sent).await;
        obs_begins(&answer, &sent).unwrap();
        let first = &answer["encoder_configurations"][0];
        assert_eq!((&first["type"], &first["settings"]["profile"]), (&kind.into(), &profile.into()));
        assert_eq!(answer["audio_configurations"]["live"][0]["channels"], 6);
        assert_eq!(answer["audio_configurations"]["vod"][0]["track_id"], 2);
    }
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
