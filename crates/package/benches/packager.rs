//! What a frame costs: 4 Mbit/s of pictures at 30 fps and AAC, in parts of 200 ms.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use media::codec::{Aac, Avc};
use media::{Codec, Frame, Span, Time, Track, TrackId};
use onair_package::{Packager, Settings};

const RECORD: &[u8] = &[
    0x01, 0x4d, 0x40, 0x28, 0xff, 0xe1, 0x00, 0x1c, 0x67, 0x4d, 0x40, 0x28, 0xec, 0xa0, 0x3c, 0x01, 0x13, 0xf2, 0xe0,
    0x2d, 0x40, 0x40, 0x40, 0x50, 0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e, 0xa6, 0x00, 0xf1, 0x83, 0x19, 0x60, 0x01, 0x00,
    0x04, 0x68, 0xce, 0x0f, 0xc8,
];

/// Two seconds of a broadcast: 60 pictures and 94 frames of sound on average.
struct Show {
    packager: Packager,
    tracks: [Arc<Track>; 2],
    start: Instant,
    pictures: i64,
    sounds: i64,
    key: Bytes,
    delta: Bytes,
    sound: Bytes,
}

impl Show {
    fn new() -> Self {
        let mut avc = Avc::from_record(RECORD).expect("a record");
        avc.picture.frame_rate = Some((30, 1));
        let aac = Aac::from_config(&[0x11, 0x90]).expect("a configuration");
        Self {
            packager: Packager::new(
                "live/bench".parse().expect("a path"),
                SystemTime::now(),
                Settings::default(),
                None,
            ),
            tracks: [Codec::Avc(avc), Codec::Aac(aac)]
                .map(|codec| Arc::new(Track::source(TrackId(u16::from(codec.sound().is_some())), codec))),
            start: Instant::now(),
            pictures: 0,
            sounds: 0,
            key: vec![7; 80_000].into(),
            delta: vec![7; 15_600].into(),
            sound: vec![7; 340].into(),
        }
    }

    fn two_seconds(&mut self) {
        for _ in 0..60 {
            let dts = Time::from_ticks(self.pictures, 30);
            let now = self.start + dts.since(Time::ZERO).to_duration();
            let is_sync = self.pictures % 60 == 0;
            let payload = if is_sync { self.key.clone() } else { self.delta.clone() };
            self.packager.frame(
                now,
                &self.tracks[0],
                0,
                Frame { dts, reorder: Span::ZERO, is_sync, payload, temporal: media::Temporal::BASE },
            );
            self.pictures += 1;
            loop {
                let sound = Time::from_ticks(self.sounds * 1024, 48_000);
                if sound > dts {
                    break;
                }
                let frame = Frame::alone(sound, self.sound.clone());
                self.packager.frame(now, &self.tracks[1], 0, frame);
                self.sounds += 1;
            }
        }
    }
}

fn packager(criterion: &mut Criterion) {
    let mut show = Show::new();
    // Until the window is full.
    (0..40).for_each(|_| show.two_seconds());
    let mut group = criterion.benchmark_group("packager");
    group.throughput(Throughput::Elements(154)).measurement_time(Duration::from_secs(5));
    group.bench_function("two seconds of 4 Mbit/s", |bench| bench.iter(|| show.two_seconds()));
    group.finish();
}

criterion_group!(benches, packager);
criterion_main!(benches);
