//! Players on a timeline of their own.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use hub::{Broadcast, Claim, Demand, Derived, Hub, Lease, Limits, Now, Publisher, Wish};
use media::codec::{Aac, Av1, Avc, Opus, Picture};
use media::{Codec, Frame, Origin, Span, Temporal, Time, Track, TrackId};
use wire::amf;
use wire::flv::{self, AudioPacket, FourCc, TagKind, Takes, VideoPacket};

use super::*;

const VIDEO: TrackId = TrackId(0);
const AUDIO: TrackId = TrackId(1);
const MS: Duration = Duration::from_millis(1);

fn avc(height: u32) -> Codec {
    let picture =
        Picture { width: height * 16 / 9, height, pixel_aspect: (1, 1), frame_rate: Some((25, 1)), colour: None };
    Codec::Avc(Avc {
        sps: vec![Bytes::copy_from_slice(&[0x67, 0x64, 0, 0x1f, height as u8])],
        pps: vec![Bytes::from_static(&[0x68, 0xce])],
        profile: 0x64,
        constraints: 0,
        level: 0x1f,
        chroma_format: 1,
        luma_depth: 8,
        chroma_depth: 8,
        reorder_frames: None,
        picture,
    })
}

fn av1() -> Codec {
    let Codec::Avc(Avc { picture, .. }) = avc(720) else { unreachable!() };
    let config = Bytes::from_static(&[0x81, 4, 0x0c, 0]);
    Codec::Av1(Av1 { config, profile: 0, level: 4, high_tier: false, depth: 8, picture })
}

fn aac() -> Codec {
    Codec::Aac(Aac::from_config(&[0x11, 0x90]).unwrap())
}

fn opus() -> Codec {
    Codec::Opus(Opus::plain(2))
}

/// A hub with one broadcast, whose publisher sends what it is told, and a clock that goes as it is told.
struct Stage {
    hub: Hub,
    publisher: Option<Publisher>,
    now: Now,
}

impl Stage {
    fn new(tracks: &[Track]) -> Self {
        let hub = Hub::new(Limits::default());
        let now = Now { at: Instant::now(), wall: SystemTime::now() };
        let mut stage = Self { hub, publisher: None, now };
        stage.publish(tracks);
        stage
    }

    fn publish(&mut self, tracks: &[Track]) {
        let claim = Claim { proto: "test", peer: None };
        let publisher = self.hub.publish(&"live/a".parse().unwrap(), claim, self.now).unwrap();
        tracks.iter().for_each(|track| publisher.declare(track.clone()).unwrap());
        self.publisher = Some(publisher);
    }

    fn broadcast(&self) -> Broadcast {
        self.hub.broadcast(&"live/a".parse().unwrap()).unwrap()
    }

    fn pass(&mut self, time: Duration) {
        self.now.at += time;
        self.now.wall += time;
    }

    /// 25 pictures a second with a keyframe every `group`, and 50 frames of sound, from `from_ms` to `to_ms` on the
    /// publisher's clock, in real time.
    fn send(&mut self, from_ms: i64, to_ms: i64, group: i64, kinds: &[TrackId]) {
        for ms in (from_ms..to_ms).step_by(20) {
            let publisher = self.publisher.as_ref().unwrap();
            if ms % 40 == 0 && kinds.contains(&VIDEO) {
                let frame = Frame { is_sync: ms % group == 0, ..frame(ms, b"picture") };
                publisher.append(VIDEO, frame, self.now.at).unwrap();
            }
            if kinds.contains(&AUDIO) {
                publisher.append(AUDIO, frame(ms, b"sound"), self.now.at).unwrap();
            }
            self.pass(20 * MS);
        }
    }

    fn open(&self, wants: Wants) -> Opened {
        self.open_with(wants, Arc::new(())).0
    }

    fn open_with(&self, wants: Wants, demand: Arc<dyn Demand>) -> (Opened, Option<Opening>) {
        Opening::new(self.broadcast(), demand, wants, "test", self.now.at).poll(self.now)
    }

    fn view(&self, wants: Wants) -> Viewer {
        ready(self.open(wants))
    }
}

fn ready(opened: Opened) -> Viewer {
    match opened {
        Opened::Ready(viewer) => *viewer,
        Opened::Wait => panic!("it waits"),
        Opened::Refused(refusal) => panic!("{refusal}"),
    }
}

fn refusal(opened: Opened) -> Option<Refusal> {
    if let Opened::Refused(refusal) = opened { Some(refusal) } else { None }
}

fn frame(ms: i64, payload: &'static [u8]) -> Frame {
    let dts = Time::ZERO + Span::from_millis(ms);
    let payload = Bytes::from_static(payload);
    Frame { dts, reorder: Span::ZERO, is_sync: true, payload, temporal: Temporal::BASE }
}

fn both() -> [Track; 2] {
    [Track::source(VIDEO, avc(720)), Track::source(AUDIO, aac())]
}

/// What a player read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Read {
    Metadata,
    Header(flv::Codec, u32),
    Picture { at: u32, composition: i32, is_key: bool },
    Sound(u32),
    End(u32),
}

fn read(tag: &Tag) -> Read {
    let body = Bytes::from([&tag.head[..], &tag.payload[..]].concat());
    let at = tag.timestamp;
    match tag.kind {
        TagKind::Script => {
            assert_eq!(amf::parse_all(&body).unwrap()[0].as_str(), Some("onMetaData"));
            Read::Metadata
        }
        TagKind::Video => {
            let video = flv::Video::parse(&body).unwrap();
            let track = &video.tracks[0];
            match video.packet {
                VideoPacket::SequenceStart => Read::Header(track.codec, at),
                VideoPacket::SequenceEnd => Read::End(at),
                _ => {
                    let is_key = video.frame == flv::FrameType::Key;
                    Read::Picture { at, composition: track.composition_ms, is_key }
                }
            }
        }
        _ => {
            let audio = flv::Audio::parse(&body).unwrap();
            match audio.packet {
                AudioPacket::SequenceStart => Read::Header(audio.tracks[0].codec, at),
                _ => Read::Sound(at),
            }
        }
    }
}

/// All that there is now, and whether it is over.
fn drain(viewer: &mut Viewer, now: Instant) -> (Vec<Read>, bool) {
    let mut all = Vec::new();
    loop {
        match viewer.poll(now) {
            Polled::Tag(tag) => all.push(read(&tag)),
            Polled::Wait => return (all, false),
            Polled::Ended => return (all, true),
        }
    }
}

const fn code(code: FourCc) -> flv::Codec {
    flv::Codec::FourCc(code)
}

const KEY: Read = Read::Picture { at: 0, composition: 0, is_key: true };

/// Times of pictures and of sound, each in order: none may go back.
fn times(all: &[Read]) -> [Vec<u32>; 2] {
    let pictures = all.iter().filter_map(|one| if let Read::Picture { at, .. } = one { Some(*at) } else { None });
    let sounds = all.iter().filter_map(|one| if let Read::Sound(at) = one { Some(*at) } else { None });
    let times = [pictures.collect::<Vec<_>>(), sounds.collect()];
    times.iter().for_each(|times| assert!(times.is_sorted_by(|a, b| a < b), "{times:?}"));
    times
}

/// R22.
#[test]
fn a_player_begins_with_the_newest_keyframe_at_zero_behind_all_headers() {
    let mut stage = Stage::new(&both());
    stage.send(7_000_000, 7_003_000, 2000, &[VIDEO, AUDIO]);
    let mut viewer = stage.view(Wants::default());
    let (all, _) = drain(&mut viewer, stage.now.at);
    let header = |codec| Read::Header(code(codec), 0);
    assert_eq!(all[..4], [Read::Metadata, header(FourCc::AVC), header(FourCc::AAC), KEY]);
    let [pictures, sounds] = times(&all);
    assert_eq!((pictures.len(), pictures.last()), (25, Some(&960)), "the newest second");
    // Sound is counted in samples, 21 ms each.
    assert!(sounds[0] < 22 && (46..=50).contains(&sounds.len()), "{sounds:?}");
    stage.send(7_003_000, 7_003_040, 2000, &[VIDEO, AUDIO]);
    assert_eq!(times(&drain(&mut viewer, stage.now.at).0)[0], [1000]);
}

#[test]
fn times_of_showing_stay_as_the_publisher_had_them() {
    let mut stage = Stage::new(&both()[..1]);
    let publisher = stage.publisher.take().unwrap();
    let pictures = [(0, 80, true), (40, 120, false), (80, 0, false), (120, 40, false), (160, 80, false)];
    for (ms, reorder, is_sync) in pictures {
        let frame = Frame { reorder: Span::from_millis(reorder), is_sync, ..frame(ms, b"picture") };
        publisher.append(VIDEO, frame, stage.now.at).unwrap();
        stage.pass(40 * MS);
    }
    stage.pass(3000 * MS);
    let (all, _) = drain(&mut stage.view(Wants::default()), stage.now.at);
    let wanted = pictures.map(|(ms, composition, is_key)| Read::Picture {
        at: ms as u32,
        composition: composition as i32,
        is_key,
    });
    assert_eq!(all[2..], wanted);
}

/// However far apart keyframes are, who begins with the pictures hears them.
#[test]
fn a_long_group_of_pictures_has_its_sound() {
    let mut stage = Stage::new(&both());
    stage.send(0, 19_000, 10_000, &[VIDEO, AUDIO]);
    let (all, _) = drain(&mut stage.view(Wants::default()), stage.now.at);
    let [pictures, sounds] = times(&all);
    assert_eq!((pictures[0], pictures.last()), (0, Some(&8960)));
    assert!(sounds[0] < 22 && sounds.windows(2).all(|two| two[1] - two[0] < 50), "{sounds:?}");
    // What came before the newest keyframe is not kept for it.
    let mut cursor = stage.broadcast().follow(AUDIO, hub::From::Oldest).unwrap();
    let hub::Step::Group(oldest) = cursor.try_next() else { panic!("there is sound") };
    assert!(oldest.start >= Time::ZERO + Span::from_millis(10_000), "{:?}", oldest.start);
}

/// A1: a player that stays for 49 days.
#[test]
fn times_go_on_over_the_wrap_of_32_bits() {
    let mut stage = Stage::new(&both()[..1]);
    stage.send(0, 4000, 4000, &[VIDEO]);
    let mut viewer = stage.view(Wants::default());
    // The hub's timeline begins at one second.
    viewer.began_before_ms((1 << 32) - 1080);
    let (all, _) = drain(&mut viewer, stage.now.at);
    let at = all.iter().filter_map(|one| if let Read::Picture { at, .. } = one { Some(*at) } else { None });
    let wrapped: Vec<_> = at.take(4).collect();
    assert_eq!(wrapped, [u32::MAX - 79, u32::MAX - 39, 0, 40]);
}

/// A11.
#[test]
fn pictures_alone_and_sound_alone_are_shown() {
    for (kind, track) in both().into_iter().enumerate() {
        let id = track.id;
        let mut stage = Stage::new(&[track]);
        stage.send(0, 1000, 1000, &[id]);
        assert!(matches!(stage.open(Wants::default()), Opened::Wait), "the other may come yet");
        stage.send(1000, 3000, 1000, &[id]);
        let (all, _) = drain(&mut stage.view(Wants::default()), stage.now.at);
        let times = times(&all);
        assert_eq!(times[kind][0], 0);
        assert!(times[1 - kind].is_empty());
    }
}

/// A11: pictures that never begin hold nothing up for long.
#[test]
fn sound_goes_alone_where_keyframes_are_missing() {
    let mut stage = Stage::new(&both());
    stage.send(0, 3000, 1000, &[AUDIO]);
    let opening = Opening::new(stage.broadcast(), Arc::new(()), Wants::default(), "test", stage.now.at);
    let (opened, opening) = opening.poll(stage.now);
    assert!(matches!(opened, Opened::Wait));
    stage.send(3000, 9000, 1000, &[AUDIO]);
    let mut viewer = ready(opening.unwrap().poll(stage.now).0);
    let (all, _) = drain(&mut viewer, stage.now.at);
    assert!(times(&all)[0].is_empty() && !times(&all)[1].is_empty());
    // And they may still come.
    stage.send(9000, 11_000, 1000, &[VIDEO, AUDIO]);
    let (all, _) = drain(&mut viewer, stage.now.at + Duration::from_secs(1));
    let [pictures, sounds] = times(&all);
    assert_eq!(pictures.len(), 25);
    assert!(pictures[0] > 0 && sounds.len() >= 50);
    assert!(all.contains(&Read::Header(code(FourCc::AVC), pictures[0])));
}

/// A8, R22: a publisher that returns with its clock at zero, and with another picture.
#[test]
fn a_publishers_return_never_takes_a_player_back() {
    let mut stage = Stage::new(&both());
    stage.send(500_000, 502_000, 1000, &[VIDEO, AUDIO]);
    let mut viewer = stage.view(Wants::default());
    let (mut all, _) = drain(&mut viewer, stage.now.at);
    drop(stage.publisher.take());
    stage.pass(3000 * MS);
    assert_eq!(drain(&mut viewer, stage.now.at), (Vec::new(), false));
    stage.publish(&[Track::source(VIDEO, avc(360)), Track::source(AUDIO, aac())]);
    stage.send(0, 2000, 1000, &[VIDEO, AUDIO]);
    let (after, has_ended) = drain(&mut viewer, stage.now.at);
    assert!(!has_ended);
    let header = after.iter().position(|one| matches!(one, Read::Header(..))).unwrap();
    assert_eq!(after[header - 1], Read::Metadata);
    assert!(matches!(after[header + 1], Read::Picture { is_key: true, .. }), "{:?}", &after[..header + 2]);
    assert_eq!(after.iter().filter(|one| matches!(one, Read::Header(..))).count(), 1, "the sound is as it was");
    all.extend(after);
    let [pictures, sounds] = times(&all);
    assert!((3900..4200).contains(&pictures[25]), "as much later as it was: {pictures:?}");
    assert!(pictures.len() >= 75 && sounds.len() >= 140, "{} {}", pictures.len(), sounds.len());
}

/// F1: a player that took nothing for long goes on at the newest keyframe, in step.
#[test]
fn a_slow_player_goes_on_at_the_newest_keyframe_and_misses_the_rest() {
    let mut stage = Stage::new(&both());
    stage.send(0, 2000, 1000, &[VIDEO, AUDIO]);
    let mut viewer = stage.view(Wants::default());
    for _ in 0..5 {
        assert!(matches!(viewer.poll(stage.now.at), Polled::Tag(_)));
    }
    stage.send(2000, 20_000, 1000, &[VIDEO, AUDIO]);
    let (all, _) = drain(&mut viewer, stage.now.at);
    assert_eq!(viewer.skips(), 1);
    let [pictures, sounds] = times(&all);
    let skip = pictures.iter().position(|at| *at > 5000).unwrap();
    assert!(skip <= 1, "{pictures:?}");
    let first = pictures[skip];
    assert_eq!(first % 1000, 0);
    assert!(first >= 14_000, "as new as can be: {first}");
    let heard = sounds.iter().filter(|at| **at > 1500).min().unwrap();
    assert!(*heard >= first, "no sound of what was missed: {heard} {first}");
    // A broadcast in which nothing is missed skips nothing.
    stage.send(20_000, 23_000, 1000, &[VIDEO, AUDIO]);
    drain(&mut viewer, stage.now.at);
    assert_eq!(viewer.skips(), 1);
}

#[test]
fn a_pause_ends_with_what_is_live_then() {
    let mut stage = Stage::new(&both());
    stage.send(0, 2000, 1000, &[VIDEO, AUDIO]);
    let mut viewer = stage.view(Wants::default());
    drain(&mut viewer, stage.now.at);
    viewer.pause(true);
    stage.send(2000, 5000, 1000, &[VIDEO, AUDIO]);
    assert!(drain(&mut viewer, stage.now.at).0.is_empty());
    viewer.pause(false);
    let [pictures, sounds] = times(&drain(&mut viewer, stage.now.at).0);
    assert_eq!(pictures[0], 3000, "the newest keyframe, at its time");
    assert!((3000..3022).contains(&sounds[0]), "{sounds:?}");
    viewer.receive(media::Kind::Audio, false);
    stage.send(5000, 6000, 1000, &[VIDEO, AUDIO]);
    assert_eq!(times(&drain(&mut viewer, stage.now.at).0).map(|times| times.len()), [25, 0]);
    viewer.receive(media::Kind::Audio, true);
    stage.send(6000, 7000, 1000, &[VIDEO, AUDIO]);
    let [pictures, sounds] = times(&drain(&mut viewer, stage.now.at).0);
    assert!(pictures.len() == 25 && (45..=55).contains(&sounds.len()), "{sounds:?}");
    // Within a group nothing has to be left out.
    viewer.pause(true);
    stage.send(7000, 7400, 1000, &[VIDEO, AUDIO]);
    viewer.pause(false);
    viewer.pause(true);
    assert!(drain(&mut viewer, stage.now.at).0.is_empty());
    viewer.pause(false);
    let [pictures, _] = times(&drain(&mut viewer, stage.now.at).0);
    assert_eq!((pictures[0], pictures.len()), (6000, 10));
}

/// R22: what the player did not say it takes is refused, and never sent.
#[test]
fn codecs_that_were_not_declared_are_not_sent() {
    let mut stage = Stage::new(&[Track::source(VIDEO, av1()), Track::source(AUDIO, aac())]);
    stage.send(0, 1000, 1000, &[VIDEO, AUDIO]);
    assert_eq!(refusal(stage.open(Wants::default())), Some(Refusal::Codec("av1")));
    let declared = Wants { takes: Takes::list("av01"), ..Wants::default() };
    let (all, _) = drain(&mut stage.view(declared), stage.now.at);
    assert_eq!(all[1], Read::Header(code(FourCc::AV1), 0));
    // Who cannot say gets what there is.
    let (all, _) = drain(&mut stage.view(Wants::of_query("")), stage.now.at);
    assert_eq!(all[1], Read::Header(code(FourCc::AV1), 0));
    assert_eq!(refusal(stage.open(Wants::of_query("codecs=hvc1"))), Some(Refusal::Codec("av1")));
    let (all, _) = drain(&mut stage.view(Wants::of_query("video=none&codecs=")), stage.now.at);
    assert!(times(&all)[0].is_empty() && times(&all)[1].len() > 1);
}

/// A publisher that returns with another codec does not make a player choke.
#[test]
fn a_codec_that_changes_to_one_not_taken_is_not_sent_either() {
    let mut stage = Stage::new(&both());
    stage.send(0, 2000, 1000, &[VIDEO, AUDIO]);
    let mut viewer = stage.view(Wants::default());
    drain(&mut viewer, stage.now.at);
    drop(stage.publisher.take());
    stage.publish(&[Track::source(VIDEO, av1()), Track::source(AUDIO, opus())]);
    stage.send(0, 5000, 1000, &[VIDEO, AUDIO]);
    let (all, has_ended) = drain(&mut viewer, stage.now.at);
    assert_eq!((all, has_ended), (Vec::new(), false));
    stage.send(5000, 16_000, 1000, &[VIDEO, AUDIO]);
    let (_, has_ended) = drain(&mut viewer, stage.now.at);
    assert!(has_ended, "there is nothing for it any more");
}

/// Makes AAC of any sound, and a small picture of any other.
struct Maker {
    made: Mutex<Vec<(TrackId, Wish, Derived)>>,
}

impl Demand for Maker {
    fn want(&self, broadcast: &Broadcast, source: TrackId, wish: Wish) -> Option<Lease> {
        let (id, codec) = if wish == Wish::Aac { (TrackId(201), aac()) } else { (TrackId(100), avc(360)) };
        let mut made = self.made.lock().unwrap();
        if made.is_empty() || made.iter().all(|(_, there, _)| *there != wish) {
            let track = Track { origin: Origin::Transcoder, ..Track::source(id, codec) };
            made.push((source, wish, broadcast.derive(track).unwrap()));
        }
        Some(Lease::new(id, ()))
    }
}

/// P19: Opus is heard as AAC by a player of old, and as it is by a player that says so.
#[test]
fn what_a_player_does_not_take_is_made() {
    let mut stage = Stage::new(&[Track::source(VIDEO, av1()), Track::source(AUDIO, opus())]);
    stage.send(0, 1000, 1000, &[VIDEO, AUDIO]);
    let maker = Arc::new(Maker { made: Mutex::default() });
    let (opened, opening) = stage.open_with(Wants::default(), maker.clone());
    assert!(matches!(opened, Opened::Wait));
    for (_, _, derived) in maker.made.lock().unwrap().iter() {
        let dts = Time::ZERO + Span::from_millis(2000);
        derived.append(Frame::alone(dts, Bytes::from_static(b"made")), 0, stage.now.at).unwrap();
    }
    let mut viewer = ready(opening.unwrap().poll(stage.now).0);
    let (all, _) = drain(&mut viewer, stage.now.at);
    assert_eq!(all[1..3], [Read::Header(code(FourCc::AVC), 0), Read::Header(code(FourCc::AAC), 0)]);

    let declared = Wants { takes: Takes::list("av01,Opus"), ..Wants::default() };
    let (opened, _) = stage.open_with(declared, maker);
    let (all, _) = drain(&mut ready(opened), stage.now.at);
    assert_eq!(all[1..3], [Read::Header(code(FourCc::AV1), 0), Read::Header(code(FourCc::OPUS), 0)]);
}

#[test]
fn sound_that_nobody_can_make_is_left_out() {
    let mut stage = Stage::new(&[Track::source(VIDEO, avc(720)), Track::source(AUDIO, opus())]);
    stage.send(0, 1000, 1000, &[VIDEO, AUDIO]);
    let (all, _) = drain(&mut stage.view(Wants::default()), stage.now.at);
    assert!(!times(&all)[0].is_empty() && times(&all)[1].is_empty());
    let (all, _) = drain(&mut stage.view(Wants::of_query("codecs=Opus")), stage.now.at);
    assert_eq!(all[2], Read::Header(code(FourCc::OPUS), 0));
}

#[test]
fn the_best_picture_is_given_or_the_one_that_is_named() {
    let small = Track::source(TrackId(2), avc(360));
    let mut stage = Stage::new(&[small, Track::source(VIDEO, avc(720)), Track::source(AUDIO, aac())]);
    let broadcast = stage.broadcast();
    let rung = Track { origin: Origin::Transcoder, ..Track::source(TrackId(1080), avc(1080)) };
    let rung = broadcast.derive(rung).unwrap();
    stage.send(0, 1000, 1000, &[VIDEO, AUDIO]);
    stage.publisher.as_ref().unwrap().append(TrackId(2), frame(900, b"small"), stage.now.at).unwrap();
    rung.append(frame(2000, b"rung"), 0, stage.now.at).unwrap();
    let name = |wants| stage.view(wants).tracks().next().unwrap().name().to_string();
    assert_eq!(name(Wants::default()), "v0");
    assert_eq!(name(Wants::of_query("video=v2")), "v2");
    assert_eq!(name(Wants::of_query("video=v1080")), "v1080");
    assert_eq!(refusal(stage.open(Wants::of_query("video=v480"))), Some(Refusal::NoTrack));
    assert_eq!(refusal(stage.open(Wants::of_query("audio=a9"))), Some(Refusal::NoTrack));
}

/// R22.
#[test]
fn an_end_is_told_and_a_publisher_that_is_away_waited_for() {
    let mut stage = Stage::new(&both());
    stage.send(0, 2000, 1000, &[VIDEO, AUDIO]);
    let mut viewer = stage.view(Wants::default());
    drain(&mut viewer, stage.now.at);
    drop(stage.publisher.take());
    stage.pass(5000 * MS);
    assert!(!drain(&mut viewer, stage.now.at).1);
    assert!(matches!(stage.open(Wants::default()), Opened::Wait));
    assert_eq!(stage.broadcast().viewers().get("test"), Some(&1));
    stage.broadcast().end();
    assert_eq!(drain(&mut viewer, stage.now.at), (vec![Read::End(960)], true));
    assert_eq!(drain(&mut viewer, stage.now.at), (vec![], true));
}

#[test]
fn a_publisher_that_stays_away_is_not_waited_for_for_ever() {
    let mut stage = Stage::new(&both());
    stage.send(0, 1000, 1000, &[VIDEO, AUDIO]);
    drop(stage.publisher.take());
    let opening = Opening::new(stage.broadcast(), Arc::new(()), Wants::default(), "test", stage.now.at);
    let (_, opening) = opening.poll(stage.now);
    stage.pass(10_000 * MS);
    assert_eq!(refusal(opening.unwrap().poll(stage.now).0), Some(Refusal::NotLive));
}
