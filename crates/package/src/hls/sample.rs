//! Windows to try playlists on.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use media::codec::{Aac, Avc, Codec, Picture, Sound};
use media::{Language, Span, Time, Track, TrackId};

use crate::{Init, Part, Segment, Window};

/// A window of two-second segments in ten parts each.
pub(super) struct Shape {
    pub(super) codec: Codec,
    /// Sequence number of the first segment.
    pub(super) first: u64,
    /// Complete segments.
    pub(super) segments: u64,
    /// Parts that the open one has so far.
    pub(super) open_parts: usize,
    /// Sequence number of a segment before which the publisher came back with other parameters.
    pub(super) breaks_at: Option<u64>,
    /// Sequence number of a segment that was never filled.
    pub(super) gap_at: Option<u64>,
}

impl Default for Shape {
    fn default() -> Self {
        Self { codec: avc(), first: 0, segments: 5, open_parts: 0, breaks_at: None, gap_at: None }
    }
}

pub(super) const PARTS: usize = 10;
const PART: Span = Span::from_millis(200);

pub(crate) fn avc() -> Codec {
    let picture =
        Picture { width: 1280, height: 720, pixel_aspect: (1, 1), frame_rate: Some((30_000, 1001)), colour: None };
    Codec::Avc(Avc {
        sps: Vec::new(),
        pps: Vec::new(),
        profile: 0x64,
        constraints: 0,
        level: 0x1f,
        chroma_format: 1,
        luma_depth: 8,
        chroma_depth: 8,
        reorder_frames: None,
        picture,
    })
}

pub(crate) fn aac(channels: u16) -> Codec {
    let sound = Sound { rate: 48_000, channels };
    let config = Bytes::from_static(&[0x11, 0x90]);
    Codec::Aac(Aac { config, object_type: 2, core_rate: 48_000, frame_samples: 1024, sound })
}

pub(crate) fn track(id: u16, codec: Codec, language: Option<&str>) -> Arc<Track> {
    Arc::new(Track { language: language.and_then(Language::try_from_tag), ..Track::source(TrackId(id), codec) })
}

fn segment(shape: &Shape, msn: u64, parts: usize) -> Arc<Segment> {
    let late = shape.breaks_at.is_some_and(|at| msn >= at);
    let init =
        Init { number: late.into(), track: track(0, shape.codec.clone(), None), bytes: Bytes::from_static(b"init") };
    let start = Time(i64::try_from(msn).unwrap() * PART.0 * PARTS as i64);
    let gap = shape.gap_at == Some(msn);
    let part = |index: usize| Part {
        start: Time(start.0 + PART.0 * index as i64),
        duration: PART,
        independent: index == 0 || matches!(shape.codec, Codec::Aac(_)),
        bytes: format!("{msn}.{index};").into(),
    };
    Arc::new(Segment {
        msn,
        init: Arc::new(init),
        start,
        wall: UNIX_EPOCH + Duration::from_secs(1_795_230_900) + Duration::from_nanos(start.0.unsigned_abs()),
        duration: Span(PART.0 * parts as i64),
        discontinuity: shape.breaks_at == Some(msn),
        gap,
        independent: true,
        parts: if gap { Vec::new() } else { (0..parts).map(|index| Arc::new(part(index))).collect() },
        whole: None,
    })
}

pub(super) fn window(shape: &Shape) -> Window {
    let open = shape.first + shape.segments;
    Window {
        version: open * 100 + shape.open_parts as u64 + 1,
        segments: (shape.first..open).map(|msn| segment(shape, msn, PARTS)).collect(),
        open: Some(segment(shape, open, shape.open_parts)),
        discontinuity_sequence: 40 + u64::from(shape.breaks_at.is_some_and(|at| at < shape.first)),
        target_duration_secs: 2,
        part_target: PART,
        independent_segments: true,
        ended: false,
    }
}

/// The same, over.
pub(super) fn ended(shape: &Shape) -> Window {
    Window { open: None, ended: true, ..window(shape) }
}
