use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use media::{Catalog, Frame, Kind, Span, Time, Track, TrackId};

use crate::broadcast::State;
use crate::claim::{Claim, Dropped, Fate, Now, Rejected};
use crate::lane::Lane;
use crate::limits::Limits;
use crate::stats::Stats;
use crate::timeline::{Placed, Stamp, Timeline};
use crate::writer::{Cut, Writer};

/// How long tracks of an earlier publisher wait to be declared by the next one, from its first frame on.
const STALE: Duration = Duration::from_secs(2);
/// The wall clock is believed again at a publisher's return when it is off by more than this.
const WALL_STEP: Duration = Duration::from_secs(1);
/// Presentation lies at most this far after decoding; beyond it is a broken stamp.
const REORDER_MAX: Span = Span::from_millis(5000);

/// The publisher's side of a broadcast: who may write, the tracks' writing ends and the timeline.
pub(crate) struct Desk {
    /// Counts the publishers, so that an earlier one is told apart.
    pub(crate) generation: u64,
    /// Wall-clock time of zero on the timeline.
    pub(crate) began: SystemTime,
    claim: Claim,
    since: SystemTime,
    /// When this publisher came or last sent anything.
    last_seen: Instant,
    /// When the publisher was first seen to be gone.
    away_since: Option<Instant>,
    /// When this publisher's first frame came.
    first_frame: Option<Instant>,
    /// There may be tracks that an earlier publisher declared and this one did not yet.
    has_stale: bool,
    timeline: Timeline,
    writers: Vec<Writer>,
    cut: Cut,
    /// The timeline broke amid a group of video; it shows with the next, in all tracks at one point.
    breaks_next: bool,
    /// Counts the derived tracks, so that one whose id was taken is told apart.
    derived: u64,
}

impl Desk {
    pub(crate) fn new(claim: Claim, now: Now) -> Self {
        let timeline = Timeline::new(now.at);
        Self {
            generation: 0,
            began: began(&timeline, now),
            claim,
            since: now.wall,
            last_seen: now.at,
            away_since: None,
            first_frame: None,
            has_stale: false,
            timeline,
            writers: Vec::new(),
            cut: Cut::default(),
            breaks_next: false,
            derived: 0,
        }
    }

    /// True if viewers see other tracks than before.
    pub(crate) fn declare(&mut self, track: Track, limits: &Limits) -> Result<bool, Rejected> {
        if let Some(writer) = self.writers.iter_mut().find(|writer| writer.track.id == track.id) {
            if writer.derived.is_none() && writer.track.kind() == track.kind() {
                writer.is_stale = false;
                let is_new = *writer.track != track;
                if is_new {
                    self.timeline.describe(&track);
                    writer.redeclare(track);
                }
                return Ok(is_new);
            }
            self.remove(track.id);
        }
        if self.published().count() >= limits.tracks {
            self.retract_stale();
        }
        if self.published().count() >= limits.tracks {
            return Err(Rejected::TooManyTracks(limits.tracks));
        }
        self.timeline.describe(&track);
        self.writers.push(Writer::new(track, self.last_seen));
        Ok(true)
    }

    /// The tracks that are the publisher's own.
    fn published(&self) -> impl Iterator<Item = &Writer> {
        self.writers.iter().filter(|writer| writer.derived.is_none())
    }

    /// True if the publisher had such a track.
    pub(crate) fn retract(&mut self, id: TrackId) -> bool {
        let is_there = self.published().any(|writer| writer.track.id == id);
        is_there && self.remove(id)
    }

    fn remove(&mut self, id: TrackId) -> bool {
        let Some(index) = self.writers.iter().position(|writer| writer.track.id == id) else { return false };
        self.writers.remove(index).end();
        self.timeline.forget(id);
        true
    }

    fn retract_stale(&mut self) -> bool {
        let stale: Vec<_> =
            self.writers.iter().filter(|writer| writer.is_stale).map(|writer| writer.track.id).collect();
        stale.iter().for_each(|&id| {
            self.remove(id);
        });
        self.has_stale = false;
        !stale.is_empty()
    }

    /// Takes tracks away that an earlier publisher had and this one does not. True if there were any.
    pub(crate) fn sweep(&mut self, now: Instant) -> bool {
        let is_time = |first: Instant| now.saturating_duration_since(first) >= STALE;
        self.has_stale && self.first_frame.is_some_and(is_time) && self.retract_stale()
    }

    pub(crate) fn append(&mut self, id: TrackId, frame: Frame, at: Instant, limits: &Limits) -> Result<Fate, Rejected> {
        self.last_seen = self.last_seen.max(at);
        self.first_frame.get_or_insert(at);
        let leads = |writer: &Writer| writer.track.kind() == Kind::Video && writer.derived.is_none();
        let leader = self.writers.iter().position(leads);
        let is_video_open = leader.and_then(|leader| self.writers.get(leader)).is_some_and(Writer::is_open);
        let Some(index) = self.writers.iter().position(|writer| writer.track.id == id) else {
            return Err(Rejected::UnknownTrack);
        };
        let may_write = |writer: &&mut Writer| !writer.is_stale && writer.derived.is_none();
        let Some(writer) = self.writers.get_mut(index).filter(may_write) else {
            return Err(Rejected::UnknownTrack);
        };
        if let Some(fate) = writer.refuse_size(&frame, limits) {
            return Ok(fate);
        }
        let reorder = Span(frame.reorder.0.clamp(0, REORDER_MAX.0));
        let stamp = Stamp { dts: frame.dts, reorder, ticks: writer.track.codec.frame_ticks(&frame.payload) };
        let place = match self.timeline.place(id, stamp, at) {
            Placed::At(place) => place,
            Placed::Dropped(why) => return Ok(writer.drop_frame(why)),
        };
        writer.restamped += u64::from(place.restamped);
        if place.broke && is_video_open {
            self.breaks_next = true;
        } else if place.broke {
            self.cut.discontinuity += 1;
        }
        if leader == Some(index) && writer.is_start(&frame) {
            self.cut.video_groups += 1;
            self.cut.pictures = Some(place.dts);
            self.cut.discontinuity += u32::from(self.breaks_next);
            self.breaks_next = false;
        }
        let frame = Frame { dts: place.dts, reorder: place.reorder, ..frame };
        if leader.is_none() {
            self.cut.pictures = None;
        }
        Ok(writer.write(frame, self.cut, at, limits))
    }

    /// Takes in a track that is made of others, and says by what number its writer is known from now on.
    pub(crate) fn derive(&mut self, track: Track, limits: &Limits) -> Result<u64, Rejected> {
        if self.writers.iter().any(|writer| writer.track.id == track.id) {
            return Err(Rejected::TrackTaken);
        }
        if self.writers.len() - self.published().count() >= limits.tracks {
            return Err(Rejected::TooManyTracks(limits.tracks));
        }
        self.derived += 1;
        let mut writer = Writer::new(track, self.last_seen);
        writer.derived = Some(self.derived);
        self.writers.push(writer);
        Ok(self.derived)
    }

    fn derived(&mut self, number: u64) -> Result<&mut Writer, Rejected> {
        let found = self.writers.iter_mut().find(|writer| writer.derived == Some(number));
        found.ok_or(Rejected::UnknownTrack)
    }

    /// Appends a frame of a derived track: its time is the broadcast's own already.
    pub(crate) fn append_derived(
        &mut self,
        number: u64,
        frame: Frame,
        discontinuity: u32,
        at: Instant,
        limits: &Limits,
    ) -> Result<Fate, Rejected> {
        let cut = Cut { discontinuity, ..self.cut };
        let writer = self.derived(number)?;
        if let Some(fate) = writer.refuse_size(&frame, limits) {
            return Ok(fate);
        }
        if frame.dts < Time::ZERO || writer.newest().is_some_and(|newest| frame.dts <= newest) {
            return Ok(writer.drop_frame(Dropped::Overlap));
        }
        Ok(writer.write(frame, cut, at, limits))
    }

    /// Other parameters for a derived track. True if they differ.
    pub(crate) fn redeclare_derived(&mut self, number: u64, track: Track) -> Result<bool, Rejected> {
        let writer = self.derived(number)?;
        let track = Track { id: writer.track.id, ..track };
        if track.kind() != writer.track.kind() {
            return Err(Rejected::UnknownTrack);
        }
        let is_new = *writer.track != track;
        if is_new {
            writer.redeclare(track);
        }
        Ok(is_new)
    }

    /// True if that derived track was there.
    pub(crate) fn retract_derived(&mut self, number: u64) -> bool {
        let id = self.derived(number).map(|writer| writer.track.id);
        id.is_ok_and(|id| self.remove(id))
    }

    /// The publisher is gone; its grace begins when somebody looks at the clock.
    pub(crate) fn leave(&mut self) {
        self.away_since = None;
    }

    /// When the grace of a publisher who is away ends.
    pub(crate) fn grace_ends(&mut self, now: Instant, limits: &Limits) -> Instant {
        *self.away_since.get_or_insert(now) + limits.grace
    }

    pub(crate) fn is_silent(&self, now: Instant, limits: &Limits) -> bool {
        now.saturating_duration_since(self.last_seen) >= limits.takeover_after
    }

    /// Another publisher goes on with this broadcast: later on the same timeline, after one break (A8).
    pub(crate) fn take(&mut self, claim: Claim, now: Now) {
        self.generation += 1;
        self.claim = claim;
        self.since = now.wall;
        self.last_seen = now.at;
        self.away_since = None;
        self.first_frame = None;
        self.has_stale = true;
        if self.timeline.restart() {
            self.cut.discontinuity += 1;
        }
        self.breaks_next = false;
        // Derived tracks follow their sources, whoever publishes those.
        for writer in self.writers.iter_mut().filter(|writer| writer.derived.is_none()) {
            writer.close();
            writer.is_stale = true;
        }
        let began = began(&self.timeline, now);
        let step = began.duration_since(self.began).unwrap_or_else(|back| back.duration());
        if step > WALL_STEP {
            self.began = began;
        }
    }

    pub(crate) fn end(&mut self) {
        self.writers.iter_mut().for_each(Writer::end);
    }

    pub(crate) fn catalog(&self) -> Catalog {
        Catalog { tracks: self.writers.iter().map(|writer| writer.track.clone()).collect() }
    }

    pub(crate) fn lanes(&self) -> Vec<Arc<Lane>> {
        self.writers.iter().map(|writer| writer.lane.clone()).collect()
    }

    pub(crate) fn stats(&self, state: State, now: Instant) -> Stats {
        Stats {
            state,
            publisher: self.claim.clone(),
            since: self.since,
            discontinuities: self.cut.discontinuity,
            tracks: self.writers.iter().map(|writer| writer.stats(now)).collect(),
        }
    }
}

/// The wall-clock time of zero on a timeline, by what the wall clock says now.
fn began(timeline: &Timeline, now: Now) -> SystemTime {
    now.wall.checked_sub(timeline.age(now.at).to_duration()).unwrap_or(SystemTime::UNIX_EPOCH)
}
