use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use proto::webrtc::ice::Road;
use tokio::sync::mpsc;
use wire::stun::{Message, is_stun};

/// Where a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// Which shard.
    pub(crate) shard: usize,
    /// Which session.
    pub(crate) id: u64,
}

/// Whose a packet is: by the user fragment in a check, by the address in all else.
#[derive(Default)]
pub(crate) struct Table(RwLock<Routes>);

#[derive(Default)]
struct Routes {
    by_ufrag: HashMap<String, Target>,
    /// Only addresses that ICE has proven are here.
    by_remote: HashMap<(SocketAddr, bool), Target>,
    /// How to write to each open TCP connection.
    streams: HashMap<Road, mpsc::Sender<Bytes>>,
}

impl Table {
    /// Whose that packet is; nobody's is thrown away without a word (U2, F9).
    pub(crate) fn find(&self, road: &Road, datagram: &[u8]) -> Option<Target> {
        if is_stun(datagram) {
            let message = Message::parse(datagram).ok()?;
            let (ufrag, _) = message.ufrags()?;
            return self.read().by_ufrag.get(ufrag).copied();
        }
        self.read().by_remote.get(&(road.remote, road.is_tcp)).copied()
    }

    /// Checks for that user fragment are this session's.
    pub(crate) fn name(&self, ufrag: &str, target: Target) {
        self.write().by_ufrag.insert(ufrag.to_owned(), target);
    }

    pub(crate) fn unname(&self, ufrag: &str) {
        self.write().by_ufrag.remove(ufrag);
    }

    /// What comes by that road is this session's.
    pub(crate) fn bind(&self, road: &Road, target: Target) {
        self.write().by_remote.insert((road.remote, road.is_tcp), target);
    }

    /// No longer, unless it is another's by now.
    pub(crate) fn unbind(&self, road: &Road, target: Target) {
        let mut routes = self.write();
        let key = (road.remote, road.is_tcp);
        if routes.by_remote.get(&key) == Some(&target) {
            routes.by_remote.remove(&key);
        }
    }

    /// A TCP connection is open.
    pub(crate) fn open_stream(&self, road: Road, writer: mpsc::Sender<Bytes>) {
        self.write().streams.insert(road, writer);
    }

    pub(crate) fn close_stream(&self, road: &Road) {
        self.write().streams.remove(road);
    }

    /// How to write to that TCP connection.
    pub(crate) fn stream(&self, road: &Road) -> Option<mpsc::Sender<Bytes>> {
        self.read().streams.get(road).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, Routes> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Routes> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use wire::stun::{Builder, Class, Method};

    use super::*;

    /// U12: an address tells nothing until ICE has proven it, and a check tells whose it is wherever it comes from.
    #[test]
    fn a_packet_finds_its_session_by_name_or_by_proven_address() {
        let table = Table::default();
        let road =
            Road { local: "192.0.2.1:8189".parse().unwrap(), remote: "192.0.2.2:5".parse().unwrap(), is_tcp: false };
        let [a, b] = [1, 2].map(|id| Target { shard: 0, id });
        let check = |ours: &str| {
            let builder = Builder::new(Class::Request, Method::BINDING, [1; 12]);
            builder.username(&format!("{ours}:theirs")).finish()
        };
        table.name("a", a);
        assert_eq!(table.find(&road, &check("a")), Some(a));
        assert_eq!((table.find(&road, &check("b")), table.find(&road, b"\x80\x60")), (None, None));
        table.bind(&road, a);
        assert_eq!(table.find(&road, b"\x80\x60"), Some(a));
        assert_eq!(table.find(&Road { is_tcp: true, ..road }, b"\x80\x60"), None);
        // A later session of the same socket takes the address over; the former's end does not take it away.
        table.bind(&road, b);
        table.unbind(&road, a);
        assert_eq!(table.find(&road, b"\x16"), Some(b));
        table.unbind(&road, b);
        table.unname("a");
        assert_eq!((table.find(&road, b"\x16"), table.find(&road, &check("a"))), (None, None));
    }
}
