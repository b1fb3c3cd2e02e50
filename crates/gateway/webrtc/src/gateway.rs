use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use config::Webrtc;
use hub::{Admission, Demand, Hub};
use media::{Path, TrackId};
use proto::webrtc::dtls::Identity;
use proto::webrtc::ice::Road;
use proto::webrtc::send::{Batch, Burst};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wire::sdp::Candidate;

use crate::addresses;
use crate::door::Door;
use crate::entry::Role;
use crate::figures;
use crate::load::State;
use crate::pending::Offers;
use crate::pressure::Pressure;
use crate::registry::Registry;
use crate::relays;
use crate::room::{Room, Rooms};
use crate::shard::{Datagram, Request};
use crate::table::{Table, Target};
use crate::tcp;
use crate::udp::Udp;

/// What HTTP, the sockets and the sessions share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<Shared>);

/// What a gateway is made of.
pub(crate) struct Shared {
    pub(crate) udp: Udp,
    pub(crate) config: Webrtc,
    pub(crate) identity: Identity,
    pub(crate) hub: Hub,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) demand: Arc<dyn Demand>,
    pub(crate) stop: CancellationToken,
    pub(crate) door: Door,
    pub(crate) table: Table,
    pub(crate) registry: Registry,
    /// The ways to all shards: those of viewers, and the last, that of publishers.
    pub(crate) lines: Vec<Line>,
    /// How those of viewers stand.
    pub(crate) loads: Vec<Pressure>,
    pub(crate) count: AtomicU64,
    pub(crate) rooms: Rooms,
    pub(crate) offers: Offers,
    pub(crate) sent: metrics::Counter,
    /// Who publishes what, to be asked for keyframes.
    pub(crate) publishers: Mutex<HashMap<Path, Target>>,
}

/// The way to one shard.
pub(crate) struct Line {
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) datagrams: mpsc::Sender<Datagram>,
    pub(crate) wakes: mpsc::Sender<Arc<Room>>,
}

impl Gateway {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    pub(crate) fn config(&self) -> &Webrtc {
        &self.0.config
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(crate) fn admission(&self) -> &dyn Admission {
        &*self.0.admission
    }

    /// Whom to ask for sound that WebRTC carries.
    pub(crate) fn demand(&self) -> &dyn Demand {
        &*self.0.demand
    }

    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    pub(crate) fn door(&self) -> &Door {
        &self.0.door
    }

    pub(crate) fn table(&self) -> &Table {
        &self.0.table
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    pub(crate) fn udp(&self) -> &Udp {
        &self.0.udp
    }

    /// Where media comes in.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.udp.address()
    }

    /// Every address to tell, the best first. Asked anew for each answer: a laptop changes networks.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        addresses::candidates(&self.0.config.public, self.address())
    }

    /// What a client is told of STUN and TURN servers, a line for each (W32).
    pub(crate) fn relays(&self, session: u64) -> impl Iterator<Item = String> {
        let Webrtc { ice_servers, ice_credentials, .. } = &self.0.config;
        let now = SystemTime::now();
        ice_servers.iter().map(move |server| relays::link(server, session, now, *ice_credentials))
    }

    /// A place for one more session: publishers' on their own shard, viewers' on the others in turn, those that are
    /// full passed over.
    pub(crate) fn next_target(&self, role: Role) -> Target {
        let id = self.0.count.fetch_add(1, Ordering::Relaxed) + 1;
        let shards = self.0.loads.len();
        if role == Role::Whip || shards == 0 {
            return Target { shard: shards, id };
        }
        let first = usize::try_from(id).unwrap_or_default();
        let in_turn = (0..shards).map(|step| first.wrapping_add(step) % shards);
        let has_room = |shard: &usize| self.pressure(*shard).is_some_and(|it| it.state() == State::Calm);
        Target { shard: in_turn.clone().find(has_room).unwrap_or(first % shards), id }
    }

    /// Every thread of viewers has as much to do as it can bear: newcomers are sent away.
    pub(crate) fn is_full(&self) -> bool {
        self.0.loads.iter().all(|load| load.state() != State::Calm)
    }

    /// How a shard of viewers stands.
    pub(crate) fn pressure(&self, shard: usize) -> Option<&Pressure> {
        self.0.loads.get(shard)
    }

    /// How all of them stand.
    pub(crate) fn pressures(&self) -> &[Pressure] {
        &self.0.loads
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> usize {
        self.0.lines.len()
    }

    pub(crate) fn rooms(&self) -> &Rooms {
        &self.0.rooms
    }

    /// Those of ours that wait for an answer.
    pub(crate) fn offers(&self) -> &Offers {
        &self.0.offers
    }

    /// Tells a shard that there is something to send in that room; `false` when it has no ear for it now.
    pub(crate) fn wake(&self, shard: usize, room: Arc<Room>) -> bool {
        self.0.lines.get(shard).is_some_and(|line| line.wakes.try_send(room).is_ok())
    }

    /// That session publishes there.
    pub(crate) fn publishes(&self, path: &Path, target: Target) {
        lock(&self.0.publishers).insert(path.clone(), target);
    }

    /// No longer, unless it is another by now.
    pub(crate) fn stops_publishing(&self, path: &Path, target: Target) {
        let mut publishers = lock(&self.0.publishers);
        if publishers.get(path) == Some(&target) {
            publishers.remove(path);
        }
    }

    /// Somebody publishes by WebRTC.
    pub(crate) fn has_publishers(&self) -> bool {
        !lock(&self.0.publishers).is_empty()
    }

    /// Asks whoever publishes there for a keyframe. Publishers of other protocols cannot be asked.
    pub(crate) fn want_keyframe(&self, path: &Path, track: TrackId) {
        let Some(Target { shard, id }) = lock(&self.0.publishers).get(path).copied() else { return };
        if let Some(line) = self.0.lines.get(shard) {
            // A shard that is too busy will be asked again by the viewer.
            let _ = line.requests.try_send(Request::Keyframe { id, track });
        }
    }

    /// Asks a shard for something; `false` when it is gone, as the server stops.
    pub(crate) async fn ask(&self, shard: usize, request: Request) -> bool {
        match self.0.lines.get(shard) {
            Some(line) => line.requests.send(request).await.is_ok(),
            None => false,
        }
    }

    /// Hands a packet to its session; `false` when it is nobody's.
    pub(crate) fn deliver(&self, road: Road, bytes: &mut [u8]) -> bool {
        let Some(Target { shard, id }) = self.0.table.find(&road, bytes) else { return false };
        let Some(line) = self.0.lines.get(shard) else { return false };
        if line.datagrams.try_send(Datagram { id, road, bytes: BytesMut::from(&*bytes) }).is_err() {
            figures::dropped("queue");
        }
        true
    }

    /// Sends one packet. What cannot be sent now is lost.
    pub(crate) fn send(&self, road: &Road, bytes: Bytes) {
        if road.is_tcp {
            let sent = self.0.table.stream(road).map(|writer| writer.try_send(bytes).is_ok());
            if sent != Some(true) {
                figures::dropped("tcp");
            }
            return;
        }
        self.count(self.0.udp.send(road, &bytes, None));
    }

    /// Whether another batch can be sent by that road without loss: a connection whose peer reads too slowly is full.
    pub(crate) fn has_room(&self, road: &Road) -> bool {
        !road.is_tcp || self.0.table.stream(road).is_some_and(|writer| writer.capacity() >= tcp::QUEUE / 2)
    }

    /// Sends many, datagrams of one size in one call.
    pub(crate) fn send_batch(&self, road: &Road, batch: &Batch) {
        if road.is_tcp {
            batch.datagrams().for_each(|datagram| self.send(road, Bytes::copy_from_slice(datagram)));
            return;
        }
        for Burst { bytes, segment } in batch.bursts() {
            self.0.sent.increment(bytes.len() as u64);
            if bytes.len() <= segment {
                self.count(self.0.udp.send(road, bytes, None));
                continue;
            }
            let sent = self.0.udp.send(road, bytes, Some(segment));
            let is_unable = sent.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock);
            if is_unable {
                // No segmentation offload on that way: one by one.
                bytes.chunks(segment).for_each(|datagram| self.count(self.0.udp.send(road, datagram, None)));
            } else {
                self.count(sent);
            }
        }
    }

    fn count(&self, sent: io::Result<()>) {
        if let Err(error) = sent {
            figures::dropped(if error.kind() == io::ErrorKind::WouldBlock { "network" } else { "refused" });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
