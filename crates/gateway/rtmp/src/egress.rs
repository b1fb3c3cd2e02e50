use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hub::{Action, Admission, Ask, Demand, Hub, Now, Verdict};
use media::{Kind, Path};
use package::flv::{Opened, Opening, Polled, Refusal, Viewer, Wants};
use proto::rtmp::{Denial, Secret, Session, Wish};
use tokio::time::{sleep, timeout};
use tracing::info;
use wire::flv::Takes;

use crate::door::Seat;
use crate::figures;

/// How long whoever decides on access may take. Then the answer is no (conformance F14).
const ADMISSION_PATIENCE: Duration = Duration::from_secs(10);
/// How often a player that waits for its beginning is looked after.
const LOOK: Duration = Duration::from_millis(100);
/// For how long sound may wait for the next picture to go with it.
const TOGETHER: Duration = Duration::from_millis(60);
/// As much is written at once, or a little more. What does not fit into the socket is all that a player has in the queue.
const BATCH_BYTES: usize = 256 << 10;

/// The way from the hub to one connection's player.
pub(crate) struct Egress {
    hub: Hub,
    admission: Arc<dyn Admission>,
    demand: Arc<dyn Demand>,
    peer: IpAddr,
    playing: Option<Playing>,
}

struct Playing {
    viewer: Box<Viewer>,
    skips: u64,
    _watching: figures::Watching,
}

/// How it stands with what there is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// There may be more at once.
    Some,
    /// There is nothing for now.
    Nothing,
    /// The stream is over.
    Over,
}

impl Egress {
    pub(crate) fn new(hub: Hub, admission: Arc<dyn Admission>, demand: Arc<dyn Demand>, peer: IpAddr) -> Self {
        Self { hub, admission, demand, peer, playing: None }
    }

    /// Asks for leave and finds what the player can be given.
    pub(crate) async fn play(
        &mut self,
        seat: &mut Seat,
        path: &Path,
        secret: Option<Secret>,
        wish: Wish,
        takes: Takes,
    ) -> Result<(), Denial> {
        self.playing = None;
        self.enter(path, secret).await?;
        let broadcast = self.hub.broadcast(path).ok_or(Denial::NotFound)?;
        if !seat.watch() {
            return Err(Denial::Full);
        }
        let wants = Wants { takes, is_unsaid: false, video: wish.video, audio: wish.audio };
        let mut changes = broadcast.changes();
        let mut opening = Opening::new(broadcast, self.demand.clone(), wants, "rtmp", Instant::now());
        loop {
            let (opened, rest) = opening.poll(Now::from_clocks());
            match opened {
                Opened::Ready(viewer) => {
                    self.begin(viewer);
                    return Ok(());
                }
                Opened::Refused(refusal) => return Err(denial(refusal)),
                Opened::Wait => {}
            }
            let Some(rest) = rest else { return Err(Denial::NotFound) };
            opening = rest;
            tokio::select! {
                _ = changes.next() => {}
                () = sleep(LOOK) => {}
            }
        }
    }

    fn begin(&mut self, viewer: Box<Viewer>) {
        let tracks: Vec<_> = viewer.tracks().map(|track| track.name().to_string()).collect();
        info!(tracks = tracks.join(" "), "playing");
        self.playing = Some(Playing { viewer, skips: 0, _watching: figures::Watching::now() });
    }

    /// First without any key: an open path is open whatever key comes along.
    async fn enter(&self, path: &Path, secret: Option<Secret>) -> Result<(), Denial> {
        if self.ask(path, None).await == Verdict::Allowed {
            return Ok(());
        }
        let Some(secret) = secret else { return Err(Denial::NeedsKey) };
        match self.ask(path, Some(secret.into_inner())).await {
            Verdict::Allowed => Ok(()),
            _ => Err(Denial::WrongKey),
        }
    }

    async fn ask(&self, path: &Path, secret: Option<String>) -> Verdict {
        let ask = Ask { action: Action::Watch, path: path.clone(), peer: self.peer, secret, proto: "rtmp" };
        timeout(ADMISSION_PATIENCE, self.admission.admit(ask)).await.unwrap_or(Verdict::NeedsKey)
    }

    /// Hands what there is to the session, up to a batch.
    pub(crate) fn feed(&mut self, session: &mut Session, now: Instant) -> Fed {
        let Some(Playing { viewer, skips, .. }) = &mut self.playing else { return Fed::Nothing };
        let mut bytes = 0;
        let fed = loop {
            match viewer.poll(now) {
                Polled::Tag(tag) => {
                    bytes += tag.head.len() + tag.payload.len();
                    session.send(tag.kind, tag.timestamp, &tag.head, tag.payload);
                }
                Polled::Wait if bytes > 0 => break Fed::Some,
                Polled::Wait => break Fed::Nothing,
                Polled::Ended => break Fed::Over,
            }
            if bytes >= BATCH_BYTES {
                break Fed::Some;
            }
        };
        let skipped = viewer.skips() - std::mem::replace(skips, viewer.skips());
        if skipped > 0 {
            figures::skipped(skipped);
        }
        fed
    }

    /// Waits until there may be more. For ever while nobody plays.
    pub(crate) async fn wait(&mut self) {
        match &mut self.playing {
            Some(playing) => drop(timeout(TOGETHER, playing.viewer.wait()).await),
            None => std::future::pending().await,
        }
    }

    pub(crate) fn pause(&mut self, is_paused: bool) {
        if let Some(playing) = &mut self.playing {
            playing.viewer.pause(is_paused);
        }
    }

    pub(crate) fn receive(&mut self, kind: Kind, is_wanted: bool) {
        if let Some(playing) = &mut self.playing {
            playing.viewer.receive(kind, is_wanted);
        }
    }

    /// The player has seen enough.
    pub(crate) fn end(&mut self) {
        if self.playing.take().is_some() {
            info!("stopped playing");
        }
    }

    pub(crate) fn is_playing(&self) -> bool {
        self.playing.is_some()
    }
}

fn denial(refusal: Refusal) -> Denial {
    match refusal {
        Refusal::NotLive | Refusal::NotYet => Denial::NotLive(refusal.to_string()),
        Refusal::NoTrack | Refusal::Codec(_) => Denial::Unplayable(refusal.to_string()),
    }
}
