//! One broadcast and all who watch it by WebRTC: its tracks are cut into packets once, whoever watches.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hub::{Broadcast, From, Lease, State, Step, Watching, Wish};
use media::{Catalog, Kind, Origin, Path, Track, TrackId};
use proto::webrtc::negotiate::{Available, is_sendable};
use proto::webrtc::send::{Log, Writer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info_span};

use crate::gateway::Gateway;

/// How many frames of the newest group are looked at to see whether they are shown in another order than sent.
const LOOK_AHEAD: usize = 64;

/// How often it is said that somebody watches.
const SAY: Duration = Duration::from_secs(5);
/// How long pictures that are made for a viewer may take to begin.
const BEGINNING: Duration = Duration::from_secs(5);

/// What is made for viewers here, as WebRTC does not carry what the publisher sends.
#[derive(Default)]
pub(crate) struct Leases {
    pub(crate) sound: Option<Lease>,
    pub(crate) pictures: Option<Lease>,
}

/// The rooms that somebody is in.
#[derive(Default)]
pub(crate) struct Rooms {
    by_path: Mutex<HashMap<Path, Arc<Room>>>,
    count: AtomicU64,
}

/// A broadcast that somebody watches.
pub(crate) struct Room {
    pub(crate) id: u64,
    broadcast: Broadcast,
    logs: Mutex<Vec<Arc<Log>>>,
    /// Goes up whenever `logs` change.
    generation: AtomicU64,
    /// For each shard: how many of its sessions are here, and whether it has been told of something new.
    shards: Vec<Corner>,
    viewers: AtomicUsize,
    /// What `active` and `viewercount` tell.
    news: watch::Sender<News>,
    empty: CancellationToken,
    leases: Mutex<Leases>,
}

#[derive(Default)]
struct Corner {
    viewers: AtomicUsize,
    is_told: AtomicBool,
}

/// What those in a room are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) state: State,
    pub(crate) viewers: usize,
}

/// A place in a room; left when dropped.
pub(crate) struct Place {
    gateway: Gateway,
    pub(crate) room: Arc<Room>,
    shard: usize,
    _watching: Watching,
}

impl Rooms {
    /// Goes in, with what was promised; the first one there sets things going.
    pub(crate) fn enter(gateway: &Gateway, broadcast: &Broadcast, leases: Leases, shard: usize) -> Place {
        let mut by_path = gateway.rooms().lock();
        let known = by_path.get(broadcast.path()).filter(|room| room.broadcast.is_same(broadcast)).cloned();
        let room = known.unwrap_or_else(|| {
            let id = gateway.rooms().count.fetch_add(1, Ordering::Relaxed);
            let room = Arc::new(Room::new(id, broadcast.clone(), gateway.shards()));
            by_path.insert(broadcast.path().clone(), room.clone());
            let span = info_span!("room", proto = "whep", stream = %broadcast.path());
            tokio::spawn(keep(gateway.clone(), room.clone()).instrument(span));
            room
        });
        room.viewers.fetch_add(1, Ordering::Relaxed);
        if let Some(corner) = room.shards.get(shard) {
            corner.viewers.fetch_add(1, Ordering::Relaxed);
        }
        drop(by_path);
        room.keep(leases);
        room.tell();
        let watching = broadcast.watch("whep");
        Place { gateway: gateway.clone(), room, shard, _watching: watching }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Path, Arc<Room>>> {
        self.by_path.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_path = self.gateway.rooms().lock();
        if let Some(corner) = self.room.shards.get(self.shard) {
            corner.viewers.fetch_sub(1, Ordering::Relaxed);
        }
        if self.room.viewers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.room.empty.cancel();
            let path = self.room.broadcast.path();
            if by_path.get(path).is_some_and(|room| room.id == self.room.id) {
                by_path.remove(path);
            }
        }
        drop(by_path);
        self.room.tell();
    }
}

impl Room {
    fn new(id: u64, broadcast: Broadcast, shards: usize) -> Self {
        let news = News { state: broadcast.state(), viewers: 0 };
        Self {
            id,
            broadcast,
            logs: Mutex::default(),
            generation: AtomicU64::new(0),
            shards: (0..shards).map(|_| Corner::default()).collect(),
            viewers: AtomicUsize::new(0),
            news: watch::Sender::new(news),
            empty: CancellationToken::new(),
            leases: Mutex::default(),
        }
    }

    /// Which set of logs is current.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The packets of all its tracks.
    pub(crate) fn logs(&self) -> Vec<Arc<Log>> {
        self.lock().clone()
    }

    pub(crate) fn path(&self) -> &Path {
        self.broadcast.path()
    }

    pub(crate) fn state(&self) -> State {
        self.broadcast.state()
    }

    pub(crate) fn news(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    /// The shard has heard: from now on it wants to be told again.
    pub(crate) fn heard(&self, shard: usize) {
        if let Some(corner) = self.shards.get(shard) {
            corner.is_told.store(false, Ordering::Release);
        }
    }

    /// Tells every shard that has viewers here that there is something to send: once until it has heard.
    fn ring(self: &Arc<Self>, gateway: &Gateway) {
        for (shard, corner) in self.shards.iter().enumerate() {
            let is_wanted = corner.viewers.load(Ordering::Relaxed) > 0;
            if is_wanted && !corner.is_told.swap(true, Ordering::AcqRel) && !gateway.wake(shard, self.clone()) {
                corner.is_told.store(false, Ordering::Release);
            }
        }
    }

    /// Keeps what is new beside what is there.
    fn keep(&self, new: Leases) {
        let mut leases = self.leases();
        leases.sound = new.sound.or(leases.sound.take());
        leases.pictures = new.pictures.or(leases.pictures.take());
    }

    /// Asks anew for what was made and is there no longer, as its source went, and for sound that is needed now.
    fn renew(&self, gateway: &Gateway, catalog: &Catalog) {
        let is_gone = |lease: &Lease| catalog.track(lease.track()).is_none();
        let lacks_sound = self.leases().sound.as_ref().is_none_or(is_gone);
        let lacks_pictures = self.leases().pictures.as_ref().is_some_and(is_gone);
        let sound = lacks_sound.then(|| opus(gateway, &self.broadcast)).flatten();
        let pictures = lacks_pictures.then(|| pictures(gateway, &self.broadcast)).flatten();
        self.keep(Leases { sound, pictures });
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        let news = News { state: self.broadcast.state(), viewers: self.viewers.load(Ordering::Relaxed) };
        self.news.send_if_modified(|before| std::mem::replace(before, news) != news);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Log>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log of that track is another now, or none.
    fn replace(&self, id: TrackId, log: Option<Arc<Log>>) {
        let mut logs = self.lock();
        logs.retain(|log| log.id() != id);
        logs.extend(log);
        logs.sort_by_key(|log| log.id());
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

/// Follows the broadcast for as long as somebody is there: each track by a task of its own.
async fn keep(gateway: Gateway, room: Arc<Room>) {
    let mut changes = room.broadcast.changes();
    let mut seen: Option<Arc<Catalog>> = None;
    let mut followed: HashMap<TrackId, Follower> = HashMap::new();
    let mut said: Option<Instant> = None;
    loop {
        let state = tokio::select! {
            state = changes.next() => state,
            () = room.empty.cancelled() => break,
        };
        room.tell();
        if state == State::Ended {
            break;
        }
        let catalog = room.broadcast.catalog();
        followed.retain(|_, follower| !follower.0.is_finished());
        let is_new = seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, &catalog));
        if is_new {
            room.renew(&gateway, &catalog);
        }
        if said.is_none_or(|said| said.elapsed() > SAY) {
            gateway.demand().watched(&room.broadcast);
            said = Some(Instant::now());
        }
        if is_new || followed.len() < catalog.tracks.len() {
            for track in &catalog.tracks {
                followed.entry(track.id).or_insert_with(|| {
                    let task = follow(gateway.clone(), room.clone(), track.id);
                    Follower(tokio::spawn(task.in_current_span()))
                });
            }
            seen = Some(catalog);
        }
    }
    // The shards look at the room's state, and see that it is over.
    room.ring(&gateway);
}

/// A task that ends with whoever holds it.
struct Follower(tokio::task::JoinHandle<()>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Cuts one track's frames into packets.
async fn follow(gateway: Gateway, room: Arc<Room>, id: TrackId) {
    let Some(mut cursor) = room.broadcast.follow(id, From::Newest) else { return };
    let mut writer: Option<Writer> = None;
    loop {
        match cursor.next().await {
            Step::Group(head) => {
                let goes_on = writer.as_mut().is_some_and(|writer| writer.begin(&head.track));
                if !goes_on {
                    writer = Writer::new(head.track.clone(), Instant::now());
                    room.replace(id, writer.as_ref().map(|writer| writer.log().clone()));
                }
            }
            Step::Frame(frame) => {
                let Some(writer) = writer.as_mut().filter(|writer| !writer.has_b_frames()) else { continue };
                writer.append(&frame, Instant::now());
                if writer.has_b_frames() {
                    debug!(track = id.0, "has B-frames, which WebRTC does not carry");
                    room.replace(id, None);
                }
                room.ring(&gateway);
            }
            Step::Skipped { groups, .. } => debug!(track = id.0, groups, "fell behind"),
            Step::Pending => {}
            Step::Ended => break,
        }
    }
    room.replace(id, None);
    room.ring(&gateway);
}

/// The publisher's sound as Opus, where WebRTC does not carry it as it is (P19); `None` where that is not needed, or
/// nobody can make it.
pub(crate) fn opus(gateway: &Gateway, broadcast: &Broadcast) -> Option<Lease> {
    unheard(broadcast).into_iter().find_map(|id| gateway.demand().want(broadcast, id, Wish::Opus))
}

/// Whether [`opus`] would give any.
pub(crate) fn can_have_opus(gateway: &Gateway, broadcast: &Broadcast) -> bool {
    unheard(broadcast).into_iter().any(|id| gateway.demand().can(broadcast, id, Wish::Opus))
}

/// The publisher's sounds, where WebRTC carries none of them as it is.
fn unheard(broadcast: &Broadcast) -> Vec<TrackId> {
    let catalog = broadcast.catalog();
    let sent: Vec<_> = catalog.of_kind(Kind::Audio).filter(|track| track.origin != Origin::Transcoder).collect();
    let is_carried = |track: &&Arc<Track>| is_sendable(&Available { track, has_b_frames: false });
    if sent.iter().any(is_carried) { Vec::new() } else { sent.iter().map(|track| track.id).collect() }
}

/// The publisher's pictures as every WebRTC viewer takes them (P18); `None` where nobody can make them.
pub(crate) fn pictures(gateway: &Gateway, broadcast: &Broadcast) -> Option<Lease> {
    let catalog = broadcast.catalog();
    let mut sent = catalog.of_kind(Kind::Video).filter(|track| track.origin != Origin::Transcoder);
    sent.find_map(|track| gateway.demand().want(broadcast, track.id, Wish::Baseline))
}

/// Whether [`pictures`] would give any.
pub(crate) fn can_have_pictures(gateway: &Gateway, broadcast: &Broadcast) -> bool {
    let catalog = broadcast.catalog();
    let mut sent = catalog.of_kind(Kind::Video).filter(|track| track.origin != Origin::Transcoder);
    sent.any(|track| gateway.demand().can(broadcast, track.id, Wish::Baseline))
}

/// Waits until what was asked for has begun.
pub(crate) async fn begun(broadcast: &Broadcast, lease: &Lease) {
    let mut changes = broadcast.changes();
    let is_there =
        async { while broadcast.catalog().track(lease.track()).is_none() && changes.next().await != State::Ended {} };
    // Late is no reason to refuse: what is there then is what counts.
    let _ = tokio::time::timeout(BEGINNING, is_there).await;
}

/// Whether the newest group of that track holds frames that are shown in another order than they are sent (P18).
pub(crate) fn has_b_frames(broadcast: &Broadcast, id: TrackId) -> bool {
    let Some(mut cursor) = broadcast.follow(id, From::Newest) else { return false };
    for _ in 0..LOOK_AHEAD {
        match cursor.try_next() {
            Step::Frame(frame) if frame.reorder != media::Span::ZERO => return true,
            Step::Pending | Step::Ended => return false,
            _ => {}
        }
    }
    false
}
