use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use config::Webrtc;
use hub::{Admission, Hub};
use proto::webrtc::dtls::Identity;
use proto::webrtc::ice::Road;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wire::sdp::Candidate;

use crate::addresses;
use crate::door::Door;
use crate::figures;
use crate::registry::Registry;
use crate::shard::{Datagram, Request};
use crate::table::{Table, Target};
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
    pub(crate) stop: CancellationToken,
    pub(crate) door: Door,
    pub(crate) table: Table,
    pub(crate) registry: Registry,
    pub(crate) lines: Vec<Line>,
    pub(crate) count: AtomicU64,
}

/// The way to one shard.
pub(crate) struct Line {
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) datagrams: mpsc::Sender<Datagram>,
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

    /// A place for one more session, on the shards in turn.
    pub(crate) fn next_target(&self) -> Target {
        let id = self.0.count.fetch_add(1, Ordering::Relaxed) + 1;
        let shard = usize::try_from(id).unwrap_or_default() % self.0.lines.len().max(1);
        Target { shard, id }
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
        if let Err(error) = self.0.udp.send(road, &bytes, None) {
            figures::dropped(if error.kind() == io::ErrorKind::WouldBlock { "network" } else { "refused" });
        }
    }
}
