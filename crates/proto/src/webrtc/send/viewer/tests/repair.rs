use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use wire::rtcp::{Nacks, Rtcp};

use super::super::super::fixtures::MS;
use super::stage::{Network, Peer, VIDEO};
use super::start::{Source, join};
use crate::webrtc::srtp::Profile;

/// P1, P2, P23: two per cent lost, 50 ms of jitter, five per cent out of order, 150 ms there and back.
#[test]
fn what_a_bad_network_loses_is_repaired_and_repairs_stay_few() {
    for has_rtx in [true, false] {
        for random in [1, 99, 4242] {
            let mut source = Source::new(60);
            let mut stage = join(Peer { has_rtx, ..Peer::default() }, &mut source, 10);
            stage.network =
                Network { delay: 75 * MS, jitter: 50 * MS, loss: 2, reorder: 5, random, ..Network::default() };
            source.run(&mut stage, 20_000);
            stage.pass(2_000);
            // Without RTX, what comes 128 packets late is taken for a replay.
            let torn = if has_rtx { 0 } else { 10 };
            assert!(stage.receiver.missing().len() <= torn, "{:?}", stage.receiver.missing());
            let frames = stage.receiver.frames();
            assert!(frames.len().abs_diff(source.frames as usize) <= torn, "in order and none torn");
            let late = frames.windows(2).map(|pair| pair[1].2.saturating_duration_since(pair[0].2)).max().unwrap();
            // A repair that is lost too takes another 200 ms.
            assert!(late < if has_rtx { 500 * MS } else { 700 * MS }, "no freeze: {late:?}");
            let stats = stage.viewer.stats();
            let share = stats.retransmitted as f64 / stats.packets as f64;
            // The receiver asks at once for what is only late, as half of all packets are here.
            assert!((0.01..0.4).contains(&share), "{share}");
            assert!(
                stats.estimate_bps.is_none_or(|bps| has_rtx && bps > 1_000_000),
                "jitter is no congestion: {stats:?}"
            );
            assert_eq!(stage.receiver.repairs > 0, has_rtx);
            assert!(stage.events.iter().all(|(_, event)| !matches!(event, super::super::Event::KeyframeWanted(_))));
        }
    }
}

/// P2: a storm of requests is answered with no more than about the stream once more.
#[test]
fn a_storm_of_requests_is_bounded() {
    let mut source = Source::new(60);
    let mut stage = join(Peer { nacks: true, ..Peer::default() }, &mut source, 10);
    source.run(&mut stage, 3_000);
    let begin = stage.now;
    let (sent_before, repairs_before) = (stage.sent.len(), stage.viewer.stats().retransmitted);
    for _ in 0..100 {
        let &newest = stage.receiver.video.last_key_value().unwrap().0;
        let all: Vec<u16> = (0..600).map(|back| (newest - back) as u16).collect();
        stage.say(&Rtcp::Nack { sender: 1, media: VIDEO, missing: Nacks(all.clone()) });
        stage.say(&Rtcp::Nack { sender: 1, media: VIDEO, missing: Nacks(vec![all[7]; 600]) });
        source.run(&mut stage, 20);
    }
    let elapsed = stage.now - begin;
    let bytes: usize = stage.sent[sent_before..].iter().map(|(_, bytes)| bytes).sum();
    let stream = (30_000 + 59 * 8_000) as f64 / 2.0 * elapsed.as_secs_f64();
    assert!((bytes as f64) < 2.0 * stream + 120_000.0, "{bytes} for a stream of {stream}");
    assert!(stage.viewer.stats().retransmitted > repairs_before);
    assert!(stage.viewer.stats().refused > 50_000);
}

/// A packet that is sent twice on one source is the same byte for byte: an SRTP index seals one packet only.
#[test]
fn without_rtx_a_repeated_packet_is_the_same() {
    for profile in [Profile::Aes128Gcm, Profile::Aes128CmSha1] {
        let mut source = Source::new(60);
        let mut stage = join(Peer { has_rtx: false, profile, ..Peer::default() }, &mut source, 10);
        source.run(&mut stage, 1_000);
        stage.keep_datagrams = true;
        source.run(&mut stage, 500);
        let &newest = stage.receiver.video.last_key_value().unwrap().0;
        source.run(&mut stage, 1_300);
        let missing = Nacks((0..20).map(|back| (newest - back) as u16).collect());
        stage.say(&Rtcp::Nack { sender: 1, media: VIDEO, missing });
        source.run(&mut stage, 100);
        let mut seen: HashMap<[u8; 12], Vec<u8>> = HashMap::new();
        let mut repeated = 0;
        for datagram in &stage.kept {
            let key: [u8; 4] = datagram[8..12].try_into().unwrap();
            if key != VIDEO.to_be_bytes() || datagram[1] & 0x7f != 96 {
                continue;
            }
            let head: [u8; 12] = datagram[..12].try_into().unwrap();
            if let Some(before) = seen.insert(head, datagram.clone()) {
                assert_eq!(&before, datagram);
                repeated += 1;
            }
        }
        assert!(repeated >= 15, "{repeated}");
    }
}

/// P13: what a viewer sends can do no harm.
#[test]
fn malformed_rtcp_is_counted_and_passed_over() {
    let mut source = Source::new(60);
    let mut stage = join(Peer::default(), &mut source, 10);
    source.run(&mut stage, 500);
    stage.viewer.handle_rtcp(stage.now, &[0x80, 206, 0, 9, 1, 2]);
    assert_eq!(stage.viewer.stats().malformed, 1);
    source.run(&mut stage, 500);
    assert!(stage.receiver.missing().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rtcp_is_survived(
        datagrams in proptest::collection::vec(
            (proptest::sample::select(vec![200u8, 201, 203, 205, 206]), 0u8..32, proptest::collection::vec(any::<u8>(), 0..80)),
            1..20,
        ),
    ) {
        let mut source = Source::new(60);
        let mut stage = join(Peer::default(), &mut source, 10);
        source.run(&mut stage, 100);
        for (kind, count, mut body) in datagrams {
            body.resize(body.len().div_ceil(4) * 4, 0);
            if body.len() >= 8 {
                body[4..8].copy_from_slice(&VIDEO.to_be_bytes());
            }
            let mut datagram = vec![0x80 | count, kind, 0, (body.len() / 4) as u8];
            datagram.extend(body);
            stage.viewer.handle_rtcp(stage.now, &datagram);
            source.run(&mut stage, 10);
        }
        let begin = stage.now;
        source.run(&mut stage, 1_000);
        prop_assert!(stage.bytes_between(begin, begin + Duration::from_secs(1)) < 2_000_000);
    }
}
