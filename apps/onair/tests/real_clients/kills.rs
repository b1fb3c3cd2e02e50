//! A worker that is killed again and again, as viewers and operators see it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::ffmpeg::Publisher;
use testkit::playlist::Media;
use testkit::rules::step_faults;
use testkit::{Server, alone, http, measuring, mp4, process};

use crate::{scratch, server};

/// So often a worker is killed: ten times in a minute.
const EVERY: Duration = Duration::from_secs(6);
/// What the server may weigh more after all of it: the habits of its allocator.
const FLAT_BYTES: u64 = 8 << 20;

/// Publishes in real time and for ever what most encoders send, B-frames and 44.1 kHz and all. Encoded beforehand, as an encoder
/// would take the time that the worker needs.
pub(crate) fn publish(server: &Server, path: &str, dir: &Path) -> Publisher {
    let file = dir.join("source.flv");
    let made = Command::new("ffmpeg")
        .args(
            "-nostdin -v error -f lavfi -i testsrc2=size=640x360:rate=30 -f lavfi -i sine=sample_rate=44100".split(' '),
        )
        .args("-t 40 -c:v libx264 -preset veryfast -bf 2 -g 60 -sc_threshold 0 -pix_fmt yuv420p -c:a aac -y".split(' '))
        .arg(&file)
        .status();
    assert!(made.is_ok_and(|status| status.success()), "ffmpeg encodes");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args("-nostdin -v error -re -stream_loop -1 -i".split(' ')).arg(&file);
    ffmpeg.args("-c copy -f flv".split(' ')).arg(server.rtmp_url(path)).stdin(Stdio::null()).stdout(Stdio::null());
    Publisher::from_child(ffmpeg.spawn().expect("ffmpeg"))
}

/// What a viewer of one rendition by LL-HLS met.
#[derive(Default)]
struct Seen {
    /// When each new part with pictures had been fetched.
    parts: Vec<Instant>,
    pictures: usize,
    /// The longest that one picture stands, in ticks.
    longest_ticks: u32,
    /// What it should not have met.
    faults: Vec<String>,
}

impl Seen {
    /// Fetches what is new.
    fn fetch(&mut self, server: &Server, path: &str, old: &Media, new: &Media) {
        let known: BTreeSet<&str> = old.all().flat_map(|segment| &segment.parts).map(|part| &*part.uri).collect();
        let parts = new.all().flat_map(|segment| &segment.parts);
        for part in parts.filter(|part| !part.gap && !known.contains(&*part.uri)) {
            let fragments = mp4::fragments(&server.fetch(path, &part.uri));
            let samples = || fragments.iter().flat_map(|fragment| &fragment.samples);
            self.pictures += samples().count();
            self.longest_ticks = samples().map(|sample| sample.duration).chain([self.longest_ticks]).max().unwrap_or(0);
            if samples().count() > 0 {
                self.parts.push(Instant::now());
            }
        }
    }

    /// The longest time without anything new between these moments.
    fn longest(&self, from: Instant, to: Instant) -> Duration {
        let times = self.parts.windows(2).filter(|two| two[1] >= from && two[0] <= to);
        times.map(|two| two[1] - two[0]).max().unwrap_or_default()
    }
}

/// Follows a rendition part by part, as players do.
fn follow(server: &Server, path: &str, name: &str, over: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut old = server.media(path, name);
    while !over.load(Ordering::Relaxed) {
        let (msn, part) = old.edge();
        let address = format!("/hls/{path}/{name}.m3u8?_HLS_msn={msn}&_HLS_part={part}");
        let reply = http::get(server.http, &address);
        if reply.status != 200 {
            seen.faults.push(format!("{} for {msn}.{part}", reply.status));
            continue;
        }
        let new = Media::parse(&reply.text());
        seen.fetch(server, path, &old, &new);
        seen.faults.extend(step_faults(&old, &new));
        if new.all().any(|segment| segment.discontinuity) {
            seen.faults.push(format!("a discontinuity at {msn}.{part}"));
        }
        let gaps =
            |list: &Media| list.all().filter(|segment| segment.gap || segment.parts.iter().any(|it| it.gap)).count();
        if gaps(&new) > gaps(&old) {
            seen.faults.push(format!("a gap at {msn}.{part}"));
        }
        old = new;
    }
    seen
}

/// What the server has in use.
#[derive(Debug)]
struct Use {
    resident_bytes: u64,
    files: usize,
    threads: usize,
    children: usize,
}

impl Use {
    fn of(pid: u32) -> Self {
        let children = process::children(pid).len();
        let (files, threads) = (process::open_files(pid), process::threads(pid));
        Self { resident_bytes: process::resident_bytes(pid), files, threads, children }
    }
}

/// P18: viewers of the source see nothing of it, viewers of a rung are back within a second each time, and nothing is left behind:
/// no process, no file, no memory. Ten times in a minute with `ONAIR_MEASURE=1`, else three times.
#[test]
fn a_worker_that_is_killed_costs_its_rungs_a_second_and_nothing_else() {
    let _alone = alone();
    let server = server(&[
        "transcode.ladder=[{ path = \"live/*\", preset = \"low-power\", rungs = [{ height = 240, kbps = 400 }] }]",
        "hls.window=\"12s\"",
    ]);
    let path = "live/killed";
    let publisher = publish(&server, path, &scratch("kills"));
    server.await_stream(path);
    server.await_media(path, "v240", |list| list.segments.len() >= 3);
    // Until what left the window is given back as fast as new media comes.
    thread::sleep(Duration::from_secs(if measuring() { 20 } else { 8 }));
    let before = Use::of(server.pid());
    assert_eq!(before.children, 1, "one worker");

    let over = AtomicBool::new(false);
    let (source, rung, kills) = thread::scope(|scope| {
        let [source, rung] = ["v0", "v240"].map(|name| scope.spawn(|| follow(&server, path, name, &over)));
        thread::sleep(Duration::from_secs(2));
        let mut kills = Vec::new();
        let began = Instant::now();
        for n in 0..if measuring() { 10 } else { 3 } {
            thread::sleep((began + EVERY * n).saturating_duration_since(Instant::now()));
            let workers = process::children(server.pid());
            assert_eq!(workers.len(), 1, "one worker before kill {n}");
            process::kill(workers[0]);
            kills.push(Instant::now());
        }
        thread::sleep(Duration::from_secs(4));
        over.store(true, Ordering::Relaxed);
        (source.join().expect("a viewer"), rung.join().expect("a viewer"), kills)
    });
    let after = Use::of(server.pid());
    let back: Vec<Duration> = kills.iter().map(|kill| rung.longest(*kill, *kill + Duration::from_secs(3))).collect();
    let calm = source.longest(source.parts[0], *source.parts.last().expect("parts"));
    eprintln!("rung back after {back:?}; longest wait at the source {calm:?}; {before:?}, then {after:?}");
    eprintln!(
        "pictures {} and {}, one stands for {} and {} ticks; {:?}",
        source.pictures, rung.pictures, source.longest_ticks, rung.longest_ticks, rung.faults
    );
    assert_eq!(server.metric("onair_rendition_restarts_total", "track=\"v240\""), kills.len() as f64);
    assert!(source.faults.is_empty(), "viewers of the source: {:?}", source.faults);
    // Beside other work a part may be late by itself.
    let (most_back, most_calm) = if measuring() { (1000, 600) } else { (3000, 2000) };
    assert!(back.iter().all(|back| *back < Duration::from_millis(most_back)), "{back:?}");
    assert!(calm < Duration::from_millis(most_calm), "{calm:?}");
    assert!(rung.faults.is_empty(), "viewers of the rung: {:?}", rung.faults);
    assert_eq!(after.children, 1);
    assert!(after.files <= before.files + 1 && after.threads <= before.threads + 1, "{before:?}, then {after:?}");
    assert!(after.resident_bytes < before.resident_bytes + FLAT_BYTES, "{before:?}, then {after:?}");
    publisher.kill();
}
