use std::time::{Duration, Instant};

use media::TrackId;
use wire::rtcp::{Fir, Rtcp};

use super::super::super::Writer;
use super::super::super::fixtures::{MS, packet, picture, sound, video};
use super::super::Event;
use super::stage::{Peer, REPAIR, SOUND, Stage, VIDEO};
use crate::webrtc::negotiate::Coding;
use crate::webrtc::srtp::Profile;

/// Pictures at 30 a second, a keyframe every `gop`, and sound every 20 ms.
pub(super) struct Source {
    pub(super) gop: i64,
    pub(super) key_bytes: usize,
    pub(super) bytes: usize,
    pub(super) frames: i64,
    pub(super) packets: i64,
}

impl Source {
    pub(super) fn new(gop: i64) -> Self {
        Self { gop, key_bytes: 30_000, bytes: 8_000, frames: 0, packets: 0 }
    }

    /// Appends what is due at that time.
    pub(super) fn play(&mut self, at_ms: i64, mut append: impl FnMut(usize, media::Frame)) {
        while self.packets * 20 <= at_ms {
            append(1, packet(self.packets * 20));
            self.packets += 1;
        }
        while self.frames * 100 / 3 <= at_ms {
            let is_sync = self.frames % self.gop == 0;
            append(0, picture(self.frames * 100 / 3, is_sync, if is_sync { self.key_bytes } else { self.bytes }));
            self.frames += 1;
        }
    }

    pub(super) fn run(&mut self, stage: &mut Stage, ms: u64) {
        for _ in 0..ms {
            stage.tick();
            let at = stage.ms();
            self.play(at, |writer, frame| stage.append(writer, &frame));
        }
    }
}

/// A viewer that joins a broadcast which has run for `before_ms`.
pub(super) fn join(peer: Peer, source: &mut Source, before_ms: i64) -> Stage {
    let begin = Instant::now();
    let mut writers = vec![Writer::new(video(0), begin).unwrap(), Writer::new(sound(1), begin).unwrap()];
    for at_ms in 0..before_ms {
        let now = begin + MS * at_ms as u32;
        source.play(at_ms, |writer, frame| writers[writer].append(&frame, now));
    }
    Stage::new(peer, writers, begin, begin + MS * before_ms as u32)
}

/// Issue 4: an RTMP source with a long GOP shows its first picture at once, and the viewer is live soon after.
#[test]
fn a_viewer_begins_with_the_newest_group_and_catches_up_with_live() {
    let mut source = Source::new(300);
    let mut stage = join(Peer::default(), &mut source, 5_000);
    source.run(&mut stage, 200);
    let (_, first, at) = stage.receiver.frames()[0].clone();
    assert_eq!(first[0] & 0x1f, 24, "parameter sets, and with them a keyframe (P17)");
    assert!(at - (stage.begin + 5_000 * MS) < 50 * MS);

    source.run(&mut stage, 5_000);
    let frames = stage.receiver.frames();
    assert!(stage.receiver.missing().is_empty());
    assert!(frames.len() as i64 >= source.frames - 1, "none was left out");
    let steps: Vec<_> = frames.windows(2).map(|pair| pair[1].0.wrapping_sub(pair[0].0)).collect();
    assert!(steps.iter().all(|step| (90..=3_060).contains(step)), "timestamps go on, faster at first: {steps:?}");
    let live = &steps[steps.len() - 30..];
    assert!(live.iter().all(|step| (2_970..=3_060).contains(step)), "and at their own pace when live: {live:?}");
    let (_, _, last) = frames.last().unwrap();
    assert!(stage.now - *last < 50 * MS);
    assert_eq!(stage.events[0].1, Event::Layers);
    assert!(stage.events.contains(&(stage.begin + 5_000 * MS + MS, Event::Switched { from: None, to: TrackId(0) })));
    let asks = stage.events.iter().filter(|(_, event)| matches!(event, Event::KeyframeWanted(_)));
    assert_eq!(asks.count(), 0, "the log had a keyframe (P3)");
}

/// The times of the timeline come out on the RTP clock without drift (P12, P22).
#[test]
fn timestamps_are_the_timelines_on_the_rtp_clock() {
    let mut source = Source::new(60);
    let mut stage = join(Peer::default(), &mut source, 10);
    source.run(&mut stage, 3_000);
    let frames = stage.receiver.frames();
    for (at, (timestamp, ..)) in frames.iter().enumerate() {
        let exact = at as i64 * 100 / 3 * 90;
        assert_eq!(timestamp.wrapping_sub(frames[0].0), exact as u32, "frame {at}");
    }
    let sound: Vec<_> = stage.receiver.sound.values().collect();
    assert!(sound.windows(2).all(|pair| pair[1].timestamp.wrapping_sub(pair[0].timestamp) == 960));
    assert!(sound[0].marker && !sound[1].marker);
}

/// P26: without knowledge of the link, a burst is spread to two and a half times the rate.
#[test]
fn a_large_keyframe_is_spread() {
    let mut source = Source { key_bytes: 300_000, ..Source::new(60) };
    let peer = Peer { feeds_back: false, ..Peer::default() };
    let mut stage = join(peer, &mut source, 3_900);
    source.run(&mut stage, 100);
    let from = stage.now;
    source.run(&mut stage, 900);
    // 60 frames with 300 kB and 59 × 8 kB in two seconds.
    let rate = (300_000 + 59 * 8_000) as f64 / 2.0;
    for at in (0..900).step_by(20) {
        let bytes = stage.bytes_between(from + MS * at, from + MS * (at + 100)) as f64;
        assert!(bytes <= 2.5 * rate * 0.1 + 60_000.0, "{bytes} in 100 ms from {at} ms");
    }
    assert!(stage.receiver.missing().is_empty());
}

/// And with it, a keyframe leaves almost in one go: the server adds next to nothing.
#[test]
fn a_wide_link_is_not_slowed_down() {
    for (width_bps, longest) in [(100_000_000, 30 * MS), (1_000_000_000, 3 * MS)] {
        let mut source = Source { key_bytes: 120_000, ..Source::new(60) };
        let mut stage = join(Peer::default(), &mut source, 10);
        stage.network.width_bps = Some(width_bps);
        source.run(&mut stage, 6_000);
        let mut key = stage.sent.iter().filter(|(at, _)| (*at - stage.begin).as_millis() / 2_000 == 2);
        let (begin, mut sent) = *key.next().unwrap();
        let end = key.find(|(_, bytes)| {
            sent += bytes;
            sent >= 120_000
        });
        let took = end.unwrap().0 - begin;
        assert!(took <= longest, "{took:?} over {width_bps}");
    }
}

/// P12: one clock for both, and a report a second for each source that sends.
#[test]
fn sender_reports_tell_one_clock() {
    let mut source = Source::new(60);
    let mut stage = join(Peer::default(), &mut source, 500);
    source.run(&mut stage, 5_500);
    for (ssrc, clock_rate) in [(VIDEO, 90_000.0), (SOUND, 48_000.0)] {
        let reports: Vec<_> = stage.receiver.reports.iter().filter(|(of, ..)| *of == ssrc).collect();
        assert!((5..=7).contains(&reports.len()));
        for pair in reports.windows(2) {
            let ntp = (pair[1].1.ntp - pair[0].1.ntp) as f64 / f64::from(u32::MAX);
            let rtp = f64::from(pair[1].1.rtp_timestamp.wrapping_sub(pair[0].1.rtp_timestamp)) / clock_rate;
            assert!((ntp - rtp).abs() < 0.001);
        }
    }
    // What sound and pictures of the same moment are shown at differs by nothing.
    let shown = |ssrc: u32, clock_rate: f64, timestamp: u32| {
        let (_, info, _) = stage.receiver.reports.iter().rfind(|(of, ..)| *of == ssrc).unwrap();
        info.ntp as f64 / 4_294_967_296.0 + f64::from(timestamp.wrapping_sub(info.rtp_timestamp) as i32) / clock_rate
    };
    let frames = stage.receiver.frames();
    let (_, sound) = stage.receiver.sound.last_key_value().unwrap();
    let picture = shown(VIDEO, 90_000.0, frames.last().unwrap().0) - (frames.len() - 1) as f64 * 0.1 / 3.0;
    // Sound began with the newest packet, that of 480 ms.
    let voice = shown(SOUND, 48_000.0, sound.timestamp) - (stage.receiver.sound.len() + 23) as f64 * 0.02;
    assert!((picture - voice).abs() < 0.002, "{picture} {voice}");
    assert!(stage.receiver.reports.iter().all(|(ssrc, ..)| *ssrc != REPAIR));
    assert_eq!(stage.receiver.names.iter().collect::<Vec<_>>(), ["onair"]);
    assert!(stage.viewer.stats().round_trip.is_some_and(|it| (20 * MS..25 * MS).contains(&it)));
}

/// P7, P14: the mid goes along until the peer has reported, and nothing is larger than it may be.
#[test]
fn datagrams_stay_small_and_the_mid_is_sent_until_it_is_known() {
    for profile in [Profile::Aes128Gcm, Profile::Aes128CmSha1] {
        let mut source = Source::new(60);
        let mut stage = join(Peer { profile, ..Peer::default() }, &mut source, 500);
        source.run(&mut stage, 1_500);
        assert!(stage.receiver.with_mid > 100);
        source.run(&mut stage, 1_000);
        let video_before = stage.receiver.video.len();
        let (with_mid, sound_before) = (stage.receiver.with_mid, stage.receiver.sound.len());
        source.run(&mut stage, 1_000);
        assert!(stage.receiver.video.len() > video_before);
        assert_eq!(stage.receiver.with_mid - with_mid, (stage.receiver.sound.len() - sound_before) as u64);
        assert!(stage.receiver.largest <= 1200, "{}", stage.receiver.largest);
    }
}

/// P3: a young group serves a request by itself.
#[test]
fn a_keyframe_request_is_served_from_the_log_where_it_can() {
    let mut source = Source::new(60);
    let mut stage = join(Peer::default(), &mut source, 10);
    source.run(&mut stage, 3_000);
    let frames = stage.receiver.frames().len();
    stage.say(&Rtcp::Pli { sender: 1, media: VIDEO });
    source.run(&mut stage, 100);
    let again = &stage.receiver.frames()[frames..];
    assert!(again.iter().any(|(_, payload, _)| payload[0] & 0x1f == 24), "a keyframe came");
    assert!(stage.receiver.missing().is_empty());
    assert!(!stage.events.iter().any(|(_, event)| matches!(event, Event::KeyframeWanted(_))));
}

/// P3, P4: an old group makes us ask, once for all viewers, and do without when nobody answers.
#[test]
fn a_publisher_that_makes_no_keyframe_on_request_does_not_hold_the_viewer_up() {
    let mut source = Source::new(300);
    let mut stage = join(Peer::default(), &mut source, 10);
    source.run(&mut stage, 4_000);
    let mut other = Stage::new(Peer::default(), Vec::new(), stage.begin, stage.now);
    other.viewer.watch(stage.now, &[stage.writers[0].log().clone()]);
    other.poll();
    let frames = stage.receiver.frames().len();
    let asked_at = stage.now;
    for sequence in [1, 1, 2] {
        stage.say(&Rtcp::Fir { sender: 1, entries: vec![Fir { ssrc: VIDEO, sequence }] });
        other.say(&Rtcp::Fir { sender: 1, entries: vec![Fir { ssrc: VIDEO, sequence }] });
    }
    stage.say(&Rtcp::Pli { sender: 1, media: 4711 });
    source.run(&mut stage, 600);
    other.pass(600);
    let wanted =
        |stage: &Stage| stage.events.iter().filter(|(_, event)| *event == Event::KeyframeWanted(TrackId(0))).count();
    assert_eq!(wanted(&stage) + wanted(&other), 1);
    assert_eq!(stage.viewer.stats().keyframe_requests, 2, "a repeated number is the same request");
    source.run(&mut stage, 1_000);
    let served = stage.receiver.frames()[frames..].iter().find(|(_, payload, _)| payload[0] & 0x1f == 24).cloned();
    assert!(served.unwrap().2 - asked_at < 1_100 * MS);
}

/// E11: same numbers, a keyframe first, whatever the gap.
#[test]
fn a_publisher_that_returns_is_gone_on_with() {
    let mut source = Source::new(60);
    let mut stage = join(Peer::default(), &mut source, 10);
    source.run(&mut stage, 2_500);
    stage.pass(4_000);
    let before = stage.receiver.frames().len();
    // The timeline went on; the encoder begins anew with other parameter sets, under a new log.
    let writer = Writer::new(video(0), stage.now).unwrap();
    stage.viewer.watch(stage.now, &[writer.log().clone(), stage.writers[1].log().clone()]);
    stage.writers[0] = writer;
    let at = stage.ms();
    stage.append(0, &picture(at - 20, false, 5_000));
    for frame in 0..30 {
        stage.append(0, &picture(at + frame * 33, frame == 0, 5_000));
        stage.pass(33);
    }
    let frames = stage.receiver.frames();
    assert!(stage.receiver.missing().is_empty());
    assert_eq!(frames.len(), before + 30);
    assert_eq!(frames[before].1[0] & 0x1f, 24);
    assert!(frames[before].0.wrapping_sub(frames[before - 1].0) > 3 * 90_000);
}

/// E11: another codec cannot be sent under what was agreed on.
#[test]
fn a_change_of_codec_is_told_once() {
    let mut source = Source::new(60);
    let mut stage = join(Peer { coding: Coding::Vp8, ..Peer::default() }, &mut source, 10);
    source.run(&mut stage, 1_000);
    let logs: Vec<_> = stage.writers.iter().map(|writer| writer.log().clone()).collect();
    stage.viewer.watch(stage.now, &logs);
    stage.poll();
    assert_eq!(stage.events.iter().filter(|(_, event)| *event == Event::CodecChanged).count(), 1);
    assert!(stage.receiver.video.is_empty() && !stage.receiver.sound.is_empty(), "sound goes on");
}

/// A viewer that was away is taken to the newest group, not through all it missed.
#[test]
fn who_cannot_keep_up_goes_on_at_the_newest_group() {
    let mut source = Source::new(60);
    let mut stage = join(Peer::default(), &mut source, 10);
    source.run(&mut stage, 1_000);
    let until = stage.ms() + 20_000;
    for at_ms in stage.ms()..until {
        let now = stage.begin + MS * at_ms as u32;
        let writers = &mut stage.writers;
        source.play(at_ms, |writer, frame| writers[writer].append(&frame, now));
    }
    stage.now += Duration::from_secs(20);
    let before = stage.receiver.frames().len();
    source.run(&mut stage, 2_000);
    let frames = stage.receiver.frames();
    assert!(stage.receiver.missing().is_empty());
    assert_eq!(frames[before].1[0] & 0x1f, 24);
    assert!(frames.len() - before < 180 && stage.viewer.stats().skips >= 1);
}

/// Issue: memory per viewer. What belongs to one beside its keys and its handshake, of a stream of 4 Mbit/s with losses.
#[test]
fn a_viewer_of_a_wide_stream_takes_little_memory() {
    let mut source = Source { bytes: 16_000, key_bytes: 48_000, ..Source::new(60) };
    let mut stage = join(Peer::default(), &mut source, 3_000);
    (stage.network.loss, stage.network.delay) = (2, 40 * MS);
    source.run(&mut stage, 10_000);
    assert!(stage.viewer.stats().retransmitted > 50);
    let bytes = stage.viewer.memory();
    assert!(bytes < 32 * 1024, "{bytes}");
}
