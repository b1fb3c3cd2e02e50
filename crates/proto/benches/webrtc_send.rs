//! A thousand viewers of one track: what a packet costs each of them, encryption included.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use media::codec::Avc;
use media::{Codec, Frame, Span, Time, Track, TrackId};
use onair_proto::webrtc::negotiate::{Agreed, Coding, Extensions, Media, Terms};
use onair_proto::webrtc::send::{Batch, Log, Polled, Viewer, Writer};
use onair_proto::webrtc::srtp::{Keys, Profile, Sealer};
use wire::sdp::Fingerprint;

const VIEWERS: usize = 1000;
/// 2.5 Mbit/s at 30 frames a second.
const FRAME_BYTES: usize = 10_400;
const FRAME: Duration = Duration::from_nanos(33_333_333);

const SPS: [u8; 23] = [
    0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e, 0xa6,
    0x00, 0xf1, 0x83, 0x2a,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x0f, 0xc8];

fn terms() -> Terms {
    let coding = Coding::H264 { fragments: true };
    let agreed = Agreed {
        coding,
        payload_type: 96,
        rtx: Some(97),
        clock: 90_000,
        parameters: String::new(),
        nack: true,
        pli: true,
        fir: true,
        transport_cc: true,
        remb: false,
    };
    let extensions =
        Extensions { mid: Some(4), transport_cc: Some(3), abs_send_time: Some(2), ..Extensions::default() };
    let media = Media {
        index: 0,
        mid: Some("0".to_owned()),
        kind: media::Kind::Video,
        agreed,
        extensions,
        ssrcs: vec![(1000, Some(1001))],
        rids: Vec::new(),
    };
    let fingerprint = Fingerprint { hash: "sha-256".to_owned(), digest: Vec::new() };
    Terms { their_ufrag: String::new(), fingerprint, is_dtls_client: false, media: vec![media], missing: Vec::new() }
}

fn sealer(profile: Profile, at: usize) -> Sealer {
    let salt = if profile == Profile::Aes128CmSha1 { 14 } else { 12 };
    let key = [at as u8; 16];
    Sealer::new(&Keys::try_new(profile, &key, &vec![9; salt]).expect("keys")).expect("a sealer")
}

/// A publisher and its viewers, one frame after the other.
struct House {
    now: Instant,
    frames: i64,
    payload: Bytes,
    writer: Writer,
    viewers: Vec<(Viewer, Sealer)>,
    batch: Batch,
}

impl House {
    fn new(profile: Profile) -> Self {
        let now = Instant::now();
        let avc = Avc::from_parameter_sets([Bytes::from_static(&SPS)], [Bytes::from_static(&PPS)]).expect("parameters");
        let writer = Writer::new(Arc::new(Track::source(TrackId(0), Codec::Avc(avc))), now).expect("a codec we send");
        let logs: [Arc<Log>; 1] = [writer.log().clone()];
        let viewer = |at: usize| {
            let mut viewer =
                Viewer::new(&terms(), (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15), now, SystemTime::UNIX_EPOCH);
            viewer.watch(now, &logs);
            (viewer, sealer(profile, at))
        };
        let mut payload = vec![0x41; FRAME_BYTES];
        payload[..4].copy_from_slice(&(FRAME_BYTES as u32 - 4).to_be_bytes());
        let viewers = (0..VIEWERS).map(viewer).collect();
        Self { now, frames: 0, payload: payload.into(), writer, viewers, batch: Batch::default() }
    }

    /// One frame to everybody; the number of packets.
    fn frame(&mut self) -> usize {
        self.now += FRAME;
        let dts = Time::ZERO + Span::from_ticks(self.frames, 30);
        let is_sync = self.frames % 60 == 0;
        self.frames += 1;
        let frame = Frame { dts, reorder: Span::ZERO, is_sync, payload: self.payload.clone() };
        self.writer.append(&frame, self.now);
        let mut packets = 0;
        for (viewer, sealer) in &mut self.viewers {
            loop {
                let polled = viewer.poll(self.now, sealer, &mut self.batch);
                packets += self.batch.len();
                black_box(self.batch.bursts().count());
                self.batch.clear();
                if polled == Polled::Done {
                    break;
                }
            }
            while viewer.poll_event().is_some() {}
        }
        packets
    }
}

fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("webrtc_send");
    for (name, profile) in [("aes_gcm", Profile::Aes128Gcm), ("aes_cm", Profile::Aes128CmSha1)] {
        let mut house = House::new(profile);
        let packets = (0..90).map(|_| house.frame()).last().unwrap_or(0);
        assert!(packets >= 9 * VIEWERS, "nobody has to wait for the pacer");
        group.throughput(Throughput::Elements(packets as u64)).sample_size(20);
        group.bench_function(format!("frame_to_1000_viewers/{name}"), |b| b.iter(|| black_box(house.frame())));
    }
    group.finish();
}

/// What is done once a frame for all of them.
fn packetize(c: &mut Criterion) {
    let mut house = House::new(Profile::Aes128Gcm);
    house.viewers.clear();
    c.bench_function("webrtc_send/packetize_frame", |b| b.iter(|| black_box(house.frame())));
}

criterion_group!(benches, fan_out, packetize);
criterion_main!(benches);
