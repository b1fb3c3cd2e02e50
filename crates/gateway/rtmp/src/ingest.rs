use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hub::{Action, Admission, Ask, Claim, Dropped, Fate, Hub, Now, Publisher, Rejected, Verdict};
use media::{Frame, Path, Track, TrackId};
use proto::rtmp::{Refusal, Secret};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::figures;

/// How long whoever decides on access may take. Then the answer is no (conformance F14).
const ADMISSION_PATIENCE: Duration = Duration::from_secs(10);
/// How often we look whether a publisher that holds the path shows life.
const PULSE: Duration = Duration::from_millis(100);
/// How long a newcomer waits for a silent publisher to be given up, at most.
const TAKEOVER_PATIENCE: Duration = Duration::from_secs(10);
/// Frames in a row without a place to start: a few seconds of video.
const FRAMES_WITHOUT_SYNC: u32 = 300;

/// The way of one connection's frames into the hub.
pub(crate) struct Ingest {
    hub: Hub,
    admission: Arc<dyn Admission>,
    peer: SocketAddr,
    publisher: Option<Publisher>,
    frames_without_sync: u32,
}

impl Ingest {
    pub(crate) fn new(hub: Hub, admission: Arc<dyn Admission>, peer: SocketAddr) -> Self {
        Self { hub, admission, peer, publisher: None, frames_without_sync: 0 }
    }

    /// Asks for leave and takes the broadcast.
    pub(crate) async fn publish(&mut self, path: Path, secret: Option<Secret>) -> Result<(), Refusal> {
        let ask = Ask {
            action: Action::Publish,
            path: path.clone(),
            peer: self.peer.ip(),
            secret: secret.map(Secret::into_inner),
            proto: "rtmp",
        };
        match timeout(ADMISSION_PATIENCE, self.admission.admit(ask)).await {
            Ok(Verdict::Allowed) => {}
            Ok(Verdict::NeedsKey) => return Err(Refusal::NeedsKey),
            Ok(Verdict::WrongKey | Verdict::OtherKey) => return Err(Refusal::WrongKey),
            Err(_) => return Err(Refusal::Full),
        }
        self.publisher = Some(self.claim(&path).await?);
        self.frames_without_sync = 0;
        figures::publishes();
        info!("publishing");
        Ok(())
    }

    /// The broadcast is ours unless a live publisher holds it.
    ///
    /// An encoder whose connection broke comes back before we know that the old one is dead. To refuse it would send
    /// it into a loop of reconnects, or home; so it waits as long as the old one shows no life (R10).
    async fn claim(&self, path: &Path) -> Result<Publisher, Refusal> {
        let deadline = Instant::now() + TAKEOVER_PATIENCE;
        let mut pulse = None;
        loop {
            let claim = Claim { proto: "rtmp", peer: Some(self.peer) };
            match self.hub.publish(path, claim, Now::from_clocks()) {
                Ok(publisher) => return Ok(publisher),
                Err(hub::Refusal::Full(_)) => return Err(Refusal::Full),
                Err(hub::Refusal::Busy) => {}
            }
            let seen = self.frames_seen(path);
            if pulse.is_some_and(|before| before != seen) || Instant::now() >= deadline {
                return Err(Refusal::Busy);
            }
            pulse = Some(seen);
            sleep(PULSE).await;
        }
    }

    /// Frames that the present publisher has sent, one way or another.
    fn frames_seen(&self, path: &Path) -> u64 {
        let tracks = self.hub.broadcast(path).map(|broadcast| broadcast.stats(Instant::now()).tracks);
        tracks.into_iter().flatten().map(|track| track.frames + track.drops.total()).sum()
    }

    /// A track begins or changes. An error means that the broadcast is no longer ours.
    pub(crate) fn track(&mut self, track: Track) -> Result<(), Refusal> {
        let Some(publisher) = &self.publisher else { return Ok(()) };
        info!(track = %track.name(), codec = %track.codec, "declared");
        refusal(publisher.declare(track).err())
    }

    /// A track has ended while others go on. An error means that the broadcast is no longer ours.
    pub(crate) fn retract(&mut self, id: TrackId) -> Result<(), Refusal> {
        let Some(publisher) = &self.publisher else { return Ok(()) };
        info!(track = id.0, "taken out");
        refusal(publisher.retract(id).err())
    }

    /// A frame came. An error means that the broadcast is no longer ours.
    pub(crate) fn frame(&mut self, id: TrackId, frame: Frame, at: Instant) -> Result<(), Refusal> {
        let Some(publisher) = &self.publisher else { return Ok(()) };
        match publisher.append(id, frame, at) {
            Ok(Fate::Kept) => {}
            Ok(Fate::Dropped(Dropped::AwaitingSync | Dropped::GroupTooLong)) => {
                self.frames_without_sync = self.frames_without_sync.saturating_add(1);
                if self.frames_without_sync == FRAMES_WITHOUT_SYNC {
                    warn!(
                        track = id.0,
                        "no keyframe for a long time: viewers cannot start; set a keyframe interval of 2 s"
                    );
                }
                return Ok(());
            }
            Ok(Fate::Dropped(why)) => debug!(track = id.0, ?why, "frame dropped"),
            Err(rejected) => return refusal(Some(rejected)),
        }
        Ok(())
    }

    /// The publisher is done. The broadcast keeps its grace time: who stops often comes back at once with other
    /// settings, and its viewers stay.
    pub(crate) fn end(&mut self) {
        if self.publisher.take().is_some() {
            info!("stopped publishing");
        }
    }
}

/// What the hub's word means for the connection.
fn refusal(rejected: Option<Rejected>) -> Result<(), Refusal> {
    match rejected {
        Some(Rejected::Superseded) => Err(Refusal::Busy),
        Some(Rejected::Ended) => Err(Refusal::Ended),
        Some(rejected @ (Rejected::TooManyTracks(_) | Rejected::UnknownTrack | Rejected::TrackTaken)) => {
            debug!(%rejected, "left out");
            Ok(())
        }
        None => Ok(()),
    }
}
