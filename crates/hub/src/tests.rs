use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use media::{Kind, Path, Span, Time};

use crate::fixtures::{AUDIO, VIDEO, audio, frame, video};
use crate::{Broadcast, Claim, Cursor, Dropped, Fate, From, GroupHead, Hub, Limits, Now, Publisher, Refusal, Rejected};
use crate::{State, Step};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// A hub and a clock that tests turn.
struct House {
    hub: Hub,
    start: Instant,
    wall: SystemTime,
}

impl House {
    fn new(limits: Limits) -> Self {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        Self { hub: Hub::new(limits), start: Instant::now(), wall }
    }

    fn at(&self, ms: i64) -> Instant {
        self.start + MS * u32::try_from(ms).unwrap()
    }

    fn try_publish(&self, name: &str, ms: i64) -> Result<Publisher, Refusal> {
        let now = Now { at: self.at(ms), wall: self.wall + MS * u32::try_from(ms).unwrap() };
        self.hub.publish(&path(name), Claim { proto: "test", peer: None }, now)
    }

    /// A publisher of video at 30 frames a second and 48 kHz sound, who came at `ms`.
    fn publish(&self, name: &str, ms: i64) -> Publisher {
        let publisher = self.try_publish(name, ms).unwrap();
        publisher.declare(video(Some((30, 1)))).unwrap();
        publisher.declare(audio(48_000)).unwrap();
        publisher
    }

    /// Sends both tracks from `from` to `to` milliseconds as they would come, a keyframe every `gop` frames;
    /// stamps are `base` later than the clock.
    fn send(&self, publisher: &Publisher, from: i64, to: i64, gop: i64, base: i64) {
        for ms in from..to {
            let since = ms - from;
            if since % 33 == 0 {
                let is_sync = since / 33 % gop == 0;
                publisher.append(VIDEO, frame(ms + base, is_sync), self.at(ms)).unwrap();
            }
            if since * 48 / 1024 != (since - 1) * 48 / 1024 || since == 0 {
                publisher.append(AUDIO, frame(ms + base, true), self.at(ms)).unwrap();
            }
        }
    }

    fn broadcast(&self, name: &str) -> Option<Broadcast> {
        self.hub.broadcast(&path(name))
    }
}

fn path(name: &str) -> Path {
    name.parse().unwrap()
}

/// Everything a cursor has to give now.
fn drain(cursor: &mut Cursor) -> Vec<Step> {
    let mut steps = Vec::new();
    loop {
        match cursor.try_next() {
            Step::Pending => return steps,
            Step::Ended => {
                steps.push(Step::Ended);
                return steps;
            }
            step => steps.push(step),
        }
    }
}

fn heads(steps: &[Step]) -> Vec<Arc<GroupHead>> {
    steps.iter().filter_map(|step| if let Step::Group(head) = step { Some(head.clone()) } else { None }).collect()
}

fn times(steps: &[Step]) -> Vec<Time> {
    steps.iter().filter_map(|step| if let Step::Frame(frame) = step { Some(frame.dts) } else { None }).collect()
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn ready<F: Future>(future: F) -> F::Output {
    match poll(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("not ready"),
    }
}

#[test]
fn a_late_joiner_starts_at_the_newest_group() {
    let house = House::new(eight_seconds());
    let publisher = house.publish("live/a", 0);
    house.send(&publisher, 0, 5000, 60, 0);
    let mut cursor = publisher.broadcast().follow(VIDEO, From::Newest).unwrap();
    let steps = drain(&mut cursor);
    let Step::Group(head) = &steps[0] else { panic!("a group comes first") };
    assert_eq!(head.sequence, 2);
    let Step::Frame(first) = &steps[1] else { panic!("its frames follow") };
    assert!(first.is_sync);
    assert_eq!((first.dts, head.track.kind()), (head.start, Kind::Video));
    assert_eq!(publisher.broadcast().stats(house.at(5000)).tracks[0].subscribers, 1);
    drop(cursor);
    assert_eq!(publisher.broadcast().stats(house.at(5000)).tracks[0].subscribers, 0);
}

#[test]
fn readers_begin_where_they_ask() {
    let house = House::new(eight_seconds());
    let publisher = house.publish("live/a", 0);
    house.send(&publisher, 0, 7000, 30, 0);
    let first_of = |from| heads(&drain(&mut publisher.broadcast().follow(VIDEO, from).unwrap()))[0].clone();
    assert_eq!(first_of(From::Oldest).sequence, 0);
    let third = first_of(From::Oldest).start + Span::from_millis(2 * 990 + 500);
    assert_eq!(first_of(From::At(third)).sequence, 2);
    assert_eq!(first_of(From::At(Time(-5))).sequence, 0);
    assert_eq!(first_of(From::At(Time(i64::MAX))).sequence, 7);
    assert!(publisher.broadcast().follow(media::TrackId(9), From::Oldest).is_none());
}

#[test]
fn sound_is_cut_about_every_half_second_and_where_video_is() {
    let house = House::new(eight_seconds());
    let publisher = house.publish("live/a", 0);
    house.send(&publisher, 0, 6000, 60, 0);
    let broadcast = publisher.broadcast();
    let video = heads(&drain(&mut broadcast.follow(VIDEO, From::Oldest).unwrap()));
    let audio = heads(&drain(&mut broadcast.follow(AUDIO, From::Oldest).unwrap()));
    for two in audio.windows(2) {
        assert!(two[1].start.since(two[0].start) <= Span::from_millis(530));
    }
    for head in video {
        assert!(audio.iter().any(|sound| sound.start.since(head.start).abs() <= Span::from_millis(25)));
    }
}

#[test]
fn memory_is_bounded_by_age_groups_and_bytes() {
    let kept = |limits: Limits| {
        let house = House::new(limits);
        let publisher = house.publish("live/a", 0);
        house.send(&publisher, 0, 30_000, 30, 0);
        heads(&drain(&mut publisher.broadcast().follow(VIDEO, From::Oldest).unwrap())).len()
    };
    assert_eq!(kept(eight_seconds()), 9);
    assert_eq!(kept(Limits { track_groups: 3, ..eight_seconds() }), 3);
    assert_eq!(kept(Limits { track_bytes: 6500, ..eight_seconds() }), 2);
    assert_eq!(kept(Limits { track_bytes: 1, ..eight_seconds() }), 1);
}

/// A11.
#[test]
fn a_publisher_without_keyframes_neither_grows_memory_nor_hangs() {
    let house = House::new(Limits { group_frames: 100, ..Limits::default() });
    let publisher = house.publish("live/a", 0);
    let mut cursor = publisher.broadcast().follow(VIDEO, From::Oldest).unwrap();
    let append = |n: i64, is_sync| publisher.append(VIDEO, frame(n * 33, is_sync), house.at(n * 33)).unwrap();
    let fates: Vec<_> = (0..300).map(|n| append(n, n == 0)).collect();
    assert_eq!(fates[99], Fate::Kept);
    assert_eq!(fates[100], Fate::Dropped(Dropped::GroupTooLong));
    assert_eq!(fates[101], Fate::Dropped(Dropped::AwaitingSync));
    assert_eq!(times(&drain(&mut cursor)).len(), 100);
    let stats = publisher.broadcast().stats(house.at(9900)).tracks[0].clone();
    assert!(stats.awaits_sync);
    assert_eq!((stats.drops.group_too_long, stats.drops.awaiting_sync, stats.drops.total()), (1, 199, 200));

    assert_eq!(append(300, true), Fate::Kept);
    let steps = drain(&mut cursor);
    assert_eq!((heads(&steps)[0].sequence, times(&steps).len()), (1, 1));
    assert!(!publisher.broadcast().stats(house.at(9900)).tracks[0].awaits_sync);
}

#[test]
fn groups_are_bounded_by_bytes_and_age_too() {
    for limits in [
        Limits { group_bytes: 1000, ..Limits::default() },
        Limits { group_age: Duration::from_millis(320), ..Limits::default() },
    ] {
        let house = House::new(limits);
        let publisher = house.publish("live/a", 0);
        house.send(&publisher, 0, 2000, 1000, 0);
        let broadcast = publisher.broadcast();
        assert_eq!(times(&drain(&mut broadcast.follow(VIDEO, From::Oldest).unwrap())).len(), 10);
        assert!(
            times(&drain(&mut broadcast.follow(AUDIO, From::Oldest).unwrap())).len() > 90,
            "sound just begins anew"
        );
    }
}

#[test]
fn frames_before_the_first_keyframe_are_dropped() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    let append = |ms, is_sync| publisher.append(VIDEO, frame(ms, is_sync), house.at(ms)).unwrap();
    assert_eq!(append(0, false), Fate::Dropped(Dropped::AwaitingSync));
    assert_eq!(append(33, true), Fate::Kept);
}

/// R15.
#[test]
fn an_empty_frame_changes_nothing() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    house.send(&publisher, 0, 100, 1000, 0);
    let empty = media::Frame { payload: bytes::Bytes::new(), ..frame(101, false) };
    assert_eq!(publisher.append(VIDEO, empty, house.at(101)), Ok(Fate::Dropped(Dropped::BadSize)));
    assert_eq!(publisher.append(VIDEO, frame(132, false), house.at(132)), Ok(Fate::Kept));
}

#[test]
fn a_slow_reader_is_moved_to_the_newest_group_and_told_how_much_it_missed() {
    let house = House::new(Limits { track_age: 2 * SECOND, ..Limits::default() });
    let publisher = house.publish("live/a", 0);
    let mut slow = publisher.broadcast().follow(VIDEO, From::Oldest).unwrap();
    house.send(&publisher, 0, 500, 30, 0);
    let read = times(&drain(&mut slow));
    house.send(&publisher, 990, 20_790, 30, 0);
    let steps = drain(&mut slow);
    let Step::Skipped { groups, span } = steps[0] else { panic!("{:?}", steps[0]) };
    let Step::Group(head) = &steps[1] else { panic!("{:?}", steps[1]) };
    // Group 0 was read in part, and the newest is the one it goes on with.
    assert_eq!(groups, head.sequence);
    assert_eq!(span, head.start.since(*read.last().unwrap()));
    assert_eq!(heads(&steps).len(), 1);
    assert_eq!(*times(&steps).first().unwrap(), head.start);
}

#[test]
fn a_cursor_keeps_at_most_the_group_alive_that_it_is_in() {
    let house = House::new(Limits { track_groups: 1, ..Limits::default() });
    let publisher = house.publish("live/a", 0);
    publisher.retract(AUDIO).unwrap();
    let payloads: Vec<_> = (0..4).map(|n| bytes::Bytes::from(vec![n; 1000])).collect();
    let append = |n: usize| {
        let ms = n as i64 * 33;
        publisher.append(VIDEO, media::Frame { payload: payloads[n].clone(), ..frame(ms, true) }, house.at(ms)).unwrap()
    };
    append(0);
    let mut cursor = publisher.broadcast().follow(VIDEO, From::Newest).unwrap();
    cursor.try_next();
    (1..4).for_each(|n| {
        append(n);
    });
    let is_alive: Vec<_> = payloads.iter().map(|payload| !payload.is_unique()).collect();
    assert_eq!(is_alive, [true, false, false, true]);
    assert!(matches!(cursor.try_next(), Step::Skipped { groups: 3, .. }));
    assert!(payloads[0].is_unique());
}

/// R14, R13.
#[test]
fn the_same_declaration_again_changes_nothing() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    let mut changes = publisher.broadcast().changes();
    assert_eq!(ready(changes.next()), State::Live);
    let catalog = publisher.broadcast().catalog();
    publisher.declare(video(Some((30, 1)))).unwrap();
    assert!(Arc::ptr_eq(&catalog, &publisher.broadcast().catalog()));
    assert!(poll(changes.next()).is_pending());
}

/// A9: a decoder gets no frame of other parameters than its group's.
#[test]
fn new_parameters_hold_from_the_next_keyframe_on() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    house.send(&publisher, 0, 300, 100, 0);
    publisher.declare(video(Some((25, 1)))).unwrap();
    assert_eq!(publisher.append(VIDEO, frame(330, false), house.at(330)), Ok(Fate::Dropped(Dropped::AwaitingSync)));
    publisher.append(VIDEO, frame(363, true), house.at(363)).unwrap();
    let heads = heads(&drain(&mut publisher.broadcast().follow(VIDEO, From::Oldest).unwrap()));
    let rates: Vec<_> = heads.iter().map(|head| head.track.codec.picture().unwrap().frame_rate).collect();
    assert_eq!(rates, [Some((30, 1)), Some((25, 1))]);
    assert_eq!(heads[1].discontinuity, 0, "the timeline did not break");
    assert_eq!(
        publisher.broadcast().catalog().track(VIDEO).unwrap().codec.picture().unwrap().frame_rate,
        Some((25, 1))
    );
}

#[test]
fn new_parameters_of_sound_begin_a_group() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    house.send(&publisher, 0, 200, 100, 0);
    publisher.declare(audio(44_100)).unwrap();
    publisher.append(AUDIO, frame(214, true), house.at(214)).unwrap();
    let heads = heads(&drain(&mut publisher.broadcast().follow(AUDIO, From::Oldest).unwrap()));
    let rates: Vec<_> = heads.iter().map(|head| head.track.codec.timescale()).collect();
    assert_eq!(rates, [48_000, 44_100]);
}

#[test]
fn a_retracted_track_ends_for_its_readers() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    let mut cursor = publisher.broadcast().follow(AUDIO, From::Oldest).unwrap();
    house.send(&publisher, 0, 100, 100, 0);
    publisher.retract(AUDIO).unwrap();
    let steps = drain(&mut cursor);
    assert_eq!((times(&steps).len(), steps.last()), (5, Some(&Step::Ended)));
    assert!(publisher.broadcast().catalog().track(AUDIO).is_none());
    assert_eq!(publisher.append(AUDIO, frame(120, true), house.at(120)), Err(Rejected::UnknownTrack));
}

#[test]
fn broadcasts_and_tracks_are_limited() {
    let house = House::new(Limits { broadcasts: 2, tracks: 2, ..Limits::default() });
    let a = house.publish("live/a", 0);
    let _b = house.publish("live/b", 0);
    assert_eq!(house.try_publish("live/c", 0).err(), Some(Refusal::Full(2)));
    let third = media::Track { id: media::TrackId(7), ..audio(48_000) };
    assert_eq!(a.declare(third), Err(Rejected::TooManyTracks(2)));
    a.end();
    assert!(house.try_publish("live/c", 0).is_ok());
}

#[test]
fn a_live_publisher_is_not_disturbed_by_a_second() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    house.send(&publisher, 0, 10_000, 30, 0);
    assert_eq!(house.try_publish("live/a", 14_900).err(), Some(Refusal::Busy));
    assert_eq!(publisher.append(VIDEO, frame(14_900, false), house.at(14_900)), Ok(Fate::Kept));
}

/// R10.
#[test]
fn a_publisher_silent_for_too_long_is_superseded() {
    let house = House::new(Limits::default());
    let dead = house.publish("live/a", 0);
    house.send(&dead, 0, 1000, 30, 0);
    let heir = house.publish("live/a", 6000);
    assert_eq!(dead.append(VIDEO, frame(6000, false), house.at(6000)), Err(Rejected::Superseded));
    assert_eq!(dead.declare(audio(44_100)), Err(Rejected::Superseded));
    let broadcast = heir.broadcast();
    drop(dead);
    assert_eq!(broadcast.state(), State::Live, "the dead one takes nothing with it");
    house.send(&heir, 6000, 7000, 30, -6000);
}

/// A8, E11: clean goodbye or crash, viewers go on.
#[test]
fn a_publisher_back_within_grace_continues_the_timeline_for_the_same_readers() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    let broadcast = publisher.broadcast();
    let mut video = broadcast.follow(VIDEO, From::Oldest).unwrap();
    let mut audio = broadcast.follow(AUDIO, From::Oldest).unwrap();
    house.send(&publisher, 0, 5000, 30, 0);
    drop(publisher);
    assert_eq!(broadcast.state(), State::Away);
    assert_eq!(house.hub.tick(house.at(5000)), Some(house.at(15_000)));
    assert_eq!(house.hub.tick(house.at(14_999)), Some(house.at(15_000)));
    let before = times(&drain(&mut video));
    drain(&mut audio);

    let publisher = house.publish("live/a", 14_999);
    assert!(publisher.broadcast().is_same(&broadcast));
    assert_eq!((broadcast.state(), house.hub.tick(house.at(20_000))), (State::Live, None));
    house.send(&publisher, 15_000, 17_000, 30, -15_000);

    for cursor in [&mut video, &mut audio] {
        let steps = drain(cursor);
        let heads = heads(&steps);
        assert!(heads.iter().all(|head| head.discontinuity == 1), "exactly one break");
        let gap = times(&steps)[0].since(*before.last().unwrap());
        assert!((gap - Span::from_millis(10_040)).abs() < Span::from_millis(60), "{gap:?}");
    }
    assert_eq!(broadcast.stats(house.at(17_000)).discontinuities, 1);
}

#[test]
fn a_broadcast_ends_when_its_grace_is_over() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    let broadcast = publisher.broadcast();
    let mut cursor = broadcast.follow(VIDEO, From::Oldest).unwrap();
    house.send(&publisher, 0, 100, 30, 0);
    assert!(poll(house.hub.attention()).is_pending());
    drop(publisher);
    ready(house.hub.attention());
    // Grace begins with the first look at the clock.
    assert_eq!(house.hub.tick(house.at(3000)), Some(house.at(13_000)));
    assert_eq!(house.hub.tick(house.at(13_000)), None);
    assert_eq!(broadcast.state(), State::Ended);
    assert!(house.broadcast("live/a").is_none());
    assert_eq!(drain(&mut cursor).last(), Some(&Step::Ended));
    assert_eq!(ready(broadcast.changes().next()), State::Ended);

    let next = house.publish("live/a", 13_001);
    assert!(!next.broadcast().is_same(&broadcast));
}

#[test]
fn a_kick_ends_at_once() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    house.broadcast("live/a").unwrap().end();
    assert_eq!(publisher.append(VIDEO, frame(0, true), house.at(0)), Err(Rejected::Ended));
    assert!(house.broadcast("live/a").is_none());
    let next = house.publish("live/a", 1);
    drop(publisher);
    assert_eq!(next.broadcast().state(), State::Live);
}

/// A9: what an earlier publisher had and the next one has not goes after a while.
#[test]
fn tracks_that_a_returned_publisher_lacks_are_taken_away() {
    let house = House::new(Limits::default());
    drop(house.publish("live/a", 0));
    let publisher = house.try_publish("live/a", 1000).unwrap();
    assert_eq!(publisher.broadcast().catalog().tracks.len(), 2);
    assert_eq!(publisher.append(VIDEO, frame(0, true), house.at(4000)), Err(Rejected::UnknownTrack));
    publisher.declare(video(Some((30, 1)))).unwrap();
    for n in 0..100 {
        publisher.append(VIDEO, frame(n * 33, n == 0), house.at(4000 + n * 33)).unwrap();
        assert_eq!(publisher.broadcast().catalog().tracks.len(), if n * 33 < 2000 { 2 } else { 1 });
    }
}

/// A14.
#[test]
fn a_step_of_the_wall_clock_moves_nothing_but_when_the_broadcast_began() {
    let mut house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    let broadcast = publisher.broadcast();
    let began = broadcast.began();
    house.send(&publisher, 0, 1000, 30, 0);
    drop(publisher);
    house.wall += 3600 * SECOND;
    let publisher = house.publish("live/a", 2000);
    house.send(&publisher, 2000, 3000, 30, -2000);
    let steps = drain(&mut broadcast.follow(VIDEO, From::Oldest).unwrap());
    assert!(times(&steps).windows(2).all(|two| two[1].since(two[0]) <= Span::from_millis(1050)));
    assert_eq!(broadcast.began(), began + 3600 * SECOND);
}

#[test]
fn the_wall_clock_of_a_frame_is_when_it_came() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 500);
    publisher.append(VIDEO, frame(77_000, true), house.at(800)).unwrap();
    let broadcast = publisher.broadcast();
    let first = times(&drain(&mut broadcast.follow(VIDEO, From::Newest).unwrap()))[0];
    assert_eq!(broadcast.began() + first.since(Time::ZERO).to_duration(), house.wall + 800 * MS);
}

/// A6, H15: both tracks show a break at one point of the timeline.
#[test]
fn a_jump_amid_a_group_shows_with_the_next_video_group_in_all_tracks() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    let broadcast = publisher.broadcast();
    for ms in 0..6000 {
        // The clock jumps an hour in the middle of a group.
        let base = if ms < 2500 { 0 } else { 3_600_000 };
        if ms % 33 == 0 {
            publisher.append(VIDEO, frame(ms + base, ms / 33 % 60 == 0), house.at(ms)).unwrap();
        }
        if ms % 21 == 0 {
            publisher.append(AUDIO, frame(ms + base, true), house.at(ms)).unwrap();
        }
    }
    let starts: Vec<_> = [VIDEO, AUDIO]
        .into_iter()
        .map(|id| {
            let heads = heads(&drain(&mut broadcast.follow(id, From::Oldest).unwrap()));
            assert_eq!(heads.iter().map(|head| head.discontinuity).max(), Some(1));
            heads.iter().find(|head| head.discontinuity == 1).unwrap().start
        })
        .collect();
    assert!(starts[0].since(starts[1]).abs() < Span::from_millis(45), "{starts:?}");
}

#[test]
fn arrivals_give_every_broadcast_once_with_those_already_there_first() {
    let house = House::new(Limits::default());
    let _a = house.publish("live/a", 0);
    let b = house.publish("live/b", 0);
    let mut arrivals = house.hub.arrivals();
    assert_eq!(ready(arrivals.next()).path().as_str(), "live/a");
    b.end();
    let _c = house.publish("live/c", 0);
    assert_eq!(ready(arrivals.next()).path().as_str(), "live/c");
    assert!(poll(arrivals.next()).is_pending());
    let _b = house.publish("live/b", 1);
    assert_eq!(ready(arrivals.next()).path().as_str(), "live/b");
    let names: Vec<_> = house.hub.broadcasts().iter().map(|broadcast| broadcast.path().to_string()).collect();
    assert_eq!(names, ["live/a", "live/c", "live/b"]);
}

#[test]
fn changes_wake_once_for_however_much() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    let mut changes = publisher.broadcast().changes();
    ready(changes.next());
    assert!(poll(changes.next()).is_pending());
    house.send(&publisher, 0, 1000, 30, 0);
    assert_eq!(ready(changes.next()), State::Live);
    assert!(poll(changes.next()).is_pending());
    let broadcast = publisher.broadcast();
    drop(publisher);
    assert_eq!(ready(changes.next()), State::Away);
    broadcast.end();
    assert_eq!((ready(changes.next()), ready(changes.next())), (State::Ended, State::Ended));
}

#[test]
fn a_waiting_cursor_is_woken_by_its_track() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    let mut cursor = publisher.broadcast().follow(VIDEO, From::Newest).unwrap();
    assert!(poll(cursor.next()).is_pending());
    publisher.append(VIDEO, frame(0, true), house.at(0)).unwrap();
    assert!(matches!(ready(cursor.next()), Step::Group(_)));
    assert!(matches!(ready(cursor.next()), Step::Frame(_)));
    assert!(poll(cursor.next()).is_pending());
    publisher.end();
    assert_eq!(ready(cursor.next()), Step::Ended);
}

#[test]
fn figures_say_what_is_published() {
    let house = House::new(Limits::default());
    let publisher = house.publish("live/a", 0);
    house.send(&publisher, 0, 10_000, 30, 0);
    let stats = publisher.broadcast().stats(house.at(10_000));
    let video = &stats.tracks[0];
    assert!((29.0..32.0).contains(&video.frame_rate), "{}", video.frame_rate);
    assert_eq!(video.bitrate_bps, (video.frame_rate * 800.0).round() as u64);
    assert_eq!(video.group_interval, Some(Span::from_millis(990)));
    assert_eq!(stats.bitrate_bps(), video.bitrate_bps + stats.tracks[1].bitrate_bps);
    assert_eq!((stats.state, stats.publisher.proto, stats.since), (State::Live, "test", house.wall));
}

/// Any number of threads read while one writes: everybody sees every frame, in order.
#[test]
fn readers_on_other_threads_see_every_frame_in_order() {
    let house = House::new(Limits { track_age: 600 * SECOND, track_groups: 10_000, ..Limits::default() });
    let publisher = house.publish("live/a", 0);
    let cursors: Vec<_> = (0..4).map(|_| publisher.broadcast().follow(VIDEO, From::Oldest).unwrap()).collect();
    let readers: Vec<_> = cursors
        .into_iter()
        .map(|mut cursor| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    let mut seen = Vec::new();
                    loop {
                        match cursor.next().await {
                            Step::Frame(frame) => seen.push(frame.dts),
                            Step::Ended => return seen,
                            Step::Skipped { .. } => panic!("nothing was let go"),
                            Step::Group(_) | Step::Pending => {}
                        }
                    }
                })
            })
        })
        .collect();
    for n in 0..10_000 {
        publisher.append(VIDEO, frame(n * 33, n % 50 == 0), house.at(n * 33)).unwrap();
    }
    publisher.end();
    for reader in readers {
        let seen = reader.join().unwrap();
        assert_eq!(seen.len(), 10_000);
        assert!(seen.is_sorted_by(|a, b| a < b));
    }
}

/// Room for eight groups of a second before the newest.
fn eight_seconds() -> Limits {
    Limits { track_age: Duration::from_secs(8), ..Limits::default() }
}
