use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use media::{Kind, TrackId};
use wire::rtcp::{Remb, Rtcp};
use wire::rtp::{Header, Packet};

use super::arrivals::Arrivals;
use super::estimate::Estimate;
use super::layer::Layer;
use super::route::{Route, Routes};
use super::{Event, Settings, Stats};
use crate::webrtc::negotiate::Terms;

/// Reports go out this often.
const REPORT: Duration = Duration::from_secs(1);
/// Other layers go on, if one of them was heard so lately.
const GOING_ON: Duration = Duration::from_millis(500);
/// Packets asked for in one compound, so that it fits into a datagram.
const MAX_NACKS: usize = 100;

/// All media of one publishing session, after decryption.
///
/// Call [`Receiver::handle_rtp`] and its like with what happened, then drain [`Receiver::poll_event`] and
/// [`Receiver::poll_rtcp`], then sleep until [`Receiver::deadline`].
pub struct Receiver {
    settings: Settings,
    routes: Routes,
    layers: Vec<Layer>,
    /// Where transport-wide feedback was agreed on.
    arrivals: Option<Arrivals>,
    /// Where only REMB was.
    estimate: Option<Estimate>,
    rtt: Option<Duration>,
    report_at: Instant,
    /// The latest time heard of.
    now: Instant,
    is_over: bool,
    ignored: u64,
    events: VecDeque<Event>,
}

impl Receiver {
    /// For what was agreed on with a publisher.
    pub fn new(terms: &Terms, settings: Settings, now: Instant) -> Self {
        let mut layers: Vec<Layer> = Vec::new();
        for (section, media) in terms.media.iter().enumerate() {
            let rids: Vec<_> = media.rids.iter().cloned().map(Some).collect();
            let rids = if rids.is_empty() { vec![None] } else { rids };
            for rid in rids {
                // The n-th track of pictures is 2n, of sound 2n + 1.
                let before = layers.iter().filter(|layer| layer.kind == media.kind).count() as u16;
                let id = TrackId(2 * before + u16::from(media.kind == Kind::Audio));
                layers.push(Layer::new(id, section, media, rid, &settings, now));
            }
        }
        let routes = Routes::new(terms);
        let has_transport_cc = terms.media.iter().any(|media| media.agreed.transport_cc);
        let has_remb = terms.media.iter().any(|media| media.agreed.remb);
        let arrivals = (has_transport_cc && routes.transport_cc().is_some()).then(|| Arrivals::new(now));
        let estimate = (has_remb && arrivals.is_none()).then(|| Estimate::new(settings.max_bitrate_bps, now));
        Self {
            settings,
            routes,
            layers,
            arrivals,
            estimate,
            rtt: None,
            report_at: now + REPORT / 2,
            now,
            is_over: false,
            ignored: 0,
            events: VecDeque::new(),
        }
    }

    /// Takes one decrypted RTP packet, header included.
    pub fn handle_rtp(&mut self, now: Instant, packet: &[u8]) {
        self.now = now;
        if self.take(now, packet).is_none() {
            self.ignored += 1;
        }
        self.check_silence(now);
    }

    /// `None` for a packet that is nothing of ours.
    fn take(&mut self, now: Instant, packet: &[u8]) -> Option<()> {
        let packet = Packet::parse(packet).ok()?;
        if let Some(arrivals) = &mut self.arrivals
            && let Some(value) = self.routes.transport_cc().and_then(|id| packet.extensions.find(id))
            && let Some(sequence) = value.first_chunk()
        {
            // Of whatever stream: the number counts them all (P5).
            arrivals.on_packet(now, u16::from_be_bytes(*sequence));
        }
        let (route, is_known) = self.routes.find(&packet)?;
        let Header { ssrc, .. } = packet.header;
        let layer = self.layers.get_mut(route.layer)?;
        if route.is_repair {
            if !is_known {
                self.routes.learn(ssrc, route);
            }
            return Self::repair(layer, now, &packet, &mut self.rtt, &mut self.events);
        }
        if layer.ssrc != Some(ssrc) {
            // P24: who speaks while another still does is not believed, unless it says which layer it is.
            if !is_known && !route.is_sure && !layer.is_free(now) {
                return None;
            }
            self.routes.learn(ssrc, Route { ..route });
            layer.begin(ssrc);
        }
        let answered = layer.on_packet(now, &packet, false, self.rtt, &mut self.events);
        note_rtt(&mut self.rtt, answered);
        Some(())
    }

    /// A retransmission: the number that it had stands before its payload (RFC 4588 §4). Some are only padding, to
    /// find out how much the path can take.
    fn repair(
        layer: &mut Layer,
        now: Instant,
        packet: &Packet<'_>,
        rtt: &mut Option<Duration>,
        events: &mut VecDeque<Event>,
    ) -> Option<()> {
        let Some((sequence, payload)) = packet.payload.split_first_chunk() else { return Some(()) };
        let header = Header { sequence: u16::from_be_bytes(*sequence), ..packet.header };
        let packet = Packet { header, payload, ..*packet };
        let answered = layer.on_packet(now, &packet, true, *rtt, events);
        note_rtt(rtt, answered);
        Some(())
    }

    /// Takes one decrypted RTCP datagram. One that is malformed is ignored as a whole (P13).
    pub fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        self.now = now;
        let Ok(packets) = Rtcp::parse_all(datagram) else {
            self.ignored += 1;
            return;
        };
        for packet in packets {
            match packet {
                Rtcp::SenderReport { ssrc, info, .. } => {
                    if let Some(layer) = self.layers.iter_mut().find(|layer| layer.ssrc == Some(ssrc)) {
                        layer.on_report(now, &info);
                        self.keep_in_step();
                    }
                }
                Rtcp::Bye(ssrcs) => self.on_bye(&ssrcs),
                _ => {}
            }
        }
    }

    /// All go by the clock of the sound, which cannot be moved without being heard; where there is none, by that of the
    /// first pictures.
    fn keep_in_step(&mut self) {
        let known = |layer: &&Layer| layer.clock.moment().is_some();
        let mut known = self.layers.iter().filter(known);
        let leader = known.clone().find(|layer| layer.kind == Kind::Audio).or_else(|| known.next());
        let Some((leader, moment)) = leader.and_then(|leader| Some((leader.id, leader.clock.moment()?))) else {
            return;
        };
        for layer in self.layers.iter_mut().filter(|layer| layer.id != leader) {
            layer.clock.follow(moment);
        }
    }

    fn on_bye(&mut self, ssrcs: &[u32]) {
        for layer in &mut self.layers {
            layer.has_ended |= layer.ssrc.is_some_and(|ssrc| ssrcs.contains(&ssrc));
        }
        let mut begun = self.layers.iter().filter(|layer| layer.ssrc.is_some()).peekable();
        if begun.peek().is_some() && begun.all(|layer| layer.has_ended) && !self.is_over {
            self.is_over = true;
            self.events.push_back(Event::Bye);
        }
    }

    /// Lets time pass: call it when [`Receiver::deadline`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        for layer in &mut self.layers {
            layer.drain(now, &mut self.events);
        }
        self.check_silence(now);
        self.renew_groups(now);
    }

    /// A simulcast layer has gone when it is silent while another is not (P8, P10).
    fn check_silence(&mut self, now: Instant) {
        for at in 0..self.layers.len() {
            let Some(layer) = self.layers.get(at) else { return };
            if !layer.is_declared() || layer.is_active(now) {
                if let Some(layer) = self.layers.get_mut(at).filter(|layer| layer.is_active(now)) {
                    layer.retire_sizes(now, |id| self.events.push_back(Event::Gone(id)));
                }
                continue;
            }
            let section = layer.section;
            let goes_on = |other: &Layer| {
                other.section == section
                    && other.last_packet.is_some_and(|at| now.saturating_duration_since(at) < GOING_ON)
            };
            if self.layers.iter().any(goes_on)
                && let Some(layer) = self.layers.get_mut(at)
                && layer.retire()
            {
                self.events.push_back(Event::Gone(layer.id));
            }
        }
    }

    /// Where one layer's newest group is too old, all of its section are to begin one together.
    fn renew_groups(&mut self, now: Instant) {
        let interval = self.settings.keyframe_interval;
        for at in 0..self.layers.len() {
            let Some(layer) = self.layers.get(at).filter(|layer| layer.kind == Kind::Video) else { continue };
            if !layer.is_old(now, interval) {
                continue;
            }
            let section = layer.section;
            self.layers.iter_mut().filter(|other| other.section == section).for_each(|other| other.keys.want());
        }
    }

    /// A keyframe is needed, for a viewer who has just come or lost one. Requests are joined into at most one each
    /// half second and layer, and repeated until a keyframe comes (P3).
    pub fn request_keyframe(&mut self, track: TrackId, now: Instant) {
        self.now = now;
        let wanted = self.layers.iter_mut().find(|layer| layer.sends(track) && layer.kind == Kind::Video);
        if let Some(layer) = wanted {
            layer.keys.want();
        }
    }

    /// Tells the round trip time where the transport knows it.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
    }

    /// What to pass on to the hub next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Writes the next compound to seal and send at the end of `out`; `false` when there is none for now.
    /// None is longer than 1 200 bytes.
    pub fn poll_rtcp(&mut self, now: Instant, out: &mut BytesMut) -> bool {
        self.now = now;
        self.renew_groups(now);
        let ssrc = self.settings.ssrc;
        let mut feedback = Vec::new();
        let mut room = MAX_NACKS;
        for layer in &mut self.layers {
            if let Some((count, nack)) = layer.nack(now, self.rtt, ssrc, room) {
                room = room.saturating_sub(count);
                feedback.push(nack);
            }
            feedback.extend(layer.ask_keyframe(now, ssrc));
        }
        if let Some(arrivals) = &mut self.arrivals
            && let Some(told) = arrivals.poll(now)
        {
            let media = self.layers.iter().find_map(|layer| layer.ssrc).unwrap_or_default();
            feedback.push(Rtcp::Twcc { sender: ssrc, media, feedback: told });
        }
        let mut blocks = Vec::new();
        if now >= self.report_at {
            self.report_at = now + REPORT;
            blocks.extend(self.layers.iter_mut().filter_map(|layer| layer.block(now)));
        }
        feedback.extend(self.remb(now));
        if blocks.is_empty() && feedback.is_empty() {
            return false;
        }
        // A compound begins with a report, if an empty one, and says who speaks (RFC 3550 §6.1).
        Rtcp::ReceiverReport { ssrc, blocks }.write(out);
        Rtcp::Cname { ssrc, name: self.settings.cname.clone() }.write(out);
        feedback.iter().for_each(|packet| packet.write(out));
        true
    }

    fn remb(&mut self, now: Instant) -> Option<Rtcp> {
        let ssrcs: Vec<u32> =
            self.layers.iter().filter(|layer| layer.kind == Kind::Video).filter_map(|layer| layer.ssrc).collect();
        if ssrcs.is_empty() {
            return None;
        }
        let loss = self.layers.iter().map(|layer| layer.tally.loss).fold(0.0, f32::max);
        let received = self.layers.iter().map(|layer| layer.tally.bitrate_bps(now)).sum();
        let bitrate_bps = self.estimate.as_mut()?.poll(now, loss, received)?;
        Some(Rtcp::Remb { sender: self.settings.ssrc, remb: Remb { bitrate_bps, ssrcs } })
    }

    /// When to call [`Receiver::handle_timeout`] and poll again, if nothing comes before.
    pub fn deadline(&self) -> Instant {
        let interval = self.settings.keyframe_interval;
        let layers = self.layers.iter().filter_map(|layer| layer.deadline(self.now, interval));
        let arrivals = self.arrivals.as_ref().and_then(|arrivals| arrivals.due_at(self.now));
        layers.chain(arrivals).fold(self.report_at, Instant::min)
    }

    /// How reception goes.
    pub fn stats(&self, now: Instant) -> Stats {
        Stats {
            tracks: self.layers.iter().map(|layer| layer.stats(now)).collect(),
            rtt: self.rtt,
            ignored: self.ignored,
        }
    }
}

fn note_rtt(rtt: &mut Option<Duration>, answered: Option<Duration>) {
    if let Some(sample) = answered {
        *rtt = Some(rtt.map_or(sample, |before| (before * 7 + sample) / 8));
    }
}
