//! Players at the socket: what they get, and what they cost others (R22, F1).

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

mod house;

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use house::{House, config, eventually};
use testkit::ffmpeg::{Audio, Source, Video};
use testkit::flv::{self, Kind, Tag};
use testkit::rtmp::{Player, Publisher, Refusal};

/// Six seconds of H.264 with B-frames, a keyframe a second, and AAC.
fn clip() -> Vec<Tag> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clip.flv");
    let video = Video { bframes: 2, gop: 30, ..Video::default() };
    Source { video: Some(video), audio: Some(Audio::default()), secs: Some(6.0) }.encode(&file);
    flv::read(&file)
}

/// Packets as ffprobe read them: seconds of decoding and of showing, and whether one may begin there.
type Packets = Vec<(f64, f64, bool)>;

/// Plays until the stream is over.
fn probe(url: &str) -> impl FnOnce() -> [Packets; 2] {
    let entries = "packet=codec_type,pts_time,dts_time,flags";
    let args = ["-v", "error", "-of", "csv=p=0", "-show_entries", entries, url];
    let child = Command::new("ffprobe").args(args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    move || {
        let output = child.wait_with_output().unwrap();
        let mut packets = [Packets::new(), Packets::new()];
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let fields: Vec<_> = line.split(',').collect();
            let number = |at: usize| fields[at].parse::<f64>().unwrap();
            let kind = usize::from(fields[0] == "audio");
            packets[kind].push((number(2), number(1), fields[3].starts_with('K')));
        }
        packets
    }
}

/// R22: a real player, with B-frames, from the newest keyframe to the end.
#[test]
fn ffprobe_reads_what_the_publisher_sent_from_a_keyframe_at_zero() {
    let house = House::open(config());
    let tags = clip();
    let mut publisher = Publisher::publish(house.address, "live", "alice").unwrap();
    let broadcast = house.broadcast("live/alice");
    let url = house.url("live/alice");
    let sender = {
        let tags = tags.clone();
        thread::spawn(move || {
            publisher.play(&tags, 2.0, |tag| Some(tag.time_ms)).unwrap();
            publisher
        })
    };
    thread::sleep(Duration::from_millis(1200));
    let player = probe(&url);
    let publisher = sender.join().unwrap();
    thread::sleep(Duration::from_millis(300));
    broadcast.end();
    let [pictures, sounds] = player();
    drop(publisher);

    let sent: Vec<_> =
        tags.iter().filter(|tag| tag.kind == Kind::Video && !tag.is_header() && tag.body[1] == 1).collect();
    assert!(pictures.len() >= 60 && pictures.len() < sent.len(), "{} of {}", pictures.len(), sent.len());
    let sent = &sent[sent.len() - pictures.len()..];
    let begin = f64::from(sent[0].time_ms);
    assert!(sent[0].is_key() && pictures[0].2, "it begins with a keyframe");
    assert_eq!(pictures[0].0, 0.0, "near zero");
    let mut last = -1.0;
    for (tag, (dts, pts, is_key)) in sent.iter().zip(&pictures) {
        let composition = f64::from(i32::from_be_bytes([0, tag.body[2], tag.body[3], tag.body[4]]));
        let wanted = (f64::from(tag.time_ms) - begin) / 1000.0;
        // The server evens out what milliseconds made uneven.
        assert!((dts - wanted).abs() < 0.0021, "{dts} for {wanted}");
        assert!((pts - dts - composition / 1000.0).abs() < 0.0021, "{pts} - {dts} for {composition}");
        assert_eq!(*is_key, tag.is_key());
        assert!(*dts > last, "never back");
        last = *dts;
    }
    assert!(sounds.windows(2).all(|pair| pair[0].0 < pair[1].0), "never back");
    assert!(sounds[0].0 < 0.03 && sounds.len() > 90, "{:?}, {}", sounds[0], sounds.len());
}

#[test]
fn who_may_not_and_what_is_not_there_is_said() {
    let house = House::open(config());
    let code = |app, key| match Player::play(house.address, app, key) {
        Err(Refusal::Status(code)) => code,
        Err(Refusal::Silence(error)) => panic!("{error}"),
        Ok(_) => panic!("let in"),
    };
    assert_eq!(code("live", "nobody"), "NetStream.Play.StreamNotFound");
    assert_eq!(code("closed", "alice"), "NetStream.Play.Failed");
    assert_eq!(code("closed", "alice?key=wrong"), "NetStream.Play.Failed");
    assert_eq!(code("closed", &format!("alice?key={}", house::KEY)), "NetStream.Play.StreamNotFound");

    let none = House::open(config::Rtmp { max_players: 0, ..config() });
    let refused = Player::play(none.address, "live", "alice").err().unwrap();
    assert!(matches!(refused, Refusal::Status(code) if code == "NetStream.Play.Failed"));
}

/// F1: a player that takes nothing holds up nobody, and does not stay for ever.
#[test]
fn a_player_that_stopped_reading_costs_nobody_anything_and_goes() {
    let house = House::open(config::Rtmp { idle_timeout: Duration::from_secs(2), ..config() });
    let tags = clip();
    let mut publisher = Publisher::publish(house.address, "live", "alice").unwrap();
    let broadcast = house.broadcast("live/alice");
    let header = |tag: &&Tag| tag.is_header() || tag.kind == Kind::Data;
    tags.iter().filter(header).for_each(|tag| publisher.send_at(tag, 0).unwrap());
    let sound = tags.iter().find(|tag| tag.kind == Kind::Audio && !tag.is_header()).unwrap().clone();
    let key = tags.iter().find(|tag| tag.is_key()).unwrap();
    // Pictures of 100 kB, 40 a second: what a socket may hold is full within two seconds.
    let mut body = key.body[..5].to_vec();
    body.extend((99_996_u32).to_be_bytes());
    body.push(0x65);
    body.resize(100_005, 0x55);
    let fat = Tag { body, ..key.clone() };
    let sender = thread::spawn(move || {
        let mut late = Duration::ZERO;
        for step in 0..360 {
            let begin = Instant::now();
            publisher.send_at(&fat, step * 25).unwrap();
            publisher.send_at(&sound, step * 25).unwrap();
            late = late.max(begin.elapsed());
            thread::sleep(Duration::from_millis(25));
        }
        (publisher, late)
    });
    let mut good = Player::play(house.address, "live", "alice").unwrap();
    let paused = Player::play(house.address, "live", "alice").unwrap();
    let players = || broadcast.stats(Instant::now()).tracks[0].subscribers;
    eventually("both play", || (players() == 2).then_some(()));
    let begin = Instant::now();
    let mut pictures = 0;
    while pictures < 200 {
        pictures += usize::from(good.message().is_ok_and(|(kind, body)| kind == 9 && body.len() > 90_000));
        assert!(begin.elapsed() < Duration::from_secs(20), "{pictures} pictures");
    }
    assert_eq!(players(), 1, "the paused one is gone");
    let (_publisher, late) = sender.join().unwrap();
    assert!(late < Duration::from_millis(500), "the publisher waited {late:?}");
    drop(paused);
}

/// F15, R21: a server that stops tells its players so.
#[test]
fn players_are_told_when_the_server_stops() {
    let house = House::open(config());
    let mut publisher = Publisher::publish(house.address, "live", "alice").unwrap();
    let tags = clip();
    let sender = thread::spawn(move || publisher.play(&tags, 2.0, |tag| Some(tag.time_ms)));
    house.broadcast("live/alice");
    let mut player = Player::play(house.address, "live", "alice").unwrap();
    house.stop.cancel();
    let has = |body: &[u8], word: &[u8]| body.windows(word.len()).any(|window| window == word);
    let mut is_told = false;
    while let Ok((kind, body)) = player.message() {
        is_told |= kind == 20 && has(&body, b"NetStream.Play.UnpublishNotify");
    }
    assert!(is_told);
    assert!(sender.join().unwrap().is_err(), "the publisher is gone");
}
