use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use hub::{From, Publisher, Wish};
use media::codec::Aac;
use media::{Codec, Frame, Span, Time};
use transcode::protocol::sound::Coding;

use crate::beeps;
use crate::stage::{SOUND, Stage, encoded, opus, read};

const QUIET: Duration = Duration::from_millis(2500);

/// Ten minutes for who measures. Two are enough to see a sample that is lost, and the worker has its time limit.
fn seconds() -> i64 {
    if std::env::var("ONAIR_MEASURE").is_ok_and(|it| it == "1") { 600 } else { 120 }
}

/// Beeps as encoders have them: AAC, 44.1 kHz, 1024 samples a frame.
fn aac_of_44100(secs: i64) -> (Codec, Vec<Bytes>) {
    let beep = "aevalsrc=0.5*sin(2*PI*1000*t)*lt(mod(t\\,1)\\,0.1):s=44100:c=stereo";
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            beep,
            "-t",
            &secs.to_string(),
            "-c:a",
            "aac",
            "-f",
            "adts",
            "pipe:1",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let (mut rest, mut frames) = (&made.stdout[..], Vec::new());
    while let [_, _, _, high, middle, low, ..] = rest {
        let len = usize::from(high & 3) << 11 | usize::from(*middle) << 3 | usize::from(low >> 5);
        frames.push(Bytes::copy_from_slice(&rest[7..len]));
        rest = &rest[len..];
    }
    (Codec::Aac(Aac::from_config(&[0x12, 0x10]).unwrap()), frames)
}

/// Sends frames of so many samples as RTMP does, stamped in whole milliseconds, faster than real time.
async fn send(publisher: &Publisher, frames: &[Bytes], samples: i64, rate: u32) {
    let start = std::time::Instant::now();
    for (n, payload) in (0..).zip(frames) {
        let exact = Time::from_ticks(n * samples, rate);
        let dts = Time(exact.to_ticks(1000) * 1_000_000);
        let frame = Frame::alone(dts, payload.clone());
        publisher.append(SOUND, frame, start + dts.since(Time::ZERO).to_duration()).unwrap();
        // The worker has a limit of processor time, and whoever reads shall keep up.
        if n % 500 == 499 {
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    }
}

/// A4, A15: over minutes of sound that comes with stamps in milliseconds, what is made of it neither gains nor loses a sample:
/// a clock that drifted by one frame an hour would be off by 3.3 ms. Both ways, and from 44.1 kHz to 48.
#[tokio::test(flavor = "multi_thread")]
async fn minutes_of_sound_do_not_drift_by_a_sample() {
    let opus_frames: Vec<Bytes> = encoded(Coding::Opus, seconds(), beeps::sample).into_iter().map(|it| it.1).collect();
    let (aac, aac_frames) = aac_of_44100(seconds());
    tokio::join!(
        stays(aac, aac_frames, (1024, 44_100), Wish::Opus, 960),
        stays(opus(), opus_frames, (960, 48_000), Wish::Aac, 1024)
    );
}

async fn stays(codec: Codec, frames: Vec<Bytes>, (samples, rate): (i64, u32), wish: Wish, step: i64) {
    let stage = Stage::new();
    let publisher = stage.publish(codec.clone());
    let broadcast = publisher.broadcast();
    let mut source = broadcast.follow(SOUND, From::Oldest).unwrap();
    let (lease, mut cursor) = stage.want(&broadcast, wish).await;
    let (_, sent, made) =
        tokio::join!(send(&publisher, &frames, samples, rate), read(&mut source, QUIET), read(&mut cursor, QUIET));
    assert_eq!(stage.condition().restarts, 0, "{:?}", stage.condition().last_failure);
    // Every frame stands where the count of samples says, to the nanosecond of rounding.
    let is_exact = |frames: &[Frame], step: i64, rate: u32| {
        let begin = frames[0].dts;
        (0..).zip(frames).all(|(n, frame)| {
            let expected = Time::from_ticks(n * step, rate).since(Time::ZERO);
            (frame.dts.since(begin) - expected).abs() <= Span(1)
        })
    };
    assert!(is_exact(&sent, samples, rate) && is_exact(&made, step, 48_000));
    let end = |frames: &[Frame], step: i64, rate: u32| {
        frames.last().unwrap().dts + Time::from_ticks(step, rate).since(Time::ZERO)
    };
    let apart = end(&made, step, 48_000).since(end(&sent, samples, rate));
    assert!(apart.abs() < Span::from_millis(70), "it ends {apart:?} later");
    // And what is heard stays beside it.
    let heard = beeps::of(&Stage::codec(&broadcast, &lease), &made);
    let source = beeps::of(&codec, &sent);
    assert_eq!(heard.len(), source.len());
    let off: Vec<f64> =
        heard.iter().zip(&source).map(|(heard, source)| heard.since(*source).as_secs_f64() * 1e6).collect();
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let (first, last) = (mean(&off[..30]), mean(&off[off.len() - 30..]));
    eprintln!(
        "{wish:?}: {} frames in, {} out; {} beeps, off by {first:.1} µs in the first half minute and {last:.1} in the last: {:.1} µs an hour",
        sent.len(),
        made.len(),
        off.len(),
        (last - first) * 3600.0 / (seconds() - 30) as f64
    );
    assert!((last - first).abs() < 21.0, "a sample");
    assert!(off.iter().all(|off| off.abs() < 5000.0), "{off:?}");
}
