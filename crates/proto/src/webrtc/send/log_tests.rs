use std::sync::Arc;
use std::time::{Duration, Instant};

use media::{Span, Time};

use super::fixtures::{MS, packet, picture, sound, video};
use super::log::Writer;

#[test]
fn a_frame_is_found_again_for_as_long_as_its_group_is_the_newest_and_two_seconds_more() {
    let begin = Instant::now();
    let mut writer = Writer::new(video(0), begin).unwrap();
    let log = writer.log().clone();
    for frame in 0..600 {
        writer.append(&picture(frame * 33, frame == 0 || frame == 300, 3_000), begin + MS * frame as u32 * 33);
        if frame == 299 {
            assert!(log.run(0).is_some(), "the newest group is kept whole");
            assert_eq!(log.newest_group().unwrap().index, 0);
        }
    }
    assert!(log.run(0).is_none() && log.run(299).is_none());
    let group = log.newest_group().unwrap();
    assert_eq!((group.index, log.end(), log.run(600).is_none()), (300, 600, true));
    assert!(group.is_sync() && log.run(599).is_some_and(|run| run.group == 300 && !run.is_sync()));
    assert_eq!(group.payload(group.packets()), b"");
    let bytes: usize = (0..group.packets()).map(|at| group.payload(at).len()).sum();
    assert_eq!(bytes, group.bytes());
}

#[test]
fn a_group_without_end_loses_its_beginning_and_not_the_memory() {
    let begin = Instant::now();
    let mut writer = Writer::new(video(0), begin).unwrap();
    let log = writer.log().clone();
    for frame in 0..400 {
        writer.append(&picture(frame * 33, frame == 0, 100_000), begin + MS * frame as u32 * 33);
    }
    assert!(log.newest_group().is_none(), "who joins now waits for a keyframe");
    assert!(log.run(399).is_some() && log.run(100).is_none());
}

#[test]
fn nothing_is_shown_before_the_first_keyframe() {
    let begin = Instant::now();
    let mut writer = Writer::new(video(0), begin).unwrap();
    writer.append(&picture(0, false, 100), begin);
    assert_eq!(writer.log().end(), 0);
    writer.append(&picture(33, true, 100), begin);
    assert_eq!(
        (writer.log().end(), writer.log().newest_group().unwrap().time),
        (1, Time::ZERO + Span::from_millis(33))
    );
}

#[test]
fn the_rate_is_that_of_the_last_seconds() {
    let begin = Instant::now();
    let mut writer = Writer::new(video(0), begin).unwrap();
    for frame in 0..300 {
        let bytes = if frame < 150 { 10_000 } else { 2_500 };
        writer.append(&picture(frame * 33, frame % 60 == 0, bytes), begin + MS * frame as u32 * 33);
    }
    let rate = writer.log().rate_bps();
    assert!((560_000..680_000).contains(&rate), "{rate}");
}

/// P18; and E11: parameters may change, the codec may not.
#[test]
fn a_writer_notices_b_frames_and_other_codecs() {
    let begin = Instant::now();
    let mut writer = Writer::new(video(0), begin).unwrap();
    assert!(writer.begin(&video(0)) && !writer.begin(&sound(0)) && !writer.begin(&video(2)));
    writer.append(&picture(0, true, 100), begin);
    assert!(!writer.has_b_frames());
    let late = media::Frame { reorder: Span::from_millis(66), ..picture(33, false, 100) };
    writer.append(&late, begin);
    assert!(writer.has_b_frames());
}

/// P3: one question, however many viewers.
#[test]
fn keyframe_requests_of_all_viewers_are_one() {
    let begin = Instant::now();
    let writer = Writer::new(video(0), begin).unwrap();
    let log = writer.log();
    assert!(log.want_keyframe(begin) && !log.want_keyframe(begin) && !log.want_keyframe(begin + 500 * MS));
    assert!(log.want_keyframe(begin + Duration::from_secs(1)));
}

#[test]
fn readers_and_the_writer_do_not_disturb_each_other() {
    let begin = Instant::now();
    let mut writer = Writer::new(sound(1), begin).unwrap();
    let log = writer.log().clone();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let log = Arc::clone(&log);
            scope.spawn(move || {
                let mut next = 0;
                while next < 2_000 {
                    match log.run(next) {
                        Some(run) => {
                            assert_eq!((run.index, run.packets(), run.bytes()), (next, 1, 120));
                            next += 1;
                        }
                        None => next = next.max(log.last().map_or(0, |run| run.index)),
                    }
                }
            });
        }
        for at in 0..2_001 {
            writer.append(&packet(at * 20), begin + MS * at as u32);
        }
    });
    drop(writer);
    assert!(log.has_ended());
}
