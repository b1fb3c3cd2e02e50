use std::time::{Duration, Instant, SystemTime};

use hub::State;
use media::TrackId;
use proto::webrtc::negotiate::Terms;
use proto::webrtc::send::{Event, Polled, Stats, Viewer};
use proto::webrtc::transport::Transport;
use tracing::debug;

use crate::end::End;
use crate::entry::Rung;
use crate::room::Place;
use crate::tools::Tools;

/// While nothing may flow there is nothing to do.
const FAR: Duration = Duration::from_secs(60);

/// How long a viewer whose connection is full is left alone.
const SLOW: Duration = Duration::from_millis(20);

/// What one viewer is sent.
pub(crate) struct Egress {
    place: Place,
    viewer: Viewer,
    /// The room's set of logs that the viewer knows.
    generation: Option<u64>,
    layers_changed: bool,
}

impl Egress {
    pub(crate) fn new(place: Place, terms: &Terms, seed: u64, now: Instant) -> Self {
        let viewer = Viewer::new(terms, seed, now, SystemTime::now());
        Self { place, viewer, generation: None, layers_changed: true }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn room_id(&self) -> u64 {
        self.place.room.id
    }

    pub(crate) fn handle_rtcp(&mut self, now: Instant, packet: &[u8]) {
        self.viewer.handle_rtcp(now, packet);
    }

    pub(crate) fn choose(&mut self, now: Instant, track: Option<TrackId>, top: Option<u8>) -> bool {
        self.layers_changed = true;
        self.viewer.choose(now, track, top)
    }

    pub(crate) fn can_degrade(&self) -> bool {
        self.viewer.can_spare()
    }

    pub(crate) fn is_degraded(&self) -> bool {
        self.viewer.spared() > 0
    }

    /// The layer that it is sent is kept from it, or one that was is no longer.
    pub(crate) fn degrade(&mut self, now: Instant, is_more: bool) {
        self.viewer.spare(now, is_more);
        self.layers_changed = true;
    }

    pub(crate) fn stats(&self) -> Stats {
        self.viewer.stats()
    }

    /// Sends what there is to send; returns when it wants to be asked again.
    pub(crate) fn settle(
        &mut self,
        now: Instant,
        transport: &mut Transport,
        tools: &mut Tools,
    ) -> Result<Instant, End> {
        let room = &self.place.room;
        if room.state() == State::Ended {
            return Err(End::Ended);
        }
        let generation = room.generation();
        if self.generation != Some(generation) {
            self.viewer.watch(now, &room.logs());
            self.generation = Some(generation);
        }
        let Some(road) = transport.road() else { return Ok(now + FAR) };
        let Some(sealer) = transport.sealer() else { return Ok(now + FAR) };
        let mut is_full = false;
        loop {
            if !tools.gateway.has_room(&road) {
                is_full = true;
                break;
            }
            tools.batch.clear();
            let polled = self.viewer.poll(now, sealer, &mut tools.batch);
            tools.gateway.send_batch(&road, &tools.batch);
            if polled == Polled::Done {
                break;
            }
        }
        while let Some(event) = self.viewer.poll_event() {
            match event {
                Event::KeyframeWanted(track) => tools.gateway.want_keyframe(room.path(), track),
                Event::CodecChanged => return Err(End::CodecChanged),
                Event::Layers => self.layers_changed = true,
                Event::Switched { from, to } => {
                    debug!(from = from.map(|from| from.0), to = to.0, "switched");
                    self.layers_changed = true;
                }
                _ => {}
            }
        }
        Ok(if is_full { now + SLOW } else { self.viewer.deadline() })
    }

    /// The ladder, if it has changed since it was asked for last.
    pub(crate) fn new_rungs(&mut self) -> Option<Vec<Rung>> {
        std::mem::take(&mut self.layers_changed).then(|| self.rungs())
    }

    pub(crate) fn rungs(&self) -> Vec<Rung> {
        let rung = |layer: proto::webrtc::send::Layer| Rung {
            thinner_bps: if layer.rate_bps > 0 { layer.thinner_bps } else { Vec::new() },
            id: layer.track.id,
            rid: layer.track.name().to_string(),
            rate_bps: layer.rate_bps,
            size: layer.track.codec.picture().map(|picture| (picture.width, picture.height)),
            is_sent: layer.is_sent,
        };
        self.viewer.layers().into_iter().map(rung).collect()
    }

    pub(crate) fn goodbye(&mut self, transport: &mut Transport, tools: &mut Tools) {
        let Some(road) = transport.road() else { return };
        let Some(sealer) = transport.sealer() else { return };
        tools.batch.clear();
        self.viewer.goodbye(sealer, &mut tools.batch);
        tools.gateway.send_batch(&road, &tools.batch);
    }
}
