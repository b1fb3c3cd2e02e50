//! The ruler against the server: short, to see that both still agree. Figures are in docs/performance.md.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use onair_bench::clip::Clip;
use onair_bench::generate::{Ledger, Shape};
use onair_bench::load::{Format, Load};
use onair_bench::plan::{Measured, Plan};
use onair_bench::rtmp::{self, RtmpUrl};
use onair_bench::source::Source;
use onair_bench::stream::Seen;
use onair_bench::url::Url;
use onair_bench::viewer::Mode;
use onair_bench::webrtc::{self, Coding, Viewers};
use testkit::Server;

const VIEWERS: usize = 5;
const H264: Coding = Coding::H264 { fragments: true };
const SHAPE: Shape = Shape { bps: 1_000_000, fps: 30, gop: 30 };

fn server() -> Server {
    Server::start(env!("CARGO_BIN_EXE_onair"), &[])
}

/// Five viewers for two seconds.
fn plan(server: &Server) -> Plan {
    let (warmup, duration) = (Duration::from_millis(1500), Duration::from_secs(2));
    Plan { viewers: VIEWERS, ramp_per_sec: 20.0, warmup, duration, threads: 1, pids: vec![server.pid()] }
}

fn watch(
    server: &Server,
    paths: &[String],
    coding: Coding,
    full: bool,
    gro: bool,
    ledger: Option<&Ledger>,
) -> Measured<Seen> {
    let plan = plan(server);
    let url = |path| Url::parse(&format!("http://{}/whep/{path}", server.http)).unwrap();
    let viewers = Viewers { urls: paths.iter().map(url).collect(), coding, full, gro, ledger: ledger.cloned() };
    let of_thread = plan.clone();
    plan.run(move |thread, times, live| webrtc::watch(&of_thread, &viewers, thread, times, live)).unwrap()
}

fn wait(is_ready: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_ready() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it never began");
}

fn expect_stream(server: &Server, measured: &Measured<Seen>) {
    let seen = &measured.seen;
    assert!(seen.failures.is_empty(), "{:?}\n{}", seen.failures, server.log());
    assert_eq!(seen.tallies.iter().filter(|tally| tally.connected).count(), VIEWERS, "{}", server.log());
    for tally in &seen.tallies {
        // 150 packets of pictures a second, some 50 of sound where there is any.
        assert!((200..=700).contains(&tally.packets), "{tally:?}");
        assert!(tally.lost <= tally.packets / 50 && tally.join_ms.is_some(), "{tally:?}");
    }
    assert!(seen.agreed.as_deref().is_some_and(|agreed| agreed.contains("Gcm")), "{:?}", seen.agreed);
    assert!(measured.before.server.is_some() && measured.after.server.is_some());
}

/// Every connection of the ruler is a real one (P5, P25, W21, W27), and its packets are known again at the other end.
#[test]
fn a_stream_by_whip_is_measured_at_viewers_by_whep() {
    let server = server();
    let ledger = Ledger::default();
    let whip = Url::parse(&format!("http://{}/whip/live/x", server.http)).unwrap();
    let publisher = webrtc::publish(&whip, SHAPE.into(), ledger.clone());
    wait(|| publisher.is_ready());
    server.await_stream("live/x");
    for (full, gro) in [(false, true), (true, false)] {
        let measured = watch(&server, &["live/x".to_owned()], H264, full, gro, Some(&ledger));
        expect_stream(&server, &measured);
        let delay = measured.seen.delay_ms.summary();
        let least = if full { 500 } else { 5 };
        assert!(delay.count >= least && delay.p50 < 500.0, "{delay:?}");
    }
}

#[test]
fn a_stream_by_rtmp_is_measured_at_viewers_by_whep() {
    let server = server();
    let ledger = Ledger::default();
    let url = RtmpUrl::parse(&server.rtmp_url("live/x")).unwrap();
    let mut publisher = rtmp::publish(&url, SHAPE.into(), ledger.clone());
    wait(|| publisher.is_ready());
    server.await_stream("live/x");
    let measured = watch(&server, &["live/x".to_owned()], H264, false, true, Some(&ledger));
    expect_stream(&server, &measured);
    assert!(measured.seen.delay_ms.summary().count > 0);
    publisher.end().unwrap();
}

/// Pictures of a file go by WHIP and RTMP alike, whatever they are encoded with (E3, P16, P17).
#[test]
fn a_file_is_published_over_and_over() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let show = |name: &str, encoder: &str, coding| {
        let file = folder.path().join(name);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-t", "1", "-g", "30"]);
        ffmpeg.args(["-pix_fmt", "yuv420p", "-b:v", "400k", "-c:v"]).args(encoder.split(' ')).arg(&file);
        assert!(ffmpeg.status().unwrap().success(), "{name}");
        let clip = Source::Recorded(Arc::new(Clip::read(&file, 30).unwrap()));
        let paths = ["whip", "rtmp"].map(|proto| format!("live/{name}.{proto}"));
        let whip = Url::parse(&format!("http://{}/whip/{}", server.http, paths[0])).unwrap();
        let rtmp = RtmpUrl::parse(&server.rtmp_url(&paths[1])).unwrap();
        let mut publishers =
            [webrtc::publish(&whip, clip.clone(), Ledger::default()), rtmp::publish(&rtmp, clip, Ledger::default())];
        for path in &paths {
            server.await_stream(path);
        }
        let measured = watch(&server, &paths, coding, true, true, None);
        assert!(measured.seen.failures.is_empty(), "{name} {:?}\n{}", measured.seen.failures, server.log());
        for tally in &measured.seen.tallies {
            // Sixty pictures, round the end of the file twice.
            assert!(tally.connected && tally.packets >= 50, "{name} {tally:?}\n{}", server.log());
        }
        publishers.iter_mut().for_each(|publisher| publisher.end().unwrap());
    };
    std::thread::scope(|scope| {
        scope.spawn(|| show("vp8.ivf", "libvpx -deadline realtime -cpu-used 8", Coding::Vp8));
        scope.spawn(|| show("vp9.ivf", "libvpx-vp9 -deadline realtime -cpu-used 8", Coding::Vp9));
        scope.spawn(|| show("av1.ivf", "libaom-av1 -usage realtime -cpu-used 8", Coding::Av1));
        scope.spawn(|| show("x.h264", "libx264 -preset ultrafast -tune zerolatency", H264));
    });
}

/// Segments come as they are made, and are found by the server's clock (D2, D7, D9).
#[test]
fn a_stream_is_measured_at_viewers_by_dash() {
    let server = server();
    let url = RtmpUrl::parse(&server.rtmp_url("live/x")).unwrap();
    let publisher = rtmp::publish(&url, SHAPE.into(), Ledger::default());
    wait(|| publisher.is_ready());
    server.await_stream("live/x");
    let plan = Plan { warmup: Duration::from_secs(6), duration: Duration::from_secs(4), ..plan(&server) };
    let manifest = Url::parse(&format!("http://{}/dash/live/x/manifest.mpd", server.http)).unwrap();
    for mode in [Mode::LowLatency, Mode::Plain] {
        let load = Load { plan: plan.clone(), format: Format::Dash, mode, urls: vec![manifest.clone()], gzip: true };
        let report = load.run().unwrap();
        let log = || format!("{mode:?}\n{report}{}", server.log());
        assert_eq!((report.playing, report.failures), (VIEWERS, 0), "{}", log());
        assert!((0.5..2.0).contains(&report.mbit_per_viewer), "{}", log());
        let counted = |name: &str| report.latency_ms.get(name).map_or(0, |summary| summary.count);
        let behind = report.behind_live_ms.unwrap();
        match mode {
            // Two tracks, two segments each; and of each segment ten parts, of which we missed some at both ends.
            Mode::LowLatency => {
                let (open, late) = (counted("open_segment"), counted("segment"));
                assert!(open >= VIEWERS * 3 && late <= open / 5, "{}", log());
                assert!(behind.count >= VIEWERS * 30 && behind.p50 < 1500.0, "{}", log());
            }
            Mode::Plain => assert!(counted("segment") >= VIEWERS * 3 && counted("open_segment") == 0, "{}", log()),
        }
        assert!(counted("manifest") >= VIEWERS, "{}", log());
    }
}
