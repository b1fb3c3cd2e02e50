use std::time::{Duration, Instant};

use media::{Frame, Span, Time};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

use crate::view::{View, clip, decoded, follow, read, send, send_with};

const QUIET: Duration = Duration::from_millis(2500);
const SMALL: &str = "path = '**'\nrungs = [{ height = 240, kbps = 500 }, { height = 144, kbps = 200 }]";

fn signal(process: u32, signal: Signal) {
    // It may have died of the last one.
    let _ = kill_process(Pid::from_raw(process.cast_signed()).unwrap(), signal);
}

/// P18: killed again and again, the rungs are back at once, begin with a keyframe and go on where they were; the source's
/// readers see nothing. `ONAIR_MEASURE=1` does it ten times.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_costs_its_rungs_less_than_a_second() {
    let times = if std::env::var_os("ONAIR_MEASURE").is_some() { 10 } else { 2 };
    let clip = clip("640x360", 30, times * 5 + 6, "-c:v libx264 -preset veryfast -bf 2 -g 60 -pix_fmt yuv420p");
    let view = View::new(SMALL);
    let publisher = view.publish(clip.codec.clone());
    let broadcast = publisher.broadcast();
    let mut source = follow(&broadcast, 0).await;
    let trouble = async {
        let (mut cursor, mut seen) = (follow(&broadcast, 240).await, Vec::new());
        for _ in 0..times {
            sleep(Duration::from_millis(4700)).await;
            let process = view.process().unwrap();
            let made = view.condition(240).unwrap().frames;
            signal(process, Signal::KILL);
            let begin = Instant::now();
            while view.condition(240).unwrap().frames < made + 3 {
                assert!(begin.elapsed() < Duration::from_secs(10), "the rung does not come back");
                sleep(Duration::from_millis(5)).await;
            }
            seen.push(begin.elapsed());
            assert!(!std::path::Path::new(&format!("/proc/{process}")).exists(), "the old one is still there");
        }
        (read(&mut cursor, QUIET).await, seen)
    };
    let (_, (made, seen)) = tokio::join!(send(&publisher, &clip.frames, Span::ZERO), trouble);
    eprintln!("back after {seen:?}");
    // Longer on a machine that has other things to do.
    let most = if std::env::var_os("ONAIR_MEASURE").is_some() { 1000 } else { 4000 };
    assert!(seen.iter().all(|back| *back < Duration::from_millis(most)), "{seen:?}");
    assert_eq!(view.condition(240).unwrap().restarts, u64::from(times));
    let codec = made[0].0.codec.clone();
    // What players were told of the rung stays true.
    assert!(made.iter().all(|(track, _)| track.codec == codec));
    let made: Vec<Frame> = made.into_iter().map(|it| it.1).collect();
    assert_eq!(decoded(&codec, &made).0, made.len());
    let steps: Vec<Span> = made.windows(2).map(|two| two[1].dts.since(two[0].dts)).collect();
    if std::env::var_os("ONAIR_MEASURE").is_some() {
        let holes = steps.iter().filter(|step| **step > Span::from_millis(40)).count();
        assert!(holes <= times as usize, "{holes} holes");
        assert!(steps.iter().all(|step| *step < Span::from_millis(200)), "{:?}", steps.iter().max());
    }
    assert_eq!(read(&mut source, Duration::from_millis(50)).await.len(), clip.frames.len());
}

/// A8, A9: another size, another codec and another publisher go through; what would be larger than its source goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_changes_keeps_its_rungs() {
    let first = clip("640x360", 30, 3, "-c:v libx264 -preset veryfast -bf 2 -g 30 -pix_fmt yuv420p");
    let second = clip(
        "854x480",
        25,
        3,
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:bframes=0 -pix_fmt yuv420p",
    );
    let third = clip("320x180", 30, 3, "-c:v libx264 -preset veryfast -bf 0 -g 30 -pix_fmt yuv420p");
    let view = View::new(SMALL);
    let publisher = view.publish(first.codec.clone());
    let broadcast = publisher.broadcast();
    let (_, (mut large, mut small)) =
        tokio::join!(send_with(&view, 144, &publisher, &first.frames, Span::ZERO), async {
            (follow(&broadcast, 240).await, follow(&broadcast, 144).await)
        });
    drop(publisher);
    let publisher = view.publish(second.codec.clone());
    send_with(&view, 144, &publisher, &second.frames, Span::ZERO).await;
    publisher.declare(media::Track::source(crate::view::PICTURES, third.codec.clone())).unwrap();
    send_with(&view, 144, &publisher, &third.frames, Span::from_millis(3000)).await;
    let (large, small) = (read(&mut large, QUIET).await, read(&mut small, QUIET).await);
    let sizes = |made: &[(std::sync::Arc<media::Track>, Frame)]| {
        let mut sizes: Vec<_> = made
            .iter()
            .map(|(track, _)| track.codec.picture().map(|picture| (picture.width, picture.height)).unwrap())
            .collect();
        sizes.dedup();
        sizes
    };
    assert_eq!(sizes(&large), [(426, 240), (428, 240)]);
    assert_eq!(sizes(&small), [(256, 144)]);
    assert!(large.len() >= 155 && small.len() >= 245, "{} {}", large.len(), small.len());
    assert!(broadcast.catalog().track(media::TrackId(240)).is_none(), "larger than its source");
    assert_eq!(view.condition(144).unwrap().restarts, 0);
}

/// Whatever a publisher sends, the server stays and the good part comes through.
#[tokio::test(flavor = "multi_thread")]
async fn mangled_pictures_kill_at_most_the_worker() {
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for arguments in [
        "-c:v libx264 -preset veryfast -bf 2 -g 15 -pix_fmt yuv420p",
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=15 -pix_fmt yuv420p",
    ] {
        let clip = clip("320x180", 30, 3, arguments);
        let view = View::new("path = '**'\nrungs = [{ height = 144, kbps = 200 }]");
        let publisher = view.publish(clip.codec.clone());
        let mangled: Vec<Frame> = clip
            .frames
            .iter()
            .map(|frame| {
                let mut bytes = frame.payload.to_vec();
                for _ in 0..random() % 12 {
                    let place = random() as usize % bytes.len();
                    bytes[place] ^= 1 << (random() % 8);
                }
                if random() % 4 == 0 {
                    bytes.truncate(1 + random() as usize % bytes.len());
                }
                Frame { payload: bytes.into(), ..frame.clone() }
            })
            .collect();
        send(&publisher, &mangled, Span::ZERO).await;
        send_with(&view, 144, &publisher, &clip.frames, Span::from_millis(3000)).await;
        let mut cursor = follow(&publisher.broadcast(), 144).await;
        let made = read(&mut cursor, QUIET).await;
        let good = made.iter().filter(|(_, frame)| frame.dts > Time::ZERO + Span::from_millis(4000)).count();
        eprintln!("{arguments}: {} pictures, {good} of the good part; {:?}", made.len(), view.condition(144));
        assert!(good > 70, "{good}");
    }
}

/// On a machine that is too slow the highest rung goes first, the lowest goes on, and nothing piles up.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_too_slow_sheds_the_highest_rung() {
    let clip = clip("1280x720", 30, 14, "-c:v libx264 -preset veryfast -bf 0 -g 30 -pix_fmt yuv420p");
    let rungs = "rungs = [{ height = 718, kbps = 2000 }, { height = 480, kbps = 900 }, { height = 144, kbps = 200 }]";
    let view = View::new(&format!("path = '**'\n{rungs}"));
    let publisher = view.publish(clip.codec.clone());
    let broadcast = publisher.broadcast();
    let slow = async {
        let mut cursor = follow(&broadcast, 144).await;
        // It works for a small part of the time, as if the machine were as much slower.
        let begin = Instant::now();
        let mut most_kib = 0;
        while !view.condition(718).is_some_and(|condition| condition.is_shed) {
            assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", view.condition(718));
            if let Some(process) = view.process() {
                let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
                let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
                most_kib = most_kib.max(resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0));
                signal(process, Signal::STOP);
                sleep(Duration::from_millis(88)).await;
                signal(process, Signal::CONT);
            }
            sleep(Duration::from_millis(12)).await;
        }
        // On time again, the machine gets it back after some seconds. Until then it is not offered.
        let shed = Instant::now();
        while broadcast.catalog().track(media::TrackId(718)).is_some() {
            assert!(shed.elapsed() < Duration::from_secs(2), "players still wait for it");
            sleep(Duration::from_millis(5)).await;
        }
        (read(&mut cursor, QUIET).await, most_kib)
    };
    let (_, (made, most_kib)) = tokio::join!(send(&publisher, &clip.frames, Span::ZERO), slow);
    let low = view.condition(144).unwrap();
    eprintln!("{low:?} {:?} {most_kib} KiB", view.condition(718));
    assert!(!low.is_shed && low.restarts == 0);
    assert!(made.len() > 100, "{}", made.len());
    assert!(most_kib < 400 << 10, "{most_kib} KiB");
}
