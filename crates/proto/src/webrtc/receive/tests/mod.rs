//! The receiver against publishers over a network that loses, delays and reorders, in virtual time.

mod network;
mod sizes;

use std::time::Duration;

use bytes::BytesMut;
use media::{Origin, TrackId};
use wire::rtcp::{Rtcp, SenderInfo};
use wire::rtp::{Header, write_elements};

use super::{Event, Settings};
use crate::webrtc::negotiate::Coding;
use network::{Network, World, opus, terms, video};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const V0: TrackId = TrackId(0);
const A1: TrackId = TrackId(1);

#[test]
fn a_frame_goes_out_with_its_last_packet() {
    let mut world = World::new(&terms(&[video(0)]), Settings::default(), Network::default());
    let sent = world.publish_video(0, 10 * SECOND);
    let frames = world.frames(V0);
    assert_eq!(frames.len(), sent.len());
    // One way takes 10 ms; the last packets of a frame leave when it is made.
    for (frame, (made, payload)) in frames.iter().zip(&sent) {
        assert_eq!((&frame.payload, frame.came), (payload, *made + 10 * MS));
    }
    assert_eq!(world.tracks(), [V0]);
    let stats = world.receiver.stats(world.now);
    let track = &stats.tracks[0];
    assert_eq!((track.lost, track.dropped, track.repaired), (0, 0, 0));
    assert!((track.bitrate_bps as f64 / 600_000.0 - 1.0).abs() < 0.4, "{}", track.bitrate_bps);
}

/// P23 and what must be shown: 2 % loss, 50 ms of jitter, which reorders far more than 5 %.
#[test]
fn what_comes_out_of_a_bad_network_is_whole_and_in_order() {
    for seed in 1..9 {
        for (has_nack, has_rtx) in [(true, true), (true, false), (false, false)] {
            let mut section = video(0);
            section.agreed.nack = has_nack;
            section.agreed.rtx = has_rtx.then_some(97);
            let network = Network { seed, loss: 0.02, delay: 20 * MS, jitter: 50 * MS };
            let mut world = World::new(&terms(&[section, opus(1)]), Settings::default(), network);
            let sent = world.publish(&[0], Some(1), 20 * SECOND);
            let frames = world.frames(V0);
            let mut last = None;
            let mut index = 0;
            for frame in &frames {
                // Every frame is one that was sent, and what was left out ends at a keyframe.
                let at = sent.iter().skip(index).position(|(_, payload)| *payload == frame.payload);
                let at = index + at.expect("a frame that was sent, and later than the one before");
                assert!(at == index || frame.is_sync, "seed {seed}: {index} is missing before {at}");
                assert!(last.replace(frame.dts).is_none_or(|last| frame.dts > last));
                index = at + 1;
            }
            let share = frames.len() as f64 / sent.len() as f64;
            let track = world.receiver.stats(world.now).tracks.swap_remove(0);
            // A lost packet that comes back costs nothing; without retransmission each costs up to the next keyframe.
            assert!(share > if has_nack { 0.99 } else { 0.3 }, "seed {seed}, {has_nack}: {share} {track:?}");
            assert!(track.keyframe_requests <= 40, "{track:?}");
            if has_nack {
                assert!(track.repaired > 20 && world.longest_freeze(V0) < 500 * MS, "seed {seed}: {track:?}");
                // P2: no storm.
                let asked = world.rtcp(|packet| matches!(packet, Rtcp::Nack { .. }));
                assert!(asked.len() < 3 * sent.len());
            }
            let sound = world.frames(A1).len();
            assert!(sound > 950, "{sound}");
        }
    }
}

#[test]
fn a_lost_packet_comes_back_within_a_round_trip() {
    // P1, W39.
    for rtx in [Some(97), None] {
        let mut section = video(0);
        section.agreed.rtx = rtx;
        let mut world = World::new(&terms(&[section]), Settings::default(), Network::default());
        world.drop_originals(V0, &[50, 51]);
        let sent = world.publish_video(0, 4 * SECOND);
        assert_eq!(world.frames(V0).len(), sent.len());
        // A whole frame was lost, so it showed with the next one only.
        assert!(world.longest_freeze(V0) < 95 * MS, "{:?}", world.longest_freeze(V0));
        let stats = world.receiver.stats(world.now);
        assert_eq!((stats.tracks[0].repaired, stats.tracks[0].lost), (2, 0));
        let rtt = stats.rtt.unwrap();
        assert!((19 * MS..25 * MS).contains(&rtt), "{rtt:?}");
    }
}

#[test]
fn keyframes_are_asked_for_at_the_interval_and_come_together_in_all_layers() {
    // P3, P8: rids only at first.
    let mut section = video(0);
    section.rids = ["h", "m", "l"].map(str::to_owned).to_vec();
    section.ssrcs.clear();
    let mut world = World::new(&terms(&[section]), Settings::default(), Network::default());
    world.publish(&[0, 1, 2], None, 20 * SECOND);
    for layer in [0, 2, 4].map(TrackId) {
        let frames = world.frames(layer);
        assert!(frames.len() > 595, "{}", frames.len());
        let keys: Vec<_> = frames.iter().filter(|frame| frame.is_sync).map(|frame| frame.dts.to_ticks(1000)).collect();
        assert!((9..=11).contains(&keys.len()), "{keys:?}");
        assert!(keys.windows(2).all(|two| (1990..2150).contains(&(two[1] - two[0]))), "{keys:?}");
    }
    let all: Vec<_> = [0, 2, 4].map(|id| world.frames(TrackId(id))).into();
    let keys = |at: usize| all[at].iter().filter(|frame| frame.is_sync).map(|frame| frame.came).collect::<Vec<_>>();
    let apart = keys(0).iter().zip(keys(2)).map(|(a, b)| a.max(&b).duration_since(*a.min(&b))).max();
    assert!(apart.unwrap() <= 34 * MS, "{apart:?}");
    let origins = world.events.iter().filter_map(|(_, event)| match event {
        Event::Track(track) => Some(track.origin),
        _ => None,
    });
    assert!(origins.eq([Origin::Simulcast; 3]));
}

#[test]
fn a_layer_that_falls_silent_goes_and_comes_back() {
    // P8, P10.
    let mut section = video(0);
    section.rids = ["h", "l"].map(str::to_owned).to_vec();
    section.ssrcs.clear();
    let mut world = World::new(&terms(&[section]), Settings::default(), Network::default());
    world.publish(&[0, 1], None, 3 * SECOND);
    let silent = world.now;
    world.publish(&[1], None, 3 * SECOND);
    let gone = world.events.iter().find(|(_, event)| *event == Event::Gone(V0)).map(|(at, _)| *at);
    let after = gone.expect("the upper layer has gone").duration_since(silent);
    assert!(after <= 1100 * MS, "{after:?}");
    assert_eq!(world.rtcp(|packet| matches!(packet, Rtcp::Bye(_))).len(), 0);
    world.publish(&[0, 1], None, 2 * SECOND);
    assert_eq!(world.tracks(), [V0, TrackId(2), V0]);
    let first = world.frames(V0).into_iter().find(|frame| frame.came > silent + 2 * SECOND);
    assert!(first.unwrap().is_sync);
    // All silent is no layer gone: the network is.
    world.publish(&[], None, 5 * SECOND);
    assert_eq!(world.events.iter().filter(|(_, event)| matches!(event, Event::Gone(_))).count(), 1);
}

#[test]
fn an_encoder_that_never_answers_is_not_flooded() {
    // W39, P4.
    let mut world = World::new(&terms(&[video(0)]), Settings::default(), Network::default());
    world.listens = false;
    world.publish_video(0, 30 * SECOND);
    let asked = world.rtcp(|packet| matches!(packet, Rtcp::Pli { .. })).len();
    assert!((6..=12).contains(&asked), "{asked}");
}

#[test]
fn requests_of_many_viewers_are_one_and_fir_is_spoken_where_only_that_was_agreed() {
    // P3, P4.
    let mut section = video(0);
    (section.agreed.pli, section.agreed.fir) = (false, true);
    let settings = Settings { keyframe_interval: None, ..Settings::default() };
    let mut world = World::new(&terms(&[section]), settings, Network::default());
    world.publish_video(0, SECOND);
    for _ in 0..50 {
        world.receiver.request_keyframe(V0, world.now);
        world.publish_video(0, 20 * MS);
    }
    world.publish_video(0, 200 * MS);
    let asked = world.rtcp(|packet| matches!(packet, Rtcp::Fir { .. }));
    assert!((2..=3).contains(&asked.len()), "{asked:?}");
    assert_eq!(world.frames(V0).iter().filter(|frame| frame.is_sync).count(), asked.len() + 1);
    world.receiver.request_keyframe(A1, world.now);
}

#[test]
fn another_source_takes_over_and_a_stranger_does_not() {
    // P24.
    let mut world = World::new(&terms(&[video(0)]), Settings::default(), Network::default());
    world.publish_video(0, SECOND);
    let stranger = Header { payload_type: 96, sequence: 7, timestamp: 0, ssrc: 4711, marker: true };
    let mut packet = BytesMut::new();
    stranger.write(false, &mut packet);
    packet.extend_from_slice(&[0x65, 0x88, 1]);
    world.receiver.handle_rtp(world.now, &packet);
    assert_eq!(world.receiver.stats(world.now).ignored, 1);
    world.change_source(0, 0xabcd, 65_500);
    world.publish_video(0, 2 * SECOND);
    let frames = world.frames(V0);
    assert!(frames.len() >= 89, "{}", frames.len());
    let steps: Vec<_> = frames.windows(2).map(|two| two[1].dts.since(two[0].dts).to_ticks(1000)).collect();
    assert!(steps.iter().all(|step| (1..120).contains(step)), "{steps:?}");
    // A3: but for the change itself, distances are exact.
    let odd = frames.windows(2).filter(|two| two[1].dts.since(two[0].dts).to_ticks(90_000) != 3000).count();
    assert!(odd <= 1, "{odd}");
}

#[test]
fn sound_and_pictures_meet_after_the_first_reports() {
    // A4, A5.
    let mut world = World::new(&terms(&[video(0), opus(1)]), Settings::default(), Network::default());
    // Pictures take 150 ms longer to encode than sound.
    world.video_delay = 150 * MS;
    world.reports = true;
    world.publish(&[0], Some(1), 10 * SECOND);
    let at = |id: TrackId, made: Duration| {
        let frames = world.frames(id);
        let rate = if id == V0 { 30 } else { 50 };
        frames[made.as_millis() as usize * rate / 1000].dts
    };
    let apart = |made: Duration| at(V0, made).since(at(A1, made)).abs().to_ticks(1000);
    assert!(apart(Duration::ZERO) > 100);
    assert!((4..9).all(|second| apart(second * SECOND) <= 3), "{}", apart(5 * SECOND));
    let frames = world.frames(V0);
    assert!(frames.windows(2).all(|two| (1500..=4500).contains(&two[1].dts.since(two[0].dts).to_ticks(90_000))));
    // Sound never moves.
    let sound = world.frames(A1);
    assert!(sound.windows(2).all(|two| two[1].dts.since(two[0].dts).to_ticks(48_000) == 960));
}

#[test]
fn reports_and_transport_feedback_go_out_in_time_and_in_small_compounds() {
    // P5, P13.
    let mut section = video(0);
    section.agreed.transport_cc = true;
    section.extensions.transport_cc = Some(3);
    let mut world = World::new(&terms(&[section, opus(1)]), Settings::default(), Network::default());
    world.reports = true;
    world.publish(&[0], Some(1), 10 * SECOND);
    let told = world.rtcp(|packet| matches!(packet, Rtcp::Twcc { .. }));
    let gaps: Vec<_> = told.windows(2).map(|two| two[1].0.duration_since(two[0].0)).collect();
    assert!(gaps.iter().all(|gap| *gap <= 100 * MS), "{:?}", gaps.iter().max());
    assert!((100..=210).contains(&told.len()), "{}", told.len());
    let blocks = world.rtcp(|packet| matches!(packet, Rtcp::ReceiverReport { blocks, .. } if blocks.len() == 2));
    assert!((9..=11).contains(&blocks.len()), "{}", blocks.len());
    assert!(world.rtcp(|packet| matches!(packet, Rtcp::Cname { .. })).len() >= told.len());
    assert!(world.rtcp(|packet| matches!(packet, Rtcp::Remb { .. })).is_empty());
}

#[test]
fn bandwidth_is_offered_by_remb_where_only_that_was_agreed() {
    // P5, P6: an extension that is never sent starves nobody.
    for transport_cc in [false, true] {
        let mut section = video(0);
        section.agreed.remb = !transport_cc;
        section.agreed.transport_cc = transport_cc;
        section.extensions.transport_cc = Some(9);
        let mut world = World::new(&terms(&[section]), Settings::default(), Network::default());
        world.publish_video(0, 5 * SECOND);
        let offered = world.rtcp(|packet| matches!(packet, Rtcp::Remb { .. }));
        assert_eq!(offered.len() >= 4, !transport_cc);
        assert!(world.rtcp(|packet| matches!(packet, Rtcp::Twcc { .. })).is_empty());
        assert!(world.frames(V0).len() > 145);
    }
}

#[test]
fn goodbye_is_said_once_when_all_have_said_it() {
    // P13.
    let mut world = World::new(&terms(&[video(0), opus(1)]), Settings::default(), Network::default());
    world.publish(&[0], Some(1), SECOND);
    let mut bye = |ssrcs: &[u32]| {
        let mut datagram = BytesMut::new();
        Rtcp::Bye(ssrcs.to_vec()).write(&mut datagram);
        world.receiver.handle_rtcp(world.now, &datagram);
        std::iter::from_fn(|| world.receiver.poll_event()).collect::<Vec<_>>()
    };
    assert_eq!(bye(&[1000]), []);
    assert_eq!(bye(&[5000, 1000]), [Event::Bye]);
    assert_eq!(bye(&[5000]), []);
}

#[test]
fn ffmpegs_packets_find_their_way_by_type_alone() {
    // W37: neither mid nor anything else in the packets, sources in the offer or not.
    for is_named in [true, false] {
        let mut sections = [video(0), opus(1)];
        for section in &mut sections {
            section.extensions = Default::default();
            if !is_named {
                section.ssrcs.clear();
            }
        }
        let mut world = World::new(&terms(&sections), Settings::default(), Network::default());
        world.publish(&[0], Some(1), SECOND);
        assert!(world.frames(V0).len() >= 29 && world.frames(A1).len() >= 48);
        assert_eq!(world.receiver.stats(world.now).ignored, 0);
    }
}

/// While nothing but a keyframe will do, nothing before it is waited for.
#[test]
fn a_keyframe_does_not_wait_for_what_it_makes_useless() {
    let mut world = World::new(&terms(&[video(0)]), Settings::default(), Network::default());
    world.publish_video(0, SECOND);
    // Two packets of a frame never come, not even when asked for again; later some of what follows.
    world.drop_for_good(V0, &[112, 140, 142, 144, 146]);
    world.publish_video(0, 3 * SECOND);
    let track = world.receiver.stats(world.now).tracks.swap_remove(0);
    assert_eq!((track.lost, track.keyframe_requests >= 2), (5, true), "{track:?}");
    // Given up after 100 ms and three round trips of unknown length, repaired by a keyframe one round trip later.
    assert!(world.longest_freeze(V0) < 560 * MS, "{:?}", world.longest_freeze(V0));
}

#[test]
fn noise_does_no_harm_and_time_never_stands_still() {
    let h264 = Coding::H264 { fragments: true };
    for coding in [h264, Coding::Hevc, Coding::Vp8, Coding::Vp9, Coding::Av1] {
        make_noise(coding);
    }
}

fn make_noise(coding: Coding) {
    let mut section = video(0);
    section.agreed.transport_cc = true;
    section.extensions.transport_cc = Some(3);
    section.agreed.coding = coding;
    let mut world = World::new(&terms(&[section, opus(1)]), Settings::default(), Network::default());
    for round in 0..4_000u32 {
        let noise = world.noise(60);
        let header = Header {
            payload_type: if noise[0] & 1 == 0 { 96 } else { 97 },
            marker: noise[1] & 3 == 0,
            sequence: (round / 2).wrapping_mul(1 + u32::from(noise[2] == 0) * 7000) as u16,
            timestamp: if noise[3] == 0 { u32::from(noise[4]) << 24 } else { round * 700 },
            ssrc: 1000 + u32::from(noise[5] < 4),
        };
        let mut packet = BytesMut::new();
        header.write(true, &mut packet);
        write_elements([(3, &noise[6..8])].into_iter(), &mut packet);
        packet.extend_from_slice(&noise[8..]);
        world.receiver.handle_rtp(world.now, &packet);
        world.receiver.handle_rtp(world.now, &noise);
        world.receiver.handle_rtcp(world.now, &noise);
        let info = SenderInfo { ntp: u64::from(round) << 40, rtp_timestamp: round, packets: 0, octets: 0 };
        let mut report = BytesMut::new();
        Rtcp::SenderReport { ssrc: 1000, info, blocks: Vec::new() }.write(&mut report);
        world.receiver.handle_rtcp(world.now, &report);
        world.pass(MS);
    }
    let frames = world.frames(V0);
    assert!(frames.windows(2).all(|two| two[1].dts > two[0].dts));
}
