//! Every codec of Enhanced RTMP, and ladders, from an ffmpeg that speaks it to what ffprobe says of the CMAF.

use std::path::Path;
use std::process::{Command, Stdio};

use testkit::Server;
use testkit::ffmpeg::{Publisher, complaints, decoding_complaints, modern};

use crate::{scratch, server};

pub(crate) const PICTURE: &str = "-re -f lavfi -i testsrc2=size=320x180:rate=30";
const SOUND: &str = "-re -f lavfi -i sine=frequency=440:sample_rate=48000";
pub(crate) const X264: &str = "-c:v libx264 -preset ultrafast -tune zerolatency -g 60 -sc_threshold 0 -pix_fmt yuv420p";
pub(crate) const X265: &str =
    "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=60:min-keyint=60:scenecut=0:open-gop=0";
pub(crate) const SVT: &str = "-c:v libsvtav1 -preset 10 -g 60 -crf 55 -pix_fmt yuv420p";
pub(crate) const VP9: &str = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 60 -b:v 200k -pix_fmt yuv420p";

/// Publishes to that path until it is dropped.
pub(crate) fn publish(ffmpeg: &Path, words: &str, url: &str) -> Publisher {
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error"]).env("SVT_LOG", "1");
    command.args(words.split_whitespace()).args(["-f", "flv", "-flvflags", "no_duration_filesize", url]);
    Publisher::from_child(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it runs"))
}

/// C16: waits for three complete segments of a rendition, and holds each of them behind its init to ffprobe and ffmpeg.
pub(crate) fn check(server: &Server, path: &str, name: &str, dir: &Path) -> Vec<(u64, f64)> {
    let list = server.await_media(path, name, |list| list.segments.iter().filter(|one| !one.gap).count() >= 3);
    let segments = list.segments.iter().filter(|segment| !segment.gap);
    let checked = segments.map(|segment| {
        let init = segment.map.as_deref().expect("an EXT-X-MAP");
        let bytes = [server.fetch(path, init), server.fetch(path, &segment.uri)].concat();
        let file = dir.join(format!("{name}-{}.mp4", segment.msn));
        std::fs::write(&file, bytes).expect("written");
        assert_eq!(complaints(&file), "", "{path} {name} {}", segment.msn);
        assert_eq!(decoding_complaints(&file), "", "{path} {name} {}", segment.msn);
        (segment.msn, segment.duration)
    });
    checked.collect()
}

/// C9, C11, C13, H3, H4, R17, R18.
#[test]
fn every_codec_of_enhanced_rtmp_becomes_cmaf() {
    let Some(ffmpeg) = modern() else { return };
    // What is sent, and nothing made of it.
    let server = server(&["transcode.audio=false"]);
    for (name, video, audio, codecs) in [
        ("hevc", X265, "-c:a aac", "hvc1.1.6.L60.90,mp4a.40.2"),
        ("av1", SVT, "-c:a libopus", "av01.0.00M.08,opus"),
        ("vp9", VP9, "-c:a libopus", "vp09.00.11.08,opus"),
        ("flac", X264, "-c:a flac", "avc1.42c00d,fLaC"),
        ("ac3", X264, "-c:a ac3 -b:a 192k", "avc1.42c00d,ac-3"),
        ("eac3", X264, "-c:a eac3 -b:a 192k", "avc1.42c00d,ec-3"),
    ] {
        let dir = scratch(&format!("codecs-{name}"));
        let path = format!("live/{name}");
        let words = format!("{PICTURE} {SOUND} -map 0:v -map 1:a {video} {audio}");
        let _publisher = publish(&ffmpeg, &words, &server.rtmp_url(&path));
        let list = server.await_stream(&path);
        assert_eq!(list.variants.len(), 1, "{list:?}");
        check(&server, &path, "v0", &dir);
        check(&server, &path, "a1", &dir);
        let list = server.await_stream(&path);
        let attributes = &list.variants[0].attributes;
        assert_eq!(attributes["CODECS"], codecs);
        assert_eq!((&*attributes["RESOLUTION"], &*attributes["FRAME-RATE"]), ("320x180", "30.000"), "{path}");
        let manifest = server.text(&format!("/dash/{path}/manifest.mpd"));
        codecs.split(',').for_each(|codec| assert!(manifest.contains(&format!("codecs=\"{codec}\"")), "{manifest}"));
    }
}

/// P19: whatever sound comes, it is heard as AAC; what has no place in CMAF stays out of the playlists.
#[test]
fn every_sound_of_rtmp_is_heard_as_aac() {
    let Some(ffmpeg) = modern() else { return };
    let server = server(&[]);
    for (name, audio, codec) in [
        // The second track is announced by its FourCC, as legacy RTMP has but one.
        ("mp3", "-map 1:a -map 1:a -c:a libmp3lame -b:a 128k", "mp3"),
        ("alaw", "-map 1:a -c:a pcm_alaw -ar 8000 -ac 1", "pcma"),
        ("ulaw", "-map 1:a -c:a pcm_mulaw -ar 8000 -ac 1", "pcmu"),
        ("ac3", "-map 1:a -c:a ac3 -b:a 192k -ac 6", "ac3"),
        ("eac3", "-map 1:a -c:a eac3 -b:a 192k", "eac3"),
    ] {
        let dir = scratch(&format!("sounds-{name}"));
        let path = format!("live/{name}");
        let words = format!("{PICTURE} {SOUND} -map 0:v {X264} {audio}");
        let _publisher = publish(&ffmpeg, &words, &server.rtmp_url(&path));
        server.await_stream(&path);
        let mut made = vec!["a201"];
        if name == "mp3" {
            made.push("a203");
        }
        for made in made {
            check(&server, &path, made, &dir);
            let loud = std::fs::read_dir(&dir).expect("files").flatten().map(|file| file.path());
            let loud = loud
                .filter(|file| file.to_string_lossy().contains(made))
                .map(|file| loudest_db(&file))
                .reduce(f64::max);
            assert!(loud.is_some_and(|loud| (-24.0..-6.0).contains(&loud)), "{path} {made}: {loud:?} dB");
        }
        let stream = server.text(&format!("/api/v1/streams/{path}"));
        assert!(stream.contains(&format!("\"codec\":\"{codec}\"")), "{stream}");
        let list = server.text(&format!("/hls/{path}/index.m3u8"));
        let is_packaged = name.ends_with("ac3");
        assert_eq!(list.contains("a1.m3u8"), is_packaged, "{list}");
    }
}

/// The loudest sample of a file.
fn loudest_db(file: &Path) -> f64 {
    let args = ["-nostdin", "-hide_banner", "-af", "volumedetect", "-f", "null", "-"];
    let probe = Command::new("ffmpeg").arg("-i").arg(file).args(args).output().expect("ffmpeg is installed");
    let text = String::from_utf8_lossy(&probe.stderr).into_owned();
    let said = text.split("max_volume:").nth(1).and_then(|rest| rest.split_whitespace().next());
    said.and_then(|db| db.parse().ok()).unwrap_or(f64::NEG_INFINITY)
}

/// R20, C14, H29: each video track is a step of one ladder, each audio track a sound to choose.
#[test]
fn a_publication_of_three_pictures_and_two_sounds_is_a_ladder() {
    let Some(ffmpeg) = modern() else { return };
    let (server, dir, path) = (server(&[]), scratch("ladder"), "live/ladder");
    let picture = PICTURE.replace("320x180", "640x360");
    let words = format!(
        "{picture} {SOUND} -re -f lavfi -i sine=frequency=880:sample_rate=48000 \
         -filter_complex [0:v]split=3[a][b0][c0];[b0]scale=320:180[b];[c0]scale=160:90[c] \
         -map [a] -map [b] -map [c] -map 1:a -map 2:a {X264} -b:v:0 800k -b:v:1 300k -b:v:2 100k -c:a aac -b:a 96k"
    );
    let _publisher = publish(&ffmpeg, &words, &server.rtmp_url(path));
    server.await_stream(path);
    let names = ["v0", "v2", "v4", "a1", "a3"];
    let checked: Vec<_> = names.iter().map(|name| check(&server, path, name, &dir)).collect();
    // What all of them list, they cut at the same points: pictures exactly, sound within a frame.
    for (msn, duration) in &checked[0] {
        for (name, other) in names.iter().zip(&checked) {
            let Some((_, theirs)) = other.iter().find(|(number, _)| number == msn) else { continue };
            let slack = if name.starts_with('v') { 0.001 } else { 0.022 };
            assert!((theirs - duration).abs() < slack, "{name} {msn}: {theirs} for {duration}");
        }
    }
    let list = server.await_stream(path);
    let of = |name: &str| list.variants.iter().map(|variant| variant.attributes[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("RESOLUTION"), ["640x360", "320x180", "160x90"]);
    let rates: Vec<u64> = of("BANDWIDTH").iter().map(|rate| rate.parse().expect("a number")).collect();
    assert!(rates.is_sorted_by(|a, b| a > b), "{rates:?}");
    assert_eq!(list.media.len(), 2);
    for name in names {
        let text = server.text(&format!("/hls/{path}/{name}.m3u8"));
        assert_eq!(text.matches("#EXT-X-RENDITION-REPORT:").count(), names.len() - 1, "{text}");
    }
    let manifest = server.text(&format!("/dash/{path}/manifest.mpd"));
    assert_eq!(manifest.matches("<Representation ").count(), 5, "{manifest}");
    assert_eq!(manifest.matches("<AdaptationSet ").count(), 3, "{manifest}");
}
