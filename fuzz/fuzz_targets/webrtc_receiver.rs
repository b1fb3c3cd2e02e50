//! Whatever a publisher sends in whatever order: whole frames or none, times that go on, feedback that fits a datagram.
#![no_main]

use std::time::{Duration, Instant};

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use media::{Kind, TrackId};
use proto::webrtc::negotiate::{Agreed, Coding, Extensions, Media, Terms};
use proto::webrtc::receive::{Event, Receiver, Settings};
use wire::rtcp::Rtcp;
use wire::sdp::Fingerprint;

const CODINGS: [Coding; 8] = [
    Coding::H264 { fragments: true },
    Coding::H264 { fragments: false },
    Coding::Hevc,
    Coding::Vp8,
    Coding::Vp9,
    Coding::Av1,
    Coding::Opus,
    Coding::Pcmu,
];

fn section(index: usize, coding: Coding, flags: u8) -> Media {
    let has = |bit: u8| flags & bit != 0;
    let kind = coding.kind();
    Media {
        index,
        mid: has(1).then(|| index.to_string()),
        kind,
        agreed: Agreed {
            coding,
            payload_type: 96 + index as u8,
            rtx: has(2).then_some(100 + index as u8),
            clock: if kind == Kind::Video { 90_000 } else { 48_000 },
            parameters: String::new(),
            nack: has(4),
            pli: has(8),
            fir: !has(8),
            transport_cc: has(16),
            remb: !has(16),
        },
        extensions: Extensions {
            mid: Some(1),
            rid: Some(2),
            repaired_rid: Some(3),
            transport_cc: Some(4),
            dependency: Some(5),
            ..Extensions::default()
        },
        ssrcs: if has(32) { vec![(1 + index as u32, Some(11 + index as u32))] } else { Vec::new() },
        rids: if has(64) && kind == Kind::Video { vec!["h".into(), "l".into()] } else { Vec::new() },
    }
}

fuzz_target!(|data: &[u8]| {
    let [coding, flags, rest @ ..] = data else { return };
    let mut rest = rest;
    let media = vec![section(0, CODINGS[usize::from(*coding) % 8], *flags), section(1, Coding::Opus, *flags)];
    let fingerprint = Fingerprint { hash: String::new(), digest: Vec::new() };
    let terms = Terms { their_ufrag: String::new(), fingerprint, is_dtls_client: false, media, missing: Vec::new() };
    let mut now = Instant::now();
    let settings = Settings { max_waiting: 64, max_frame_bytes: 1 << 16, ..Settings::default() };
    let mut receiver = Receiver::new(&terms, settings, now);
    let mut last = std::collections::HashMap::new();
    let mut out = BytesMut::new();
    // Each step: what to do and how long after, how many bytes, the bytes.
    while let [step, len, tail @ ..] = rest {
        let (bytes, after) = tail.split_at(usize::from(*len).min(tail.len()));
        rest = after;
        now += Duration::from_millis(1) * (1 << (step >> 4));
        match step & 15 {
            0 => receiver.handle_timeout(now),
            1 => receiver.request_keyframe(TrackId(u16::from(*len)), now),
            2 => receiver.set_rtt(Duration::from_millis(u64::from(*len) * 16)),
            3..=5 => receiver.handle_rtcp(now, bytes),
            _ => receiver.handle_rtp(now, bytes),
        }
        while let Some(event) = receiver.poll_event() {
            if let Event::Frame(track, frame) = event {
                assert!(!frame.payload.is_empty() && frame.reorder.0 >= 0);
                assert!(last.insert(track, frame.dts).is_none_or(|last| last < frame.dts));
            }
        }
        let mut rounds = 0;
        while receiver.poll_rtcp(now, &mut out) {
            assert!(out.len() <= 1200);
            Rtcp::parse_all(&out).expect("feedback is well-formed");
            out.clear();
            rounds += 1;
            assert!(rounds < 200);
        }
        receiver.handle_timeout(now);
        assert!(receiver.deadline() > now || receiver.poll_rtcp(now, &mut out));
        out.clear();
        receiver.stats(now);
    }
});
