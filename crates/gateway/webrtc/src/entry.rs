use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use media::Path;
use proto::webrtc::transport::Progress;

use crate::end::End;
use crate::random::{self, NoRandomness};
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
    ice: Mutex<Ice>,
    standing: Mutex<Standing>,
}

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
    pub(crate) role: Role,
    pub(crate) path: Path,
    pub(crate) peer: IpAddr,
    pub(crate) entrance: Entrance,
    pub(crate) their_ufrag: String,
}

impl Entry {
    pub(crate) fn new(new: NewEntry) -> Result<Self, NoRandomness> {
        let NewEntry { target, role, path, peer, entrance, their_ufrag } = new;
        let ice = Ice { etag: random::etag()?, their_ufrag };
        Ok(Self {
            target,
            token: random::token()?,
            role,
            path,
            peer,
            began: SystemTime::now(),
            entrance,
            ice: Mutex::new(ice),
            standing: Mutex::default(),
        })
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

    pub(crate) fn is_over(&self) -> bool {
        lock(&self.standing).end.is_some()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
