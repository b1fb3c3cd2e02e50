//! Sessions are dealt out over a few threads, one a core; each thread runs its sessions one after the other, so that
//! none of them needs a lock or a task.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use proto::webrtc::ice::{Credentials, Road};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tracing::{debug, error, info, warn};

use crate::end::End;
use crate::figures;
use crate::gateway::Gateway;
use crate::session::Session;

/// Datagrams that wait for a thread; more are lost, as on any network that is full.
pub(crate) const DATAGRAMS: usize = 4096;
/// Requests that wait for it.
pub(crate) const REQUESTS: usize = 256;
/// Datagrams taken at once.
const BATCH: usize = 64;
/// How long a shard sleeps with nothing to wait for.
const FAR: Duration = Duration::from_secs(60);

/// What HTTP wants of a session.
pub(crate) enum Request {
    /// It begins.
    Open(Box<Session>),
    /// It gets another ICE session; the reply says whether it was still there.
    Restart { id: u64, credentials: Credentials, their_ufrag: String, reply: oneshot::Sender<()> },
    /// It ends; the reply comes when it has.
    Close { id: u64, end: End, reply: oneshot::Sender<()> },
}

/// A datagram on its way to a session.
pub(crate) struct Datagram {
    pub(crate) id: u64,
    pub(crate) road: Road,
    pub(crate) bytes: BytesMut,
}

/// One thread's sessions.
pub(crate) struct Shard {
    gateway: Gateway,
    sessions: HashMap<u64, Session>,
    /// When each wants to be looked at.
    timers: BTreeSet<(Instant, u64)>,
}

impl Shard {
    pub(crate) fn new(gateway: Gateway) -> Self {
        Self { gateway, sessions: HashMap::new(), timers: BTreeSet::new() }
    }

    /// Runs until the server stops; then says goodbye to everybody.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>, mut datagrams: mpsc::Receiver<Datagram>) {
        let stop = self.gateway.stop().clone();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let due = self.timers.first().map_or_else(|| Instant::now() + FAR, |(at, _)| *at);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(request) = requests.recv() => self.on_request(request),
                () = sleep_until(due.into()) => self.on_time(Instant::now()),
                _ = datagrams.recv_many(&mut batch, BATCH) => {
                    for Datagram { id, road, mut bytes } in batch.drain(..) {
                        let now = Instant::now();
                        self.with(id, |session, gateway| session.on_datagram(now, road, &mut bytes, gateway));
                    }
                }
            }
        }
        let all: Vec<u64> = self.sessions.keys().copied().collect();
        all.into_iter().for_each(|id| self.finish(id, End::Stopped));
    }

    fn on_request(&mut self, request: Request) {
        match request {
            Request::Open(mut session) => {
                let now = Instant::now();
                let id = session.entry.target.id;
                session.enter(&self.gateway);
                self.timers.insert((session.due, id));
                self.sessions.insert(id, *session);
                self.with(id, |session, gateway| session.on_timeout(now, gateway));
            }
            Request::Restart { id, credentials, their_ufrag, reply } => {
                if self.sessions.contains_key(&id) {
                    self.with(id, |session, gateway| {
                        session.restart(credentials, &their_ufrag, gateway);
                        Ok(())
                    });
                    // Whoever asked may have left.
                    let _ = reply.send(());
                }
            }
            Request::Close { id, end, reply } => {
                self.finish(id, end);
                let _ = reply.send(());
            }
        }
    }

    fn on_time(&mut self, now: Instant) {
        while let Some((at, id)) = self.timers.first().copied() {
            if at > now {
                return;
            }
            if !self.sessions.contains_key(&id) {
                self.timers.pop_first();
                continue;
            }
            self.with(id, |session, gateway| session.on_timeout(now, gateway));
            // A session that always wants to be looked at must not keep the others waiting.
            if let Some(session) = self.sessions.get_mut(&id)
                && session.due <= now
            {
                let later = now + Duration::from_millis(1);
                self.timers.remove(&(session.due, id));
                session.due = later;
                self.timers.insert((later, id));
            }
        }
    }

    /// Does something with a session. If it fails or panics, that session ends and no other.
    fn with(&mut self, id: u64, act: impl FnOnce(&mut Session, &Gateway) -> Result<(), End>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = session.due;
        let span = session.span.clone();
        let gateway = &self.gateway;
        let outcome = catch_unwind(AssertUnwindSafe(|| span.in_scope(|| act(session, gateway))));
        match outcome {
            Ok(Ok(())) => {
                let due = session.due;
                if due != before {
                    self.timers.remove(&(before, id));
                    self.timers.insert((due, id));
                }
            }
            Ok(Err(end)) => self.finish(id, end),
            Err(_) => self.finish(id, End::Panicked),
        }
    }

    fn finish(&mut self, id: u64, end: End) {
        let Some(mut session) = self.sessions.remove(&id) else { return };
        self.timers.remove(&(session.due, id));
        let (entry, span, now) = (session.entry.clone(), session.span.clone(), Instant::now());
        session.leave(&self.gateway);
        span.in_scope(|| {
            if end.is_failure() {
                figures::session_error(entry.role, &end);
            }
            match &end {
                End::Panicked => error!(reason = %end, "closed"),
                end if end.is_failure() => warn!(reason = %end, "closed"),
                end => info!(reason = %end, "closed"),
            }
            let farewell = catch_unwind(AssertUnwindSafe(|| {
                if end != End::Panicked {
                    session.report(now);
                    session.close(now, &self.gateway);
                }
                drop(session);
            }));
            if farewell.is_err() {
                debug!("it panicked once more");
            }
        });
        entry.note(|standing| standing.end = Some((now, end)));
        self.gateway.registry().over(&entry.token, now);
    }
}
