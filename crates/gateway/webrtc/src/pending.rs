use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hub::Broadcast;
use proto::webrtc::negotiate::Ours;
use wire::sdp::Description;

use crate::door::Seat;
use crate::entry::Entrance;
use crate::room::Leases;

/// How long an offer of ours waits for its answer (E5).
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An offer that we made, for a viewer that would rather answer.
pub(crate) struct Pending {
    pub(crate) broadcast: Broadcast,
    /// Keeps going what is offered.
    pub(crate) leases: Leases,
    pub(crate) peer: IpAddr,
    pub(crate) entrance: Entrance,
    pub(crate) ours: Ours,
    pub(crate) offer: Description,
    pub(crate) seat: Seat,
}

/// Those that wait for an answer, by the tokens of their sessions.
#[derive(Default)]
pub(crate) struct Offers(Mutex<HashMap<String, Pending>>);

impl Offers {
    pub(crate) fn add(&self, token: String, pending: Pending) {
        self.lock().insert(token, pending);
    }

    pub(crate) fn take(&self, token: &str) -> Option<Pending> {
        self.lock().remove(token)
    }

    pub(crate) fn is_there(&self, token: &str) -> bool {
        self.lock().contains_key(token)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pending>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
