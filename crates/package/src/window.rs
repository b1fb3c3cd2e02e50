use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use media::{Span, Time, Track};

/// An initialization segment (`ftyp` + `moov`) and what it initializes.
#[derive(Debug)]
pub struct Init {
    /// Counts the inits of one rendition from 0; part of its address.
    pub number: u32,
    /// Codec and parameters that it carries.
    pub track: Arc<Track>,
    /// The box bytes.
    pub bytes: Bytes,
}

/// A CMAF chunk, about 200 ms: `moof` + `mdat`, the unit in which players follow the live edge.
#[derive(Debug)]
pub struct Part {
    /// Decode time of the first sample.
    pub start: Time,
    /// Sum of the samples' durations.
    pub duration: Span,
    /// Holds a frame at which a decoder may start (H24); always true for audio.
    pub independent: bool,
    /// The box bytes.
    pub bytes: Bytes,
}

/// About two seconds of one rendition: consecutive parts under one sequence number.
///
/// While it is the open one its parts grow from snapshot to snapshot; afterwards it never changes.
#[derive(Debug)]
pub struct Segment {
    /// Media sequence number, equal in all renditions of a presentation for the same stretch of time.
    pub msn: u64,
    /// The init that a decoder needs for it.
    pub init: Arc<Init>,
    /// Decode time of the first sample.
    pub start: Time,
    /// Wall-clock time of `start`, for EXT-X-PROGRAM-DATE-TIME.
    pub wall: SystemTime,
    /// Sum of the parts' durations; of an open segment, so far.
    pub duration: Span,
    /// The timeline breaks before this segment: EXT-X-DISCONTINUITY (H15).
    pub discontinuity: bool,
    /// Nothing was there to fill it (EXT-X-GAP); `parts` is empty and `duration` is the hole's.
    pub gap: bool,
    /// Starts with a sync frame.
    pub independent: bool,
    /// In order. Their bytes, joined, are the bytes of the segment (H25).
    pub parts: Vec<Arc<Part>>,
    /// Of a complete segment, all its bytes in one piece; the parts are slices of it. Who wants the whole then gets it in
    /// as few writes as the socket allows.
    pub whole: Option<Bytes>,
}

impl Segment {
    /// Lays the bytes of all parts into one piece, once there will be no more of them.
    #[must_use]
    pub fn joined(mut self) -> Self {
        let mut whole = Vec::with_capacity(self.len_bytes());
        for part in &self.parts {
            whole.extend_from_slice(&part.bytes);
        }
        let whole = Bytes::from(whole);
        let mut at = 0;
        for part in &mut self.parts {
            let end = at + part.bytes.len();
            let Part { start, duration, independent, .. } = **part;
            *part = Arc::new(Part { start, duration, independent, bytes: whole.slice(at..end) });
            at = end;
        }
        self.whole = (!whole.is_empty()).then_some(whole);
        self
    }

    /// Its bytes in as few pieces as there are.
    pub fn pieces(&self) -> Vec<Bytes> {
        match &self.whole {
            Some(whole) => vec![whole.clone()],
            None => self.parts.iter().map(|part| part.bytes.clone()).collect(),
        }
    }

    /// Bytes of all parts together.
    pub fn len_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.bytes.len()).sum()
    }
}

/// One rendition at one moment. A value: every change makes a new one, so a reader never sees a
/// torn playlist (H18).
#[derive(Debug)]
pub struct Window {
    /// Rises with every change of this rendition.
    pub version: u64,
    /// Listed segments, oldest first, all complete.
    pub segments: Vec<Arc<Segment>>,
    /// The segment in the making, with the parts it has so far; `None` before the first and after the last.
    pub open: Option<Arc<Segment>>,
    /// EXT-X-DISCONTINUITY-SEQUENCE of the first listed segment.
    pub discontinuity_sequence: u64,
    /// EXT-X-TARGETDURATION in whole seconds; the same for ever and in every rendition (H7).
    pub target_duration_secs: u32,
    /// EXT-X-PART-INF PART-TARGET; the same for ever (H20).
    pub part_target: Span,
    /// Every listed segment starts with a sync frame (H12).
    pub independent_segments: bool,
    /// The broadcast is over: EXT-X-ENDLIST.
    pub ended: bool,
}

impl Window {
    /// EXT-X-MEDIA-SEQUENCE: the number of the first listed segment.
    pub fn media_sequence(&self) -> u64 {
        self.segments.first().or(self.open.as_ref()).map_or(0, |segment| segment.msn)
    }
}
