use std::sync::Arc;
use std::time::Instant;

use media::codec::avc;
use media::{Codec, Frame, Kind, Span, Time, Track, TrackId};

use super::plan::Pace;

/// A frame with what the hub said about it and when it came.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) track: Arc<Track>,
    /// How often the hub's timeline had broken.
    pub(super) epoch: u32,
    pub(super) frame: Frame,
}

/// The first frames, kept until the plan is made.
#[derive(Debug, Default)]
pub(super) struct Prelude {
    arrivals: Vec<Arrival>,
    bytes: usize,
    /// Pictures came, but none to start with (A11).
    pub(super) without_keyframe: bool,
}

/// Beyond this the plan is made with what there is.
const MOST_BYTES: usize = 64 << 20;
const MOST_FRAMES: usize = 8192;

impl Prelude {
    /// Keeps a frame, unless no decoder could start with it.
    pub(super) fn push(&mut self, arrival: Arrival) {
        let id = arrival.track.id;
        let is_late = self.arrivals.iter().any(|earlier| earlier.track.id == id);
        if arrival.track.kind() == Kind::Video && !arrival.frame.is_sync && !is_late {
            self.without_keyframe = true;
            return;
        }
        self.bytes = self.bytes.saturating_add(arrival.frame.payload.len());
        self.arrivals.push(arrival);
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes > MOST_BYTES || self.arrivals.len() > MOST_FRAMES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }

    /// How long it has lasted, by the clock or by the frames' own times, whichever is more.
    pub(super) fn waited(&self, now: Instant) -> Span {
        let by_clock = self.arrivals.first().map(|first| Span::from(now.saturating_duration_since(first.at)));
        let times = || self.arrivals.iter().map(|arrival| arrival.frame.dts);
        let by_frames = times().max().zip(times().min()).map(|(newest, oldest)| newest.since(oldest));
        by_clock.max(by_frames).unwrap_or_default()
    }

    /// When the first frame came.
    pub(super) fn since(&self) -> Option<Instant> {
        self.arrivals.first().map(|first| first.at)
    }

    /// The video track that leads, once it has a frame to start with: the one of the lowest number.
    pub(super) fn leading_video(&self) -> Option<TrackId> {
        let ids = self.arrivals.iter().filter(|arrival| arrival.track.kind() == Kind::Video);
        ids.map(|arrival| arrival.track.id).min()
    }

    /// The track of that kind with the lowest number, once it has a frame.
    pub(super) fn first_of(&self, kind: Kind) -> Option<TrackId> {
        self.arrivals.iter().filter(|arrival| arrival.track.kind() == kind).map(|arrival| arrival.track.id).min()
    }

    /// How long one frame of each audio track plays.
    pub(super) fn sound_steps(&self) -> Vec<Span> {
        let mut steps: Vec<Span> = self
            .arrivals
            .iter()
            .filter_map(|arrival| {
                let codec = &arrival.track.codec;
                let ticks = codec.frame_ticks(&arrival.frame.payload)?;
                Some(Span::from_ticks(ticks.into(), codec.timescale())).filter(|step| step.0 > 0)
            })
            .collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// What the frames of a video track say about its pace.
    pub(super) fn pace(&self, id: TrackId) -> Pace {
        let of_track = || self.arrivals.iter().filter(|arrival| arrival.track.id == id);
        let frames: Vec<(Time, bool)> = of_track().map(|arrival| (arrival.frame.dts, arrival.frame.is_sync)).collect();
        let track = of_track().next().map(|arrival| &arrival.track.codec);
        let claimed = track.and_then(|codec| codec.picture()?.frame_rate);
        let keyint = of_track().filter(|arrival| arrival.frame.is_sync).find_map(|arrival| match arrival.track.codec {
            Codec::Avc(_) => avc::x264_keyint(&arrival.frame.payload),
            _ => None,
        });
        Pace::of(&frames, claimed, keyint)
    }

    /// Tracks in the order in which they delivered.
    pub(super) fn tracks(&self) -> Vec<Arc<Track>> {
        let mut tracks: Vec<Arc<Track>> = Vec::new();
        for arrival in &self.arrivals {
            if !tracks.iter().any(|track| track.id == arrival.track.id) {
                tracks.push(arrival.track.clone());
            }
        }
        tracks
    }

    /// The frames in the order in which they came.
    pub(super) fn into_arrivals(self) -> Vec<Arrival> {
        self.arrivals
    }
}
