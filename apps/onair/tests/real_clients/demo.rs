//! `onair demo`: a stream with no other program.

use std::process::Command;
use std::time::{Duration, Instant};

use testkit::{Server, alone, measuring, process};

use crate::codecs::check;
use crate::scratch;

fn demo() -> Server {
    let binary = std::env::var("ONAIR_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_onair").into());
    let mut command = Command::new(binary);
    command.arg("demo");
    for setting in [
        "http.listen=\"127.0.0.1:0\"",
        "rtmp.listen=\"127.0.0.1:0\"",
        "webrtc.listen=\"127.0.0.1:0\"",
        "log.format=\"json\"",
    ] {
        command.args(["--set", setting]);
    }
    Server::from_command(command)
}

/// A4 by construction: `apps/onair-transcoder` holds flash and beep together to the sample.
#[test]
fn the_demo_is_a_stream_like_any_other() {
    let _alone = alone();
    let (server, dir) = (demo(), scratch("demo"));
    let list = server.await_stream("live/test");
    let attributes = &list.variants[0].attributes;
    assert_eq!((&*attributes["RESOLUTION"], &*attributes["FRAME-RATE"]), ("1280x720", "30.000"));
    assert!(attributes["CODECS"].starts_with("avc1.42") && attributes["CODECS"].ends_with("mp4a.40.2"), "{list:?}");
    for name in ["v0", "a1"] {
        for (msn, duration) in check(&server, "live/test", name, &dir) {
            // Two whole seconds, unless the machine was too busy for the picture that begins one.
            assert!((1.0..3.0).contains(&duration), "{name} {msn}: {duration} s");
        }
    }
    assert!(server.log().contains("a test card is on the air"));

    // Healed like any other worker: a moment is missing, the stream is not.
    let frames = || server.metric("onair_track_frames_total", "track=\"v0\"");
    let mut back = Vec::new();
    for _ in 0..if measuring() { 10 } else { 2 } {
        // Killed as an accident, not as a habit.
        std::thread::sleep(Duration::from_millis(3500));
        let workers = process::children(server.pid());
        assert!(!workers.is_empty());
        let begin = Instant::now();
        workers.into_iter().for_each(process::kill);
        // What was on its way has come by then, and nothing else can have.
        std::thread::sleep(Duration::from_millis(60));
        let before = frames();
        while frames() < before + 1.0 {
            assert!(begin.elapsed() < Duration::from_secs(10), "nothing follows");
            std::thread::sleep(Duration::from_millis(5));
        }
        back.push(begin.elapsed());
    }
    eprintln!("the next picture after {back:?}");
    let most = Duration::from_millis(if measuring() { 1000 } else { 4000 });
    assert!(back.iter().all(|back| *back < most), "{back:?}");
    let stream = server.text("/api/v1/streams/live/test");
    assert!(stream.contains("\"state\":\"live\"") && stream.contains("\"proto\":\"demo\""), "{stream}");
}
