use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hub::{Broadcast, Demand, From, Now, State};
use media::{Kind, Time, Track};
use wire::flv::Takes;

use super::choice::{Choice, Chooser};
use super::source::{Fill, Source};
use super::{Viewer, Wants};

/// How long a player waits for a publisher that is away, or has shown nothing yet.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits for pictures that begin just now, as they are made, or as their first keyframe is yet to come.
const PICTURES: Duration = Duration::from_secs(6);
/// A publisher that has just come may not have shown all its tracks: sound needs no keyframe. Sound that is made for this
/// player gets as long.
const SETTLING: Duration = Duration::from_secs(2);

/// Finds out what a player gets of a broadcast.
pub struct Opening {
    chooser: Chooser,
    proto: &'static str,
    since: Instant,
}

/// How far an opening has come.
pub enum Opened {
    /// There is something to send.
    Ready(Box<Viewer>),
    /// Not yet: poll again when something changed in the broadcast, and in a tenth of a second at the latest.
    Wait,
    /// There is nothing for this player.
    Refused(Refusal),
}

/// Why a player gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The publisher is away.
    NotLive,
    /// The publisher has shown nothing yet that a player could begin with.
    NotYet,
    /// It asked for a track that is not there.
    NoTrack,
    /// It has not said that it takes this codec, and nobody makes another of it.
    Codec(&'static str),
}

impl Refusal {
    /// A short word for counters.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotLive => "not_live",
            Self::NotYet => "not_yet",
            Self::NoTrack => "no_track",
            Self::Codec(_) => "codec",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLive => f.write_str("This stream is not live now."),
            Self::NotYet => f.write_str("The stream has begun, but there is nothing to show yet."),
            Self::NoTrack => f.write_str("The stream has no track of that name."),
            Self::Codec(codec) => {
                write!(
                    f,
                    "The stream is {codec}, which the player did not say it takes, and nothing else is made of it."
                )
            }
        }
    }
}

impl Opening {
    /// For a player that came at `now`, by `proto`.
    pub fn new(broadcast: Broadcast, demand: Arc<dyn Demand>, wants: Wants, proto: &'static str, now: Instant) -> Self {
        demand.watched(&broadcast);
        Self { chooser: Chooser::new(broadcast, demand, wants), proto, since: now }
    }

    /// Looks whether it can begin.
    pub fn poll(mut self, now: Now) -> (Opened, Option<Self>) {
        let waited = now.at.saturating_duration_since(self.since);
        match self.look(now, waited) {
            Ok(Some(sources)) => {
                let Found { video, audio } = sources;
                (Opened::Ready(Box::new(Viewer::new(self.chooser, self.proto, video, audio, now.at))), None)
            }
            Ok(None) => (Opened::Wait, Some(self)),
            Err(refusal) => (Opened::Refused(refusal), None),
        }
    }

    /// What it begins with; nothing as long as there is hope for more.
    fn look(&mut self, now: Now, waited: Duration) -> Result<Option<Found>, Refusal> {
        let patience = |limit, refusal| if waited < limit { Ok(None) } else { Err(refusal) };
        match self.chooser.broadcast.state() {
            State::Live => {}
            State::Away => return patience(PATIENCE, Refusal::NotLive),
            State::Ended => return Err(Refusal::NotLive),
        }
        if !self.is_settled(now) {
            return Ok(None);
        }
        let video = match self.chooser.video() {
            Choice::Soon if waited < PICTURES => return Ok(None),
            Choice::Track(track, takes) => Some((track, takes)),
            Choice::Nothing | Choice::Soon => None,
            Choice::Unknown => return self.unknown(waited),
            Choice::Unfit(codec) => return Err(Refusal::Codec(codec)),
        };
        let audio = match self.chooser.audio(video.as_ref().map(|(track, _)| &**track)) {
            Choice::Track(track, takes) => Some((track, takes)),
            Choice::Unknown => return self.unknown(waited),
            Choice::Unfit(codec) if video.is_none() => return Err(Refusal::Codec(codec)),
            // Pictures without their sound are better than none.
            Choice::Nothing | Choice::Soon | Choice::Unfit(_) => None,
        };
        let mut found = Found { video: None, audio: None };
        let mut start = None;
        if let Some((track, takes)) = video {
            match self.begin(&track, takes, From::Newest, None) {
                Some((source, time)) => (found.video, start) = (Some(source), time),
                None if waited < PICTURES => return Ok(None),
                // It is said elsewhere that keyframes are missing (A11).
                None => {}
            }
        }
        if let Some((track, takes)) = audio {
            let from = start.map_or(From::Newest, From::At);
            match self.begin(&track, takes, from, start) {
                Some((source, _)) => found.audio = Some(source),
                None if waited < SETTLING => return Ok(None),
                None => {}
            }
        }
        if found.video.is_none() && found.audio.is_none() {
            return patience(PATIENCE, Refusal::NotYet);
        }
        Ok(Some(found))
    }

    /// A rung of that name may begin just now.
    fn unknown(&self, waited: Duration) -> Result<Option<Found>, Refusal> {
        let is_promised = !self.chooser.demand.promised(&self.chooser.broadcast).is_empty();
        if is_promised && waited < PICTURES { Ok(None) } else { Err(Refusal::NoTrack) }
    }

    /// The publisher has shown pictures and sound, or had the time to.
    fn is_settled(&self, now: Now) -> bool {
        let broadcast = &self.chooser.broadcast;
        let catalog = broadcast.catalog();
        let has = |kind| catalog.of_kind(kind).next().is_some();
        if has(Kind::Video) && has(Kind::Audio) {
            return true;
        }
        // Time zero is a second before the beginning. A clock that was put back says nothing (A14).
        let age = now.wall.duration_since(broadcast.began()).unwrap_or(Duration::MAX);
        let waited = now.at.saturating_duration_since(self.since);
        age >= Duration::from_secs(1) + SETTLING || waited >= SETTLING
    }

    /// A track from its first frame on; `None` while there is none. What comes before `not_before` is passed over.
    fn begin(
        &self,
        track: &Track,
        takes: Takes,
        from: From,
        not_before: Option<Time>,
    ) -> Option<(Source, Option<Time>)> {
        let mut source = Source::follow(&self.chooser.broadcast, track, takes, from, not_before)?;
        match source.fill() {
            Fill::Frame(time) => Some((source, Some(time))),
            // It is there, only not yet up to where the pictures begin.
            Fill::Empty if source.form().is_some() => Some((source, None)),
            Fill::Empty | Fill::Gone => None,
        }
    }
}

/// What a player begins with.
struct Found {
    video: Option<Source>,
    audio: Option<Source>,
}
