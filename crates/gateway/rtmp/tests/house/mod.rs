//! A gateway with a hub behind it, on a port of its own, for clients that block.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hub::{Admission, Ask, Broadcast, From, Hub, Limits, State, Step, Verdict};
use media::{Frame, Kind, Track, TrackId};
use onair_gateway_rtmp::Listener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

pub(crate) const KEY: &str = "canary-7f3a";
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct House {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) runtime: Runtime,
}

/// Anything below `live/` is free; all else needs the key.
struct Doorkeeper;

impl Admission for Doorkeeper {
    fn admit(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>> {
        let verdict = match ask.secret.as_deref() {
            _ if ask.path.as_str().starts_with("live/") => Verdict::Allowed,
            None => Verdict::NeedsKey,
            Some(KEY) => Verdict::Allowed,
            Some(_) => Verdict::WrongKey,
        };
        Box::pin(std::future::ready(verdict))
    }
}

impl House {
    pub(crate) fn open(config: config::Rtmp) -> Self {
        let runtime = Runtime::new().unwrap();
        let hub = Hub::new(Limits { takeover_after: Duration::from_secs(2), ..Limits::default() });
        let stop = CancellationToken::new();
        let _inside = runtime.enter();
        let address = config.listen.unwrap();
        let mut listener = Listener::new(config);
        listener.bind(address).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], listener.address().unwrap().port()));
        runtime.spawn(listener.run(hub.clone(), Arc::new(Doorkeeper), Arc::new(()), stop.clone()));
        drop(_inside);
        Self { hub, address, stop, runtime }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("rtmp://{}/{path}", self.address)
    }

    pub(crate) fn broadcast(&self, path: &str) -> Broadcast {
        let path = path.parse().unwrap();
        eventually("the broadcast begins", || self.hub.broadcast(&path))
    }
}

/// Any address, any port.
pub(crate) fn config() -> config::Rtmp {
    config::Rtmp { listen: Some("[::]:0".parse().unwrap()), ..config::Rtmp::default() }
}

/// Polls until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the publisher has gone.
pub(crate) fn wait_until_away(broadcast: &Broadcast) {
    eventually("the publisher goes", || (broadcast.state() != State::Live).then_some(()));
}

/// The tracks of a kind.
pub(crate) fn tracks(broadcast: &Broadcast, kind: Kind) -> Vec<Arc<Track>> {
    broadcast.catalog().of_kind(kind).cloned().collect()
}

/// All frames of a track that the hub holds.
pub(crate) fn frames(broadcast: &Broadcast, id: TrackId) -> Vec<Frame> {
    let mut cursor = broadcast.follow(id, From::Oldest).unwrap();
    let mut frames = Vec::new();
    loop {
        match cursor.try_next() {
            Step::Group(_) => {}
            Step::Frame(frame) => frames.push(frame),
            Step::Pending | Step::Ended => return frames,
            Step::Skipped { .. } => panic!("nothing may be skipped"),
        }
    }
}

/// Resident memory of this process.
pub(crate) fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
