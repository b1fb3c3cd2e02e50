//! A publisher, a viewer's machine, a network that loses and delays, and a receiver that behaves as browsers do: all in
//! virtual time.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use media::{Frame, Kind};
use wire::rtcp::{Arrival, Block, Nacks, Rtcp, SenderInfo, Twcc};
use wire::rtp::{Packet, is_rtcp};
use wire::sdp::Fingerprint;

use super::super::super::fixtures::{MS, keys};
use super::super::super::{Batch, Log, Writer};
use super::super::{Event, Polled, Viewer};
use crate::webrtc::negotiate::{Agreed, Coding, Extensions, Media, Terms};
use crate::webrtc::srtp::{Opener, Profile, Sealer};

pub(super) const VIDEO: u32 = 1000;
pub(super) const REPAIR: u32 = 1001;
pub(super) const SOUND: u32 = 2000;
const TRANSPORT_ID: u8 = 3;
const MID_ID: u8 = 4;

pub(super) struct Network {
    /// One way, and how much more at most.
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    /// Of a hundred packets.
    pub(super) loss: u64,
    pub(super) reorder: u64,
    /// Bits a second, behind a queue.
    pub(super) width_bps: Option<u64>,
    /// What finds more than this before it is lost.
    pub(super) queue: Duration,
    pub(super) free_at: Option<Instant>,
    pub(super) random: u64,
}

impl Default for Network {
    fn default() -> Self {
        let (delay, jitter) = (10 * MS, Duration::ZERO);
        Self { delay, jitter, loss: 0, reorder: 0, width_bps: None, queue: Duration::MAX, free_at: None, random: 7 }
    }
}

impl Network {
    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below.max(1)
    }

    /// When a datagram arrives, if it does.
    fn carry(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        if self.draw(100) < self.loss {
            return None;
        }
        let mut at = now;
        if let Some(width) = self.width_bps {
            if self.free_at.is_some_and(|free| free.saturating_duration_since(now) > self.queue) {
                return None;
            }
            at = self.free_at.map_or(now, |free| free.max(now))
                + Duration::from_secs_f64(bytes as f64 * 8.0 / width as f64);
            self.free_at = Some(at);
        }
        let late = if self.draw(100) < self.reorder { 30 * MS } else { Duration::ZERO };
        let jitter = self.jitter.mul_f64(self.draw(1000) as f64 / 1000.0);
        Some(at + self.delay + jitter + late)
    }
}

/// One packet of the pictures, as it was received.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: Vec<u8>,
    pub(super) at: Instant,
}

#[derive(Default)]
pub(super) struct Receiver {
    pub(super) video: BTreeMap<u64, Got>,
    pub(super) sound: BTreeMap<u64, Got>,
    /// Datagrams, by kind.
    pub(super) repairs: u64,
    pub(super) repeated: u64,
    pub(super) reports: Vec<(u32, SenderInfo, Instant)>,
    pub(super) names: BTreeSet<String>,
    pub(super) largest: usize,
    pub(super) with_mid: u64,
    /// By transport-wide number: when.
    arrived: BTreeMap<u64, Instant>,
    next_transport: Option<u64>,
    feedbacks: u8,
    asked: BTreeMap<u64, (u32, Instant)>,
    highest: Option<u64>,
}

fn near(reference: Option<u64>, number: u16) -> u64 {
    let Some(reference) = reference else { return (1 << 16) + u64::from(number) };
    reference.wrapping_add_signed(i64::from(number.wrapping_sub(reference as u16) as i16))
}

impl Receiver {
    fn take(&mut self, now: Instant, mut datagram: Vec<u8>, opener: &mut Opener) {
        self.largest = self.largest.max(datagram.len());
        if is_rtcp(&datagram) {
            let len = opener.open_rtcp(&mut datagram).expect("authentic");
            for packet in Rtcp::parse_all(&datagram[..len]).expect("well-formed") {
                match packet {
                    Rtcp::SenderReport { ssrc, info, .. } => self.reports.push((ssrc, info, now)),
                    Rtcp::Cname { name, .. } => drop(self.names.insert(name)),
                    _ => {}
                }
            }
            return;
        }
        let Ok((len, _)) = opener.open_rtp(&mut datagram) else {
            self.repeated += 1;
            return;
        };
        let packet = Packet::parse(&datagram[..len]).expect("well-formed");
        self.with_mid += u64::from(packet.extensions.find(MID_ID).is_some());
        if let Some(&[high, low]) = packet.extensions.find(TRANSPORT_ID) {
            let newest = self.arrived.last_key_value().map(|(&number, _)| number).or(self.next_transport);
            self.arrived.insert(near(newest, u16::from_be_bytes([high, low])), now);
        }
        let header = packet.header;
        let (sequence, payload) = match header.ssrc {
            REPAIR => {
                self.repairs += 1;
                let (original, payload) = packet.payload.split_first_chunk::<2>().expect("a number");
                (u16::from_be_bytes(*original), payload)
            }
            _ => (header.sequence, packet.payload),
        };
        let got = Got { timestamp: header.timestamp, marker: header.marker, payload: payload.to_vec(), at: now };
        if header.ssrc == SOUND {
            let newest = self.sound.last_key_value().map(|(&number, _)| number);
            self.sound.insert(near(newest, sequence), got);
            return;
        }
        let number = near(self.highest, sequence);
        self.highest = self.highest.max(Some(number));
        match self.video.entry(number) {
            Entry::Vacant(place) => drop(place.insert(got)),
            // Shown when it first came.
            Entry::Occupied(_) => self.repeated += 1,
        }
    }

    /// Packets of the pictures that are missing between the first and the last.
    pub(super) fn missing(&self) -> Vec<u64> {
        let (Some((&first, _)), Some((&last, _))) = (self.video.first_key_value(), self.video.last_key_value()) else {
            return Vec::new();
        };
        (first..last).filter(|number| !self.video.contains_key(number)).collect()
    }

    /// Asks for what is missing, each packet once a round trip, ten times at most.
    fn nacks(&mut self, now: Instant, round_trip: Duration) -> Option<Rtcp> {
        let mut wanted = Vec::new();
        let first = *self.video.first_key_value()?.0;
        let highest = self.highest.unwrap_or(first);
        for number in first.max(highest.saturating_sub(1000))..highest {
            if self.video.contains_key(&number) {
                continue;
            }
            let (times, last) = self.asked.get(&number).copied().unwrap_or((0, now));
            if times < 10 && (times == 0 || now - last >= round_trip) {
                self.asked.insert(number, (times + 1, now));
                wanted.push(number as u16);
            }
        }
        (!wanted.is_empty()).then_some(Rtcp::Nack { sender: 1, media: VIDEO, missing: Nacks(wanted) })
    }

    fn feedback(&mut self, epoch: Instant) -> Option<Rtcp> {
        let (&last, _) = self.arrived.last_key_value()?;
        let first = self.next_transport.map_or(*self.arrived.first_key_value()?.0, |next| next);
        if last < first {
            return None;
        }
        let quarter_ms = |at: Instant| (at - epoch).as_micros() as i64 / 250;
        let begin = self.arrived.range(first..).next().map(|(_, &at)| quarter_ms(at))?;
        let reference = begin / 256;
        let mut before = reference * 256;
        let arrivals = (first..=last).map(|number| match self.arrived.get(&number) {
            None => Arrival::Lost,
            Some(&at) => {
                let delta = quarter_ms(at) - before;
                before = quarter_ms(at);
                Arrival::After(delta.clamp(-30_000, 30_000) as i16)
            }
        });
        let arrivals = arrivals.collect();
        self.next_transport = Some(last + 1);
        self.feedbacks = self.feedbacks.wrapping_add(1);
        let feedback =
            Twcc { base_sequence: first as u16, count: self.feedbacks, reference_64ms: reference as u32, arrivals };
        Some(Rtcp::Twcc { sender: 1, media: VIDEO, feedback })
    }

    /// Frames of the pictures, complete and in order: timestamp, bytes of the first payload's end, when complete.
    pub(super) fn frames(&self) -> Vec<(u32, Vec<u8>, Instant)> {
        let mut frames: Vec<(u32, Vec<u8>, Instant)> = Vec::new();
        let mut before: Option<(u64, u32, bool)> = None;
        for (&number, got) in &self.video {
            let begins = before.is_none_or(|(last, timestamp, marker)| {
                marker && last + 1 == number && timestamp != got.timestamp || last + 1 < number
            });
            if begins {
                frames.push((got.timestamp, got.payload.clone(), got.at));
            } else if let Some(frame) = frames.last_mut() {
                frame.2 = frame.2.max(got.at);
            }
            before = Some((number, got.timestamp, got.marker));
        }
        frames
    }
}

/// How the viewer's browser is set up.
#[derive(Clone, Copy)]
pub(super) struct Peer {
    pub(super) has_rtx: bool,
    pub(super) nacks: bool,
    pub(super) feeds_back: bool,
    pub(super) reports: bool,
    pub(super) profile: Profile,
    pub(super) coding: Coding,
}

impl Default for Peer {
    fn default() -> Self {
        let coding = Coding::H264 { fragments: true };
        Self { has_rtx: true, nacks: true, feeds_back: true, reports: true, profile: Profile::Aes128Gcm, coding }
    }
}

impl Peer {
    fn terms(&self) -> Terms {
        let agreed = |coding: Coding, payload_type, rtx| Agreed {
            coding,
            payload_type,
            rtx,
            clock: coding.clock(),
            parameters: String::new(),
            nack: self.nacks && coding.kind() == Kind::Video,
            pli: true,
            fir: true,
            transport_cc: self.feeds_back,
            remb: false,
        };
        let extensions = Extensions {
            mid: Some(MID_ID),
            transport_cc: self.feeds_back.then_some(TRANSPORT_ID),
            abs_send_time: Some(2),
            ..Extensions::default()
        };
        let media = |index, kind, agreed, ssrcs| Media {
            index,
            mid: Some(index.to_string()),
            kind,
            agreed,
            extensions,
            ssrcs: vec![ssrcs],
            rids: Vec::new(),
        };
        let rtx = self.has_rtx.then_some(97);
        Terms {
            their_ufrag: String::new(),
            fingerprint: Fingerprint { hash: "sha-256".into(), digest: vec![1] },
            is_dtls_client: false,
            media: vec![
                media(0, Kind::Video, agreed(self.coding, 96, rtx), (VIDEO, self.has_rtx.then_some(REPAIR))),
                media(1, Kind::Audio, agreed(Coding::Opus, 111, None), (SOUND, None)),
            ],
            missing: Vec::new(),
        }
    }
}

pub(super) struct Stage {
    pub(super) begin: Instant,
    pub(super) now: Instant,
    pub(super) writers: Vec<Writer>,
    pub(super) viewer: Viewer,
    pub(super) network: Network,
    pub(super) receiver: Receiver,
    pub(super) peer: Peer,
    pub(super) events: Vec<(Instant, Event)>,
    /// When and how much was sent.
    pub(super) sent: Vec<(Instant, usize)>,
    sealer: Sealer,
    opener: Opener,
    batch: Batch,
    in_flight: Vec<(Instant, u64, Vec<u8>)>,
    to_viewer: Vec<(Instant, Vec<u8>)>,
    next_nack: Instant,
    next_feedback: Instant,
    next_report: Instant,
    count: u64,
    pub(super) keep_datagrams: bool,
    pub(super) kept: Vec<Vec<u8>>,
}

impl Stage {
    pub(super) fn new(peer: Peer, writers: Vec<Writer>, begin: Instant, now: Instant) -> Self {
        let (sealer, opener) = keys(peer.profile);
        let mut viewer = Viewer::new(&peer.terms(), 0xfeed_beef_dead_7ff0, now, SystemTime::UNIX_EPOCH);
        let logs: Vec<Arc<Log>> = writers.iter().map(|writer| writer.log().clone()).collect();
        viewer.watch(now, &logs);
        Self {
            begin,
            now,
            writers,
            viewer,
            network: Network::default(),
            receiver: Receiver::default(),
            peer,
            events: Vec::new(),
            sent: Vec::new(),
            sealer,
            opener,
            batch: Batch::default(),
            in_flight: Vec::new(),
            to_viewer: Vec::new(),
            next_nack: now,
            next_feedback: now,
            next_report: now,
            count: 0,
            keep_datagrams: false,
            kept: Vec::new(),
        }
    }

    /// Milliseconds since the broadcast began.
    pub(super) fn ms(&self) -> i64 {
        (self.now - self.begin).as_millis() as i64
    }

    pub(super) fn append(&mut self, writer: usize, frame: &Frame) {
        self.writers[writer].append(frame, self.now);
        self.poll();
    }

    /// Hands the viewer's machine what its peer says, after the way back.
    pub(super) fn say(&mut self, packet: &Rtcp) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes);
        self.to_viewer.push((self.now + self.network.delay, bytes.to_vec()));
    }

    pub(super) fn poll(&mut self) {
        loop {
            let polled = self.viewer.poll(self.now, &mut self.sealer, &mut self.batch);
            while let Some(event) = self.viewer.poll_event() {
                self.events.push((self.now, event));
            }
            let datagrams: Vec<Vec<u8>> = self.batch.datagrams().map(<[u8]>::to_vec).collect();
            self.batch.clear();
            for datagram in datagrams {
                self.sent.push((self.now, datagram.len()));
                if self.keep_datagrams {
                    self.kept.push(datagram.clone());
                }
                if let Some(at) = self.network.carry(self.now, datagram.len()) {
                    self.count += 1;
                    self.in_flight.push((at, self.count, datagram));
                }
            }
            if polled == Polled::Done {
                break;
            }
        }
    }

    /// Lets a millisecond pass.
    pub(super) fn tick(&mut self) {
        self.now += MS;
        let now = self.now;
        let mut arrived: Vec<_> = self.in_flight.extract_if(.., |(at, ..)| *at <= now).collect();
        arrived.sort_by_key(|(at, count, _)| (*at, *count));
        for (at, _, datagram) in arrived {
            self.receiver.take(at, datagram, &mut self.opener);
        }
        self.answer();
        let heard: Vec<_> = self.to_viewer.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, datagram) in &heard {
            self.viewer.handle_rtcp(now, datagram);
        }
        if !heard.is_empty() || self.viewer.deadline() <= now {
            self.poll();
        }
    }

    pub(super) fn pass(&mut self, ms: u64) {
        (0..ms).for_each(|_| self.tick());
    }

    /// What a browser says by itself.
    fn answer(&mut self) {
        let now = self.now;
        if self.peer.nacks && now >= self.next_nack {
            self.next_nack = now + 20 * MS;
            let round_trip = self.network.delay * 2 + self.network.jitter;
            if let Some(nack) = self.receiver.nacks(now, round_trip.max(20 * MS)) {
                self.say(&nack);
            }
        }
        if self.peer.feeds_back && now >= self.next_feedback {
            self.next_feedback = now + 100 * MS;
            if let Some(feedback) = self.receiver.feedback(self.begin) {
                self.say(&feedback);
            }
        }
        if self.peer.reports && now >= self.next_report {
            self.next_report = now + 1000 * MS;
            if let Some(&(_, info, at)) = self.receiver.reports.iter().rfind(|(ssrc, ..)| *ssrc == VIDEO) {
                let delay_since_sr = ((now - at).as_micros() * 65_536 / 1_000_000) as u32;
                let block = Block { ssrc: VIDEO, last_sr: info.compact_ntp(), delay_since_sr, ..Block::default() };
                self.say(&Rtcp::ReceiverReport { ssrc: 1, blocks: vec![block] });
            }
        }
    }

    pub(super) fn bytes_between(&self, from: Instant, to: Instant) -> usize {
        self.sent.iter().filter(|(at, _)| *at >= from && *at < to).map(|(_, bytes)| bytes).sum()
    }
}
