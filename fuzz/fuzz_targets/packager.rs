#![no_main]
//! Whatever frames come, no segment is too long (H7) and none leaves a hole behind it (C3).

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use media::codec::{Aac, Avc};
use media::{Catalog, Codec, Frame, Span, Time, Track, TrackId};
use package::{Packager, Settings, Window};

const RECORD: &[u8] = &[
    0x01, 0x4d, 0x40, 0x28, 0xff, 0xe1, 0x00, 0x1c, 0x67, 0x4d, 0x40, 0x28, 0xec, 0xa0, 0x3c, 0x01, 0x13, 0xf2, 0xe0,
    0x2d, 0x40, 0x40, 0x40, 0x50, 0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e, 0xa6, 0x00, 0xf1, 0x83, 0x19, 0x60, 0x01, 0x00,
    0x04, 0x68, 0xce, 0x0f, 0xc8,
];

fn holds(window: &Window) {
    let longest = Span::from_millis(i64::from(window.target_duration_secs) * 1000 + 500);
    for segment in &window.segments {
        assert!(segment.duration > Span::ZERO && segment.duration < longest, "H7");
        let parts = segment.parts.iter().fold(Span::ZERO, |sum, part| sum + part.duration);
        assert!(segment.gap || (parts - segment.duration).abs().0 <= segment.parts.len() as i64 + 1, "H13");
    }
    for two in window.segments.windows(2) {
        let end = two[0].start + two[0].duration;
        assert_eq!(two[0].msn + 1, two[1].msn);
        if !two[0].gap && !two[1].discontinuity {
            assert!(end.since(two[1].start).abs().0 <= 2, "C3");
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let avc = Avc::from_record(RECORD).unwrap();
    let mut free = avc.clone();
    free.picture.frame_rate = None;
    let aac = |config: &[u8]| Codec::Aac(Aac::from_config(config).unwrap());
    let tracks = [(0, Codec::Avc(avc)), (0, Codec::Avc(free)), (1, aac(&[0x11, 0x90])), (1, aac(&[0x12, 0x10]))]
        .map(|(id, codec)| Arc::new(Track::source(TrackId(id), codec)));

    let mut packager = Packager::new("live/fuzz".parse().unwrap(), SystemTime::UNIX_EPOCH, Settings::default(), None);
    let mut now = Instant::now();
    packager.catalog(now, &Catalog { tracks: vec![tracks[0].clone(), tracks[2].clone()] });
    let (mut at, mut epoch) = ([Time::ZERO; 2], 0);
    for op in data.chunks_exact(6).take(2000) {
        let which = usize::from(op[0] & 3);
        let scale = [1, 7, 100, 10_000][usize::from(op[0] >> 2 & 3)];
        let step = i64::from(i16::from_be_bytes([op[1], op[2]])) * scale;
        let clock = &mut at[which / 2];
        *clock += Span::from_millis(step);
        let frame = Frame {
            dts: *clock,
            reorder: Span::from_millis(i64::from(op[3] as i8) * 8),
            is_sync: op[0] & 0x10 != 0,
            payload: Bytes::from(vec![7; usize::from(op[4])]),
            temporal: media::Temporal::BASE,
        };
        epoch += u32::from(op[0] & 0xe0 == 0xe0);
        packager.frame(now, &tracks[which], epoch, frame);
        match op[5] {
            0 => packager.away(now),
            1..200 => {}
            wait => {
                now += Duration::from_millis(u64::from(wait - 199) * 10);
                packager.timeout(now);
            }
        }
        for rendition in packager.presentation().renditions.borrow().iter() {
            holds(&rendition.window.borrow());
        }
        assert!(packager.deadline().is_none_or(|deadline| deadline > now));
    }
    packager.ended(now);
});
