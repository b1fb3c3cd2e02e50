use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use media::{Path, Span, Time};

use super::write::Mpd;
use crate::Init;

/// An MPD at one moment. A value: a change makes a new one (D5).
#[derive(Debug)]
pub struct Manifest {
    /// Rises with every change.
    pub(super) version: u64,
    /// When this content came to be: `publishTime`.
    pub(super) published: SystemTime,
    pub(super) body: Body,
}

/// Everything that a manifest says except when it began to say so.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Body {
    pub(super) path: Path,
    pub(super) era: String,
    /// `availabilityStartTime`: the wall clock of `Time::ZERO`.
    pub(super) zero: SystemTime,
    /// The broadcast is over: nothing will be added after this (D13).
    pub(super) ended: bool,
    /// Every period is: the manifest then hardly changes.
    pub(super) numbered: bool,
    /// How far back players may go, whole seconds.
    pub(super) depth_secs: u64,
    /// No segment is longer.
    pub(super) longest: Span,
    /// How far behind the live edge a player that knows nothing better should stay.
    pub(super) delay: Span,
    /// How far behind a low-latency player should stay.
    pub(super) latency: Latency,
    pub(super) periods: Vec<Period>,
}

/// `ServiceDescription/Latency` (D10), milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latency {
    pub(super) target_ms: i64,
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
}

/// A stretch in which nothing changes but the number of segments.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Period {
    /// Number of its first segment; names it for ever.
    pub(super) id: u64,
    /// When its first segment is presented.
    pub(super) start: Time,
    /// Media time of its first segment.
    pub(super) origin: Time,
    /// Known once the next one has begun, or the broadcast has ended.
    pub(super) end: Option<Time>,
    /// The period before, when nothing changed from there to here that a decoder would notice.
    pub(super) continues: Option<u64>,
    pub(super) sets: Vec<Set>,
}

/// An `AdaptationSet`: renditions between which a player may switch freely.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Set {
    /// Every segment starts with a sync frame (D12).
    pub(super) independent: bool,
    pub(super) representations: Vec<Representation>,
}

/// One rendition as one period knows it.
#[derive(Clone, Debug)]
pub(super) struct Representation {
    pub(super) name: String,
    pub(super) init: Arc<Init>,
    pub(super) bandwidth: u64,
    /// How much earlier than complete a segment can be asked for (D9).
    pub(super) offset: Span,
    pub(super) segments: Segments,
}

/// How a rendition's segments are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segments {
    /// Segment `first + k` starts `k * every` ticks after the period.
    Numbered { first: u64, every: i64 },
    /// One after the other from `first`, each with its start and length in ticks.
    Listed { first: u64, entries: Vec<Entry> },
}

/// One segment of a timeline, in ticks of the rendition's media timescale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Equals the segment's `tfdt` (D4).
    pub(super) start: i64,
    pub(super) ticks: i64,
}

impl PartialEq for Representation {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.init.number == other.init.number
            && self.init.track == other.init.track
            && self.bandwidth == other.bandwidth
            && self.offset == other.offset
            && self.segments == other.segments
    }
}

impl Manifest {
    /// How often players look for news.
    pub fn update_period(&self) -> Duration {
        Duration::from_secs(if self.body.numbered { 2 } else { 1 })
    }

    /// How long a cache may keep the manifest, in whole seconds: at most half of [`Self::update_period`] (D14).
    pub fn max_age_secs(&self) -> u32 {
        if self.body.numbered { 1 } else { 0 }
    }

    /// Rises with every change of what the manifest says.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The broadcast is over and this is its last manifest.
    pub fn ended(&self) -> bool {
        self.body.ended
    }

    /// Displays as the XML, with the key that media addresses must carry, on a path that asks for one.
    pub fn text<'a>(&'a self, key: Option<&'a str>) -> impl fmt::Display + use<'a> {
        Mpd { manifest: self, key }
    }
}
