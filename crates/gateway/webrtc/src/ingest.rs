use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use hub::{Claim, Dropped, Fate, Hub, Now, Publisher, Rejected};
use media::Path;
use proto::webrtc::receive::{Event, Receiver};
use proto::webrtc::transport::Transport;
use tokio::time::sleep;
use tracing::{debug, info};

use crate::end::End;
use crate::gateway::Gateway;

/// How often we look whether a publisher that holds the path shows life.
const PULSE: Duration = Duration::from_millis(100);
/// How long a newcomer waits for a silent publisher to be given up: longer than the hub keeps one (5 s unless set
/// otherwise), shorter than clients wait for an answer.
const TAKEOVER_PATIENCE: Duration = Duration::from_secs(7);

/// The broadcast is ours unless a live publisher holds it (W31).
///
/// An encoder whose connection broke comes back before we know that the old one is dead. To refuse it would send it
/// home; so it waits as long as the old one shows no life.
pub(crate) async fn claim(hub: &Hub, path: &Path, peer: IpAddr) -> Result<Publisher, hub::Refusal> {
    let deadline = Instant::now() + TAKEOVER_PATIENCE;
    let mut pulse = None;
    loop {
        let claim = Claim { proto: "whip", peer: Some(SocketAddr::new(peer, 0)) };
        let refusal = match hub.publish(path, claim, Now::from_clocks()) {
            Ok(publisher) => return Ok(publisher),
            Err(refusal) => refusal,
        };
        let seen = frames_seen(hub, path);
        if refusal != hub::Refusal::Busy || pulse.is_some_and(|before| before != seen) || Instant::now() >= deadline {
            return Err(refusal);
        }
        pulse = Some(seen);
        sleep(PULSE).await;
    }
}

/// Frames that the present publisher has sent, one way or another.
fn frames_seen(hub: &Hub, path: &Path) -> u64 {
    let tracks = hub.broadcast(path).map(|broadcast| broadcast.stats(Instant::now()).tracks);
    tracks.into_iter().flatten().map(|track| track.frames + track.drops.total()).sum()
}

/// The way of one session's frames into the hub.
pub(crate) struct Ingest {
    publisher: Publisher,
    receiver: Receiver,
    feedback: BytesMut,
}

impl Ingest {
    pub(crate) fn new(publisher: Publisher, receiver: Receiver) -> Self {
        Self { publisher, receiver, feedback: BytesMut::new() }
    }

    pub(crate) fn receiver(&mut self) -> &mut Receiver {
        &mut self.receiver
    }

    /// Passes on what the receiver has; returns when it wants to be asked again.
    pub(crate) fn settle(
        &mut self,
        now: Instant,
        transport: &mut Transport,
        gateway: &Gateway,
    ) -> Result<Instant, End> {
        while let Some(event) = self.receiver.poll_event() {
            self.on_event(now, event)?;
        }
        loop {
            self.feedback.clear();
            if !self.receiver.poll_rtcp(now, &mut self.feedback) {
                break;
            }
            if let Some((road, bytes)) = transport.seal_rtcp(&self.feedback) {
                gateway.send(&road, bytes);
            }
        }
        Ok(self.receiver.deadline())
    }

    fn on_event(&mut self, now: Instant, event: Event) -> Result<(), End> {
        match event {
            Event::Track(track) => {
                info!(track = %track.name(), codec = %track.codec, "declared");
                passed(self.publisher.declare(track))
            }
            Event::Frame(id, frame) => match self.publisher.append(id, frame, now) {
                Ok(Fate::Kept | Fate::Dropped(Dropped::AwaitingSync)) => Ok(()),
                Ok(Fate::Dropped(why)) => {
                    debug!(track = id.0, ?why, "frame dropped");
                    Ok(())
                }
                Err(rejected) => passed(Err(rejected)),
            },
            Event::Gone(id) => {
                info!(track = id.0, "gone silent");
                passed(self.publisher.retract(id))
            }
            Event::Bye => Err(End::Bye),
            _ => Ok(()),
        }
    }
}

/// What the hub's word means for the session.
fn passed(word: Result<(), Rejected>) -> Result<(), End> {
    match word {
        Ok(()) => Ok(()),
        Err(Rejected::Superseded) => Err(End::Superseded),
        Err(Rejected::Ended) => Err(End::Ended),
        Err(rejected @ (Rejected::TooManyTracks(_) | Rejected::UnknownTrack | Rejected::TrackTaken)) => {
            debug!(%rejected, "left out");
            Ok(())
        }
    }
}
