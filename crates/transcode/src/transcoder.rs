use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hub::{Broadcast, Demand, Derived, From, Hub, Lease, Making, State, Wish};
use media::codec::{Aac, Opus};
use media::{Codec, Kind, Origin, Track, TrackId};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use crate::audio::Rendition;
use crate::protocol::sound::Input;
use crate::room::Room;

/// Bits a second of the sound that workers make.
pub(crate) const OPUS_BPS: u32 = 96_000;
pub(crate) const AAC_BPS: u32 = 128_000;
/// A worker that follows sooner than this is being started; one that follows later is waited for.
const REST: Duration = Duration::from_millis(250);

/// Starts workers for those who want renditions, and keeps them going. Cheap to clone.
#[derive(Clone)]
pub struct Transcoder {
    inner: Arc<Inner>,
}

struct Inner {
    worker: PathBuf,
    runtime: Handle,
    rooms: Mutex<HashMap<Key, (Broadcast, Arc<Room>)>>,
}

type Key = (media::Path, TrackId, Wish);

/// A rendition and how it does.
#[derive(Clone, Debug)]
pub struct Status {
    /// Of which broadcast.
    pub path: media::Path,
    /// Of which track.
    pub source: TrackId,
    /// The rendition.
    pub track: Arc<Track>,
    /// How it does.
    pub condition: Condition,
}

/// How a rendition's worker does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// The worker's process, while there is one.
    pub process: Option<u32>,
    /// Frames made so far.
    pub frames: u64,
    /// Frames of the source that could not be decoded.
    pub dropped: u64,
    /// How often a worker died or had to be killed.
    pub restarts: u64,
    /// Why, the last time.
    pub last_failure: Option<String>,
    /// When the next worker is started, while one that died is to be followed.
    pub next_at: Option<Instant>,
    /// Of `dropped`, what the present worker has said so far.
    pub(crate) worker_damaged: u64,
}

impl Condition {
    /// The worker says that of what it was given so much could not be decoded.
    pub(crate) fn damaged(&mut self, by_worker: u64) {
        // Another worker counts from zero.
        self.dropped += by_worker.saturating_sub(self.worker_damaged);
        self.worker_damaged = by_worker;
    }
}

impl Transcoder {
    /// Workers are started from that program, on the runtime in which this is called.
    pub fn new(worker: &Path) -> Self {
        metrics::describe_gauge!("onair_transcoder_renditions", "Renditions that are being made.");
        metrics::describe_counter!("onair_transcoder_restarts_total", "Workers that died or had to be killed.");
        let rooms = Mutex::default();
        Self { inner: Arc::new(Inner { worker: worker.into(), runtime: Handle::current(), rooms }) }
    }

    /// Every rendition and how it does.
    pub fn status(&self) -> Vec<Status> {
        let of = |((path, source, _), (_, room)): (&Key, &(Broadcast, Arc<Room>))| Status {
            path: path.clone(),
            source: *source,
            track: room.track.clone(),
            condition: room.condition(),
        };
        self.rooms().iter().map(of).collect()
    }

    /// Gives every broadcast whose sound is not AAC a rendition that is, from its beginning on and for as long as it
    /// lives: what is packaged is packaged whether somebody watches or not (conformance P19).
    pub async fn keep_aac(self, hub: Hub, stop: CancellationToken) {
        let mut arrivals = hub.arrivals();
        let mut broadcasts = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                broadcast = arrivals.next() => { broadcasts.spawn(self.clone().keep_aac_of(broadcast)); }
                Some(_) = broadcasts.join_next() => {}
            }
        }
    }

    async fn keep_aac_of(self, broadcast: Broadcast) {
        let mut changes = broadcast.changes();
        let mut catalog = None;
        let mut leases: Vec<(TrackId, Lease)> = Vec::new();
        while changes.next().await != State::Ended {
            let now = broadcast.catalog();
            if catalog.as_ref().is_some_and(|before| Arc::ptr_eq(before, &now)) {
                continue;
            }
            let sources: Vec<_> =
                now.of_kind(Kind::Audio).filter(|track| track.origin != Origin::Transcoder).cloned().collect();
            let has_aac = sources.iter().any(|track| matches!(track.codec, Codec::Aac(_)));
            leases.retain(|(id, lease)| {
                let is_there = sources.iter().any(|track| track.id == *id);
                is_there && !has_aac && now.track(lease.track().id).is_some()
            });
            for source in sources.iter().filter(|_| !has_aac) {
                if !leases.iter().any(|(id, _)| *id == source.id) {
                    let lease = self.begin(&broadcast, source.id, Wish::Aac, From::Oldest);
                    leases.extend(lease.map(|lease| (source.id, lease)));
                }
            }
            // Our own tracks are in it by now.
            catalog = Some(broadcast.catalog());
        }
    }

    fn begin(&self, broadcast: &Broadcast, source: TrackId, wish: Wish, from: From) -> Option<Lease> {
        let key = (broadcast.path().clone(), source, wish);
        let mut rooms = self.rooms();
        if let Some((_, room)) = rooms.get(&key).filter(|(of, _)| of.is_same(broadcast)) {
            return Some(room.lease());
        }
        let track = broadcast.catalog().track(source).and_then(|track| derived_from(track, wish))?;
        let derived = broadcast.derive(track.clone()).inspect_err(|why| warn!(%why, "no rendition")).ok()?;
        let room = Room::new(Arc::new(track));
        let lease = room.lease();
        rooms.insert(key.clone(), (broadcast.clone(), room.clone()));
        drop(rooms);
        let span = info_span!("transcode", stream = %broadcast.path(), track = %room.track.name());
        let worker = self.inner.worker.clone();
        let rendition = Rendition { worker, broadcast: broadcast.clone(), source, wish, from, room };
        self.inner.runtime.spawn(self.clone().serve(key, rendition, derived).instrument(span));
        Some(lease)
    }

    /// Makes a rendition until it is over or nobody wants it.
    async fn serve(self, key: Key, rendition: Rendition, derived: Derived) {
        let _counted = Counted::new();
        info!("making a rendition");
        let room = rendition.room.clone();
        loop {
            let is_over = tokio::select! {
                () = rendition.make(&derived) => true,
                () = room.unwanted() => false,
            };
            let mut rooms = self.rooms();
            if !is_over && room.is_wanted() {
                continue;
            }
            if rooms.get(&key).is_some_and(|(_, there)| Arc::ptr_eq(there, &room)) {
                rooms.remove(&key);
            }
            // While nobody can begin another of the same id.
            drop(derived);
            drop(rooms);
            info!("the rendition is over");
            return;
        }
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<Key, (Broadcast, Arc<Room>)>> {
        self.inner.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Demand for Transcoder {
    fn want(&self, broadcast: &Broadcast, source: TrackId, wish: Wish) -> Option<Lease> {
        self.begin(broadcast, source, wish, From::Newest)
    }

    fn can(&self, broadcast: &Broadcast, source: TrackId, wish: Wish) -> bool {
        broadcast.catalog().track(source).is_some_and(|track| derived_from(track, wish).is_some())
    }

    fn renditions(&self) -> Vec<hub::Rendition> {
        let now = Instant::now();
        let of = |Status { path, source, track, condition }: Status| hub::Rendition {
            path,
            source,
            track,
            making: match (condition.process, condition.next_at) {
                (Some(_), _) => Making::Running,
                (None, Some(at)) if at.saturating_duration_since(now) > REST => Making::BackingOff(at),
                (None, _) => Making::Starting,
            },
            frames: condition.frames,
            dropped: condition.dropped,
            restarts: condition.restarts,
            last_failure: condition.last_failure,
        };
        self.status().into_iter().map(of).collect()
    }
}

/// Whether a source can be, and need be, made into that.
pub(crate) fn can_become(codec: &Codec, wish: Wish) -> bool {
    let is_it_already = matches!((codec, wish), (Codec::Opus(_), Wish::Opus) | (Codec::Aac(_), Wish::Aac));
    !is_it_already && Input::of(codec).is_some()
}

/// The rendition of a track: `a101` is the Opus of `a1`, and `a201` its AAC.
fn derived_from(source: &Track, wish: Wish) -> Option<Track> {
    if source.origin == Origin::Transcoder || source.id >= Derived::FIRST || !can_become(&source.codec, wish) {
        return None;
    }
    let first = Derived::FIRST.0;
    let (base, codec, bitrate) = match wish {
        Wish::Opus => (first, Codec::Opus(Opus::plain(2)), OPUS_BPS),
        // LC, 48 kHz, stereo.
        Wish::Aac => (2 * first, Codec::Aac(Aac::from_config(&[0x11, 0x90]).ok()?), AAC_BPS),
        _ => return None,
    };
    Some(Track {
        id: TrackId(base + source.id.0),
        codec,
        language: source.language.clone(),
        origin: Origin::Transcoder,
        bitrate_bps: Some(bitrate),
    })
}

/// Counts the renditions being made.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("onair_transcoder_renditions").increment(1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("onair_transcoder_renditions").decrement(1);
    }
}
