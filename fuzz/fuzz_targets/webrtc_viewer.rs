//! Whatever a viewer reports and asks for: what is sent stays bounded, small, and goes on.
#![no_main]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use libfuzzer_sys::fuzz_target;
use media::codec::{Picture, Vp8};
use media::{Codec, Frame, Kind, Span, Temporal, Time, Track, TrackId};
use proto::webrtc::negotiate::{Agreed, Coding, Extensions, Media, Terms};
use proto::webrtc::send::{Batch, Polled, Viewer, Writer};
use proto::webrtc::srtp::{Keys, Profile, Sealer};
use wire::sdp::Fingerprint;

const SSRC: [u8; 4] = 1000_u32.to_be_bytes();

fn terms(flags: u8) -> Terms {
    let has = |bit: u8| flags & bit != 0;
    let agreed = Agreed {
        coding: Coding::Vp8,
        payload_type: 96,
        rtx: has(1).then_some(97),
        clock: 90_000,
        parameters: String::new(),
        nack: has(2),
        pli: true,
        fir: true,
        transport_cc: has(4),
        remb: has(8),
    };
    let extensions = Extensions { transport_cc: has(4).then_some(3), mid: Some(4), ..Extensions::default() };
    let ssrcs = vec![(1000, has(1).then_some(1001))];
    let mid = Some("0".to_owned());
    let media = Media { index: 0, mid, kind: Kind::Video, agreed, extensions, ssrcs, rids: Vec::new() };
    let fingerprint = Fingerprint { hash: String::new(), digest: Vec::new() };
    Terms { their_ufrag: String::new(), fingerprint, is_dtls_client: false, media: vec![media], missing: Vec::new() }
}

fuzz_target!(|data: &[u8]| {
    let [flags, rest @ ..] = data else { return };
    let mut rest = rest;
    let begin = Instant::now();
    let mut now = begin;
    let layer = |id, width| {
        let picture = Picture { width, height: width, pixel_aspect: (1, 1), frame_rate: None, colour: None };
        Arc::new(Track::source(TrackId(id), Codec::Vp8(Vp8 { profile: 0, picture })))
    };
    let mut writers: Vec<_> =
        [layer(0, 640), layer(2, 320)].into_iter().filter_map(|track| Writer::new(track, now)).collect();
    let keys = Keys::try_new(Profile::Aes128Gcm, &[7; 16], &[9; 12]).expect("keys");
    let mut sealer = Sealer::new(&keys).expect("a sealer");
    let mut viewer = Viewer::new(&terms(*flags), u64::from(*flags) << 56 | 0x7ff0, now, SystemTime::UNIX_EPOCH);
    let logs: Vec<_> = writers.iter().map(|writer| writer.log().clone()).collect();
    viewer.watch(now, &logs);
    let mut batch = Batch::default();
    let (mut sent, mut frames) = (0usize, 0i64);
    // A step: how long it takes and what is appended, then an RTCP datagram of one packet about our source.
    while let Some((&[step, kind, count, len], after)) = rest.split_first_chunk::<4>() {
        let (body, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        now += Duration::from_millis(u64::from(step));
        for (at, writer) in writers.iter_mut().enumerate() {
            let is_sync = frames % 16 == at as i64;
            let dts = Time::ZERO + Span::from((now - begin) + Duration::from_nanos(frames as u64));
            let temporal = Temporal { layer: [0, 2, 1, 2][frames as usize % 4], switches_up: count % 2 == 0 };
            let payload = vec![0; if is_sync { 9_000 } else { 2_000 }].into();
            writer.append(&Frame { dts, reorder: Span::ZERO, is_sync, payload, temporal }, now);
        }
        frames += 1;
        let mut datagram = vec![0x80 | count & 0x1f, 200 + kind % 8, 0, 0, 0, 0, 0, 1];
        datagram.extend_from_slice(&SSRC);
        datagram.extend_from_slice(body);
        datagram.resize(datagram.len().div_ceil(4) * 4, 0);
        datagram[3] = (datagram.len() / 4 - 1) as u8;
        viewer.handle_rtcp(now, &datagram);
        if kind & 0x80 != 0 {
            viewer.choose(now, Some(TrackId(count.into())), (count > 200).then_some(0));
        }
        loop {
            let polled = viewer.poll(now, &mut sealer, &mut batch);
            assert!(batch.datagrams().all(|datagram| datagram.len() <= 1200));
            sent += batch.datagrams().map(<[u8]>::len).sum::<usize>();
            batch.clear();
            if polled == Polled::Done {
                break;
            }
        }
        while viewer.poll_event().is_some() {}
        assert!(viewer.deadline() > now - Duration::from_secs(2));
    }
    // Both layers, every group of them again for each keyframe request, and repairs of it all.
    assert!(sent <= 500_000 + frames as usize * 60_000, "{sent} in {frames} frames");
});
