use std::sync::Arc;
use std::time::{Duration, Instant};

use media::TrackId;
use proto::webrtc::ice::{Credentials, Road};
use proto::webrtc::transport::{Output, Received, Transport};
use tracing::{Span, info};

use crate::door::Seat;
use crate::egress::Egress;
use crate::end::End;
use crate::entry::Entry;
use crate::figures::Connected;
use crate::gateway::Gateway;
use crate::ingest::Ingest;
use crate::tools::Tools;

/// How often its standing is written down for others to read.
const REPORT: Duration = Duration::from_secs(1);

/// What flows through a session.
pub(crate) enum Flow {
    /// A publisher's media, into the hub.
    In(Box<Ingest>),
    /// A room's media, to a viewer.
    Out(Box<Egress>),
}

/// One session: its transport, and what flows through it.
pub(crate) struct Session {
    pub(crate) entry: Arc<Entry>,
    pub(crate) span: Span,
    transport: Transport,
    flow: Flow,
    seat: Seat,
    _connected: Connected,
    /// Roads that the table sends here.
    bound: Vec<Road>,
    /// User fragments by which the table knows it.
    named: Vec<String>,
    next_report: Instant,
    /// When it was written down last, and the bytes sent until then.
    reported: (Instant, u64),
    received: metrics::Counter,
    /// When it wants to be looked at next, as its shard has it noted.
    pub(crate) due: Instant,
}

impl Session {
    pub(crate) fn new(
        entry: Arc<Entry>,
        transport: Transport,
        flow: Flow,
        seat: Seat,
        span: Span,
        now: Instant,
    ) -> Self {
        let connected = Connected::now(entry.role);
        Self {
            entry,
            span,
            transport,
            flow,
            seat,
            _connected: connected,
            bound: Vec::new(),
            named: Vec::new(),
            next_report: now,
            reported: (now, 0),
            received: crate::figures::received_bytes(),
            due: now,
        }
    }

    /// The table may send it checks from now on.
    pub(crate) fn enter(&mut self, gateway: &Gateway) {
        let ufrag = self.transport.credentials().ufrag.clone();
        gateway.table().name(&ufrag, self.entry.target);
        self.named.push(ufrag);
        if let Flow::In(_) = self.flow {
            gateway.publishes(&self.entry.path, self.entry.target);
        }
    }

    /// The table forgets it.
    pub(crate) fn leave(&mut self, gateway: &Gateway) {
        self.named.drain(..).for_each(|ufrag| gateway.table().unname(&ufrag));
        self.bound.drain(..).for_each(|road| gateway.table().unbind(&road, self.entry.target));
        gateway.stops_publishing(&self.entry.path, self.entry.target);
    }

    pub(crate) fn on_datagram(
        &mut self,
        now: Instant,
        road: Road,
        datagram: &mut [u8],
        tools: &mut Tools,
    ) -> Result<(), End> {
        let is_check = matches!(datagram.first(), Some(0..=3));
        match self.transport.handle_datagram(now, road, datagram)? {
            Received::Nothing => {}
            Received::Rtp(packet, _) => {
                if let Flow::In(ingest) = &mut self.flow {
                    self.received.increment(packet.len() as u64);
                    ingest.receiver().handle_rtp(now, packet);
                }
            }
            Received::Rtcp(packet) => match &mut self.flow {
                Flow::In(ingest) => ingest.receiver().handle_rtcp(now, packet),
                Flow::Out(egress) => egress.handle_rtcp(now, packet),
            },
        }
        if is_check {
            self.follow_roads(road, &tools.gateway);
        }
        self.settle(now, tools)
    }

    /// There is something to send, or nothing more.
    pub(crate) fn on_wake(&mut self, now: Instant, tools: &mut Tools) -> Result<(), End> {
        self.settle(now, tools)
    }

    pub(crate) fn on_timeout(&mut self, now: Instant, tools: &mut Tools) -> Result<(), End> {
        self.transport.handle_timeout(now)?;
        match &mut self.flow {
            Flow::In(ingest) => {
                let receiver = ingest.receiver();
                if now >= receiver.deadline() {
                    receiver.handle_timeout(now);
                }
            }
            Flow::Out(_) => {}
        }
        self.settle(now, tools)
    }

    /// Somebody who watches needs a keyframe.
    pub(crate) fn request_keyframe(&mut self, now: Instant, track: TrackId, tools: &mut Tools) -> Result<(), End> {
        if let Flow::In(ingest) = &mut self.flow {
            ingest.receiver().request_keyframe(track, now);
        }
        self.settle(now, tools)
    }

    /// The viewer wants that layer, or the best, of either no temporal layers above `top`; whether there is such a layer.
    pub(crate) fn choose(&mut self, now: Instant, track: Option<TrackId>, top: Option<u8>) -> bool {
        match &mut self.flow {
            Flow::In(_) => false,
            Flow::Out(egress) => egress.choose(now, track, top),
        }
    }

    /// A viewer's.
    pub(crate) fn is_viewer(&self) -> bool {
        matches!(self.flow, Flow::Out(_))
    }

    /// A viewer that is sent a layer which has a cheaper one below it.
    pub(crate) fn can_degrade(&self) -> bool {
        matches!(&self.flow, Flow::Out(egress) if egress.can_degrade())
    }

    /// A viewer that is sent less than it could have, as the server has too much to do.
    pub(crate) fn is_degraded(&self) -> bool {
        matches!(&self.flow, Flow::Out(egress) if egress.is_degraded())
    }

    /// Takes the best layer from a viewer, or gives one back.
    pub(crate) fn degrade(&mut self, now: Instant, is_more: bool, tools: &mut Tools) -> Result<(), End> {
        if let Flow::Out(egress) = &mut self.flow {
            egress.degrade(now, is_more);
        }
        self.settle(now, tools)
    }

    /// In which room it watches.
    pub(crate) fn room_id(&self) -> Option<u64> {
        match &self.flow {
            Flow::In(_) => None,
            Flow::Out(egress) => Some(egress.room_id()),
        }
    }

    /// Another ICE session for the same media (W18).
    pub(crate) fn restart(&mut self, credentials: Credentials, their_ufrag: &str, gateway: &Gateway) {
        gateway.table().name(&credentials.ufrag, self.entry.target);
        self.named.push(credentials.ufrag.clone());
        self.transport.restart(credentials, their_ufrag);
        self.forget_names(gateway);
    }

    /// Says goodbye to the peer.
    pub(crate) fn close(&mut self, now: Instant, tools: &mut Tools) {
        if let Flow::Out(egress) = &mut self.flow {
            egress.goodbye(&mut self.transport, tools);
        }
        self.transport.close(now);
        while let Output::Send(road, bytes) = self.transport.poll_output() {
            tools.gateway.send(&road, bytes);
        }
    }

    /// Writes down how it stands.
    pub(crate) fn report(&mut self, now: Instant) {
        let progress = self.transport.progress();
        let (bitrate_bps, loss) = match &mut self.flow {
            Flow::In(ingest) => {
                let stats = ingest.receiver().stats(now);
                let loss = stats.tracks.iter().map(|track| track.loss).fold(0.0, f32::max);
                (stats.tracks.iter().map(|track| track.bitrate_bps).sum(), loss)
            }
            Flow::Out(egress) => {
                let stats = egress.stats();
                let since = now.saturating_duration_since(self.reported.0).as_millis().max(1) as u64;
                let bytes = stats.bytes.saturating_sub(self.reported.1);
                self.reported = (now, stats.bytes);
                self.entry.show(egress.rungs());
                (bytes * 8000 / since, f32::from(stats.fraction_lost) / 256.0)
            }
        };
        self.entry.note(|standing| {
            standing.progress = progress;
            (standing.bitrate_bps, standing.loss) = (bitrate_bps, loss);
        });
    }

    /// Does what is to be done, and notes until when it can wait.
    fn settle(&mut self, now: Instant, tools: &mut Tools) -> Result<(), End> {
        let transport_due = loop {
            match self.transport.poll_output() {
                Output::Send(road, bytes) => tools.gateway.send(&road, bytes),
                Output::Ready => self.on_ready(now),
                Output::WaitUntil(at) => break at,
            }
        };
        let flow_due = match &mut self.flow {
            Flow::In(ingest) => ingest.settle(now, &mut self.transport, &tools.gateway)?,
            Flow::Out(egress) => {
                let due = egress.settle(now, &mut self.transport, tools)?;
                if let Some(rungs) = egress.new_rungs() {
                    self.entry.show(rungs);
                }
                due
            }
        };
        if now >= self.next_report {
            self.next_report = now + REPORT;
            self.report(now);
        }
        self.due = transport_due.min(flow_due).min(self.next_report);
        Ok(())
    }

    fn on_ready(&mut self, now: Instant) {
        self.seat.connected();
        self.next_report = now;
        if let Some(road) = self.transport.road() {
            info!(from = %road.remote, tcp = road.is_tcp, "connected");
        }
    }

    /// Keeps the table in step with the roads that ICE has proven.
    fn follow_roads(&mut self, road: Road, gateway: &Gateway) {
        let target = self.entry.target;
        if self.transport.is_proven(road) {
            if !self.bound.contains(&road) {
                self.bound.push(road);
            }
            // Also one that is known already: another session may have had that address in between.
            gateway.table().bind(&road, target);
        }
        let transport = &self.transport;
        self.bound.retain(|road| {
            let is_proven = transport.is_proven(*road);
            if !is_proven {
                gateway.table().unbind(road, target);
            }
            is_proven
        });
        self.forget_names(gateway);
    }

    /// After a restart, once the peer was heard by its new name.
    fn forget_names(&mut self, gateway: &Gateway) {
        let transport = &self.transport;
        self.named.retain(|ufrag| {
            let is_used = transport.answers_to(ufrag);
            if !is_used {
                gateway.table().unname(ufrag);
            }
            is_used
        });
    }
}
