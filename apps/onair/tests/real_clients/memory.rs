//! What the server weighs, idle and with a stream.

use std::thread;
use std::time::Duration;

use testkit::ffmpeg::{Audio, Source, Video};
use testkit::flv;
use testkit::process::resident_bytes;
use testkit::rtmp::Publisher;

use crate::{scratch, server};

const MIB: u64 = 1 << 20;

/// Idle below 30 MiB; a stream of 4 Mbit/s with a window of 30 s adds less than 40 MiB, also once segments that left the
/// window have to be kept for a while (H10).
#[test]
fn a_stream_of_four_megabits_adds_less_than_forty_mebibytes() {
    let server = server(&["hls.window=\"30s\""]);
    thread::sleep(Duration::from_secs(1));
    let idle = resident_bytes(server.pid());
    assert!(idle < 30 * MIB, "{} KiB idle", idle / 1024);

    let file = scratch("memory").join("four.flv");
    let video = Video { width: 1280, height: 720, rate_kbps: 3750, ..Video::default() };
    Source { video: Some(video), audio: Some(Audio::default()), secs: Some(10.0) }.encode(&file);
    let tags = flv::repeat(&flv::read(&file), 9, 10_000);
    let rate = tags.iter().map(|tag| tag.body.len() as u64).sum::<u64>() * 8 / 90;
    assert!((3_600_000..4_400_000).contains(&rate), "{rate} bit/s");

    let mut publisher = Publisher::publish(server.rtmp, "live", "four").expect("published");
    let mut most = 0;
    let (mut sent, pid) = (0, server.pid());
    let all = publisher.play(&tags, 1.0, |tag| {
        sent += 1;
        if sent % 100 == 0 {
            most = most.max(resident_bytes(pid));
        }
        Some(tag.time_ms)
    });
    all.expect("sent");
    let added = most - idle;
    eprintln!("idle {} KiB, {} kbit/s for 90 s add {} KiB", idle / 1024, rate / 1000, added / 1024);
    assert!(added < 40 * MIB, "{} KiB added", added / 1024);
}
