use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use media::codec::{Avc, Opus};
use media::{Codec, Frame, Kind, Span, Time, Track, TrackId};
use wire::rtcp::{Rtcp, SenderInfo};
use wire::rtp::{Header, Packet, write_elements};
use wire::sdp::Fingerprint;

use super::super::{Event, Receiver, Settings};
use crate::webrtc::negotiate::{Agreed, Coding, Extensions, Media, Terms};
use crate::webrtc::send::Writer;

const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const MID: u8 = 1;
const RID: u8 = 2;
const TRANSPORT_CC: u8 = 3;
const REPAIRED_RID: u8 = 4;
/// After so many packets rid and mid are left out, as browsers do (P8).
const INTRODUCTION: u64 = 40;
/// How long the publisher can find its packets.
const HISTORY: usize = 2000;

fn media(index: usize, kind: Kind, agreed: Agreed, ssrc: u32) -> Media {
    Media {
        index,
        mid: Some(index.to_string()),
        kind,
        agreed,
        extensions: Extensions {
            mid: Some(MID),
            rid: Some(RID),
            repaired_rid: Some(REPAIRED_RID),
            ..Extensions::default()
        },
        ssrcs: vec![(ssrc, Some(ssrc + 500))],
        rids: Vec::new(),
    }
}

/// A section with H.264, NACK, retransmissions and PLI. Its sources begin at 1000.
pub(super) fn video(index: usize) -> Media {
    let agreed = Agreed {
        coding: Coding::H264 { fragments: true },
        payload_type: 96,
        rtx: Some(97),
        clock: 90_000,
        parameters: String::new(),
        nack: true,
        pli: true,
        fir: false,
        transport_cc: false,
        remb: false,
    };
    media(index, Kind::Video, agreed, 1000)
}

/// A section with Opus and nothing else, from source 5000.
pub(super) fn opus(index: usize) -> Media {
    let agreed = Agreed {
        coding: Coding::Opus,
        payload_type: 111,
        rtx: None,
        clock: 48_000,
        parameters: "minptime=10;stereo=1".to_owned(),
        nack: false,
        pli: false,
        fir: false,
        transport_cc: false,
        remb: false,
    };
    media(index, Kind::Audio, agreed, 5000)
}

pub(super) fn terms(media: &[Media]) -> Terms {
    Terms {
        their_ufrag: String::new(),
        fingerprint: Fingerprint { hash: String::new(), digest: Vec::new() },
        is_dtls_client: false,
        media: media.to_vec(),
        missing: Vec::new(),
    }
}

/// What happens to every packet, both ways.
#[derive(Clone, Copy)]
pub(super) struct Network {
    pub(super) seed: u64,
    /// Share of packets lost.
    pub(super) loss: f64,
    pub(super) delay: Duration,
    /// At most this much on top of the delay, packet by packet: whatever overtakes, overtakes.
    pub(super) jitter: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self { seed: 1, loss: 0.0, delay: Duration::from_millis(10), jitter: Duration::ZERO }
    }
}

/// A frame that came out.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) came: Instant,
    pub(super) dts: Time,
    pub(super) is_sync: bool,
    pub(super) payload: Bytes,
}

/// A source of the publisher.
struct Source {
    section: usize,
    rid: Option<String>,
    writer: Writer,
    ssrc: u32,
    sequence: u16,
    repair_sequence: u16,
    offset: u32,
    frames: u64,
    packets: u64,
    wants_keyframe: bool,
    history: BTreeMap<u64, Bytes>,
}

enum Way {
    ToReceiver,
    ToPublisher,
}

/// A publisher, a network and a receiver.
pub(super) struct World {
    pub(super) now: Instant,
    start: Instant,
    pub(super) receiver: Receiver,
    terms: Terms,
    network: Network,
    random: u64,
    flying: BTreeMap<(Instant, u64), (Way, bool, Bytes)>,
    sent: u64,
    sources: Vec<Source>,
    transport: u16,
    /// Originals to lose, by track and count.
    dropped: HashMap<TrackId, Vec<u64>>,
    is_for_good: bool,
    pub(super) listens: bool,
    pub(super) reports: bool,
    /// Between capture and the first packet of pictures.
    pub(super) video_delay: Duration,
    pub(super) events: Vec<(Instant, Event)>,
    feedback: Vec<(Instant, Rtcp)>,
    made: Vec<(Instant, Bytes)>,
}

impl World {
    pub(super) fn new(terms: &Terms, settings: Settings, network: Network) -> Self {
        let start = Instant::now();
        let mut sources = Vec::new();
        for (section, media) in terms.media.iter().enumerate() {
            let rids: Vec<_> = media.rids.iter().cloned().map(Some).collect();
            for (at, rid) in (if rids.is_empty() { vec![None] } else { rids }).into_iter().enumerate() {
                let codec = match media.kind {
                    Kind::Video => Codec::Avc(
                        Avc::from_parameter_sets([Bytes::from_static(SPS)], [Bytes::from_static(PPS)]).unwrap(),
                    ),
                    Kind::Audio => Codec::Opus(Opus::plain(2)),
                };
                let id = TrackId(2 * at as u16 + u16::from(media.kind == Kind::Audio));
                sources.push(Source {
                    section,
                    rid,
                    writer: Writer::new(Arc::new(Track::source(id, codec)), start).unwrap(),
                    ssrc: if media.kind == Kind::Video { 1000 } else { 5000 } + at as u32,
                    // Both wrap soon (A1, P24).
                    sequence: 65_400,
                    repair_sequence: 65_530,
                    offset: u32::MAX - 50_000 - at as u32 * 12_345,
                    frames: 0,
                    packets: 0,
                    wants_keyframe: true,
                    history: BTreeMap::new(),
                });
            }
        }
        Self {
            now: start,
            start,
            receiver: Receiver::new(terms, settings, start),
            terms: terms.clone(),
            network,
            random: network.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            flying: BTreeMap::new(),
            sent: 0,
            sources,
            transport: 65_000,
            dropped: HashMap::new(),
            is_for_good: false,
            listens: true,
            reports: false,
            video_delay: Duration::ZERO,
            events: Vec::new(),
            feedback: Vec::new(),
            made: Vec::new(),
        }
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub(super) fn noise(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.random() as u8).collect()
    }

    /// Loses these originals of a track, counted from its first packet.
    pub(super) fn drop_originals(&mut self, track: TrackId, packets: &[u64]) {
        self.dropped.insert(track, packets.to_vec());
    }

    /// Loses these packets of a track, whenever they are sent.
    pub(super) fn drop_for_good(&mut self, track: TrackId, packets: &[u64]) {
        self.drop_originals(track, packets);
        self.is_for_good = true;
    }

    /// The source goes on under another number, and counts anew, with a keyframe.
    pub(super) fn change_source(&mut self, at: usize, ssrc: u32, sequence: u16) {
        self.pass(Duration::from_millis(60));
        let source = &mut self.sources[at];
        (source.ssrc, source.sequence, source.wants_keyframe) = (ssrc, sequence, true);
        source.offset = source.offset.wrapping_add(0x1234_5678);
        source.packets = 0;
    }

    /// One source of pictures for a while: when its frames were sent, and what they were.
    pub(super) fn publish_video(&mut self, at: usize, during: Duration) -> Vec<(Instant, Bytes)> {
        self.publish(&[at], None, during)
    }

    /// These sources of pictures, 30 times a second, and that of sound, 50 times. Gives the first one's frames.
    pub(super) fn publish(&mut self, video: &[usize], sound: Option<usize>, during: Duration) -> Vec<(Instant, Bytes)> {
        self.made.clear();
        let begin = self.now;
        let (pictures, sounds) = (Duration::from_secs(1) / 30, Duration::from_millis(20));
        let (mut picture, mut noise, mut report) = (0, 0, 0);
        loop {
            let picture_at = begin + self.video_delay + pictures * picture;
            let sound_at = begin + sounds * noise;
            let report_at = begin + Duration::from_millis(700) * (report + 1);
            let next = picture_at.min(sound_at).min(report_at);
            if next >= begin + during {
                break;
            }
            self.run_until(next);
            if next == picture_at {
                picture += 1;
                for &at in video {
                    self.send_picture(at, at == video[0]);
                }
            } else if next == sound_at {
                noise += 1;
                if let Some(at) = sound {
                    let payload = [&[0xfc, 0][..], &noise.to_be_bytes()].concat();
                    self.send(at, Bytes::from(payload), true);
                }
            } else {
                report += 1;
                if self.reports {
                    self.send_reports();
                }
            }
        }
        // What is under way arrives, and what is missing is repaired or given up.
        self.run_until(begin + during);
        if during >= Duration::from_secs(1) {
            let is_lossy = self.network.loss > 0.0;
            self.pass(Duration::from_millis(if is_lossy { 1000 } else { 30 }));
        }
        std::mem::take(&mut self.made)
    }

    fn send_picture(&mut self, at: usize, is_noted: bool) {
        let is_deaf = !self.listens;
        let source = &mut self.sources[at];
        let is_sync = std::mem::take(&mut source.wants_keyframe) || is_deaf && source.frames.is_multiple_of(120);
        let len = if is_sync { 12_000 } else { 2_300 };
        let number = source.frames as u32 ^ (at as u32) << 24;
        let mut payload = Vec::with_capacity(len + 10);
        payload.extend_from_slice(&(len as u32 + 6).to_be_bytes());
        payload.extend_from_slice(if is_sync { &[0x65, 0x88] } else { &[0x41, 0x9a] });
        payload.extend_from_slice(&number.to_be_bytes());
        payload.resize(len + 10, number as u8);
        let payload = Bytes::from(payload);
        if is_noted {
            self.made.push((self.now, payload.clone()));
        }
        self.send(at, payload, is_sync);
    }

    fn send(&mut self, at: usize, payload: Bytes, is_sync: bool) {
        let now = self.now;
        let source = &mut self.sources[at];
        let frame = Frame {
            dts: Time(source.frames as i64),
            reorder: Span::ZERO,
            is_sync,
            payload,
            temporal: media::Temporal::BASE,
        };
        source.writer.append(&frame, now);
        let run = source.writer.log().last().unwrap();
        let track = source.writer.log().id();
        let media = &self.terms.media[source.section];
        let ticks = if media.kind == Kind::Video { 3000 } else { 960 };
        let timestamp = source.offset.wrapping_add(source.frames as u32 * ticks);
        source.frames += 1;
        for packet in 0..run.packets() {
            let header = Header {
                marker: media.kind == Kind::Video && packet + 1 == run.packets(),
                payload_type: media.agreed.payload_type,
                sequence: source.sequence,
                timestamp,
                ssrc: source.ssrc,
            };
            let mut bytes = BytesMut::new();
            let transport = self.transport.to_be_bytes();
            let mut elements: Vec<(u8, &[u8])> = Vec::new();
            if source.packets < INTRODUCTION {
                elements.extend(media.extensions.mid.map(|id| (id, media.mid.as_deref().unwrap().as_bytes())));
                let rid = source.rid.as_deref().map(str::as_bytes);
                elements.extend(media.extensions.rid.zip(rid));
            }
            if media.extensions.transport_cc == Some(TRANSPORT_CC) || media.kind == Kind::Audio {
                elements.push((TRANSPORT_CC, &transport));
                self.transport = self.transport.wrapping_add(1);
            }
            header.write(!elements.is_empty(), &mut bytes);
            write_elements(elements.into_iter(), &mut bytes);
            bytes.extend_from_slice(run.payload(packet));
            let bytes = bytes.freeze();
            let number = source.packets;
            source.history.insert(number, bytes.clone());
            while source.history.len() > HISTORY {
                source.history.pop_first();
            }
            source.sequence = source.sequence.wrapping_add(1);
            source.packets += 1;
            let is_dropped = self.dropped.get(&track).is_some_and(|dropped| dropped.contains(&number));
            if !is_dropped {
                fly(
                    &mut self.flying,
                    &mut self.sent,
                    self.network,
                    &mut self.random,
                    now,
                    (Way::ToReceiver, true, bytes),
                );
            }
        }
    }

    fn send_reports(&mut self) {
        let now = self.now;
        for at in 0..self.sources.len() {
            let source = &self.sources[at];
            let is_video = self.terms.media[source.section].kind == Kind::Video;
            let rate = if is_video { 90_000.0 } else { 48_000.0 };
            // What was captured at the very beginning has the offset as its timestamp.
            let passed = now.duration_since(self.start);
            let ntp = (3_900_000_000 << 32) + (passed.as_secs_f64() * 4_294_967_296.0) as u64;
            let rtp_timestamp = source.offset.wrapping_add((passed.as_secs_f64() * rate) as u32);
            let info = SenderInfo { ntp, rtp_timestamp, packets: 0, octets: 0 };
            let mut bytes = BytesMut::new();
            Rtcp::SenderReport { ssrc: source.ssrc, info, blocks: Vec::new() }.write(&mut bytes);
            let datagram = (Way::ToReceiver, false, bytes.freeze());
            fly(&mut self.flying, &mut self.sent, self.network, &mut self.random, now, datagram);
        }
    }

    pub(super) fn pass(&mut self, during: Duration) {
        self.run_until(self.now + during);
    }

    fn run_until(&mut self, until: Instant) {
        loop {
            self.drain();
            let flying = self.flying.first_key_value().map(|((at, _), _)| *at);
            let deadline = self.receiver.deadline().max(self.now);
            let next = flying.map_or(deadline, |at| at.min(deadline));
            if next > until {
                break;
            }
            self.now = next;
            if flying == Some(next) {
                let (_, (way, is_rtp, bytes)) = self.flying.pop_first().unwrap();
                match way {
                    Way::ToReceiver if is_rtp => self.receiver.handle_rtp(next, &bytes),
                    Way::ToReceiver => self.receiver.handle_rtcp(next, &bytes),
                    Way::ToPublisher => self.on_feedback(&bytes),
                }
            } else {
                self.receiver.handle_timeout(next);
                self.drain();
                // Or the loop of a gateway would spin.
                assert!(self.receiver.deadline() > next, "the deadline does not move on");
            }
        }
        self.now = until;
    }

    fn drain(&mut self) {
        let now = self.now;
        while let Some(event) = self.receiver.poll_event() {
            self.events.push((now, event));
        }
        let mut datagram = BytesMut::new();
        while self.receiver.poll_rtcp(now, &mut datagram) {
            assert!(datagram.len() <= 1200, "{}", datagram.len());
            let bytes = datagram.split().freeze();
            let packets = Rtcp::parse_all(&bytes).unwrap();
            assert!(matches!(packets[..], [Rtcp::ReceiverReport { .. }, Rtcp::Cname { .. }, ..]));
            self.feedback.extend(packets.into_iter().map(|packet| (now, packet)));
            fly(
                &mut self.flying,
                &mut self.sent,
                self.network,
                &mut self.random,
                now,
                (Way::ToPublisher, false, bytes),
            );
        }
    }

    fn on_feedback(&mut self, datagram: &[u8]) {
        if !self.listens {
            return;
        }
        for packet in Rtcp::parse_all(datagram).unwrap() {
            match packet {
                Rtcp::Pli { media, .. } => self.on_keyframe_request(media),
                Rtcp::Fir { entries, .. } => entries.iter().for_each(|entry| self.on_keyframe_request(entry.ssrc)),
                Rtcp::Nack { media, missing, .. } => {
                    missing.0.iter().for_each(|&sequence| self.resend(media, sequence));
                }
                _ => {}
            }
        }
    }

    fn on_keyframe_request(&mut self, ssrc: u32) {
        let source = self.sources.iter_mut().find(|source| source.ssrc == ssrc);
        source.expect("a source that is asked for a keyframe").wants_keyframe = true;
    }

    fn resend(&mut self, ssrc: u32, sequence: u16) {
        let now = self.now;
        let Some(source) = self.sources.iter_mut().find(|source| source.ssrc == ssrc) else { return };
        let behind = u64::from(source.sequence.wrapping_sub(sequence));
        let Some(number) = source.packets.checked_sub(behind) else { return };
        let dropped = self.dropped.get(&source.writer.log().id());
        let Some(original) = source.history.get(&number) else { return };
        if self.is_for_good && dropped.is_some_and(|dropped| dropped.contains(&number)) {
            return;
        }
        let media = &self.terms.media[source.section];
        let bytes = match media.agreed.rtx {
            None => original.clone(),
            Some(rtx) => {
                let packet = Packet::parse(original).unwrap();
                let header = Header {
                    payload_type: rtx,
                    ssrc: source.ssrc + 500,
                    sequence: source.repair_sequence,
                    ..packet.header
                };
                source.repair_sequence = source.repair_sequence.wrapping_add(1);
                let mut bytes = BytesMut::new();
                let rid = source.rid.as_deref().map(str::as_bytes);
                let elements: Vec<_> = media.extensions.repaired_rid.zip(rid).into_iter().collect();
                header.write(!elements.is_empty(), &mut bytes);
                write_elements(elements.into_iter(), &mut bytes);
                bytes.extend_from_slice(&packet.header.sequence.to_be_bytes());
                bytes.extend_from_slice(packet.payload);
                bytes.freeze()
            }
        };
        fly(&mut self.flying, &mut self.sent, self.network, &mut self.random, now, (Way::ToReceiver, true, bytes));
    }

    /// Frames of a track that came out.
    pub(super) fn frames(&self, id: TrackId) -> Vec<Shown> {
        let shown = |(came, event): &(Instant, Event)| match event {
            Event::Frame(of, frame) if *of == id => {
                Some(Shown { came: *came, dts: frame.dts, is_sync: frame.is_sync, payload: frame.payload.clone() })
            }
            _ => None,
        };
        self.events.iter().filter_map(shown).collect()
    }

    /// Tracks as they were declared.
    pub(super) fn tracks(&self) -> Vec<TrackId> {
        let id = |(_, event): &(Instant, Event)| if let Event::Track(track) = event { Some(track.id) } else { None };
        self.events.iter().filter_map(id).collect()
    }

    pub(super) fn longest_freeze(&self, id: TrackId) -> Duration {
        let frames = self.frames(id);
        frames.windows(2).map(|two| two[1].came.duration_since(two[0].came)).max().unwrap_or_default()
    }

    /// Feedback of one kind that was given.
    pub(super) fn rtcp(&self, is_wanted: impl Fn(&Rtcp) -> bool) -> Vec<(Instant, Rtcp)> {
        self.feedback.iter().filter(|(_, packet)| is_wanted(packet)).cloned().collect()
    }
}

fn fly(
    flying: &mut BTreeMap<(Instant, u64), (Way, bool, Bytes)>,
    sent: &mut u64,
    network: Network,
    random: &mut u64,
    now: Instant,
    datagram: (Way, bool, Bytes),
) {
    let mut draw = || {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        (*random >> 11) as f64 / (1u64 << 53) as f64
    };
    *sent += 1;
    if draw() >= network.loss {
        flying.insert((now + network.delay + network.jitter.mul_f64(draw()), *sent), datagram);
    }
}
