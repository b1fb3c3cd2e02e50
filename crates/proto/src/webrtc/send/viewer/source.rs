use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::{Kind, Time};

use super::super::packetizer::picture_id_at;
use super::super::{Log, Run};
use super::headers::Template;
use super::link::Link;
use super::packet::{Outlet, Packet, Stream};
use super::repair::Repair;
use super::walk::{Step, Walk};
use crate::webrtc::negotiate::{Coding, Media};

/// Frames are remembered for retransmission this long, and so many.
const MEMORY: Duration = Duration::from_millis(2000);
const MAX_FRAMES: usize = 512;
/// Packets of a probe.
const MAX_PROBE: u64 = 14;
const MIN_PROBE: usize = 8;

/// What a viewer is sent of one kind: one source, whatever track it comes from (E11).
#[derive(Debug)]
pub(super) struct Source {
    pub(super) kind: Kind,
    pub(super) coding: Coding,
    clock_rate: u32,
    pub(super) stream: Stream,
    pub(super) repair_stream: Option<Stream>,
    pub(super) walk: Walk,
    /// The candidates, the best first.
    pub(super) logs: Vec<Arc<Log>>,
    pub(super) repair: Repair,
    with_mid: Template,
    without_mid: Template,
    /// The peer has reported about this source, so that it knows whose it is (P7).
    pub(super) is_known: bool,
    timestamp_base: u32,
    /// The first sequence number of all.
    begin: u64,
    picture_at: Option<usize>,
    picture: u16,
    current: Option<Current>,
    sent: VecDeque<Sent>,
    /// The first packet of the last keyframe that was gone to instead of on.
    landed_at: u64,
}

/// The frame being sent.
#[derive(Debug)]
struct Current {
    run: Arc<Run>,
    packet: usize,
}

/// A frame that was sent, or is being: its packets have consecutive numbers.
#[derive(Debug)]
struct Sent {
    first: u64,
    run: Arc<Run>,
    timestamp: u32,
    picture: u16,
    at: Instant,
}

impl Sent {
    fn packet(&self, kind: Kind, picture_at: Option<usize>, packet: usize, is_first_ever: bool) -> Packet<'_> {
        Packet {
            // The end of a picture; the beginning of sound.
            marker: if kind == Kind::Video { packet + 1 == self.run.packets() } else { is_first_ever },
            timestamp: self.timestamp,
            payload: self.run.payload(packet),
            picture: picture_at.map(|at| (at, self.picture)),
            original: None,
        }
    }
}

impl Source {
    /// `None` if the terms name no source of ours.
    pub(super) fn new(media: &Media, seed: u64, now: Instant) -> Option<Self> {
        let &(ssrc, repair_ssrc) = media.ssrcs.first()?;
        let agreed = &media.agreed;
        let repair_stream = agreed.rtx.zip(repair_ssrc).map(|(payload_type, ssrc)| {
            // Below 2^15, so that what is sent before it arrives cannot be taken for the end of a round.
            Stream::new(ssrc, payload_type, seed >> 16 & 0x7fff)
        });
        // A packet that is sent twice on one source must be the same byte for byte, or SRTP would be broken open.
        let (with_mid, without_mid) = if repair_stream.is_none() && agreed.nack {
            (Template::constant(media), Template::constant(media))
        } else {
            Template::both(media)
        };
        Some(Self {
            kind: media.kind,
            coding: agreed.coding,
            clock_rate: agreed.coding.clock(),
            stream: Stream::new(ssrc, agreed.payload_type, seed & 0x7fff),
            repair_stream,
            walk: Walk::new(media.kind),
            logs: Vec::new(),
            repair: Repair::new(now),
            with_mid,
            without_mid,
            is_known: false,
            begin: seed & 0x7fff,
            timestamp_base: (seed >> 32) as u32,
            picture_at: picture_id_at(agreed.coding),
            picture: (seed >> 48) as u16 & 0x7fff,
            current: None,
            sent: VecDeque::new(),
            landed_at: 0,
        })
    }

    /// Bytes that it takes beside itself; frames are shared.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let logs = self.logs.capacity() * size_of::<Arc<Log>>();
        logs + self.sent.capacity() * size_of::<Sent>() + self.repair.heap_bytes()
    }

    /// Measured rate of what is being sent.
    pub(super) fn rate_bps(&self) -> u64 {
        self.walk.log().map_or(0, |log| log.rate_up_to(self.walk.top()))
    }

    /// Pictures with transport-wide numbers; sound may be without.
    pub(super) fn is_numbered(&self) -> bool {
        self.kind == Kind::Audio || self.with_mid.has_transport_sequence()
    }

    /// A time on this source's RTP clock.
    pub(super) fn timestamp(&self, time: Time) -> u32 {
        self.timestamp_base.wrapping_add(time.to_ticks(self.clock_rate) as u32)
    }

    /// It was nowhere yet, and now there is something.
    pub(super) fn may_begin(&self) -> bool {
        self.walk.log().is_none() && self.walk.wanted().is_none() && self.logs.iter().any(|log| log.end() > 0)
    }

    /// There may be a packet to send.
    pub(super) fn has_more(&self) -> bool {
        self.current.is_some() || self.walk.has_more()
    }

    /// When the last keyframe began to be sent, if it is remembered.
    pub(super) fn last_sync(&self) -> Option<Instant> {
        self.sent.iter().rev().find(|sent| sent.run.is_sync()).map(|sent| sent.at)
    }

    /// Makes the next frame ready if none is; what is told of it, the first time.
    pub(super) fn prepare(&mut self, now: Instant, link: &mut Link) -> Option<Step> {
        if self.current.is_some() {
            return None;
        }
        let step = self.walk.step(now)?;
        link.clock.anchor(step.run.time, step.run.at);
        self.picture = self.picture.wrapping_add(1) & 0x7fff;
        let timestamp = self.timestamp(step.shown);
        let (run, picture) = (step.run.clone(), self.picture);
        self.forget(now);
        if self.kind == Kind::Video && (step.has_skipped || step.switched.is_some()) {
            self.land();
        }
        self.sent.push_back(Sent { first: self.stream.sequence, run: run.clone(), timestamp, picture, at: now });
        self.current = Some(Current { run, packet: 0 });
        Some(step)
    }

    fn forget(&mut self, now: Instant) {
        while self.sent.len() >= MAX_FRAMES
            || self.sent.front().is_some_and(|oldest| now.saturating_duration_since(oldest.at) > MEMORY)
        {
            self.sent.pop_front();
        }
        if let Some(oldest) = self.sent.front() {
            self.repair.forget_before(oldest.first);
        }
    }

    /// Sends no more of the frame that is being sent, and nothing again of what was sent; a keyframe must follow.
    pub(super) fn abandon(&mut self) {
        self.current = None;
        self.land();
    }

    /// A keyframe comes next: nobody needs what came before any more.
    fn land(&mut self) {
        self.landed_at = self.stream.sequence;
        self.repair.drop_before(self.landed_at);
    }

    /// Writes the next packet of the frame that was made ready.
    pub(super) fn send(&mut self, outlet: &mut Outlet<'_>) -> Option<usize> {
        let current = self.current.as_mut()?;
        let sent = self.sent.back()?;
        let packet = current.packet;
        current.packet += 1;
        if current.packet >= current.run.packets() {
            self.current = None;
        }
        let template = if self.is_known { &self.without_mid } else { &self.with_mid };
        let packet = sent.packet(self.kind, self.picture_at, packet, self.stream.sequence == self.begin);
        let index = self.stream.sequence;
        self.stream.sequence += 1;
        self.stream.write(index, &packet, template, outlet)
    }

    /// Takes a request for a packet; false if it is not kept any more, was never sent, is over a limit (P2), or of no
    /// use, as it is from before a keyframe that was gone to.
    pub(super) fn want(&mut self, now: Instant, sequence: u16, round_trip: Option<Duration>) -> bool {
        let back = (self.stream.sequence as u16).wrapping_sub(sequence);
        let Some(index) = self.stream.sequence.checked_sub(back.into()).filter(|_| back > 0) else { return false };
        index >= self.landed_at && self.find(index).is_some() && self.repair.want(now, index, round_trip)
    }

    /// The frame of that packet, and which of its packets it is.
    fn find(&self, index: u64) -> Option<(&Sent, usize)> {
        let at = self.sent.partition_point(|sent| sent.first <= index).checked_sub(1)?;
        let sent = self.sent.get(at)?;
        let packet = usize::try_from(index - sent.first).ok()?;
        (packet < sent.run.packets()).then_some((sent, packet))
    }

    /// Sends a packet again: on the source of retransmissions, or, without one, as it was (P1).
    pub(super) fn send_again(&mut self, index: u64, outlet: &mut Outlet<'_>) -> Option<usize> {
        let at = self.sent.partition_point(|sent| sent.first <= index).checked_sub(1)?;
        let sent = self.sent.get(at)?;
        let number = usize::try_from(index - sent.first).ok().filter(|packet| *packet < sent.run.packets())?;
        let packet = sent.packet(self.kind, self.picture_at, number, index == self.begin);
        match &mut self.repair_stream {
            Some(stream) => {
                let packet = Packet { original: Some(index as u16), ..packet };
                let own = stream.sequence;
                stream.sequence += 1;
                let template = if self.is_known { &self.without_mid } else { &self.with_mid };
                stream.write(own, &packet, template, outlet)
            }
            None => {
                let counted = (self.stream.packets, self.stream.octets);
                let written = self.stream.write(index, &packet, &self.with_mid, outlet);
                // Reports count it once.
                (self.stream.packets, self.stream.octets) = counted;
                written
            }
        }
    }

    /// Bytes of the payload of a packet that was sent.
    pub(super) fn payload_bytes(&self, index: u64) -> Option<usize> {
        self.find(index).map(|(sent, packet)| sent.run.payload(packet).len())
    }

    /// Sends the last packets once more, in one go: how they arrive tells how wide the link is. No more of them than
    /// measure it and as `most` bytes allow. Returns their bytes.
    pub(super) fn probe(&mut self, most: usize, outlet: &mut Outlet<'_>) -> usize {
        if self.repair_stream.is_none() {
            return 0;
        }
        let end = self.stream.sequence;
        let mut written = 0;
        for (sent, index) in (end.saturating_sub(MAX_PROBE)..end).enumerate() {
            if sent >= MIN_PROBE && written >= most {
                break;
            }
            written += self.send_again(index, outlet).unwrap_or(0);
        }
        written
    }
}
