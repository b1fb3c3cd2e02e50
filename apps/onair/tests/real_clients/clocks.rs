//! Clocks that wrap, jump, stumble and stop, seen end to end in the playlists (A1, A6–A8, A10, A12).

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use testkit::ffmpeg::{Audio, Source, Video};
use testkit::flv::{self, Kind, Tag};
use testkit::playlist::Media;
use testkit::rtmp::Publisher;
use testkit::rules::{Rendition, faults, step_faults};
use testkit::{Server, mp4};

use crate::{scratch, server};

/// What a viewer saw from the first playlist to the last.
struct Seen {
    last: Media,
    discontinuities: u64,
    broken: Vec<String>,
}

/// Fourteen seconds of a stream, one keyframe a second.
fn stream(test: &str) -> Vec<Tag> {
    let file = scratch(test).join("source.flv");
    let video = Video { gop: 30, ..Video::default() };
    Source { video: Some(video), audio: Some(Audio { rate_hz: 44_100, channels: 2 }), secs: Some(14.0) }.encode(&file);
    flv::read(&file)
}

/// Publishes over one connection, stamped as `stamp` says, while a viewer watches both playlists.
fn publish(server: &Server, name: &str, tags: &[Tag], stamp: impl FnMut(&Tag) -> Option<u32> + Send) -> [Seen; 2] {
    watch(server, name, || {
        let mut publisher = Publisher::publish(server.rtmp, "live", name).expect("published");
        publisher.play(tags, 1.0, stamp).expect("sent");
        publisher
    })
}

fn watch<T: Send>(server: &Server, name: &str, publish: impl FnOnce() -> T + Send) -> [Seen; 2] {
    let over = AtomicBool::new(false);
    let path = format!("live/{name}");
    thread::scope(|scope| {
        let publisher = scope.spawn(publish);
        server.await_stream(&path);
        let viewers = ['v', 'a'].map(|kind| {
            let (over, path) = (&over, &path);
            scope.spawn(move || follow(server, path, kind, over))
        });
        // Held to the end: the stream stays on air until the viewers have seen all of it.
        let held = publisher.join().expect("a publisher");
        thread::sleep(Duration::from_millis(500));
        over.store(true, Ordering::Relaxed);
        let seen = viewers.map(|viewer| viewer.join().expect("a viewer"));
        drop(held);
        seen
    })
}

fn follow(server: &Server, path: &str, kind: char, over: &AtomicBool) -> Seen {
    let name = &server.name(path, kind);
    let rendition = if kind == 'v' { Rendition::Video } else { Rendition::Audio };
    let mut old = server.media(path, name);
    let first = old.discontinuity_sequence.unwrap_or(0);
    let mut broken = Vec::new();
    while !over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(50));
        let new = server.media(path, name);
        broken.extend(faults(&new, rendition, 0.034));
        broken.extend(step_faults(&old, &new));
        old = new;
    }
    broken.sort();
    broken.dedup();
    let tags = old.all().filter(|segment| segment.discontinuity).count() as u64;
    let discontinuities = old.discontinuity_sequence.unwrap_or(0) - first + tags;
    Seen { last: old, discontinuities, broken }
}

impl Seen {
    /// Seconds listed, gaps included.
    fn listed(&self) -> f64 {
        let open: f64 = self.last.open.parts.iter().map(|part| part.duration).sum();
        self.last.segments.iter().map(|segment| segment.duration).sum::<f64>() + open
    }

    /// How far the wall clock of the live edge is behind this machine's.
    fn behind_s(&self) -> f64 {
        let last = self.last.segments.last().expect("a segment");
        let open: f64 = self.last.open.parts.iter().map(|part| part.duration).sum();
        let edge = last.date_ms.expect("a date") as f64 / 1000.0 + last.duration + open;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs_f64();
        now - edge
    }
}

/// Both renditions went on without a broken rule, and hold about `seconds`, with so many discontinuities.
fn check(name: &str, seen: &[Seen; 2], seconds: std::ops::Range<f64>, discontinuities: u64) {
    for (rendition, seen) in ['v', 'a'].iter().zip(seen) {
        let what = format!("{name}/{rendition}");
        assert!(seen.broken.is_empty(), "{what}: {}", seen.broken.join("\n"));
        assert!(seconds.contains(&seen.listed()), "{what} lists {:.2} s, not {seconds:?}", seen.listed());
        assert_eq!(seen.discontinuities, discontinuities, "{what}: discontinuities (H15)");
    }
    let apart = (seen[0].listed() - seen[1].listed()).abs();
    assert!(apart < 0.5, "{name}: sound and picture are {apart} s apart (A2)");
}

/// Tfdt never goes back, whatever the publisher's clock did, and each begins where the one before ended (C3).
fn check_media(server: &Server, path: &str, seen: &Seen, may_skip: bool) {
    let mut next = 0;
    for segment in seen.last.segments.iter().filter(|segment| !segment.gap) {
        for fragment in mp4::fragments(&server.fetch(path, &segment.uri)) {
            let goes_on = fragment.start == next || next == 0 || (may_skip && fragment.start > next);
            assert!(goes_on, "{path}: {} after {next}", fragment.start);
            next = fragment.start + fragment.duration();
        }
    }
}

/// R3, A1, A2: 32 bits of milliseconds are over in the middle of the stream.
#[test]
fn a_wrapping_clock_shows_nowhere() {
    let (server, tags) = (server(&[]), stream("wrap"));
    let seen = publish(&server, "wrap", &tags, |tag| Some(tag.time_ms.wrapping_sub(10_000)));
    check("wrap", &seen, 12.0..15.0, 0);
    check_media(&server, "live/wrap", &seen[0], false);
}

/// R3: the border of the extended timestamp, 0xffffff, in the middle of the stream.
#[test]
fn a_clock_that_outgrows_three_bytes_shows_nowhere() {
    let (server, tags) = (server(&[]), stream("extended"));
    let seen = publish(&server, "extended", &tags, |tag| Some(0xff_ffff - 5_000 + tag.time_ms));
    check("extended", &seen, 12.0..15.0, 0);
}

/// A6: one stray stamp, an hour away, then another, an hour back.
#[test]
fn a_stray_stamp_shows_nowhere() {
    let (server, tags) = (server(&[]), stream("stray"));
    let mut n = 0;
    let seen = publish(&server, "stray", &tags, |tag| {
        n += u32::from(tag.kind == Kind::Video);
        Some(match n {
            100 if tag.kind == Kind::Video => tag.time_ms + 3_600_000,
            200 if tag.kind == Kind::Video => 0,
            _ => 10_000_000 + tag.time_ms,
        })
    });
    check("stray", &seen, 12.0..15.0, 0);
    check_media(&server, "live/stray", &seen[0], false);
}

/// A7: equal stamps and stamps that step back by a few frames.
#[test]
fn stamps_that_stumble_are_repaired() {
    let (server, tags) = (server(&[]), stream("stumble"));
    let mut n = 0;
    let seen = publish(&server, "stumble", &tags, |tag| {
        n += u32::from(tag.kind == Kind::Video);
        let back = if tag.kind == Kind::Video && n % 40 == 7 { 70 } else { 0 };
        let equal = if tag.kind == Kind::Video && n % 40 == 20 { 33 } else { 0 };
        Some(tag.time_ms.saturating_sub(back + equal))
    });
    // A part that ends before a frame that was put right, and so lasts long, may be short.
    let seen = seen.map(|seen| {
        let broken =
            seen.broken.into_iter().filter(|fault| !(fault.contains("H21") && fault.contains("85 %"))).collect();
        Seen { broken, ..seen }
    });
    check("stumble", &seen, 12.0..15.0, 0);
    check_media(&server, "live/stumble", &seen[0], false);
}

/// A6, A8: from the middle on every stamp is another: first back to zero, then, over a new connection, to zero again.
#[test]
fn a_clock_that_restarts_is_one_discontinuity() {
    let (server, tags) = (server(&[]), stream("restart"));
    let seen = publish(&server, "restart", &tags, |tag| {
        Some(if tag.time_ms < 7_000 { 50_000_000 + tag.time_ms } else { tag.time_ms - 7_000 })
    });
    check("restart", &seen, 12.0..15.5, 1);
    check_media(&server, "live/restart", &seen[0], true);
    assert!(seen[0].behind_s().abs() < 3.0, "{} s behind the wall clock", seen[0].behind_s());
}

/// A8, F2, H8, H15: the publisher is cut off and back a second later, its clock at zero.
#[test]
fn a_publisher_that_returns_is_one_discontinuity() {
    let (server, tags) = (server(&[]), stream("return"));
    let half: Vec<_> = tags.iter().filter(|tag| tag.time_ms < 7_000).cloned().collect();
    let play = || {
        let mut publisher = Publisher::publish(server.rtmp, "live", "return").expect("published");
        publisher.play(&half, 1.0, |tag| Some(tag.time_ms)).expect("sent");
        publisher
    };
    let seen = watch(&server, "return", || {
        drop(play()); // not a word
        thread::sleep(Duration::from_secs(1));
        play()
    });
    check("return", &seen, 12.0..16.5, 1);
    check_media(&server, "live/return", &seen[0], true);
}

/// R10: a publisher that hangs without a word, its connection still open, is taken over from within 10 s.
#[test]
fn a_publisher_that_hangs_is_taken_over_from() {
    let (server, tags) = (server(&[]), stream("takeover"));
    let half: Vec<_> = tags.iter().filter(|tag| tag.time_ms < 7_000).cloned().collect();
    let play = || {
        let asked = Instant::now();
        let mut publisher = Publisher::publish(server.rtmp, "live", "takeover").expect("published");
        assert!(asked.elapsed() < Duration::from_secs(10), "taken over after {:?}", asked.elapsed());
        publisher.play(&half, 1.0, |tag| Some(tag.time_ms)).expect("sent");
        publisher
    };
    let seen = watch(&server, "takeover", || {
        let hangs = play();
        (play(), hangs)
    });
    for seen in &seen {
        assert!(seen.broken.is_empty(), "takeover: {}", seen.broken.join("\n"));
        assert_eq!(seen.discontinuities, 1, "takeover (H15)");
    }
    check_media(&server, "live/takeover", &seen[0], true);
}

/// A12: nothing for 3 s, then on, both the network's clock and the publisher's having gone on.
#[test]
fn a_gap_keeps_real_time() {
    let (server, tags) = (server(&[]), stream("gap"));
    let seen = publish(&server, "gap", &tags, |tag| (!(6_000..9_000).contains(&tag.time_ms)).then_some(tag.time_ms));
    for seen in &seen {
        assert!(seen.broken.is_empty(), "gap: {}", seen.broken.join("\n"));
        assert!(seen.discontinuities <= 1);
        assert!(seen.behind_s().abs() < 1.5, "gap: {} s behind the wall clock", seen.behind_s());
    }
    check_media(&server, "live/gap", &seen[0], true);
}

/// A9, H14, H15: another size in the middle: a new init behind one discontinuity, the old one still there.
#[test]
fn a_new_size_is_a_new_init_and_one_discontinuity() {
    let server = server(&[]);
    let dir = scratch("size");
    let half = |name: &str, width, height| {
        let file = Path::new(&dir).join(name);
        let video = Video { width, height, gop: 30, ..Video::default() };
        Source { video: Some(video), audio: Some(Audio::default()), secs: Some(7.0) }.encode(&file);
        flv::read(&file)
    };
    let mut tags = half("small.flv", 320, 180);
    let start = tags.last().expect("tags").time_ms + 33;
    tags.extend(half("large.flv", 640, 360).into_iter().map(|tag| Tag { time_ms: tag.time_ms + start, ..tag }));
    let seen = publish(&server, "size", &tags, |tag| Some(tag.time_ms));
    check("size", &seen, 12.0..15.5, 1);
    let maps: Vec<_> = seen[0].last.segments.iter().filter_map(|segment| segment.map.clone()).collect();
    assert_ne!(maps.first(), maps.last(), "two inits (H14)");
    for map in [maps.first(), maps.last()].into_iter().flatten() {
        assert!(server.fetch("live/size", map).len() > 100);
    }
}

/// A10: declared sound that never comes holds up no picture.
#[test]
fn sound_that_never_comes_holds_up_no_picture() {
    let (server, tags) = (server(&[]), stream("mute"));
    let began = Instant::now();
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut publisher = Publisher::publish(server.rtmp, "live", "mute").expect("published");
            publisher
                .play(&tags, 1.0, |tag| (tag.kind != Kind::Audio || tag.is_header()).then_some(tag.time_ms))
                .expect("sent");
        });
        server.await_stream("live/mute");
        server.await_media("live/mute", "v0", |list| !list.all().all(|segment| segment.parts.is_empty()));
        let shown = began.elapsed().as_secs_f64();
        // The source has a keyframe a second, and nothing is shown before the length of a GOP is known (A10).
        assert!(shown < 4.0, "the first part came after {shown:.1} s");
        let list = server.await_media("live/mute", "v0", |list| list.segments.len() >= 3);
        assert!(began.elapsed().as_secs_f64() < 12.0, "three segments took {:?}", began.elapsed());
        assert!(list.segments.iter().all(|segment| !segment.gap));
        publisher.join().expect("the publisher");
    });
}
