use std::time::{Duration, Instant};

use bytes::Bytes;
use hub::Wish;
use media::{Codec, Origin, Span};
use rustix::process::{Pid, Signal, kill_process};
use transcode::protocol::sound::Coding;

use crate::beeps;
use crate::stage::{Stage, aac, encoded, opus, send};

fn signal(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(process.cast_signed()).unwrap(), signal).unwrap();
}

/// Whether that process is gone, and was reaped.
fn is_gone(process: u32) -> bool {
    !std::path::Path::new(&format!("/proc/{process}")).exists()
}

async fn until(what: &str, most: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < most, "{what} took too long");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begin.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_or_hangs_is_replaced_and_nothing_is_missing() {
    let stage = Stage::new();
    let publisher = stage.publish(aac());
    let (lease, mut cursor) = stage.want(&publisher.broadcast(), Wish::Opus).await;
    let frames = encoded(Coding::Aac, 40, beeps::sample);
    let sender = async { send(&publisher, &frames, Span::ZERO, true).await };
    let trouble = async {
        let mut seen = Vec::new();
        for ill in [Signal::KILL, Signal::STOP, Signal::ABORT] {
            // So long that it is an accident.
            tokio::time::sleep(Duration::from_millis(4000)).await;
            let process = stage.condition().process.unwrap();
            let made = stage.condition().frames;
            signal(process, ill);
            let back = until("another worker", Duration::from_secs(10), || {
                let condition = stage.condition();
                condition.process.is_some_and(|now| now != process) && condition.frames > made + 3
            });
            seen.push((ill, back.await));
            assert!(is_gone(process), "the old one is still there");
        }
        seen
    };
    let seen = tokio::select! {
        seen = trouble => seen,
        () = sender => panic!("it took too long"),
    };
    eprintln!("{seen:?}");
    for (ill, back) in seen {
        // Another second for a machine that has other things to do.
        assert!(back < Duration::from_millis(2000), "{ill:?}: {back:?}");
    }
    assert_eq!(stage.condition().restarts, 3);
    let made = crate::stage::read(&mut cursor, Duration::from_millis(1500)).await;
    let beeps = beeps::of(&Stage::codec(&publisher.broadcast(), &lease), &made);
    assert!(beeps.len() >= 12);
    for two in beeps.windows(2) {
        let off = two[1].since(two[0]) - Span::from_millis(1000);
        assert!(off.abs() < Span::from_millis(5), "{off:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_goes_with_its_rendition() {
    let stage = Stage::new();
    let publisher = stage.publish(aac());
    let (lease, _cursor) = stage.want(&publisher.broadcast(), Wish::Opus).await;
    until("a worker", Duration::from_secs(10), || stage.condition().process.is_some()).await;
    let process = stage.condition().process.unwrap();
    drop(lease);
    until("its end", Duration::from_secs(15), || is_gone(process)).await;
    assert!(stage.transcoder.status().is_empty());

    let (_lease, _cursor) = stage.want(&publisher.broadcast(), Wish::Opus).await;
    until("a worker", Duration::from_secs(10), || stage.condition().process.is_some()).await;
    let process = stage.condition().process.unwrap();
    publisher.end();
    until("its end", Duration::from_secs(10), || is_gone(process)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_at_work_is_locked_in() {
    let stage = Stage::new();
    let publisher = stage.publish(aac());
    let (_lease, _cursor) = stage.want(&publisher.broadcast(), Wish::Opus).await;
    send(&publisher, &encoded(Coding::Aac, 1, beeps::sample), Span::ZERO, false).await;
    until("sound", Duration::from_secs(10), || stage.condition().frames > 10).await;
    let process = stage.condition().process.unwrap();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
    // Its own, twice; none of the server's.
    let open = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let open = open.map(|file| std::fs::read_link(file.unwrap().path()).unwrap().display().to_string());
    assert_eq!(open.filter(|file| file.starts_with("socket:")).count(), 2);
    assert_eq!(std::fs::read(format!("/proc/{process}/environ")).unwrap(), b"");
}

/// Whatever a publisher sends, the server stays and the good part that follows is heard to its end.
#[tokio::test(flavor = "multi_thread")]
async fn noise_kills_at_most_the_worker() {
    tokio::join!(noise(aac(), Coding::Aac, Wish::Opus), noise(opus(), Coding::Opus, Wish::Aac));
}

async fn noise(codec: Codec, coding: Coding, wish: Wish) {
    let stage = Stage::new();
    let publisher = stage.publish(codec);
    let (_lease, _cursor) = stage.want(&publisher.broadcast(), wish).await;
    let good = encoded(coding, 8, beeps::sample);
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mangled: Vec<_> = good
        .iter()
        .map(|(at, payload)| {
            let mut bytes = payload.to_vec();
            for _ in 0..random() % 8 {
                let place = random() as usize % bytes.len();
                bytes[place] ^= 1 << (random() % 8);
            }
            // The first byte of Opus says how the rest is divided: any of its 256 values, and any number of frames.
            if coding == Coding::Opus {
                bytes[0] = random() as u8;
            }
            bytes.truncate(1 + random() as usize % bytes.len());
            (*at, Bytes::from(bytes))
        })
        .collect();
    send(&publisher, &mangled, Span::ZERO, false).await;
    send(&publisher, &good, Span::from_millis(8000), false).await;
    let newest = || {
        let stats = publisher.broadcast().stats(Instant::now());
        stats.tracks.iter().find(|track| track.track.origin == Origin::Transcoder).and_then(|track| track.newest)
    };
    // The good part comes through to its end.
    until("good sound", Duration::from_secs(20), || newest().is_some_and(|at| at.0 > 16_700_000_000)).await;
    let condition = stage.condition();
    eprintln!("{coding:?}: {condition:?}");
    assert!(condition.dropped > 100, "{condition:?}");
}
