use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hub::{From, State, Watching};
use media::{Catalog, Frame, Kind, Time, Track};
use wire::flv::{Coding, Head, TagKind, metadata};

use super::choice::{Choice, Chooser};
use super::source::{Fill, Source};

/// How often it is said that somebody watches.
const SAY: Duration = Duration::from_secs(5);
/// How often a track is looked for that is missing, if nothing in the catalog changes.
const LOOK: Duration = Duration::from_secs(1);
/// How long a player stays with a broadcast that has nothing for it.
const NOTHING: Duration = Duration::from_secs(10);
/// Milliseconds, as FLV counts.
const SCALE: u32 = 1000;

/// One player's way through a broadcast.
pub struct Viewer {
    chooser: Chooser,
    /// Counts it among those who watch.
    _watching: Watching,
    video: Lane,
    audio: Lane,
    /// The time that the player calls zero.
    origin_ms: Option<i64>,
    queue: VecDeque<Tag>,
    seen: Arc<Catalog>,
    said: Instant,
    looked: Instant,
    nothing_since: Option<Instant>,
    is_paused: bool,
    has_ended: bool,
    skips: u64,
}

/// One kind of track.
#[derive(Default)]
struct Lane {
    source: Option<Source>,
    /// The player does not want to receive it for now.
    is_off: bool,
    /// Where the last frame stood, on the timeline and in the player's time.
    last: Option<(Time, i64)>,
    /// How that frame was written.
    coding: Option<Coding>,
}

/// One message: what stands before its payload, and the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// What it is.
    pub kind: TagKind,
    /// Milliseconds since the player began, in 32 bits that wrap (A1).
    pub timestamp: u32,
    /// The beginning of its body.
    pub head: Head,
    /// The rest of its body, shared.
    pub payload: Bytes,
}

/// What a viewer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// The next message.
    Tag(Tag),
    /// Nothing for now.
    Wait,
    /// The broadcast is over, or has had nothing for this player for long.
    Ended,
}

impl Viewer {
    pub(super) fn new(
        chooser: Chooser,
        proto: &'static str,
        video: Option<Source>,
        audio: Option<Source>,
        now: Instant,
    ) -> Self {
        let seen = chooser.broadcast.catalog();
        let watching = chooser.broadcast.watch(proto);
        Self {
            chooser,
            _watching: watching,
            video: Lane { source: video, ..Lane::default() },
            audio: Lane { source: audio, ..Lane::default() },
            origin_ms: None,
            queue: VecDeque::new(),
            seen,
            said: now,
            looked: now,
            nothing_since: None,
            is_paused: false,
            has_ended: false,
            skips: 0,
        }
    }

    /// As if it had been watching since so many milliseconds before the timeline's zero.
    #[cfg(test)]
    pub(super) fn began_before_ms(&mut self, ms: i64) {
        self.origin_ms = Some(-ms);
    }

    /// Whether there are pictures and sound at present.
    pub fn has(&self, kind: Kind) -> bool {
        self.lane(kind).source.is_some()
    }

    /// Which tracks it shows at present, pictures first.
    pub fn tracks(&self) -> impl Iterator<Item = &Arc<Track>> {
        let forms = [&self.video, &self.audio].into_iter().filter_map(|lane| lane.source.as_ref()?.form());
        forms.map(|form| &form.track)
    }

    /// How often it was too slow and went on at the newest keyframe.
    pub fn skips(&self) -> u64 {
        self.skips
    }

    /// Shows nothing for now; afterwards goes on with what is live then.
    pub fn pause(&mut self, is_paused: bool) {
        if self.is_paused && !is_paused {
            self.rejoin(&[Kind::Video, Kind::Audio]);
        }
        self.is_paused = is_paused;
    }

    /// Shows pictures or sound, or no more.
    pub fn receive(&mut self, kind: Kind, is_wanted: bool) {
        let was_off = std::mem::replace(&mut self.lane_mut(kind).is_off, !is_wanted);
        if was_off && is_wanted {
            self.rejoin(&[kind]);
        }
    }

    /// The next message that is there; never waits.
    pub fn poll(&mut self, now: Instant) -> Polled {
        loop {
            if let Some(tag) = self.queue.pop_front() {
                return Polled::Tag(tag);
            }
            if self.has_ended {
                return Polled::Ended;
            }
            if !self.advance(now) {
                return Polled::Wait;
            }
        }
    }

    /// Waits until there may be more than was polled. Poll again after a moment at the latest: sound alone wakes nobody
    /// who has pictures, so that both go together.
    pub async fn wait(&mut self) {
        let is_paused = self.is_paused;
        let lanes = [&mut self.video, &mut self.audio].into_iter().filter(|lane| !lane.is_off && !is_paused);
        match lanes.filter_map(|lane| lane.source.as_mut()).next() {
            Some(source) => source.wait().await,
            None => std::future::pending().await,
        }
    }

    /// Does one step; false if there is none to do.
    fn advance(&mut self, now: Instant) -> bool {
        if self.is_paused {
            return self.rest(now);
        }
        let video = self.fill(Kind::Video);
        if let (Fill::Frame(time), Some(source)) = (video, &mut self.video.source)
            && source.has_skipped()
        {
            self.skips += 1;
            // What was heard meanwhile is as late as what was seen.
            if let Some(sound) = &mut self.audio.source {
                sound.skip_to(time);
            }
        }
        let audio = self.fill(Kind::Audio);
        let kind = match (video, audio) {
            (Fill::Frame(video), Fill::Frame(audio)) if audio < video => Kind::Audio,
            (Fill::Frame(_), _) => Kind::Video,
            (_, Fill::Frame(_)) => Kind::Audio,
            _ => return self.rest(now),
        };
        self.show(kind);
        true
    }

    fn fill(&mut self, kind: Kind) -> Fill {
        let lane = self.lane_mut(kind);
        let Some(source) = lane.source.as_mut().filter(|_| !lane.is_off) else { return Fill::Empty };
        let fill = source.fill();
        if fill == Fill::Gone {
            lane.source = None;
        }
        fill
    }

    /// What is to be done while there is nothing to show.
    fn rest(&mut self, now: Instant) -> bool {
        let state = self.chooser.broadcast.state();
        if state == State::Ended {
            self.end();
            return true;
        }
        if now.saturating_duration_since(self.said) >= SAY {
            self.said = now;
            self.chooser.demand.watched(&self.chooser.broadcast);
        }
        let catalog = self.chooser.broadcast.catalog();
        let is_due = now.saturating_duration_since(self.looked) >= LOOK;
        if !Arc::ptr_eq(&catalog, &self.seen) || is_due {
            (self.seen, self.looked) = (catalog, now);
            if self.look() {
                self.nothing_since = None;
                return true;
            }
        }
        let has_any = self.video.source.is_some() || self.audio.source.is_some();
        if has_any || state == State::Away {
            self.nothing_since = None;
        } else if now.saturating_duration_since(*self.nothing_since.get_or_insert(now)) >= NOTHING {
            self.end();
            return true;
        }
        false
    }

    /// Looks for tracks that are missing; true if one was found.
    fn look(&mut self) -> bool {
        let mut has_found = false;
        if self.video.source.is_none()
            && let Choice::Track(track, takes) = self.chooser.video()
        {
            let not_before = self.not_before(&self.video);
            self.video.source = Source::follow(&self.chooser.broadcast, &track, takes, From::Newest, not_before);
            has_found |= self.video.source.is_some();
        }
        if self.audio.source.is_none() {
            let video = self.video.source.as_ref().and_then(|source| Some(source.form()?.track.clone()));
            if let Choice::Track(track, takes) = self.chooser.audio(video.as_deref()) {
                let not_before = self.not_before(&self.audio);
                self.audio.source = Source::follow(&self.chooser.broadcast, &track, takes, From::Newest, not_before);
                has_found |= self.audio.source.is_some();
            }
        }
        has_found
    }

    /// Where a new source of that lane may begin: behind what was shown of it.
    fn not_before(&self, lane: &Lane) -> Option<Time> {
        let shown = lane.last.map(|(time, _)| Time(time.0.saturating_add(1)));
        let origin = self.origin_ms.map(|ms| Time::from_ticks(ms, SCALE));
        shown.max(origin)
    }

    /// Leaves out what came meanwhile, up to the newest keyframe.
    fn rejoin(&mut self, kinds: &[Kind]) {
        let shown = self.video.last.map(|(time, _)| time);
        let start = |lane: &mut Lane, broadcast| {
            let last = lane.last.map(|(time, _)| time);
            lane.source.as_mut().filter(|_| !lane.is_off)?.rejoin(broadcast, last)
        };
        let broadcast = &self.chooser.broadcast;
        let mut pictures = shown.filter(|_| self.video.source.is_some());
        if kinds.contains(&Kind::Video) {
            pictures = start(&mut self.video, broadcast).or(pictures);
        }
        if kinds.contains(&Kind::Audio) {
            match (pictures, &mut self.audio.source) {
                (Some(time), Some(source)) => source.skip_to(time),
                _ => drop(start(&mut self.audio, broadcast)),
            }
        }
    }

    /// Puts the next frame of that kind into the queue, behind what must be said before it.
    fn show(&mut self, kind: Kind) {
        let Some((frame, form)) = self.lane_mut(kind).source.as_mut().and_then(Source::take) else { return };
        let form = form.clone();
        let is_first = self.origin_ms.is_none();
        let dts_ms = frame.dts.to_ticks(SCALE);
        let origin_ms = *self.origin_ms.get_or_insert(dts_ms);
        let lane = self.lane_mut(kind);
        let is_new = lane.source.as_mut().is_some_and(|source| std::mem::take(&mut source.is_new));
        let last_ms = lane.last.map_or(0, |(_, ms)| ms);
        // Within a track times never go back, whatever a broadcast is about to do.
        let ms = dts_ms.saturating_sub(origin_ms).max(last_ms);
        lane.last = Some((frame.dts, ms));
        lane.coding = Some(form.coding);
        let timestamp = ms as u32;
        if is_first {
            self.introduce(timestamp);
        } else if is_new {
            self.tell(timestamp);
            let header = form.header.clone();
            self.queue.extend(header.map(|header| Tag::whole(tag_kind(kind), timestamp, header)));
        }
        let Frame { reorder, is_sync, payload, dts, .. } = frame;
        let composition = (dts + reorder).to_ticks(SCALE).saturating_sub(dts_ms);
        let head = form.coding.frame(is_sync, i32::try_from(composition).unwrap_or(i32::MAX));
        self.queue.push_back(Tag { kind: tag_kind(kind), timestamp, head, payload });
    }

    /// What comes before the first frame: what there is, and how all of it is decoded.
    fn introduce(&mut self, timestamp: u32) {
        self.tell(timestamp);
        for kind in [Kind::Video, Kind::Audio] {
            let Some(source) = &mut self.lane_mut(kind).source else { continue };
            let Some(form) = source.form() else { continue };
            let header = form.header.clone();
            source.is_new = false;
            self.queue.extend(header.map(|header| Tag::whole(tag_kind(kind), timestamp, header)));
        }
    }

    fn tell(&mut self, timestamp: u32) {
        let track = |lane: &Lane| Some(lane.source.as_ref()?.form()?.track.clone());
        let values = metadata(track(&self.video).as_deref(), track(&self.audio).as_deref());
        self.queue.push_back(Tag::whole(TagKind::Script, timestamp, values));
    }

    fn end(&mut self) {
        self.has_ended = true;
        let Lane { coding, last, .. } = &self.video;
        if let (Some(head), Some((_, ms))) = (coding.and_then(|coding| coding.sequence_end()), *last) {
            let timestamp = ms as u32;
            self.queue.push_back(Tag { head, ..Tag::whole(TagKind::Video, timestamp, Bytes::new()) });
        }
    }

    fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Video => &self.video,
            Kind::Audio => &self.audio,
        }
    }

    fn lane_mut(&mut self, kind: Kind) -> &mut Lane {
        match kind {
            Kind::Video => &mut self.video,
            Kind::Audio => &mut self.audio,
        }
    }
}

impl Tag {
    /// A message that is not a frame.
    fn whole(kind: TagKind, timestamp: u32, payload: Bytes) -> Self {
        Self { kind, timestamp, head: Head::default(), payload }
    }
}

fn tag_kind(kind: Kind) -> TagKind {
    match kind {
        Kind::Video => TagKind::Video,
        Kind::Audio => TagKind::Audio,
    }
}
