//! One publisher, a thousand subscribers: what a frame costs each of them.

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use media::codec::Avc;
use media::{Codec, Frame, Span, Time, Track, TrackId};
use onair_hub::{Claim, Cursor, From, Hub, Limits, Now, Publisher, Step};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const SUBSCRIBERS: usize = 1000;
const FRAMES: usize = 60;
const ID: TrackId = TrackId(0);

/// 1920x1080 at 30000/1001, main profile, made by x264.
const SPS: [u8; 28] = [
    0x67, 0x4d, 0x40, 0x28, 0xec, 0xa0, 0x3c, 0x01, 0x13, 0xf2, 0xe0, 0x2d, 0x40, 0x40, 0x40, 0x50, 0x00, 0x00, 0x3e,
    0x90, 0x00, 0x0e, 0xa6, 0x00, 0xf1, 0x83, 0x19, 0x60,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x0f, 0xc8];

fn publisher(hub: &Hub, start: Instant) -> Publisher {
    let path = "live/bench".parse().expect("a path");
    let now = Now { at: start, wall: SystemTime::now() };
    let publisher = hub.publish(&path, Claim { proto: "bench", peer: None }, now).expect("nobody else is there");
    let avc = Avc::from_parameter_sets([Bytes::from_static(&SPS)], [Bytes::from_static(&PPS)]).expect("parameters");
    publisher.declare(Track::source(ID, Codec::Avc(avc))).expect("room for a track");
    publisher
}

/// Appends the frames of one group, as they would come in two seconds.
fn append(publisher: &Publisher, start: Instant, from: usize, count: usize, payload: &Bytes) {
    for index in from..from + count {
        let since = Span::from_ticks(index as i64, 30);
        let is_sync = index % FRAMES == 0;
        let frame = Frame {
            dts: Time::ZERO + since,
            reorder: Span::ZERO,
            is_sync,
            payload: payload.clone(),
            temporal: media::Temporal::BASE,
        };
        publisher.append(ID, frame, start + since.to_duration()).expect("it may");
    }
}

/// Reads what is there; the number of frames.
fn drain(cursor: &mut Cursor) -> usize {
    let mut frames = 0;
    loop {
        match cursor.try_next() {
            Step::Frame(frame) => {
                black_box(&frame);
                frames += 1;
            }
            Step::Group(_) => {}
            Step::Skipped { .. } => panic!("nobody here is slow"),
            Step::Pending | Step::Ended => return frames,
        }
    }
}

/// The bare cost of handing a frame out: a group is appended, then each subscriber reads it.
fn read(c: &mut Criterion) {
    let mut group = c.benchmark_group("fanout");
    group.throughput(Throughput::Elements((SUBSCRIBERS * FRAMES) as u64)).sample_size(20);
    let start = Instant::now();
    let hub = Hub::new(Limits::default());
    let publisher = publisher(&hub, start);
    let payload = Bytes::from(vec![0; 16_000]);
    let follow = || publisher.broadcast().follow(ID, From::Newest).expect("the track");
    let mut cursors: Vec<_> = (0..SUBSCRIBERS).map(|_| follow()).collect();
    let mut at = 0;
    group.bench_function("append_and_read", |b| {
        b.iter(|| {
            append(&publisher, start, at, FRAMES, &payload);
            at += FRAMES;
            let read: usize = cursors.iter_mut().map(drain).sum();
            assert_eq!(read, SUBSCRIBERS * FRAMES);
        });
    });
    group.finish();
}

/// With waking: every subscriber is a task that waits for each frame.
fn wake(c: &mut Criterion) {
    let mut group = c.benchmark_group("fanout");
    group.throughput(Throughput::Elements(SUBSCRIBERS as u64)).sample_size(50);
    let runtime = Runtime::new().expect("a runtime");
    let start = Instant::now();
    let hub = Hub::new(Limits::default());
    let publisher = publisher(&hub, start);
    let payload = Bytes::from(vec![0; 16_000]);
    let (done, mut all_done) = mpsc::unbounded_channel();
    for _ in 0..SUBSCRIBERS {
        let mut cursor = publisher.broadcast().follow(ID, From::Newest).expect("the track");
        let done = done.clone();
        runtime.spawn(async move {
            while let step @ (Step::Frame(_) | Step::Group(_) | Step::Skipped { .. }) = cursor.next().await {
                if matches!(step, Step::Frame(_)) && done.send(()).is_err() {
                    return;
                }
            }
        });
    }
    let mut at = 0;
    group.bench_function("append_wake_and_read", |b| {
        b.iter(|| {
            append(&publisher, start, at, 1, &payload);
            at += 1;
            for _ in 0..SUBSCRIBERS {
                runtime.block_on(all_done.recv());
            }
        });
    });
    group.finish();
}

criterion_group!(benches, read, wake);
criterion_main!(benches);
