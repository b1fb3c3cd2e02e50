use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use media::{Path, TrackId};
use proto::webrtc::transport::Progress;
use tokio::sync::watch;

use crate::end::End;
use crate::random::{self, NoRandomness};
use crate::room::Room;
use crate::signal::Topic;
use crate::table::Target;

/// Which way media flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// In.
    Whip,
    /// Out.
    Whep,
}

impl Role {
    /// As logs, figures and the API spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Whip => "whip",
            Self::Whep => "whep",
        }
    }
}

/// How a client came in, and so what its later requests must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// Without any key.
    Free,
    /// By a key in the query. The address of its session, which cannot be guessed, holds none and needs none.
    Query,
    /// By a bearer token, which it must show again (W9, W34).
    Bearer,
}

/// A session as HTTP sees it; its shard writes down how it stands.
pub(crate) struct Entry {
    pub(crate) target: Target,
    pub(crate) token: String,
    pub(crate) role: Role,
    pub(crate) path: Path,
    pub(crate) peer: IpAddr,
    pub(crate) began: SystemTime,
    pub(crate) entrance: Entrance,
    /// Where it watches.
    pub(crate) room: Option<Arc<Room>>,
    /// The section of the offer that carries its pictures.
    pub(crate) video_index: Option<usize>,
    ice: Mutex<Ice>,
    standing: Mutex<Standing>,
    ladder: watch::Sender<Ladder>,
    streams: Mutex<HashMap<String, Vec<Topic>>>,
}

/// What a viewer may choose among, and whether there is a viewer.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Ladder {
    pub(crate) rungs: Vec<Rung>,
    /// Why the session is over.
    pub(crate) end: Option<End>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rung {
    pub(crate) id: TrackId,
    pub(crate) rid: String,
    pub(crate) rate_bps: u64,
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) is_sent: bool,
    /// What its temporal layers cost up to each below the highest; none where it has but one.
    pub(crate) thinner_bps: Vec<u64>,
}

impl Rung {
    /// The same but for its rate, and that within a quarter.
    fn is_like(&self, other: &Self) -> bool {
        let is_near = |one: u64, other: u64| {
            let (low, high) = (one.min(other), one.max(other));
            low == high || low > 0 && high - low <= high / 4
        };
        let rates = || self.thinner_bps.iter().zip(&other.thinner_bps);
        is_near(self.rate_bps, other.rate_bps)
            && rates().all(|(one, other)| is_near(*one, *other))
            && self.thinner_bps.len() == other.thinner_bps.len()
            && *self == Self { rate_bps: self.rate_bps, thinner_bps: self.thinner_bps.clone(), ..other.clone() }
    }
}

/// Streams of events that one session may have at a time.
const MAX_STREAMS: usize = 4;

/// The ICE session that is current (W3).
#[derive(Clone)]
pub(crate) struct Ice {
    pub(crate) etag: String,
    pub(crate) their_ufrag: String,
}

/// How a session stands.
#[derive(Clone, Default)]
pub(crate) struct Standing {
    pub(crate) progress: Progress,
    pub(crate) bitrate_bps: u64,
    pub(crate) loss: f32,
    /// What somebody should know who looks for a fault: that no sound can be sent, for one.
    pub(crate) remark: Option<String>,
    pub(crate) end: Option<(Instant, End)>,
}

/// What an entry is made of.
pub(crate) struct NewEntry {
    pub(crate) target: Target,
    pub(crate) token: String,
    pub(crate) role: Role,
    pub(crate) path: Path,
    pub(crate) peer: IpAddr,
    pub(crate) entrance: Entrance,
    pub(crate) etag: String,
    pub(crate) their_ufrag: String,
    pub(crate) room: Option<Arc<Room>>,
    pub(crate) video_index: Option<usize>,
}

impl Entry {
    pub(crate) fn new(new: NewEntry) -> Self {
        let NewEntry { target, token, role, path, peer, entrance, etag, their_ufrag, room, video_index } = new;
        Self {
            target,
            token,
            role,
            path,
            peer,
            began: SystemTime::now(),
            entrance,
            room,
            video_index,
            ice: Mutex::new(Ice { etag, their_ufrag }),
            standing: Mutex::default(),
            ladder: watch::Sender::default(),
            streams: Mutex::default(),
        }
    }

    /// The address of the session: absolute, without a query and without any key (W4, W5).
    pub(crate) fn location(&self) -> String {
        // No stream name has a part that begins with a dot.
        format!("/{}/.session/{}", self.role.as_str(), self.token)
    }

    pub(crate) fn ice(&self) -> Ice {
        lock(&self.ice).clone()
    }

    /// A restart: another ICE session, with another tag.
    pub(crate) fn set_ice(&self, ice: Ice) {
        *lock(&self.ice) = ice;
    }

    pub(crate) fn standing(&self) -> Standing {
        lock(&self.standing).clone()
    }

    pub(crate) fn note(&self, write: impl FnOnce(&mut Standing)) {
        write(&mut lock(&self.standing));
    }

    /// It has ended.
    pub(crate) fn finish(&self, now: Instant, end: End) {
        lock(&self.standing).end = Some((now, end.clone()));
        self.ladder.send_modify(|ladder| ladder.end = Some(end));
    }

    /// The viewer may choose among these. Whoever listens is told of what changes, and of a rate only when it has become
    /// quite another: encoders begin low and take seconds to get where they stay.
    pub(crate) fn show(&self, rungs: Vec<Rung>) {
        self.ladder.send_if_modified(|ladder| {
            let is_new = ladder.rungs.len() != rungs.len()
                || ladder.rungs.iter().zip(&rungs).any(|(old, new)| !old.is_like(new));
            if is_new {
                ladder.rungs = rungs;
            }
            is_new
        });
    }

    /// What there is to choose among, now and from now on.
    pub(crate) fn ladder(&self) -> watch::Receiver<Ladder> {
        self.ladder.subscribe()
    }

    /// A stream of events on these topics; `None` when there are as many as there may be.
    pub(crate) fn open_stream(&self, topics: Vec<Topic>) -> Result<Option<String>, NoRandomness> {
        let name = random::token()?;
        let mut streams = lock(&self.streams);
        if streams.len() >= MAX_STREAMS {
            return Ok(None);
        }
        streams.insert(name.clone(), topics);
        Ok(Some(name))
    }

    pub(crate) fn stream(&self, name: &str) -> Option<Vec<Topic>> {
        lock(&self.streams).get(name).cloned()
    }

    /// Whether there was one.
    pub(crate) fn close_stream(&self, name: &str) -> bool {
        lock(&self.streams).remove(name).is_some()
    }

    pub(crate) fn is_over(&self) -> bool {
        lock(&self.standing).end.is_some()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_became_quite_another_is_news_and_one_that_wavers_is_not() {
        let rung = |rate_bps, is_sent| Rung {
            id: TrackId(0),
            rid: "v0".into(),
            rate_bps,
            size: None,
            is_sent,
            thinner_bps: Vec::new(),
        };
        assert!(rung(1000, true).is_like(&rung(800, true)) && rung(0, true).is_like(&rung(0, true)));
        for other in [rung(700, true), rung(1400, true), rung(0, true), rung(1000, false)] {
            assert!(!rung(1000, true).is_like(&other), "{other:?}");
        }
    }
}
