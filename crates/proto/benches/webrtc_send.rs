//! What a packet costs each of a thousand viewers of one track, encryption included; and its parts.

mod house;
mod lone;

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use house::{House, sealer};
use lone::Lone;
use onair_proto::webrtc::srtp::Profile;

const VIEWERS: usize = 1000;
const PROFILES: [(&str, Profile); 2] = [("aes_gcm", Profile::Aes128Gcm), ("aes_cm", Profile::Aes128CmSha1)];

fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("webrtc_send");
    for (name, profile) in PROFILES {
        let mut house = House::new(profile, VIEWERS);
        let packets = (0..90).map(|_| house.frame()).last().unwrap_or(0);
        assert!(packets >= 15 * VIEWERS, "nobody has to wait for the pacer");
        group.throughput(Throughput::Elements(packets as u64)).sample_size(20);
        group.bench_function(format!("frame_to_1000_viewers/{name}"), |b| b.iter(|| black_box(house.frame())));
        group.throughput(Throughput::Elements(VIEWERS as u64));
        group.bench_function(format!("sound_to_1000_viewers/{name}"), |b| b.iter(|| black_box(house.sound())));
    }
    group.finish();
}

/// What is done once a frame for all of them: packets are cut, and put where retransmissions find them. Pictures are of
/// 17 kB, sound of 160 bytes.
fn packetize(c: &mut Criterion) {
    let mut house = House::new(Profile::Aes128Gcm, 0);
    c.bench_function("webrtc_send/packetize_frame", |b| b.iter(|| black_box(house.frame())));
    let mut group = c.benchmark_group("packetize");
    for (name, mut track) in Lone::of_each_codec() {
        group.throughput(Throughput::Bytes(track.frame_bytes() as u64));
        group.bench_function(name, |b| b.iter(|| black_box(track.append())));
    }
    group.finish();
}

/// Reports and transport-wide feedback of a tenth of a second.
fn feedback(c: &mut Criterion) {
    let mut house = House::new(Profile::Aes128Gcm, 1);
    c.bench_function("webrtc_send/three_frames_and_feedback", |b| {
        b.iter(|| {
            let packets: usize = (0..3).map(|_| house.frame()).sum();
            house.feedback();
            black_box(packets)
        });
    });
}

/// One packet of 1200 bytes, header included.
fn seal(c: &mut Criterion) {
    let mut group = c.benchmark_group("srtp_seal");
    for (name, profile) in PROFILES {
        let sealer = sealer(profile, 7);
        let (mut out, mut index) = (BytesMut::with_capacity(2048), 0);
        group.throughput(Throughput::Bytes(1200));
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                out.resize(1200, 0x55);
                index += 1;
                sealer.seal_rtp(&mut out, 0, 12, 7, index).expect("sealed");
                black_box(out.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out, packetize, feedback, seal);
criterion_main!(benches);
