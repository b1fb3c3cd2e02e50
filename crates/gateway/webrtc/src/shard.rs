//! Sessions are dealt out over a few threads, one a core; each thread runs its sessions one after the other, so that
//! none of them needs a lock or a task.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use media::TrackId;
use proto::webrtc::ice::{Credentials, Road};
use proto::webrtc::send::Batch;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tracing::{debug, error, info, warn};

use crate::end::End;
use crate::figures;
use crate::gateway::Gateway;
use crate::load::{Load, Means, Relief, State};
use crate::room::Room;
use crate::session::Session;
use crate::tools::Tools;

/// Datagrams that wait for a thread; more are lost, as on any network that is full.
pub(crate) const DATAGRAMS: usize = 4096;
/// Requests that wait for it.
pub(crate) const REQUESTS: usize = 256;
/// Datagrams taken at once.
const BATCH: usize = 64;
/// For so long at most it looks at nothing but datagrams, or at nothing but timers: a handshake takes as long as hundreds of
/// packets, and a crowd that comes in must not keep a picture from those who are there.
const TURN: Duration = Duration::from_millis(1);
/// Rooms that it may be woken for at once; each is there at most once.
pub(crate) const WAKES: usize = 1024;
/// What part of the viewers a measure against too much work concerns at once, in so many.
const DEGRADED_AT_ONCE: usize = 8;
const SHED_AT_ONCE: usize = 16;

/// What HTTP wants of a session.
pub(crate) enum Request {
    /// It begins.
    Open(Box<Session>),
    /// It gets another ICE session; the reply says whether it was still there.
    Restart { id: u64, credentials: Credentials, their_ufrag: String, reply: oneshot::Sender<()> },
    /// Its publisher is to be asked for a keyframe.
    Keyframe { id: u64, track: TrackId },
    /// It is to be sent that layer, or the best; the reply says whether there is such a layer.
    Choose { id: u64, track: Option<TrackId>, top: Option<u8>, reply: oneshot::Sender<bool> },
    /// It ends; the reply comes when it has.
    Close { id: u64, end: End, reply: oneshot::Sender<()> },
}

/// A datagram on its way to a session.
pub(crate) struct Datagram {
    pub(crate) id: u64,
    pub(crate) road: Road,
    pub(crate) bytes: BytesMut,
}

/// What a shard listens to.
pub(crate) struct Ears {
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) datagrams: mpsc::Receiver<Datagram>,
    /// Rooms in which there is something to send.
    pub(crate) wakes: mpsc::Receiver<Arc<Room>>,
}

/// One thread's sessions.
pub(crate) struct Shard {
    tools: Tools,
    /// Who watches in which room.
    rooms: HashMap<u64, Vec<u64>>,
    sessions: HashMap<u64, Session>,
    /// When each wants to be looked at.
    timers: BTreeSet<(Instant, u64)>,
    /// Taken off the queue already.
    inbox: VecDeque<Datagram>,
    load: Load,
}

/// What there is to do.
enum Heard {
    Request(Request),
    Room(Arc<Room>),
    Datagrams,
    Time,
}

impl Shard {
    pub(crate) fn new(gateway: Gateway, shard: usize) -> Self {
        let load = Load::new(gateway.config().max_load, Instant::now());
        let tools = Tools { gateway, shard, batch: Batch::default() };
        Self {
            tools,
            rooms: HashMap::new(),
            sessions: HashMap::new(),
            timers: BTreeSet::new(),
            inbox: VecDeque::new(),
            load,
        }
    }

    /// Runs until the server stops; then says goodbye to everybody.
    pub(crate) async fn run(mut self, ears: Ears) {
        let Ears { mut requests, mut datagrams, mut wakes } = ears;
        let stop = self.tools.gateway.stop().clone();
        let mut batch = Vec::with_capacity(BATCH);
        let mut was_room = false;
        loop {
            let due = self.timers.first().map_or(self.load.due(), |(at, _)| self.load.due().min(*at));
            // At every second turn media goes before everything else.
            let first = if was_room { None } else { wakes.try_recv().ok() };
            let heard = match first {
                Some(room) => Heard::Room(room),
                None => tokio::select! {
                    () = stop.cancelled() => break,
                    Some(request) = requests.recv() => Heard::Request(request),
                    Some(room) = wakes.recv() => Heard::Room(room),
                    () = sleep_until(due.into()) => Heard::Time,
                    () = std::future::ready(()), if !self.inbox.is_empty() => Heard::Datagrams,
                    _ = datagrams.recv_many(&mut batch, BATCH), if self.inbox.is_empty() => Heard::Datagrams,
                },
            };
            was_room = matches!(heard, Heard::Room(_));
            self.inbox.extend(batch.drain(..));
            let begin = Instant::now();
            match heard {
                Heard::Request(request) => self.on_request(request),
                Heard::Room(room) => self.on_wake(&room),
                Heard::Time => self.on_time(begin),
                Heard::Datagrams => self.on_datagrams(begin + TURN),
            }
            let end = Instant::now();
            self.load.worked(end.saturating_duration_since(begin));
            if end >= self.load.due() {
                self.weigh(end);
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
                session.enter(&self.tools.gateway);
                if let Some(room) = session.room_id() {
                    self.rooms.entry(room).or_default().push(id);
                }
                self.timers.insert((session.due, id));
                self.sessions.insert(id, *session);
                self.with(id, |session, tools| session.on_timeout(now, tools));
            }
            Request::Restart { id, credentials, their_ufrag, reply } => {
                if self.sessions.contains_key(&id) {
                    self.with(id, |session, tools| {
                        session.restart(credentials, &their_ufrag, &tools.gateway);
                        Ok(())
                    });
                    // Whoever asked may have left.
                    let _ = reply.send(());
                }
            }
            Request::Keyframe { id, track } => {
                let now = Instant::now();
                self.with(id, |session, tools| session.request_keyframe(now, track, tools));
            }
            Request::Choose { id, track, top, reply } => {
                let now = Instant::now();
                let mut is_known = false;
                self.with(id, |session, tools| {
                    is_known = session.choose(now, track, top);
                    session.on_wake(now, tools)
                });
                let _ = reply.send(is_known);
            }
            Request::Close { id, end, reply } => {
                self.finish(id, end);
                let _ = reply.send(());
            }
        }
    }

    /// Something was appended in that room, or it is over.
    fn on_wake(&mut self, room: &Room) {
        room.heard(self.tools.shard);
        let now = Instant::now();
        let Some(viewers) = self.rooms.get(&room.id) else { return };
        // Whoever leaves meanwhile is found no more.
        for id in viewers.clone() {
            self.with(id, |session, tools| session.on_wake(now, tools));
        }
    }

    /// Until all are read, or its turn is over.
    fn on_datagrams(&mut self, end: Instant) {
        while let Some(Datagram { id, road, mut bytes }) = self.inbox.pop_front() {
            let now = Instant::now();
            self.with(id, |session, tools| session.on_datagram(now, road, &mut bytes, tools));
            if now >= end {
                return;
            }
        }
    }

    fn on_time(&mut self, now: Instant) {
        let end = now + TURN;
        while let Some((at, id)) = self.timers.first().copied() {
            if at > now || Instant::now() >= end {
                return;
            }
            if !self.sessions.contains_key(&id) {
                self.timers.pop_first();
                continue;
            }
            self.with(id, |session, tools| session.on_timeout(now, tools));
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

    /// Looks whether there is too much to do, and does something about it: the newest viewers get a cheaper layer, and
    /// leave when there is none. A publisher is never touched.
    fn weigh(&mut self, now: Instant) {
        let Some(pressure) = self.tools.gateway.pressure(self.tools.shard) else {
            // Publishers: their load is nobody's to take away.
            self.load.look(now, Means::default);
            return;
        };
        let before = self.load.state();
        let sessions = &self.sessions;
        let relief = self.load.look(now, || Means {
            can_degrade: sessions.values().any(Session::can_degrade),
            is_degraded: sessions.values().any(Session::is_degraded),
        });
        let (state, busy) = (self.load.state(), self.load.busy());
        let degraded = self.sessions.values().filter(|session| session.is_degraded()).count();
        pressure.set(state, busy, degraded);
        figures::load(self.tools.shard, busy);
        if state != before {
            let (shard, state, percent) = (self.tools.shard, state.as_str(), (busy * 100.0) as u32);
            match self.load.state() {
                State::Overloaded => warn!(proto = "webrtc", shard, state, percent, "more viewers than it can serve"),
                _ => info!(proto = "webrtc", shard, state, percent, "load"),
            }
        }
        let Some(relief) = relief else { return };
        let is_concerned = |session: &Session| match relief {
            Relief::Degrade => session.can_degrade(),
            Relief::Shed => session.is_viewer(),
            Relief::Restore => session.is_degraded(),
        };
        let concerned = self.sessions.iter().filter(|(_, session)| is_concerned(session)).map(|(id, _)| *id);
        let mut concerned: Vec<u64> = concerned.collect();
        // They are counted as they come: the newest has the highest number.
        concerned.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
        if relief == Relief::Restore {
            concerned.reverse();
        }
        let at_once = if relief == Relief::Shed { SHED_AT_ONCE } else { DEGRADED_AT_ONCE };
        concerned.truncate(concerned.len().div_ceil(at_once));
        figures::relief(relief, concerned.len());
        for id in concerned {
            match relief {
                Relief::Degrade => self.with(id, |session, tools| session.degrade(now, true, tools)),
                Relief::Restore => self.with(id, |session, tools| session.degrade(now, false, tools)),
                Relief::Shed => self.finish(id, End::Overloaded),
            }
        }
    }

    /// Does something with a session. If it fails or panics, that session ends and no other.
    fn with(&mut self, id: u64, act: impl FnOnce(&mut Session, &mut Tools) -> Result<(), End>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = session.due;
        let span = session.span.clone();
        let tools = &mut self.tools;
        let outcome = catch_unwind(AssertUnwindSafe(|| span.in_scope(|| act(session, tools))));
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
        session.leave(&self.tools.gateway);
        if let Some(room) = session.room_id()
            && let Some(viewers) = self.rooms.get_mut(&room)
        {
            viewers.retain(|other| *other != id);
            if viewers.is_empty() {
                self.rooms.remove(&room);
            }
        }
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
                    session.close(now, &mut self.tools);
                }
                drop(session);
            }));
            if farewell.is_err() {
                debug!("it panicked once more");
            }
        });
        entry.finish(now, end);
        self.tools.gateway.registry().over(&entry.token, now);
    }
}
