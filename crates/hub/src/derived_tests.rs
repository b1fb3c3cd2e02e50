use std::time::{Duration, Instant, SystemTime};

use media::codec::Opus;
use media::{Codec, Frame, Origin, Path, Span, Time, Track, TrackId};

use crate::fixtures::{AUDIO, VIDEO, audio, frame, video};
use crate::{Claim, Derived, Dropped, Fate, From, Hub, Limits, Now, Publisher, Rejected, Step};

const MADE: TrackId = Derived::FIRST;

struct Stage {
    hub: Hub,
    path: Path,
    start: Instant,
}

impl Stage {
    fn new() -> Self {
        Self { hub: Hub::new(Limits::default()), path: "live/a".parse().unwrap(), start: Instant::now() }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn publish(&self, ms: u64) -> Publisher {
        let now = Now { at: self.at(ms), wall: SystemTime::UNIX_EPOCH + Duration::from_millis(ms) };
        let publisher = self.hub.publish(&self.path, Claim { proto: "test", peer: None }, now).unwrap();
        publisher.declare(video(Some((25, 1)))).unwrap();
        publisher.declare(audio(48_000)).unwrap();
        publisher
    }
}

fn opus() -> Track {
    Track { origin: Origin::Transcoder, ..Track::source(MADE, Codec::Opus(Opus::plain(2))) }
}

fn made(ms: i64) -> Frame {
    Frame { dts: Time::ZERO + Span::from_millis(ms), ..frame(0, true) }
}

fn ids(publisher: &Publisher) -> Vec<u16> {
    publisher.broadcast().catalog().tracks.iter().map(|track| track.id.0).collect()
}

#[test]
fn a_derived_track_keeps_the_times_that_it_is_given_and_goes_with_its_writer() {
    let stage = Stage::new();
    let publisher = stage.publish(0);
    let derived = publisher.broadcast().derive(opus()).unwrap();
    assert_eq!(ids(&publisher), [0, 1, 100]);
    let mut cursor = publisher.broadcast().follow(MADE, From::Newest).unwrap();
    for ms in [1007, 1027, 1047] {
        assert_eq!(derived.append(made(ms), 0, stage.at(50)), Ok(Fate::Kept));
    }
    assert!(matches!(cursor.try_next(), Step::Group(head) if head.start == made(1007).dts));
    for ms in [1007, 1027, 1047] {
        assert_eq!(cursor.try_next(), Step::Frame(made(ms)));
    }
    drop(derived);
    assert_eq!(cursor.try_next(), Step::Ended);
    assert_eq!(ids(&publisher), [0, 1]);
}

#[test]
fn what_a_derived_track_has_already_is_dropped() {
    let stage = Stage::new();
    let publisher = stage.publish(0);
    let derived = publisher.broadcast().derive(opus()).unwrap();
    derived.append(made(1020), 0, stage.at(0)).unwrap();
    for late in [made(1020), made(1000), made(-20)] {
        assert_eq!(derived.append(late, 0, stage.at(0)), Ok(Fate::Dropped(Dropped::Overlap)));
    }
    let empty = Frame { payload: bytes::Bytes::new(), ..made(1040) };
    assert_eq!(derived.append(empty, 0, stage.at(0)), Ok(Fate::Dropped(Dropped::BadSize)));
    assert_eq!(derived.append(made(1040), 0, stage.at(0)), Ok(Fate::Kept));
}

#[test]
fn a_break_shows_where_the_source_says_so() {
    let stage = Stage::new();
    let publisher = stage.publish(0);
    let derived = publisher.broadcast().derive(opus()).unwrap();
    let mut cursor = publisher.broadcast().follow(MADE, From::Oldest).unwrap();
    for (ms, breaks) in [(1000, 0), (1020, 0), (5000, 1), (5020, 1)] {
        derived.append(made(ms), breaks, stage.at(0)).unwrap();
    }
    let mut heads = Vec::new();
    loop {
        match cursor.try_next() {
            Step::Group(head) => heads.push((head.start, head.discontinuity)),
            Step::Frame(_) => {}
            _ => break,
        }
    }
    assert_eq!(heads, [(made(1000).dts, 0), (made(5000).dts, 1)]);
}

#[test]
fn a_derived_track_stays_over_a_publishers_return() {
    let stage = Stage::new();
    let publisher = stage.publish(0);
    publisher.append(VIDEO, frame(0, true), stage.at(0)).unwrap();
    let derived = publisher.broadcast().derive(opus()).unwrap();
    derived.append(made(1000), 0, stage.at(0)).unwrap();
    let mut cursor = publisher.broadcast().follow(MADE, From::Newest).unwrap();
    drop(publisher);
    let publisher = stage.publish(3000);
    // Tracks that are not declared anew go two seconds after the first frame.
    for ms in (0..3000).step_by(40) {
        publisher.append(VIDEO, frame(ms, ms == 0), stage.at(3000 + ms.unsigned_abs())).unwrap();
    }
    assert_eq!(ids(&publisher), [0, 1, 100]);
    derived.append(made(4000), 1, stage.at(3100)).unwrap();
    let steps: Vec<_> = std::iter::from_fn(|| Some(cursor.try_next()).filter(|step| *step != Step::Pending)).collect();
    assert_eq!(steps.iter().filter(|step| matches!(step, Step::Frame(_))).count(), 2);
    assert!(!steps.contains(&Step::Ended));
}

#[test]
fn a_derived_track_keeps_no_broadcast_alive() {
    let stage = Stage::new();
    let publisher = stage.publish(0);
    let broadcast = publisher.broadcast();
    let derived = broadcast.derive(opus()).unwrap();
    drop(publisher);
    let deadline = stage.hub.tick(stage.at(0)).unwrap();
    assert_eq!(derived.append(made(1000), 0, deadline), Ok(Fate::Kept));
    assert_eq!(stage.hub.tick(deadline), None);
    assert_eq!(derived.append(made(1020), 0, deadline), Err(Rejected::Ended));
    assert!(matches!(broadcast.derive(opus()), Err(Rejected::Ended)));
}

#[test]
fn nobody_writes_anothers_track() {
    let stage = Stage::new();
    let publisher = stage.publish(0);
    let broadcast = publisher.broadcast();
    assert!(matches!(broadcast.derive(audio(48_000)), Err(Rejected::TrackTaken)));
    let derived = broadcast.derive(opus()).unwrap();
    assert_eq!(publisher.append(MADE, frame(0, true), stage.at(0)), Err(Rejected::UnknownTrack));
    publisher.retract(MADE).unwrap();
    assert_eq!(ids(&publisher), [0, 1, 100]);

    // The broadcast is the publisher's: what it declares stands.
    publisher.declare(Track { id: MADE, ..audio(48_000) }).unwrap();
    assert_eq!(derived.append(made(1000), 0, stage.at(0)), Err(Rejected::UnknownTrack));
    drop(derived);
    assert_eq!(ids(&publisher), [0, 1, 100]);
    assert_eq!(publisher.append(AUDIO, frame(0, true), stage.at(0)), Ok(Fate::Kept));
}

#[test]
fn derived_tracks_take_no_room_from_the_publisher() {
    let stage = Stage::new();
    let publisher = stage.publish(0);
    let broadcast = publisher.broadcast();
    let most = u16::try_from(Limits::default().tracks).unwrap();
    let derive = |n| broadcast.derive(Track { id: TrackId(MADE.0 + n), ..opus() });
    let derived: Vec<_> = (0..most).map(|n| derive(n).unwrap()).collect();
    assert!(matches!(derive(most), Err(Rejected::TooManyTracks(_))));
    publisher.declare(Track { id: TrackId(3), ..audio(48_000) }).unwrap();
    drop(derived);
    assert!(derive(0).is_ok());
}

#[test]
fn new_parameters_of_a_derived_track_hold_from_its_next_group_on() {
    let stage = Stage::new();
    let publisher = stage.publish(0);
    let derived = publisher.broadcast().derive(opus()).unwrap();
    derived.append(made(1000), 0, stage.at(0)).unwrap();
    let mono = Track { id: AUDIO, ..Track::source(MADE, Codec::Opus(Opus::plain(1))) };
    derived.declare(mono.clone()).unwrap();
    derived.append(made(1020), 0, stage.at(0)).unwrap();
    let mut cursor = publisher.broadcast().follow(MADE, From::Newest).unwrap();
    let Step::Group(head) = cursor.try_next() else { panic!("a group comes first") };
    assert_eq!((head.start, &head.track.codec, head.track.id), (made(1020).dts, &mono.codec, MADE));
    assert_eq!(derived.declare(video(None)), Err(Rejected::UnknownTrack));
}
