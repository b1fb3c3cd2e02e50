use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use config::Ladder;
use hub::{Broadcast, Demand, Derived, From, Hub, Lease, Making, State, Wish};
use media::codec::{Aac, Opus};
use media::{Codec, Kind, Origin, Track, TrackId};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

use crate::attend::{Attendant, Work};
use crate::audio::Sound;
use crate::ladder::Watched;
use crate::pictures::Pictures;
use crate::protocol::pictures::Coding;
use crate::protocol::sound::Input;
use crate::room::Room;
use crate::rungs::{Plan, webrtc_id};

/// Bits a second of the sound that workers make.
pub(crate) const OPUS_BPS: u32 = 96_000;
pub(crate) const AAC_BPS: u32 = 128_000;
/// A worker that follows sooner than this is being started; one that follows later is waited for.
const REST: Duration = Duration::from_millis(250);

/// Starts workers for those who want renditions, and keeps them going. Cheap to clone.
#[derive(Clone)]
pub struct Transcoder {
    pub(crate) inner: Arc<Inner>,
}

/// What a transcoder makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Sound, for those who cannot play the publisher's.
    pub audio: bool,
    /// Pictures for WebRTC of such as have B-frames.
    pub webrtc_video: bool,
    /// Ladders: of those that name a stream the first counts.
    pub ladders: Vec<Ladder>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { audio: true, webrtc_video: true, ladders: Vec::new() }
    }
}

pub(crate) struct Inner {
    worker: PathBuf,
    pub(crate) settings: Settings,
    runtime: Handle,
    rooms: Mutex<HashMap<Key, (Broadcast, Arc<Room>)>>,
    /// Which broadcasts somebody watches that have a ladder for as long as somebody does.
    pub(crate) watched: Mutex<HashMap<media::Path, Watched>>,
}

type Key = (media::Path, TrackId, Made);

/// What is made of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Made {
    Wish(Wish),
    Ladder,
}

/// A rendition and how it does.
#[derive(Clone, Debug)]
pub struct Status {
    /// Of which broadcast.
    pub path: media::Path,
    /// Of which track.
    pub source: TrackId,
    /// Which track the rendition is.
    pub id: TrackId,
    /// The rendition as it is, or was before it was shed; `None` until it has begun.
    pub track: Option<Arc<Track>>,
    /// How it does.
    pub condition: Condition,
}

/// How a rendition and its worker do.
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
    /// It is not made for now, as the machine has not the time.
    pub is_shed: bool,
    /// Frames of it that were left out so far, as there was no time for them.
    pub left_out: u64,
    /// What encodes it, as FFmpeg calls it; empty for sound.
    pub encoder: String,
    /// The hardware that was to encode it but cannot on this machine.
    pub fallback_from: Option<&'static str>,
    /// How long after its source's frame could be shown a frame of it is there: 95 of the last hundreds are sooner. `None` until
    /// that is known, and for sound.
    pub delay: Option<Duration>,
}

impl Transcoder {
    /// Workers are started from that program, on the runtime in which this is called.
    pub fn new(worker: &Path, settings: Settings) -> Self {
        metrics::describe_gauge!("onair_transcoder_renditions", "Renditions that are being made.");
        metrics::describe_counter!("onair_transcoder_restarts_total", "Workers that died or had to be killed.");
        metrics::describe_counter!(
            "onair_transcoder_left_out_frames_total",
            "Frames of rungs that were left out, as there was no time for them."
        );
        metrics::describe_counter!("onair_transcoder_shed_total", "Rungs that were left out for a while.");
        let (rooms, watched) = (Mutex::default(), Mutex::default());
        let runtime = Handle::current();
        Self { inner: Arc::new(Inner { worker: worker.into(), settings, runtime, rooms, watched }) }
    }

    /// Every rendition and how it does.
    pub fn status(&self) -> Vec<Status> {
        let of = |((path, source, _), (_, room)): (&Key, &(Broadcast, Arc<Room>))| {
            let (path, source) = (path.clone(), *source);
            let status = move |(id, track, condition)| Status { path: path.clone(), source, id, track, condition };
            room.conditions().into_iter().map(status)
        };
        self.rooms().iter().flat_map(of).collect()
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
                is_there && !has_aac && now.track(lease.track()).is_some()
            });
            for source in sources.iter().filter(|_| !has_aac) {
                if !leases.iter().any(|(id, _)| *id == source.id) {
                    let lease = self.begin(&broadcast, source.id, Made::Wish(Wish::Aac), From::Oldest);
                    leases.extend(lease.map(|lease| (source.id, lease)));
                }
            }
            // Not a newer one: what was declared meanwhile is still to be looked at.
            catalog = Some(now);
        }
    }

    /// Begins to make that of a track, or says who does already.
    pub(crate) fn begin(&self, broadcast: &Broadcast, source: TrackId, made: Made, from: From) -> Option<Lease> {
        let key = (broadcast.path().clone(), source, made);
        let mut rooms = self.rooms();
        let there = rooms.get(&key).filter(|(of, _)| of.is_same(broadcast)).map(|(_, room)| room.clone());
        let track = broadcast.catalog().track(source).cloned();
        let track = track.filter(|track| track.origin != Origin::Transcoder && track.id < Derived::FIRST);
        match made {
            Made::Wish(wish @ (Wish::Opus | Wish::Aac)) => {
                if let Some(room) = there {
                    return Some(room.lease(sound_id(source, wish)));
                }
                let track = derived_from(&*track?, wish)?;
                let derived = broadcast.derive(track.clone()).inspect_err(|why| warn!(%why, "no rendition")).ok()?;
                let (room, id) = (Room::new(), track.id);
                room.add(Arc::new(track));
                let work = Sound::new(wish, id, derived, from, room.clone());
                Some(self.run(&mut rooms, key, broadcast, room, id, work))
            }
            Made::Wish(Wish::Baseline) => {
                if let Some(room) = there {
                    return Some(room.lease(webrtc_id(source)));
                }
                let _ = track.filter(|track| Coding::of(&track.codec).is_some())?;
                let room = Room::new();
                let work = Pictures::new(broadcast.clone(), Plan::Webrtc, from, room.clone());
                Some(self.run(&mut rooms, key, broadcast, room, webrtc_id(source), work))
            }
            Made::Wish(_) => None,
            Made::Ladder => {
                if let Some(room) = there {
                    return Some(room.lease(source));
                }
                let (track, ladder) = (track?, self.ladder(broadcast.path())?);
                let plan = Plan::Ladder(ladder);
                if plan.rungs(&track).is_empty() {
                    return None;
                }
                let room = Room::new();
                let work = Pictures::new(broadcast.clone(), plan, from, room.clone());
                Some(self.run(&mut rooms, key, broadcast, room, source, work))
            }
        }
    }

    /// Has work done by a task of its own.
    fn run(
        &self,
        rooms: &mut HashMap<Key, (Broadcast, Arc<Room>)>,
        key: Key,
        broadcast: &Broadcast,
        room: Arc<Room>,
        id: TrackId,
        work: impl Work + 'static,
    ) -> Lease {
        let lease = room.lease(id);
        rooms.insert(key.clone(), (broadcast.clone(), room.clone()));
        let (worker, source) = (self.inner.worker.clone(), key.1);
        let span = info_span!("transcode", stream = %broadcast.path(), source = source.0, made = ?key.2);
        let attendant = Attendant { worker, broadcast: broadcast.clone(), source, room };
        self.inner.runtime.spawn(self.clone().serve(key, attendant, work).instrument(span));
        lease
    }

    /// Has work done until it is over or nobody wants it.
    async fn serve(self, key: Key, attendant: Attendant, mut work: impl Work) {
        let _counted = Counted::new();
        info!("making renditions");
        let room = attendant.room.clone();
        loop {
            let is_over = tokio::select! {
                () = attendant.attend(&mut work) => true,
                () = room.unwanted() => false,
            };
            let mut rooms = self.rooms();
            if !is_over && room.is_wanted() {
                continue;
            }
            if rooms.get(&key).is_some_and(|(_, there)| Arc::ptr_eq(there, &room)) {
                rooms.remove(&key);
            }
            // With its tracks, while nobody can begin others of the same ids.
            drop(work);
            drop(rooms);
            info!("the renditions are over");
            return;
        }
    }

    /// Whether that is being made.
    pub(crate) fn is_made(&self, broadcast: &Broadcast, source: TrackId, made: Made) -> bool {
        let key = (broadcast.path().clone(), source, made);
        self.rooms().get(&key).is_some_and(|(of, _)| of.is_same(broadcast))
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<Key, (Broadcast, Arc<Room>)>> {
        self.inner.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Demand for Transcoder {
    fn want(&self, broadcast: &Broadcast, source: TrackId, wish: Wish) -> Option<Lease> {
        let settings = &self.inner.settings;
        let is_on = if wish == Wish::Baseline { settings.webrtc_video } else { settings.audio };
        is_on.then(|| self.begin(broadcast, source, Made::Wish(wish), From::Newest)).flatten()
    }

    fn watched(&self, broadcast: &Broadcast) {
        self.note_watched(broadcast);
    }

    fn promised(&self, broadcast: &Broadcast) -> Vec<TrackId> {
        self.rungs_to_come(broadcast)
    }

    fn can(&self, broadcast: &Broadcast, source: TrackId, wish: Wish) -> bool {
        let is_source = |track: &&Arc<Track>| track.origin != Origin::Transcoder && track.id < Derived::FIRST;
        let is_possible = |track: &Arc<Track>| match wish {
            Wish::Baseline => self.inner.settings.webrtc_video && Coding::of(&track.codec).is_some(),
            wish => self.inner.settings.audio && derived_from(track, wish).is_some(),
        };
        broadcast.catalog().track(source).filter(is_source).is_some_and(is_possible)
    }

    fn renditions(&self) -> Vec<hub::Rendition> {
        let now = Instant::now();
        let of = |Status { path, source, track, condition, .. }: Status| {
            Some(hub::Rendition {
                path,
                source,
                track: track?,
                making: match (condition.process, condition.next_at) {
                    (Some(_), _) if condition.is_shed => Making::Shed,
                    (Some(_), _) => Making::Running,
                    (None, Some(at)) if at.saturating_duration_since(now) > REST => Making::BackingOff(at),
                    (None, _) => Making::Starting,
                },
                frames: condition.frames,
                dropped: condition.dropped + condition.left_out,
                restarts: condition.restarts,
                last_failure: condition.last_failure,
                encoder: Some(condition.encoder).filter(|encoder| !encoder.is_empty()),
                fallback_from: condition.fallback_from,
                delay: condition.delay,
            })
        };
        self.status().into_iter().filter_map(of).collect()
    }
}

/// Whether a source can be, and need be, made into that.
pub(crate) fn can_become(codec: &Codec, wish: Wish) -> bool {
    let is_it_already = matches!((codec, wish), (Codec::Opus(_), Wish::Opus) | (Codec::Aac(_), Wish::Aac));
    !is_it_already && Input::of(codec).is_some()
}

/// `a101` is the Opus of `a1`, and `a201` its AAC.
fn sound_id(source: TrackId, wish: Wish) -> TrackId {
    let base = if wish == Wish::Aac { 2 * Derived::FIRST.0 } else { Derived::FIRST.0 };
    TrackId(base + source.0)
}

/// The rendition of a track of sound.
fn derived_from(source: &Track, wish: Wish) -> Option<Track> {
    if !can_become(&source.codec, wish) {
        return None;
    }
    let (codec, bitrate) = match wish {
        Wish::Opus => (Codec::Opus(Opus::plain(2)), OPUS_BPS),
        // LC, 48 kHz, stereo.
        Wish::Aac => (Codec::Aac(Aac::from_config(&[0x11, 0x90]).ok()?), AAC_BPS),
        _ => return None,
    };
    Some(Track {
        id: sound_id(source.id, wish),
        codec,
        language: source.language.clone(),
        origin: Origin::Transcoder,
        bitrate_bps: Some(bitrate),
    })
}

/// Counts the sources being worked on.
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
