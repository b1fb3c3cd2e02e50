use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use media::{Frame, Kind, Span, Time, Track};

use crate::claim::{Dropped, Fate};
use crate::group::{Group, GroupHead};
use crate::lane::Lane;
use crate::limits::Limits;
use crate::stats::{Drops, Meter, TrackStats};

/// Sound is cut into groups of about this length.
const SOUND_GROUP: Span = Span::from_millis(500);

/// The writing end of a track: cuts groups and keeps them within bounds.
pub(crate) struct Writer {
    pub(crate) lane: Arc<Lane>,
    /// As declared last; holds from the next group on.
    pub(crate) track: Arc<Track>,
    /// Declared by an earlier publisher and not yet again by this one.
    pub(crate) is_stale: bool,
    /// Written not by the publisher but by whoever has that number.
    pub(crate) derived: Option<u64>,
    open: Option<Open>,
    awaits_sync: bool,
    /// Sequence of the next group.
    sequence: u64,
    /// What the lane keeps, oldest first; the last is the newest group.
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    newest: Option<Time>,
    interval: Option<Span>,
    meter: Meter,
    pub(crate) restamped: u64,
    drops: Drops,
}

/// The group that frames go into.
struct Open {
    group: Arc<Group>,
    frames: usize,
    cut: Cut,
}

struct Kept {
    start: Time,
    bytes: usize,
}

/// What makes a track begin a new group besides its own frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Breaks of the timeline so far.
    pub(crate) discontinuity: u32,
    /// Groups that the leading video has begun; sound is cut where it is.
    pub(crate) video_groups: u64,
    /// When the newest group of the leading pictures begins: sound is kept from there on, so that who begins with those
    /// pictures hears them, however long the group.
    pub(crate) pictures: Option<Time>,
}

impl Writer {
    pub(crate) fn new(track: Track, at: Instant) -> Self {
        Self {
            lane: Arc::new(Lane::new(track.id, track.kind())),
            track: Arc::new(track),
            is_stale: false,
            derived: None,
            open: None,
            awaits_sync: true,
            sequence: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            newest: None,
            interval: None,
            meter: Meter::new(at),
            restamped: 0,
            drops: Drops::default(),
        }
    }

    fn is_video(&self) -> bool {
        self.lane.kind == Kind::Video
    }

    /// Other parameters, from the next group on.
    pub(crate) fn redeclare(&mut self, track: Track) {
        if self.is_video() && self.track.codec != track.codec {
            self.awaits_sync = true;
        }
        self.track = Arc::new(track);
    }

    /// Whether a group is open, so that a break of the timeline shows only with the next one.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Closes the open group; only a frame at which a viewer may start opens another.
    pub(crate) fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.group.close();
        }
        self.awaits_sync = true;
    }

    pub(crate) fn end(&mut self) {
        self.close();
        self.lane.end();
    }

    /// Counts a frame that nobody will see, and sees to it that nothing builds on it.
    pub(crate) fn drop_frame(&mut self, why: Dropped) -> Fate {
        self.drops.count(why);
        self.awaits_sync |= self.is_video();
        Fate::Dropped(why)
    }

    /// Drops a frame that alone is larger than a group may be, or empty.
    pub(crate) fn refuse_size(&mut self, frame: &Frame, limits: &Limits) -> Option<Fate> {
        if frame.payload.is_empty() {
            // It says nothing, so nothing builds on it.
            self.drops.count(Dropped::BadSize);
            return Some(Fate::Dropped(Dropped::BadSize));
        }
        (frame.payload.len() > limits.group_bytes).then(|| self.drop_frame(Dropped::BadSize))
    }

    /// Decode time of the newest frame.
    pub(crate) fn newest(&self) -> Option<Time> {
        self.newest
    }

    /// Whether that frame would begin a group by itself.
    pub(crate) fn is_start(&self, frame: &Frame) -> bool {
        self.is_video() && frame.is_sync
    }

    /// Appends a frame that has its place on the timeline.
    pub(crate) fn write(&mut self, frame: Frame, cut: Cut, at: Instant, limits: &Limits) -> Fate {
        let size = frame.payload.len();
        let is_too_long = self.is_too_long(&frame, limits);
        let begins = match (&self.open, self.is_video()) {
            (_, true) => frame.is_sync,
            (None, false) => true,
            (Some(open), false) => {
                let head = &open.group.head;
                let is_due = frame.dts.since(head.start) >= SOUND_GROUP;
                is_due || is_too_long || open.cut != cut || head.track != self.track
            }
        };
        if begins {
            self.begin(frame.dts, cut);
        } else if self.awaits_sync {
            return self.drop_frame(Dropped::AwaitingSync);
        } else if is_too_long {
            self.close();
            return self.drop_frame(Dropped::GroupTooLong);
        }
        let Some(open) = &mut self.open else { return self.drop_frame(Dropped::AwaitingSync) };
        self.newest = Some(frame.dts);
        open.group.write(open.frames, frame);
        open.frames += 1;
        if begins {
            self.lane.open(open.group.clone());
        }
        if let Some(newest) = self.kept.back_mut() {
            newest.bytes += size;
        }
        self.kept_bytes += size;
        self.meter.count(size, at);
        self.evict(limits, cut.pictures);
        self.lane.ring();
        Fate::Kept
    }

    fn is_too_long(&self, frame: &Frame, limits: &Limits) -> bool {
        let (Some(open), Some(kept)) = (&self.open, self.kept.back()) else { return false };
        open.frames >= limits.group_frames.min(Group::CAPACITY)
            || kept.bytes + frame.payload.len() > limits.group_bytes
            || frame.dts.since(kept.start) > Span::from(limits.group_age)
    }

    /// Closes the open group and makes the next, which readers see with its first frame.
    fn begin(&mut self, start: Time, cut: Cut) {
        self.close();
        self.awaits_sync = false;
        self.interval = self.kept.back().map(|last| start.since(last.start));
        let head =
            GroupHead { sequence: self.sequence, track: self.track.clone(), discontinuity: cut.discontinuity, start };
        self.sequence += 1;
        self.open = Some(Open { group: Arc::new(Group::new(head)), frames: 0, cut });
        self.kept.push_back(Kept { start, bytes: 0 });
    }

    /// Lets old groups go until the track is within its bounds, or only the newest is left.
    fn evict(&mut self, limits: &Limits, pictures: Option<Time>) {
        let Some(newest) = self.newest else { return };
        let mut gone = 0;
        let pictures = pictures.filter(|_| !self.is_video());
        // A group ends where the next one starts.
        while let (Some(oldest), Some(next)) = (self.kept.front(), self.kept.get(1)) {
            let is_old = newest.since(next.start) > Span::from(limits.track_age)
                && pictures.is_none_or(|pictures| next.start <= pictures);
            if !is_old && self.kept.len() <= limits.track_groups && self.kept_bytes <= limits.track_bytes {
                break;
            }
            self.kept_bytes -= oldest.bytes;
            self.kept.pop_front();
            gone += 1;
        }
        if gone > 0 {
            self.lane.evict(gone);
        }
    }

    pub(crate) fn stats(&self, now: Instant) -> TrackStats {
        let (bitrate_bps, frame_rate) = self.meter.rates(now);
        TrackStats {
            track: self.track.clone(),
            frames: self.meter.frames,
            bytes: self.meter.bytes,
            bitrate_bps,
            frame_rate,
            group_interval: self.interval,
            newest: self.newest,
            awaits_sync: self.awaits_sync && self.is_video(),
            restamped: self.restamped,
            drops: self.drops,
            subscribers: self.lane.readers.load(Ordering::Relaxed),
        }
    }
}
