//! Real encoders push; the hub is asked what arrived.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

mod house;

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use house::{House, KEY, config, eventually, frames, tracks, wait_until_away};
use hub::State;
use media::codec::Codec;
use media::{Kind, Span};
use testkit::ffmpeg::{Audio, Source, Video};
use testkit::flv;
use testkit::rtmp::{Publisher, Refusal};

fn push(house: &House, name: &str, source: &Source) -> hub::Broadcast {
    let path = format!("live/{name}");
    let ffmpeg = source.publish(&house.url(&path));
    let broadcast = house.broadcast(&path);
    assert!(ffmpeg.wait(), "ffmpeg is content");
    wait_until_away(&broadcast);
    broadcast
}

fn check_order(frames: &[media::Frame]) {
    assert!(frames.windows(2).all(|pair| pair[0].dts < pair[1].dts), "decode times rise");
    assert!(frames.iter().all(|frame| frame.reorder >= Span::ZERO), "no picture shows before it is decoded");
}

#[test]
fn ffmpeg_arrives_whole_in_every_shape() {
    let house = House::open(config());
    for (bframes, rate_hz, channels) in [(0, 48_000, 2), (2, 44_100, 1), (3, 48_000, 1), (0, 44_100, 2)] {
        let video = Video { bframes, gop: 30, ..Video::default() };
        let audio = Audio { rate_hz, channels };
        let source = Source { video: Some(video), audio: Some(audio), secs: Some(3.0) };
        let broadcast = push(&house, &format!("b{bframes}-{rate_hz}-{channels}"), &source);

        let video = &tracks(&broadcast, Kind::Video)[0];
        let picture = video.codec.picture().unwrap();
        assert_eq!((picture.width, picture.height, video.codec.name()), (320, 180, "h264"));
        let pictures = frames(&broadcast, video.id);
        check_order(&pictures);
        assert_eq!(pictures.len(), 90);
        assert!(pictures[0].is_sync);
        assert_eq!(pictures.iter().filter(|frame| frame.is_sync).count(), 3);
        assert_eq!(pictures.iter().any(|frame| frame.reorder > Span::ZERO), bframes > 0);
        let mut shown: Vec<_> = pictures.iter().map(media::Frame::pts).collect();
        shown.sort();
        let steps = shown.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64());
        assert!(steps.into_iter().all(|step| (step - 1.0 / 30.0).abs() < 0.002), "a picture every 33 ms");

        let audio = &tracks(&broadcast, Kind::Audio)[0];
        let sound = audio.codec.sound().unwrap();
        assert_eq!((sound.rate, u32::from(sound.channels), audio.codec.name()), (rate_hz, channels, "aac"));
        let blocks = frames(&broadcast, audio.id);
        check_order(&blocks);
        let expected = 3.0 * f64::from(rate_hz) / 1024.0;
        assert!((blocks.len() as f64 - expected).abs() < 4.0, "{} blocks of {expected}", blocks.len());
        let apart = shown[0].since(blocks[0].dts).as_secs_f64();
        assert!(apart.abs() < 0.1, "picture and sound begin {apart} s apart");
    }
}

#[test]
fn sound_alone_and_pictures_alone_are_streams_too() {
    let house = House::open(config());
    let sound = push(&house, "sound", &Source { video: None, audio: Some(Audio::default()), secs: Some(1.0) });
    assert_eq!((tracks(&sound, Kind::Video).len(), tracks(&sound, Kind::Audio).len()), (0, 1));
    let pictures = push(&house, "pictures", &Source { video: Some(Video::default()), audio: None, secs: Some(1.0) });
    assert_eq!((tracks(&pictures, Kind::Video).len(), tracks(&pictures, Kind::Audio).len()), (1, 0));
    assert_eq!(frames(&pictures, tracks(&pictures, Kind::Video)[0].id).len(), 30);
}

/// Publishes from ffmpeg's own RTMP client to an address that needs a key; returns what it complained of.
fn ffmpeg_with_key(url: &str) -> (bool, String) {
    let input = ["-re", "-f", "lavfi", "-i", "sine", "-t", "0.5", "-c:a", "aac", "-f", "flv", url];
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error"])
        .args(input)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// R9, R11.
#[test]
fn a_key_opens_and_a_wrong_one_is_told_so() {
    let house = House::open(config());
    assert!(ffmpeg_with_key(&house.url(&format!("stage/alice?key={KEY}"))).0);
    assert!(house.hub.broadcast(&"stage/alice".parse().unwrap()).is_some());
    for (query, said) in [("", "needs a key"), ("?key=wrong", "does not allow")] {
        let (ok, complaint) = ffmpeg_with_key(&house.url(&format!("stage/bob{query}")));
        assert!(!ok && complaint.contains(said), "{complaint}");
    }
    assert!(house.hub.broadcast(&"stage/bob".parse().unwrap()).is_none());
    let refusal = Publisher::publish(house.address, "stage", "bob").err().unwrap();
    assert!(matches!(refusal, Refusal::Status(code) if code == "NetStream.Publish.Denied"));
}

fn clip() -> Vec<flv::Tag> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clip.flv");
    Source { secs: Some(2.0), ..Source::default() }.encode(&file);
    flv::read(&file)
}

/// R10: while the first one is alive, the second is told so at once; when the first one falls silent without a word,
/// the second gets the broadcast without asking again.
#[test]
fn a_live_publisher_is_kept_and_a_silent_one_replaced() {
    let house = House::open(config());
    let clip = clip();
    let (mut first, address) = (Publisher::publish(house.address, "live", "alice").unwrap(), house.address);
    let knock = thread::spawn(move || {
        thread::sleep(Duration::from_millis(700));
        let asked = Instant::now();
        (Publisher::publish(address, "live", "alice").err(), asked.elapsed())
    });
    first.play(&clip, 1.0, |tag| Some(tag.time_ms)).unwrap();
    let (refusal, took) = knock.join().unwrap();
    assert!(matches!(refusal, Some(Refusal::Status(code)) if code == "NetStream.Publish.BadName"));
    assert!(took < Duration::from_secs(1), "{took:?}");

    let silent_since = Instant::now();
    let mut second = Publisher::publish(house.address, "live", "alice").unwrap();
    assert!(silent_since.elapsed() < Duration::from_secs(5), "{:?}", silent_since.elapsed());
    second.play(&clip[..20], 4.0, |tag| Some(tag.time_ms)).unwrap();
    // The first one, had it only dozed, learns that it lost its place.
    let lost = || (first.send_at(&clip[20], 3000).is_err() || first.is_closed()).then_some(());
    eventually("the first is sent away", lost);
    assert_eq!(house.broadcast("live/alice").state(), State::Live);
}

/// R8, F2: a goodbye, a closed socket and the idle limit all leave the broadcast to its grace time.
#[test]
fn every_way_to_go_leaves_the_broadcast_away() {
    let house = House::open(config::Rtmp { idle_timeout: Duration::from_secs(1), ..config() });
    let clip = clip();
    for (name, leave) in [("goodbye", 0), ("cut", 1), ("silence", 2)] {
        let mut publisher = Publisher::publish(house.address, "live", name).unwrap();
        publisher.play(&clip[..30], 10.0, |tag| Some(tag.time_ms)).unwrap();
        let broadcast = house.broadcast(&format!("live/{name}"));
        let kept = (leave == 2).then_some(publisher);
        let left = Instant::now();
        wait_until_away(&broadcast);
        assert!(left.elapsed() < Duration::from_secs(3));
        drop(kept);
    }
}

/// F21.
#[test]
fn both_kinds_of_addresses_reach_the_one_port() {
    let house = House::open(config());
    for host in ["127.0.0.1", "[::1]"] {
        let address = format!("{host}:{}", house.address.port()).parse().unwrap();
        Publisher::publish(address, "live", &format!("via{}", host.len())).unwrap();
    }
}

/// The kick of an administrator, and the end of the server.
#[test]
fn a_publisher_is_sent_away_when_its_broadcast_or_the_server_ends() {
    let house = House::open(config());
    let clip = clip();
    let mut kicked = Publisher::publish(house.address, "live", "kicked").unwrap();
    kicked.play(&clip[..30], 10.0, |tag| Some(tag.time_ms)).unwrap();
    house.broadcast("live/kicked").end();
    let gone = || (kicked.send_at(&clip[5], 4000).is_err() || kicked.is_closed()).then_some(());
    eventually("the kicked one goes", gone);

    let stays = Publisher::publish(house.address, "live", "stays").unwrap();
    house.stop.cancel();
    eventually("the last one goes", || stays.is_closed().then_some(()));
    assert!(std::net::TcpStream::connect(house.address).is_err(), "the port is closed");
}

/// A9, R14: the same connection, another picture size in mid-stream.
#[test]
fn a_change_of_format_in_mid_stream_is_declared() {
    let house = House::open(config());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("large.flv");
    let video = Some(Video { width: 640, height: 360, ..Video::default() });
    Source { video, secs: Some(1.0), ..Source::default() }.encode(&file);
    let mut publisher = Publisher::publish(house.address, "live", "grows").unwrap();
    publisher.play(&clip(), 4.0, |tag| Some(tag.time_ms)).unwrap();
    publisher.play(&flv::read(&file), 4.0, |tag| Some(tag.time_ms + 2000)).unwrap();
    let broadcast = house.broadcast("live/grows");
    eventually("the picture grows", || {
        let video = tracks(&broadcast, Kind::Video);
        let Codec::Avc(avc) = &video.first()?.codec else { return None };
        (avc.picture.width == 640).then_some(())
    });
}
