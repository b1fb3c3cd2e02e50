use std::time::Duration;

use hub::Wish;
use media::codec::{G711, Law};
use media::{Codec, Frame, Span, Time};
use transcode::protocol::sound::Coding;

use crate::beeps;
use crate::stage::{SOUND, Stage, aac, encoded, opus, read, send};

const QUIET: Duration = Duration::from_millis(1500);

/// Every beep of the one is in the other, within so much.
fn same(source: &[Time], made: &[Time], within_ms: i64) {
    assert_eq!(source.len(), made.len(), "{source:?} {made:?}");
    for (source, made) in source.iter().zip(made) {
        let off = made.since(*source);
        assert!(off.abs() <= Span::from_millis(within_ms), "{off:?} at {source:?}");
    }
}

/// A4, P19: both ways, over a minute of sound.
#[tokio::test]
async fn sound_comes_out_where_it_went_in() {
    for (codec, coding, wish) in [(aac(), Coding::Aac, Wish::Opus), (opus(), Coding::Opus, Wish::Aac)] {
        let stage = Stage::new();
        let publisher = stage.publish(codec.clone());
        let broadcast = publisher.broadcast();
        let mut source = broadcast.follow(SOUND, hub::From::Oldest).unwrap();
        let (lease, mut cursor) = stage.want(&broadcast, wish).await;
        send(&publisher, &encoded(coding, 60, beeps::sample), Span::ZERO, false).await;
        let made = read(&mut cursor, QUIET).await;
        let sent = read(&mut source, Duration::from_millis(50)).await;
        same(&beeps::of(&codec, &sent), &beeps::of(&Stage::codec(&publisher.broadcast(), &lease), &made), 5);
        let step = Time::from_ticks(if wish == Wish::Opus { 960 } else { 1024 }, 48_000).since(Time::ZERO);
        assert!(made.windows(2).all(|two| (two[1].dts.since(two[0].dts) - step).abs() <= Span(1)), "an uneven step");
        let length = made.last().unwrap().dts.since(sent.last().unwrap().dts);
        assert!(length.abs() < Span::from_millis(70), "{length:?}");
    }
}

/// A12.
#[tokio::test]
async fn a_hole_in_the_source_is_a_hole_in_the_rendition() {
    let stage = Stage::new();
    let publisher = stage.publish(aac());
    let (lease, mut cursor) = stage.want(&publisher.broadcast(), Wish::Opus).await;
    let mut source = publisher.broadcast().follow(SOUND, hub::From::Oldest).unwrap();
    let frames = encoded(Coding::Aac, 4, beeps::sample);
    send(&publisher, &frames, Span::ZERO, false).await;
    send(&publisher, &frames, Span::from_millis(7000), false).await;
    let made = read(&mut cursor, QUIET).await;
    let sent = read(&mut source, Duration::from_millis(50)).await;
    same(&beeps::of(&aac(), &sent), &beeps::of(&Stage::codec(&publisher.broadcast(), &lease), &made), 5);
    let holes: Vec<_> =
        made.windows(2).map(|two| two[1].dts.since(two[0].dts)).filter(|gap| gap.0 > 100_000_000).collect();
    assert_eq!(holes.len(), 1);
    assert!((holes[0] - Span::from_millis(3000)).abs() < Span::from_millis(60), "{holes:?}");
}

#[tokio::test]
async fn a_telephone_is_heard_as_aac() {
    let stage = Stage::new();
    let codec = Codec::G711(G711 { law: Law::Mu, channels: 1 });
    let publisher = stage.publish(codec.clone());
    let (lease, mut cursor) = stage.want(&publisher.broadcast(), Wish::Aac).await;
    let mut source = publisher.broadcast().follow(SOUND, hub::From::Oldest).unwrap();
    // 20 ms a packet; a square wave of 1 kHz for the first tenth of every second.
    let now = std::time::Instant::now();
    for n in 0..250u32 {
        let code = |at: u32| {
            if n % 50 >= 5 {
                0xff
            } else if (at / 4).is_multiple_of(2) {
                0x90
            } else {
                0x10
            }
        };
        let payload: Vec<u8> = (0..160).map(code).collect();
        let dts = Time::ZERO + Span::from_millis(i64::from(n) * 20);
        let frame = Frame::alone(dts, payload.into());
        publisher.append(SOUND, frame, now + Duration::from_millis(20) * n).unwrap();
    }
    let made = read(&mut cursor, QUIET).await;
    let sent = read(&mut source, Duration::from_millis(50)).await;
    same(&beeps::of(&codec, &sent), &beeps::of(&Stage::codec(&publisher.broadcast(), &lease), &made), 5);
}

#[tokio::test]
async fn a_source_that_changes_its_codec_goes_on() {
    let stage = Stage::new();
    let telephone = Codec::G711(G711 { law: Law::A, channels: 1 });
    let publisher = stage.publish(telephone);
    let (_lease, mut cursor) = stage.want(&publisher.broadcast(), Wish::Opus).await;
    let packet = |n: i64| Frame::alone(Time::ZERO + Span::from_millis(n * 20), vec![0xd5; 160].into());
    let now = std::time::Instant::now();
    for n in 0..50 {
        publisher.append(SOUND, packet(n), now).unwrap();
    }
    publisher.declare(media::Track::source(SOUND, aac())).unwrap();
    send(&publisher, &encoded(Coding::Aac, 2, beeps::sample), Span::from_millis(1000), false).await;
    let made = read(&mut cursor, QUIET).await;
    let span = made.last().unwrap().dts.since(made[0].dts);
    assert!((span - Span::from_millis(3000)).abs() < Span::from_millis(100), "{span:?}");
    assert_eq!(stage.condition().restarts, 0);
}
