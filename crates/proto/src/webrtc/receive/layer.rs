use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::{Frame, Kind, Origin, Span, Time, Track, TrackId};
use wire::rtcp::{Block, Fir, Nacks, Rtcp, SenderInfo};
use wire::rtp::{Header, Packet};

use super::assemble::{Assembler, Outcome, Whole};
use super::clock::Clock;
use super::keyframes::Keyframes;
use super::queue::{Fate, Patience, Queue, Repair, Step, Waiting};
use super::tally::Tally;
use super::{Event, Settings, TrackStats};
use crate::webrtc::negotiate::{Agreed, Media};

/// A layer that has been silent for so long has gone, if others go on (P10).
pub(super) const SILENCE: Duration = Duration::from_secs(1);
/// A source may be replaced by another when it has been silent for so long.
const PASSING: Duration = Duration::from_millis(50);
/// As long as nothing is known of the path.
const UNKNOWN_RTT: Duration = Duration::from_millis(100);
/// Sound does not wait longer than this for what was lost.
const MAX_SOUND_WAIT: Duration = Duration::from_millis(200);

/// One track of the publisher: a simulcast layer, or all of a section without simulcast.
pub(super) struct Layer {
    pub(super) id: TrackId,
    pub(super) kind: Kind,
    /// Which section it belongs to.
    pub(super) section: usize,
    rid: Option<String>,
    origin: Origin,
    agreed: Agreed,
    /// Id of the header extension that describes frames.
    descriptor: Option<u8>,
    max_wait: Duration,
    max_waiting: usize,
    pub(super) ssrc: Option<u32>,
    /// The source has said goodbye.
    pub(super) has_ended: bool,
    queue: Queue,
    assembler: Assembler,
    pub(super) clock: Clock,
    pub(super) keys: Keyframes,
    fir: u8,
    pub(super) tally: Tally,
    /// Nothing else can be decoded (P23).
    needs_keyframe: bool,
    declared: Option<Track>,
    /// The same pictures in smaller sizes, where one source sends several: of each what was declared, and when its last
    /// picture came.
    smaller: Vec<(Option<Track>, Instant)>,
    /// The last timestamp, and where it was placed.
    placed: Option<(u32, Time, Span)>,
    pub(super) last_packet: Option<Instant>,
    frames: u64,
    dropped: u64,
}

impl Layer {
    pub(super) fn new(
        id: TrackId,
        section: usize,
        media: &Media,
        rid: Option<String>,
        settings: &Settings,
        epoch: Instant,
    ) -> Self {
        let agreed = media.agreed.clone();
        Self {
            id,
            kind: media.kind,
            section,
            origin: if rid.is_some() { Origin::Simulcast } else { Origin::Source },
            rid,
            descriptor: media.extensions.dependency,
            max_wait: settings.max_wait,
            max_waiting: settings.max_waiting,
            ssrc: None,
            has_ended: false,
            queue: Queue::new(settings.max_waiting),
            assembler: Assembler::new(&agreed, settings.max_frame_bytes),
            clock: Clock::new(agreed.clock, epoch),
            keys: Keyframes::default(),
            fir: 0,
            tally: Tally::new(agreed.clock),
            needs_keyframe: media.kind == Kind::Video,
            declared: None,
            smaller: Vec::new(),
            placed: None,
            last_packet: None,
            frames: 0,
            dropped: 0,
            agreed,
        }
    }

    pub(super) fn is_active(&self, now: Instant) -> bool {
        self.last_packet.is_some_and(|at| now.saturating_duration_since(at) < SILENCE)
    }

    /// Another source may take this one's place (P24).
    pub(super) fn is_free(&self, now: Instant) -> bool {
        self.has_ended || self.last_packet.is_none_or(|at| now.saturating_duration_since(at) >= PASSING)
    }

    /// What follows comes from this source.
    pub(super) fn begin(&mut self, ssrc: u32) {
        self.queue = Queue::new(self.max_waiting);
        self.ssrc = Some(ssrc);
        self.has_ended = false;
        self.clock.restart();
        self.tally.restart();
        self.tear();
    }

    fn tear(&mut self) {
        self.assembler.tear();
        self.needs_keyframe |= self.kind == Kind::Video;
    }

    /// Takes a packet of this layer's source, or one that repairs it. Gives the round trip time, if that has shown.
    pub(super) fn on_packet(
        &mut self,
        now: Instant,
        packet: &Packet<'_>,
        is_repair: bool,
        rtt: Option<Duration>,
        out: &mut VecDeque<Event>,
    ) -> Option<Duration> {
        let Packet { header, payload, .. } = *packet;
        let Header { marker, timestamp, sequence, .. } = header;
        let descriptor = self.descriptor.and_then(|id| packet.extensions.find(id));
        self.last_packet = Some(now);
        self.tally.on_bytes(now, payload.len());
        if !is_repair {
            self.clock.observe(now, timestamp);
        }
        let waiting = || Waiting {
            marker,
            timestamp,
            payload: Bytes::copy_from_slice(payload),
            descriptor: descriptor.map(Bytes::copy_from_slice),
        };
        let fate = self.queue.insert(now, sequence, is_repair, self.patience(rtt), waiting);
        let repair = match fate {
            Fate::Next(repair) | Fate::Waits(repair) => repair,
            Fate::Restart => {
                self.tally.restart();
                self.tear();
                Repair::None
            }
            Fate::Late | Fate::Stray => return None,
        };
        let answered = match repair {
            // Where retransmissions come among the others, one that was asked for may be the original, come late.
            Repair::Asked(after) => {
                self.tally.repaired += 1;
                after.filter(|_| is_repair || self.agreed.rtx.is_none())
            }
            Repair::None => None,
        };
        if !is_repair
            && repair == Repair::None
            && let Some(highest) = self.queue.highest()
        {
            self.tally.on_original(now, timestamp, highest);
        }
        if matches!(fate, Fate::Next(_) | Fate::Restart) {
            self.assembler.describe(descriptor);
            self.deliver(now, marker, timestamp, payload, out);
        } else if self.needs_keyframe && self.assembler.begins_keyframe(payload) {
            self.queue.give_up_before(now, sequence);
        }
        self.drain(now, out);
        answered
    }

    /// Lets out what is in order, and gives up what is overdue.
    pub(super) fn drain(&mut self, now: Instant, out: &mut VecDeque<Event>) {
        while let Some(step) = self.queue.pop(now) {
            match step {
                Step::Packet(packet) => {
                    self.assembler.describe(packet.descriptor.as_deref());
                    self.deliver(now, packet.marker, packet.timestamp, &packet.payload, out);
                }
                Step::Lost(count) => {
                    self.tally.lost += count;
                    self.tear();
                    if self.kind == Kind::Video {
                        self.keys.want();
                    }
                }
            }
        }
    }

    fn deliver(&mut self, now: Instant, marker: bool, timestamp: u32, payload: &[u8], out: &mut VecDeque<Event>) {
        // Of at most two pictures: one that ends here without a marker, and one that is whole in this packet.
        let mut outcomes = Vec::new();
        self.assembler.push(marker, timestamp, payload, |outcome| outcomes.push(outcome));
        for outcome in outcomes {
            self.on_outcome(now, outcome, out);
        }
    }

    fn on_outcome(&mut self, now: Instant, outcome: Outcome, out: &mut VecDeque<Event>) {
        let is_video = self.kind == Kind::Video;
        let whole = match outcome {
            Outcome::Frame(whole) if whole.is_sync || !self.needs_keyframe => whole,
            _ => {
                self.dropped += 1;
                if is_video {
                    self.needs_keyframe = true;
                    self.keys.want();
                }
                return;
            }
        };
        if is_video && whole.is_sync && whole.level == 0 {
            self.needs_keyframe = false;
            self.keys.on_keyframe(now);
        }
        // The sources of simulcast have the places of smaller sizes.
        if whole.level > 0 && self.rid.is_some() {
            return;
        }
        let Some(codec) = self.assembler.codec(whole.level) else { return };
        let id = self.id_of(whole.level);
        let origin = if whole.level == 0 { self.origin } else { Origin::Simulcast };
        let declared = match whole.level.checked_sub(1).map(usize::from) {
            None => &mut self.declared,
            Some(at) => {
                if self.smaller.len() <= at {
                    self.smaller.resize(at + 1, (None, now));
                }
                let Some((declared, last)) = self.smaller.get_mut(at) else { return };
                *last = now;
                declared
            }
        };
        // It begins, and returns, with a keyframe.
        if declared.is_none() && !whole.is_sync && whole.level > 0 {
            return;
        }
        // H16: what is the same is not said again; A9: what is not, is.
        if declared.as_ref().is_none_or(|track| track.codec != *codec) {
            let track = Track { origin, ..Track::source(id, codec.clone()) };
            *declared = Some(track.clone());
            out.push_back(Event::Track(track));
        }
        let placed = self.placed.filter(|(timestamp, ..)| whole.level > 0 && *timestamp == whole.timestamp);
        let (_, dts, reorder) = placed.unwrap_or_else(|| {
            let (dts, reorder) = self.clock.stamp(now, whole.timestamp);
            (whole.timestamp, dts, reorder)
        });
        self.placed = Some((whole.timestamp, dts, reorder));
        self.frames += u64::from(whole.level == 0);
        let Whole { is_sync, payload, temporal, .. } = whole;
        out.push_back(Event::Frame(id, Frame { dts, reorder, is_sync, payload, temporal }));
    }

    /// The track of the pictures in that size, of which 0 is the largest.
    fn id_of(&self, level: u8) -> TrackId {
        TrackId(self.id.0 + 2 * u16::from(level))
    }

    /// Whether it sends that track, in whatever size.
    pub(super) fn sends(&self, track: TrackId) -> bool {
        (0..=self.smaller.len() as u8).any(|level| self.id_of(level) == track)
    }

    /// Smaller sizes that have not come for long while the largest goes on; each is told once.
    pub(super) fn retire_sizes(&mut self, now: Instant, mut tell: impl FnMut(TrackId)) {
        for at in 0..self.smaller.len() {
            let id = self.id_of(at as u8 + 1);
            let Some((declared, last)) = self.smaller.get_mut(at) else { return };
            if now.saturating_duration_since(*last) >= SILENCE && declared.take().is_some() {
                tell(id);
            }
        }
    }

    /// Is taken for gone: it returns with a keyframe, or not at all. False if it was not there.
    pub(super) fn retire(&mut self) -> bool {
        self.tear();
        self.declared.take().is_some()
    }

    pub(super) fn is_declared(&self) -> bool {
        self.declared.is_some()
    }

    pub(super) fn on_report(&mut self, now: Instant, info: &SenderInfo) {
        self.tally.on_report(now, info);
        self.clock.report(info);
    }

    /// The longer the way and the more uneven, the longer it pays to wait.
    fn patience(&self, rtt: Option<Duration>) -> Patience {
        let jitter = self.tally.jitter();
        let rtt = rtt.unwrap_or(UNKNOWN_RTT);
        let most = if self.kind == Kind::Video { self.max_wait } else { self.max_wait.min(MAX_SOUND_WAIT) };
        let give_up = if self.agreed.nack {
            (rtt * 3 + jitter * 4 + Duration::from_millis(100)).max(Duration::from_millis(150))
        } else {
            // Only what is late can still come.
            (jitter * 4 + Duration::from_millis(10)).clamp(Duration::from_millis(30), Duration::from_millis(150))
        };
        Patience {
            reorder: jitter.clamp(Duration::from_millis(2), Duration::from_millis(20)),
            retry: (rtt + rtt / 4 + jitter).max(Duration::from_millis(20)),
            give_up: give_up.min(most),
        }
    }

    /// Asks for what is missing, at most `room` packets.
    pub(super) fn nack(
        &mut self,
        now: Instant,
        rtt: Option<Duration>,
        sender: u32,
        room: usize,
    ) -> Option<(usize, Rtcp)> {
        let media = self.ssrc.filter(|_| self.agreed.nack)?;
        let missing = self.queue.ask(now, self.patience(rtt), room);
        (!missing.is_empty()).then_some((missing.len(), Rtcp::Nack { sender, media, missing: Nacks(missing) }))
    }

    /// When a keyframe is to be asked for.
    fn ask_at(&self, now: Instant) -> Option<Instant> {
        let may_ask = (self.agreed.pli || self.agreed.fir) && self.ssrc.is_some() && self.is_active(now);
        self.keys.ask_at(now).filter(|_| may_ask)
    }

    /// Asks for a keyframe, if it is time.
    pub(super) fn ask_keyframe(&mut self, now: Instant, sender: u32) -> Option<Rtcp> {
        self.ask_at(now).filter(|at| *at <= now)?;
        let ssrc = self.ssrc?;
        self.keys.on_asked(now);
        if self.agreed.pli {
            return Some(Rtcp::Pli { sender, media: ssrc });
        }
        self.fir = self.fir.wrapping_add(1);
        Some(Rtcp::Fir { sender, entries: vec![Fir { ssrc, sequence: self.fir }] })
    }

    /// Whether the newest group is too old.
    pub(super) fn is_old(&self, now: Instant, interval: Option<Duration>) -> bool {
        self.is_active(now) && self.keys.old_at(interval).is_some_and(|at| at <= now)
    }

    /// What to tell the sender of this layer.
    pub(super) fn block(&mut self, now: Instant) -> Option<Block> {
        let highest = self.queue.highest()?;
        self.tally.block(now, self.ssrc?, highest)
    }

    /// When anything is due here, as seen at `now`.
    pub(super) fn deadline(&self, now: Instant, interval: Option<Duration>) -> Option<Instant> {
        let ask = self.queue.ask_at().filter(|_| self.agreed.nack);
        let old = self.keys.old_at(interval).filter(|_| self.is_active(now) && self.kind == Kind::Video);
        let silent = self.last_packet.map(|at| at + SILENCE).filter(|at| self.is_declared() && *at > now);
        [ask, self.queue.give_up_at(), self.ask_at(now), old, silent].into_iter().flatten().min()
    }

    pub(super) fn stats(&self, now: Instant) -> TrackStats {
        TrackStats {
            id: self.id,
            kind: self.kind,
            rid: self.rid.clone(),
            is_active: self.is_active(now),
            packets: self.tally.packets,
            bytes: self.tally.bytes,
            lost: self.tally.lost,
            repaired: self.tally.repaired,
            loss: self.tally.loss,
            jitter: self.tally.jitter(),
            bitrate_bps: self.tally.bitrate_bps(now),
            frames: self.frames,
            dropped: self.dropped,
            keyframes: self.keys.received,
            keyframe_requests: self.keys.requests,
        }
    }
}
