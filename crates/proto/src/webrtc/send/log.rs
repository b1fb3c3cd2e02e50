use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::{Frame, Kind, Span, Temporal, Time, Track, TrackId};

use super::packetizer::Packetizer;
use crate::webrtc::negotiate::Coding;

/// Packets stay for retransmission this long after a newer group has begun.
const AGE: Duration = Duration::from_secs(2);
/// The most that one log holds; a longer group loses its beginning, and who joins then waits for the next.
const MAX_BYTES: usize = 24 << 20;
const MAX_RUNS: usize = 8192;
/// Over how long a rate is measured.
const RATE_WINDOW: Duration = Duration::from_secs(2);
/// Temporal layers that are told apart; what is above belongs to the last.
pub(super) const TEMPORAL_LAYERS: usize = 4;
/// A keyframe is asked for at most this often, whoever wants it (P3).
const ASK_EVERY: Duration = Duration::from_millis(700);

/// One frame, in packets.
#[derive(Debug)]
pub struct Run {
    /// Counts the frames of a log.
    pub index: u64,
    /// Index of the frame that its group begins with.
    pub group: u64,
    /// Decode time, which is the time of showing: frames that are reordered are not sent (P18).
    pub time: Time,
    /// When it was appended.
    pub at: Instant,
    /// Which of those who watch may do without it.
    pub temporal: Temporal,
    /// All payloads, one behind the other.
    bytes: Bytes,
    /// Where each ends.
    ends: Box<[u32]>,
}

impl Run {
    /// A decoder may start here.
    pub fn is_sync(&self) -> bool {
        self.index == self.group
    }

    /// How many packets it was cut into.
    pub fn packets(&self) -> usize {
        self.ends.len()
    }

    /// The payload of one packet; empty past the last.
    pub fn payload(&self, packet: usize) -> &[u8] {
        let begin = packet.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&end| end as usize);
        self.ends.get(packet).and_then(|&end| self.bytes.get(begin..end as usize)).unwrap_or_default()
    }

    /// Bytes of all payloads.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

/// The packets of one track, made once for all its viewers and found again for retransmission.
///
/// One [`Writer`] appends. A reader takes a short lock per frame, none per packet.
#[derive(Debug)]
pub struct Log {
    id: TrackId,
    coding: Coding,
    began: Instant,
    shelf: Mutex<Shelf>,
    /// Index of the next run: whether there is anything new is told without the lock.
    end: AtomicU64,
    /// Up to each temporal layer: the last is the whole.
    rates_bps: [AtomicU64; TEMPORAL_LAYERS],
    /// Of the frames of the last two seconds, the highest temporal layer.
    top: AtomicU8,
    /// Milliseconds after `began` at which a keyframe was last asked for, plus one; 0 for never.
    asked: AtomicU64,
    has_ended: AtomicBool,
}

#[derive(Debug)]
struct Shelf {
    track: Arc<Track>,
    runs: VecDeque<Arc<Run>>,
    bytes: usize,
    /// Index of the newest frame that a decoder may start at.
    newest: Option<u64>,
}

impl Log {
    /// Which track.
    pub fn id(&self) -> TrackId {
        self.id
    }

    /// How its frames are put into packets; never changes.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// Pictures or sound.
    pub fn kind(&self) -> Kind {
        self.coding.kind()
    }

    /// The newest parameters.
    pub fn track(&self) -> Arc<Track> {
        self.shelf().track.clone()
    }

    /// Measured over the last two seconds; before that, what the publisher said it would send. 0 where unknown.
    pub fn rate_bps(&self) -> u64 {
        self.rate_up_to(u8::MAX)
    }

    /// The same of the temporal layers up to that one.
    pub fn rate_up_to(&self, layer: u8) -> u64 {
        let at = usize::from(layer).min(TEMPORAL_LAYERS - 1);
        self.rates_bps.get(at).map_or(0, |rate| rate.load(Ordering::Relaxed))
    }

    /// The highest temporal layer that frames have come in lately.
    pub fn top_layer(&self) -> u8 {
        self.top.load(Ordering::Relaxed)
    }

    /// Index of the run that is appended next.
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Nothing will be appended any more.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// The run of that index, as long as it is kept.
    pub fn run(&self, index: u64) -> Option<Arc<Run>> {
        self.shelf().run(index).cloned()
    }

    /// The newest run.
    pub fn last(&self) -> Option<Arc<Run>> {
        self.shelf().runs.back().cloned()
    }

    /// The run with which the newest group begins, if it is still kept. In sound every run is one.
    pub fn newest_group(&self) -> Option<Arc<Run>> {
        let shelf = self.shelf();
        shelf.newest.and_then(|index| shelf.run(index)).cloned()
    }

    /// Says that a viewer needs a keyframe; true if the publisher is to be asked now, false if that was done just
    /// before for somebody else (P3).
    pub fn want_keyframe(&self, now: Instant) -> bool {
        let now_ms = now.saturating_duration_since(self.began).as_millis() as u64 + 1;
        let ask = |asked: u64| {
            let is_due = asked == 0 || now_ms.saturating_sub(asked) >= ASK_EVERY.as_millis() as u64;
            is_due.then_some(now_ms)
        };
        self.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, ask).is_ok()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn run(&self, index: u64) -> Option<&Arc<Run>> {
        let first = self.runs.front()?.index;
        self.runs.get(usize::try_from(index.checked_sub(first)?).ok()?)
    }

    /// Takes what is too old out; it is freed by the caller, outside the lock.
    fn expire(&mut self, now: Instant) -> Vec<Arc<Run>> {
        let mut gone = Vec::new();
        while let Some(oldest) = self.runs.front() {
            let is_needed = self.newest.is_none_or(|newest| oldest.index >= newest);
            let is_young = now.saturating_duration_since(oldest.at) < AGE;
            let fits = self.bytes <= MAX_BYTES && self.runs.len() <= MAX_RUNS;
            if fits && (is_needed || is_young) || self.runs.len() < 2 {
                break;
            }
            self.bytes = self.bytes.saturating_sub(oldest.bytes.len());
            gone.extend(self.runs.pop_front());
        }
        gone
    }
}

/// Appends a track's frames to its log.
#[derive(Debug)]
pub struct Writer {
    log: Arc<Log>,
    packetizer: Packetizer,
    /// Runs written; the group's first.
    next: u64,
    group: Option<u64>,
    /// Times, bytes and layers of the last runs, for the rates.
    recent: VecDeque<(Instant, usize, u8)>,
    /// Of each temporal layer: their bytes, and how many they are.
    recent_bytes: [usize; TEMPORAL_LAYERS],
    recent_count: [usize; TEMPORAL_LAYERS],
    has_b_frames: bool,
}

impl Writer {
    /// A log for a track; `None` where WebRTC does not carry its codec.
    pub fn new(track: Arc<Track>, now: Instant) -> Option<Self> {
        let coding = Coding::carrying(&track.codec)?;
        let packetizer = Packetizer::new(&track.codec)?;
        let rates_bps = std::array::from_fn(|_| AtomicU64::new(track.bitrate_bps.unwrap_or(0).into()));
        let id = track.id;
        let shelf = Mutex::new(Shelf { track, runs: VecDeque::new(), bytes: 0, newest: None });
        let log = Log {
            id,
            coding,
            began: now,
            shelf,
            end: AtomicU64::new(0),
            rates_bps,
            top: AtomicU8::new(0),
            asked: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
        };
        Some(Self {
            log: Arc::new(log),
            packetizer,
            next: 0,
            group: None,
            recent: VecDeque::new(),
            recent_bytes: [0; TEMPORAL_LAYERS],
            recent_count: [0; TEMPORAL_LAYERS],
            has_b_frames: false,
        })
    }

    /// What the viewers read.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// A frame came that is shown later than decoded: nobody can be sent this track any more (P18).
    pub fn has_b_frames(&self) -> bool {
        self.has_b_frames
    }

    /// A group begins, with these parameters, which may be new (P17). False if they are of another codec: then this
    /// log ends, and the track needs a new writer (E11).
    pub fn begin(&mut self, track: &Arc<Track>) -> bool {
        if Coding::carrying(&track.codec) != Some(self.log.coding) || track.id != self.log.id {
            return false;
        }
        let Some(packetizer) = Packetizer::new(&track.codec) else { return false };
        self.packetizer = packetizer;
        self.log.shelf().track = track.clone();
        true
    }

    /// Cuts a frame into packets and shows it to the viewers. Nothing is sent before the first keyframe.
    pub fn append(&mut self, frame: &Frame, now: Instant) {
        self.has_b_frames |= frame.reorder != Span::ZERO && self.log.kind() == Kind::Video;
        if frame.is_sync || self.log.kind() == Kind::Audio {
            self.group = Some(self.next);
        }
        let Some(group) = self.group else { return };
        let Some((bytes, ends)) = self.packetizer.cut(frame) else { return };
        let temporal = layer_of(frame);
        self.measure(now, bytes.len(), temporal.layer);
        let (index, time) = (self.next, frame.pts());
        let run = Arc::new(Run { index, group, time, at: now, temporal, bytes, ends });
        self.next += 1;
        let gone = {
            let mut shelf = self.log.shelf();
            shelf.bytes += run.bytes.len();
            shelf.newest = Some(group);
            shelf.runs.push_back(run);
            shelf.expire(now)
        };
        self.log.end.store(self.next, Ordering::Release);
        drop(gone);
    }

    fn measure(&mut self, now: Instant, bytes: usize, layer: u8) {
        self.recent.push_back((now, bytes, layer));
        self.count(layer, |all, each| (all + bytes, each + 1));
        while let Some(&(at, old, layer)) = self.recent.front()
            && now.saturating_duration_since(at) > RATE_WINDOW
        {
            self.count(layer, |all, each| (all - old, each - 1));
            self.recent.pop_front();
        }
        let Some(&(first, ..)) = self.recent.front() else { return };
        let span = now.saturating_duration_since(first);
        // Some frames at least, or the first keyframe alone would look like a rate.
        if span >= RATE_WINDOW / 10 {
            let millis = span.as_millis() as u64;
            let mut all = 0;
            for (bytes, rate) in self.recent_bytes.iter().zip(&self.log.rates_bps) {
                all += *bytes as u64;
                rate.store(all * 8000 / millis.max(1), Ordering::Relaxed);
            }
            let top = self.recent_count.iter().rposition(|count| *count > 0).unwrap_or_default();
            self.log.top.store(top as u8, Ordering::Relaxed);
        }
    }

    /// Changes what was counted of a layer: bytes and frames.
    fn count(&mut self, layer: u8, change: impl FnOnce(usize, usize) -> (usize, usize)) {
        let at = usize::from(layer);
        if let Some((bytes, count)) = self.recent_bytes.get_mut(at).zip(self.recent_count.get_mut(at)) {
            (*bytes, *count) = change(*bytes, *count);
        }
    }
}

/// The layer of a frame, among those that are told apart. Sound has none, and nothing goes on without a keyframe.
fn layer_of(frame: &Frame) -> Temporal {
    let Temporal { layer, switches_up } = frame.temporal;
    let most = TEMPORAL_LAYERS as u8 - 1;
    match layer {
        _ if frame.is_sync => Temporal::BASE,
        _ if layer > most => Temporal { layer: most, switches_up: false },
        _ => Temporal { layer, switches_up },
    }
}

/// The viewers are told that no more will come.
impl Drop for Writer {
    fn drop(&mut self) {
        self.log.has_ended.store(true, Ordering::Release);
    }
}
