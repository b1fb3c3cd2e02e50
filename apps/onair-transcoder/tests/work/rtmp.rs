use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use control::Access;
use hub::{State, Wish};
use media::{Kind, Span};
use tokio_util::sync::CancellationToken;

use crate::beeps;
use crate::stage::{Stage, read};

/// A4, A15: what an ordinary encoder sends by RTMP (AAC, 44.1 kHz, stamps in milliseconds) is heard as Opus at the right
/// time. `ONAIR_MEASURE=1` listens for more than a minute.
#[tokio::test(flavor = "multi_thread")]
async fn an_encoders_aac_is_heard_as_opus_at_the_right_time() {
    let secs = if std::env::var_os("ONAIR_MEASURE").is_some() { 66 } else { 12 };
    is_heard(secs, "aac", "-c:a aac -b:a 128k").await;
}

/// A4, P19: so are MP3 and what telephones speak.
#[tokio::test(flavor = "multi_thread")]
async fn mp3_and_g711_are_heard_as_opus_at_the_right_time() {
    tokio::join!(
        is_heard(6, "mp3", "-c:a libmp3lame -b:a 128k"),
        is_heard(6, "mp3", "-c:a libmp3lame -b:a 40k -ar 22050 -ac 1"),
        is_heard(6, "pcma", "-c:a pcm_alaw -ar 8000 -ac 1"),
        is_heard(6, "pcmu", "-c:a pcm_mulaw -ar 8000 -ac 1"),
    );
}

/// Publishes beeps that are encoded so, and holds what is made of them to what was sent.
async fn is_heard(secs: usize, codec: &str, encoder: &str) {
    let stage = Stage::new();
    let mut rtmp = gateway_rtmp::Listener::new(config::Rtmp::default());
    rtmp.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = rtmp.address().unwrap();
    let stop = CancellationToken::new();
    let access = Arc::new(Access::new(config::Access::default()));
    tokio::spawn(rtmp.run(stage.hub.clone(), access, Arc::new(()), stop.clone()));
    let beep = "aevalsrc=0.5*sin(2*PI*1000*t)*lt(mod(t\\,1)\\,0.1):s=44100:c=stereo";
    let mut ffmpeg = tokio::process::Command::new("ffmpeg")
        .args(["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=s=160x90:r=25", "-re", "-f", "lavfi", "-i", beep])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"])
        .args(encoder.split(' '))
        .args(["-t", &secs.to_string(), "-f", "flv", &format!("rtmp://{address}/live/a")])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let broadcast = loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let there = stage.hub.broadcast(&"live/a".parse().unwrap());
        if let Some(broadcast) = there.filter(|there| there.catalog().of_kind(Kind::Audio).count() == 1) {
            break broadcast;
        }
    };
    let source = broadcast.catalog().of_kind(Kind::Audio).next().unwrap().clone();
    assert_eq!(source.codec.name(), codec);
    let mut sent = broadcast.follow(source.id, hub::From::Oldest).unwrap();
    let (lease, mut made) = stage.want(&broadcast, Wish::Opus).await;
    assert!(ffmpeg.wait().await.unwrap().success());
    assert_ne!(broadcast.state(), State::Ended);
    let frames = read(&mut made, Duration::from_millis(1500)).await;
    let mut made = beeps::of(&Stage::codec(&broadcast, &lease), &frames);
    // A beep that sounded already when the worker began is cut off at its beginning.
    let began = frames.first().unwrap().dts;
    made.retain(|beep| beep.since(began) >= Span::from_millis(100));
    let sent = beeps::of(&source.codec, &read(&mut sent, Duration::from_millis(50)).await);
    assert!(made.len() + 2 >= sent.len() && made.len() + 3 >= secs, "{} of {}", made.len(), sent.len());
    let off: Vec<Span> = made
        .iter()
        .map(|made| sent.iter().map(|sent| made.since(*sent)).min_by_key(|off| off.abs()).unwrap())
        .collect();
    let ms = |span: &Span| span.as_secs_f64() * 1000.0;
    let (first, last) = (ms(off.first().unwrap()), ms(off.last().unwrap()));
    eprintln!("{codec}: {} beeps: first off by {first:.2} ms, last by {last:.2} ms", off.len());
    assert!(off.iter().all(|off| off.abs() <= Span::from_millis(10)), "{off:?}");
    // Less than a frame of drift.
    assert!((first - last).abs() < 20.0);
    stop.cancel();
}
