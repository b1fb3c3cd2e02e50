//! What must hold of every window and every byte, whatever the publisher does.

use std::collections::BTreeMap;
use std::sync::Arc;

use media::{Kind, Span, Time};

use super::kit::{MS, kind_of};
use crate::{Segment, Window};

/// One sample as a player reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) is_sync: bool,
    pub(super) composition: i32,
}

/// Reads a fragment: number, decode time, samples.
pub(super) fn read(bytes: &[u8]) -> (u32, u64, Vec<Read>) {
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let long = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!(&bytes[4..8], b"moof");
    let moof = word(0) as usize;
    let sequence = word(20);
    let tfhd = 32;
    assert_eq!(&bytes[tfhd + 4..tfhd + 8], b"tfhd");
    let flags = word(tfhd + 8);
    assert_eq!(flags & 0x02_0001, 0x02_0000, "C2: base is moof, no base offset");
    let default_duration = if flags & 8 != 0 { word(tfhd + 16) } else { 0 };
    let tfdt = tfhd + word(tfhd) as usize;
    assert_eq!((&bytes[tfdt + 4..tfdt + 8], bytes[tfdt + 8]), (&b"tfdt"[..], 1));
    let time = long(tfdt + 12);
    let trun = tfdt + 20;
    assert_eq!((&bytes[trun + 4..trun + 8], bytes[trun + 8]), (&b"trun"[..], 1), "C5: signed offsets");
    let columns = word(trun + 8) & 0xffff;
    assert_eq!(word(trun + 16) as usize, moof + 8, "C2: data offset");
    let mut at = trun + 20;
    let samples: Vec<Read> = (0..word(trun + 12))
        .map(|_| {
            let mut field = |flag: u32| {
                let value = (columns & flag != 0).then(|| word(at));
                at += if value.is_some() { 4 } else { 0 };
                value
            };
            let duration = field(0x100).unwrap_or(default_duration);
            let size = field(0x200).unwrap();
            let is_sync = field(0x400).is_none_or(|flags| flags == 0x0200_0000);
            Read { duration, size, is_sync, composition: field(0x800).unwrap_or(0) as i32 }
        })
        .collect();
    assert_eq!(at, moof);
    let mdat = 8 + samples.iter().map(|sample| sample.size as usize).sum::<usize>();
    assert_eq!((&bytes[moof + 4..moof + 8], word(moof) as usize, bytes.len()), (&b"mdat"[..], mdat, moof + mdat));
    (sequence, time, samples)
}

/// All samples of a segment, in order.
pub(super) fn samples(segment: &Segment) -> Vec<Read> {
    segment.parts.iter().flat_map(|part| read(&part.bytes).2).collect()
}

/// By how much an init shows samples before their composition.
pub(super) fn delay(init: &[u8]) -> i64 {
    let edit = init.windows(4).position(|four| four == b"elst");
    edit.map_or(0, |at| i64::from_be_bytes(init[at + 20..at + 28].try_into().unwrap()))
}

/// Presentation times of all samples of segments, in ticks, in decode order.
pub(super) fn presented(segments: &[Arc<Segment>]) -> Vec<i64> {
    let mut times = Vec::new();
    for (part, init) in segments.iter().flat_map(|segment| segment.parts.iter().map(|part| (part, &segment.init))) {
        let (_, mut time, samples) = read(&part.bytes);
        for sample in samples {
            times.push(time as i64 + i64::from(sample.composition) - delay(&init.bytes));
            time += u64::from(sample.duration);
        }
    }
    times
}

/// What may differ between two windows of one rendition (RFC 8216bis §6.2.1).
pub(super) fn follows(before: &Window, after: &Window) {
    assert_eq!(before.target_duration_secs, after.target_duration_secs, "H7");
    assert_eq!(before.part_target, after.part_target, "H20");
    assert!(before.media_sequence() <= after.media_sequence(), "H8");
    assert!(before.discontinuity_sequence <= after.discontinuity_sequence, "H15");
    assert!(before.version <= after.version);
    if before.version == after.version {
        return;
    }
    for listed in after.segments.iter().filter(|listed| listed.msn < after.segments[0].msn) {
        assert!(before.segments.iter().any(|there| Arc::ptr_eq(there, listed)), "H18");
    }
    let Some(open) = before.open.as_ref().filter(|open| !open.parts.is_empty()) else { return };
    // Parts of the open segment stay, under the same numbers (H25, H26).
    let now = after.segments.iter().chain(&after.open).find(|segment| segment.msn == open.msn).expect("H26");
    assert!(now.parts.len() >= open.parts.len());
    for (before, after) in open.parts.iter().zip(&now.parts) {
        let same =
            (before.start, before.duration, before.independent) == (after.start, after.duration, after.independent);
        assert!(same && before.bytes == after.bytes, "H25");
    }
    assert_eq!((open.start, open.wall, open.discontinuity), (now.start, now.wall, now.discontinuity), "H23");
}

/// What must hold of everything that was ever listed.
pub(super) fn hold(seen: &BTreeMap<String, BTreeMap<u64, Arc<Segment>>>, windows: &BTreeMap<String, Arc<Window>>) {
    for (name, segments) in seen {
        let window = &windows[name];
        rendition(name, &segments.values().cloned().collect::<Vec<_>>(), window);
        assert!(window.open.is_none() && window.ended, "H17");
    }
    let targets: Vec<_> = windows.values().map(|window| (window.target_duration_secs, window.part_target)).collect();
    assert!(targets.windows(2).all(|two| two[0] == two[1]), "H7, H20");
    // The same number means the same stretch, and breaks stand at the same numbers (H15).
    for (a, first) in seen {
        for (b, second) in seen {
            for (msn, segment) in first {
                let Some(other) = second.get(msn) else { continue };
                assert_eq!(segment.discontinuity, other.discontinuity, "{a} and {b} at {msn}: H15");
            }
        }
    }
}

fn rendition(name: &str, segments: &[Arc<Segment>], window: &Window) {
    let is_video = kind_of(name) == Kind::Video;
    let longest = Span(i64::from(window.target_duration_secs) * 1000 * MS + 500 * MS);
    for two in segments.windows(2) {
        assert_eq!(two[0].msn + 1, two[1].msn, "{name}: numbers follow each other: {:?}", brief(segments));
        // A gap may be that of a rendition which counts in other frames.
        let most = if two[0].gap { 25 * MS } else { 2 };
        if !two[1].discontinuity {
            let end = two[0].start + two[0].duration;
            // One that joins while the others rest lists what they had, up to where they rest.
            let joined_at_rest = two[0].gap && end < two[1].start;
            assert!(
                joined_at_rest || end.since(two[1].start).abs().0 <= most,
                "{name} {}: C3, H13: {:?}",
                two[1].msn,
                brief(two)
            );
        } else {
            assert!(
                two[0].start + two[0].duration <= two[1].start + Span(most.max(MS)),
                "{name}: never back: {:?}",
                brief(two)
            );
        }
    }
    let mut last_sequence = 0;
    for segment in segments {
        let scale = segment.init.track.codec.timescale();
        assert!(
            segment.duration < longest,
            "{name}: H7 {:?} {:?}",
            brief(std::slice::from_ref(segment)),
            samples(segment)
        );
        assert!(segment.duration > Span::ZERO, "{name}");
        assert_eq!(segment.gap, segment.parts.is_empty(), "{name} {}", segment.msn);
        let mut time = segment.start.to_ticks(scale);
        for part in &segment.parts {
            let (sequence, decode_time, samples) = read(&part.bytes);
            assert!(sequence > last_sequence, "{name}: C2");
            last_sequence = sequence;
            assert_eq!(decode_time as i64, time, "{name} {}: C3", segment.msn);
            assert_eq!(part.start, Time::from_ticks(time, scale), "{name}");
            assert!(samples.iter().all(|sample| sample.duration > 0), "{name}: C6");
            let ticks: i64 = samples.iter().map(|sample| i64::from(sample.duration)).sum();
            assert_eq!(part.duration, Span::from_ticks(ticks, scale), "{name}: H25");
            assert_eq!(part.independent, samples.iter().any(|sample| sample.is_sync), "{name}: H24");
            time += ticks;
        }
        if !segment.gap {
            let ticks = time - segment.start.to_ticks(scale);
            assert_eq!(segment.duration, Span::from_ticks(ticks, scale), "{name} {}: H13", segment.msn);
            assert_eq!(segment.independent, samples(segment)[0].is_sync, "{name}: H12");
            assert!(is_video || segment.independent);
        }
    }
}

/// Parts of a steady stream: none above the target, none but the last of a segment below 85 % of it (H21).
pub(super) fn parts_are_full(segments: &[Arc<Segment>], window: &Window) {
    for segment in segments {
        for (index, part) in segment.parts.iter().enumerate() {
            assert!(part.duration <= window.part_target, "H21: {:?} in {}", part.duration, segment.msn);
            let is_last = index + 1 == segment.parts.len();
            let full = part.duration.0 * 100 >= window.part_target.0 * 85;
            assert!(full || is_last, "H21: {:?} of {:?} in {}", part.duration, window.part_target, segment.msn);
        }
    }
}

/// Segments, for a message.
fn brief(segments: &[Arc<Segment>]) -> Vec<(u64, Time, Span, bool, bool, u32)> {
    let one = |s: &Arc<Segment>| (s.msn, s.start, s.duration, s.gap, s.discontinuity, s.init.track.codec.timescale());
    segments.iter().map(one).collect()
}
