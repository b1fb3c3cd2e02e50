//! FFmpeg's WHIP muxer, which came with FFmpeg 8: from there to HLS.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use testkit::feed::ffmpeg_with_whip;
use testkit::http;

use crate::server;

/// An ffmpeg that has WHIP.
fn ffmpeg() -> Option<PathBuf> {
    let program = ffmpeg_with_whip();
    let muxers = Command::new(&program).args(["-v", "quiet", "-muxers"]).output().ok()?;
    String::from_utf8_lossy(&muxers.stdout).contains(" whip ").then_some(program)
}

/// W21, W27, W36–W38: no candidates, a handshake that we begin, checks without priority.
#[test]
fn what_ffmpeg_publishes_by_whip_is_watched_by_hls() {
    let Some(ffmpeg) = ffmpeg() else {
        eprintln!("skipped: no ffmpeg with WHIP; name one by ONAIR_FFMPEG9");
        return;
    };
    let server = server(&[]);
    let source = "-nostdin -v error -re -f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=sample_rate=48000 \
        -t 20 -c:v libx264 -profile:v baseline -pix_fmt yuv420p -preset ultrafast -tune zerolatency -g 30 \
        -c:a libopus -ar 48000 -ac 2 -f whip";
    let mut publisher = Command::new(ffmpeg)
        .args(source.split_ascii_whitespace())
        .arg(format!("http://{}/whip/live/x", server.http))
        .stdin(Stdio::null())
        .spawn()
        .expect("ffmpeg");
    for _ in 0..200 {
        let list = http::get(server.http, "/hls/live/x/v0.m3u8");
        if list.status == 200 && String::from_utf8_lossy(&list.body).matches("#EXTINF").count() >= 3 {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=codec_name,width,sample_rate", "-of", "compact"])
        .arg(format!("http://{}/hls/live/x/index.m3u8", server.http))
        .output()
        .expect("ffprobe");
    let (seen, said) = (String::from_utf8_lossy(&probe.stdout), String::from_utf8_lossy(&probe.stderr));
    assert!(seen.contains("codec_name=h264|width=320"), "{seen} {said}\n{}", server.log());
    assert!(seen.contains("codec_name=opus|sample_rate=48000"), "{seen} {said}\n{}", server.log());
    // A goodbye by DELETE, which is not missed (W40).
    let status = publisher.wait().expect("its end");
    assert!(status.success(), "{status}\n{}", server.log());
    assert!(server.log().contains("the client ended it"), "{}", server.log());
}
