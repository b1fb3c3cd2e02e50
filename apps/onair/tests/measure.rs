//! The ruler against the server: short, to see that both still agree. Figures are in docs/performance.md.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

use std::time::Duration;

use onair_bench::generate::{Ledger, Shape};
use onair_bench::rtmp::{self, RtmpUrl};
use onair_bench::stream::{Measured, Plan};
use onair_bench::url::Url;
use onair_bench::webrtc::{self, Viewers};
use testkit::Server;

const VIEWERS: usize = 5;
const SHAPE: Shape = Shape { bps: 1_000_000, fps: 30, gop: 30 };

fn server() -> Server {
    Server::start(env!("CARGO_BIN_EXE_onair"), &[])
}

/// Five viewers for two seconds.
fn watch(server: &Server, full: bool, gro: bool, ledger: &Ledger) -> Measured {
    let plan = Plan {
        viewers: VIEWERS,
        ramp_per_sec: 20.0,
        warmup: Duration::from_millis(1500),
        duration: Duration::from_secs(2),
        threads: 1,
        pids: vec![server.pid()],
    };
    let urls = vec![Url::parse(&format!("http://{}/whep/live/x", server.http)).unwrap()];
    let viewers = Viewers { urls, full, gro, ledger: Some(ledger.clone()) };
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

fn expect_stream(server: &Server, measured: &Measured) {
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
    let publisher = webrtc::publish(&whip, SHAPE, ledger.clone());
    wait(|| publisher.is_ready());
    server.await_stream("live/x");
    for (full, gro) in [(false, true), (true, false)] {
        let measured = watch(&server, full, gro, &ledger);
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
    let mut publisher = rtmp::publish(&url, SHAPE, ledger.clone());
    wait(|| publisher.is_ready());
    server.await_stream("live/x");
    let measured = watch(&server, false, true, &ledger);
    expect_stream(&server, &measured);
    assert!(measured.seen.delay_ms.summary().count > 0);
    publisher.end().unwrap();
}
