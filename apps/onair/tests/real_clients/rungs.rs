//! A ladder made by the worker, as players see it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::ffmpeg::Publisher;
use testkit::http::get;
use testkit::mp4;
use testkit::playlist::{Media, Multivariant};
use testkit::process;

use crate::kills::publish;
use crate::{scratch, server};

/// C14, P18: what an ordinary encoder sends, B-frames and 44.1 kHz and all, gets its rungs, and all are cut at the same
/// moments: to within a tick, in the playlists and in the media.
#[test]
fn all_rungs_are_cut_at_the_same_moments() {
    let server = server(&[
        "transcode.ladder=[{ path = \"live/*\", rungs = [{ height = 240, kbps = 400 }, { height = 144, kbps = 200 }] }]",
    ]);
    let words = format!(
        "-nostdin -v error -re -f lavfi -i testsrc2=size=640x360:rate=30 -re -f lavfi -i sine=frequency=440:sample_rate=44100 \
         -c:v libx264 -preset veryfast -bf 3 -g 45 -pix_fmt yuv420p -b:v 800k -c:a aac -f flv rtmp://{}/live/rungs",
        server.rtmp
    );
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(words.split_whitespace()).stdin(Stdio::null()).stdout(Stdio::null());
    let publisher = Publisher::from_child(ffmpeg.spawn().expect("ffmpeg"));

    // The first thing that a player asks for names all rungs.
    let begin = Instant::now();
    let list = loop {
        let reply = get(server.http, "/hls/live/rungs/index.m3u8");
        if reply.status == 200 {
            break Multivariant::parse(&reply.text());
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{}", reply.text());
        std::thread::sleep(Duration::from_millis(100));
    };
    let mut sizes: Vec<&str> = list.variants.iter().map(|variant| variant.attributes["RESOLUTION"].as_str()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, ["256x144", "426x240", "640x360"]);

    let media = |name: &str| Media::parse(&get(server.http, &format!("/hls/live/rungs/{name}.m3u8")).text());
    let begin = Instant::now();
    while media("v144").segments.len() < 4 {
        assert!(begin.elapsed() < Duration::from_secs(40), "no segments");
        std::thread::sleep(Duration::from_millis(200));
    }
    // The lists are of slightly different moments: what all of them have is compared.
    let lists = ["v0", "v240", "v144"].map(media);
    let first = lists.iter().map(|list| list.media_sequence).max().expect("lists");
    let last = lists.iter().map(Media::next_msn).min().expect("lists");
    assert!(last - first >= 3, "{first} to {last}");
    let mut compared = 0;
    for msn in first..last {
        let segments = lists.iter().map(|list| list.segment(msn).expect("listed"));
        let starts: Vec<(f64, f64)> = segments
            .filter(|segment| !segment.gap)
            .map(|segment| {
                let address = format!("/hls/live/rungs/{}", segment.uri);
                let bytes = get(server.http, &plain(&address)).body;
                let fragments = mp4::fragments(&bytes);
                let start = fragments.first().expect("a fragment").start as f64;
                let length: u64 = fragments.iter().map(mp4::Fragment::duration).sum();
                (start, length as f64)
            })
            .collect();
        // A rung may begin some segments after its source.
        if starts.len() == 3 {
            compared += 1;
            for (start, length) in &starts {
                assert!((start - starts[0].0).abs() <= 1.0, "segment {msn} begins at {starts:?}");
                assert!((length - starts[0].1).abs() <= 1.0, "segment {msn} lasts {starts:?}");
            }
        }
    }
    assert!(compared >= 2, "{compared} segments compared");
    publisher.kill();
}

/// P18: where rungs are to be made only while somebody watches, they are there for the first player that asks, and go with their
/// worker some time after the last one left.
#[test]
fn rungs_that_begin_with_the_first_player_end_after_the_last() {
    let server = server(&[
        "transcode.ladder=[{ path = \"live/*\", start = \"watched\", preset = \"low-power\", rungs = [{ height = 144, kbps = 200 }] }]",
    ]);
    let publisher = publish(&server, "live/watched", &scratch("watched"));
    let is_made = || server.text("/api/v1/transcodes").contains("\"v144\"");
    let begin = Instant::now();
    while !server.text("/api/v1/streams").contains("live/watched") {
        assert!(begin.elapsed() < Duration::from_secs(20), "no stream");
        std::thread::sleep(Duration::from_millis(50));
    }
    // Whoever looks at figures and stills is no viewer.
    for _ in 0..20 {
        assert!(!is_made() && process::children(server.pid()).is_empty(), "a worker for nobody");
        std::thread::sleep(Duration::from_millis(200));
    }
    // The first list names the rung.
    let list = server.await_stream("live/watched");
    let uris: Vec<&str> = list.variants.iter().map(|variant| variant.uri.as_str()).collect();
    assert_eq!(uris, ["v0.m3u8", "v144.m3u8"]);
    server.await_media("live/watched", "v144", |list| list.segments.iter().any(|segment| !segment.gap));
    assert!(is_made());
    assert_eq!(process::children(server.pid()).len(), 1);
    let last = Instant::now();
    while is_made() || !process::children(server.pid()).is_empty() {
        assert!(last.elapsed() < Duration::from_secs(60), "it goes on for nobody");
        std::thread::sleep(Duration::from_millis(100));
    }
    eprintln!("over {:?} after the last player", last.elapsed());
    assert!(last.elapsed() > Duration::from_secs(20), "a player that pauses for a moment finds its rung gone");
    assert!(server.text("/api/v1/streams/live/watched").contains("\"live\""));
    // And begins anew.
    let begin = Instant::now();
    while !is_made() {
        server.media("live/watched", "v0");
        assert!(begin.elapsed() < Duration::from_secs(20), "it does not begin again");
        std::thread::sleep(Duration::from_millis(200));
    }
    publisher.kill();
}

/// Where the hardware that is configured is not there, the processor encodes: the rungs come all the same, and log, API and page say
/// so. The path's name is also its ladder's `encode`.
#[test]
fn hardware_that_is_not_there_is_replaced_by_the_processor() {
    if ["/dev/dri", "/dev/nvidia0"].iter().any(|device| Path::new(device).exists()) {
        eprintln!("skipped: there is hardware");
        return;
    }
    let ladder = |name: &str| {
        format!(
            "{{ path = \"live/{name}\", encode = \"{name}\", preset = \"low-power\", rungs = [{{ height = 144, kbps = 200 }}] }}"
        )
    };
    let names = ["nvenc", "qsv", "vaapi"];
    let server = server(&[&format!("transcode.ladder=[{}]", names.map(ladder).join(", "))]);
    let dir = scratch("hardware");
    for name in names {
        let path = format!("live/{name}");
        let publisher = publish(&server, &path, &dir);
        server.await_stream(&path);
        server.await_media(&path, "v144", |list| list.segments.iter().any(|segment| !segment.gap));
        let made = server.text(&format!("/api/v1/streams/{path}"));
        for said in ["\"encoder\":\"libx264\"", &format!("\"fallback_from\":\"{name}\""), "\"restarts\":0"] {
            assert!(made.contains(said), "{said} is not in {made}");
        }
        let log = server.log();
        let said = log.lines().find(|line| line.contains("the processor does")).expect("a line of the log");
        assert!(said.contains("\"WARN\"") && log.contains(&format!("\"hardware\":\"{name}\"")), "{log}");
        // And why, in the words of who tried.
        assert!(log.contains(&format!("an encoder is passed over: h264_{name}: ")), "{log}");
        publisher.kill();
    }
}

/// An address without its steps up.
fn plain(address: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in address.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}
