use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hub::{Admission, Hub};
use proto::rtmp::Limits;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::door::Door;
use crate::figures;
use crate::ingest::Ingest;
use crate::session;

/// Connections that wait in the kernel while we are busy.
const BACKLOG: i32 = 1024;
/// A pause after the system refused us a connection, so as not to spin while it has no descriptors left (F17).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Probes of a connection at rest. The session's own timers are stricter; these free the kernel's side.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The RTMP port.
pub struct Listener {
    socket: TcpListener,
    config: config::Rtmp,
}

impl Listener {
    /// Opens the port; `None` when the configuration wants no RTMP. `[::]` takes IPv4 too (conformance F21).
    pub fn bind(config: config::Rtmp) -> io::Result<Option<Self>> {
        let Some(address) = config.listen else { return Ok(None) };
        let socket = match open(address) {
            // A host without IPv6 still has all addresses of the other kind.
            Err(_) if address.is_ipv6() && address.ip().is_unspecified() => {
                open((Ipv4Addr::UNSPECIFIED, address.port()).into())?
            }
            opened => opened?,
        };
        Ok(Some(Self { socket: TcpListener::from_std(socket)?, config }))
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes connections until `stop` is called; returns when the last one is closed.
    pub async fn run(self, hub: Hub, admission: Arc<dyn Admission>, stop: CancellationToken) {
        figures::describe();
        if let Ok(address) = self.address() {
            info!(proto = "rtmp", listen = %address, "listening");
        }
        let limits = Limits {
            handshake_timeout: self.config.handshake_timeout,
            idle_timeout: self.config.idle_timeout,
            ..Limits::default()
        };
        let door = Door::new(self.config.max_connections, self.config.max_connections_per_address);
        let sessions = TaskTracker::new();
        let nonces = RandomState::new();
        let mut conn = 0_u64;
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = stop.cancelled() => break,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(proto = "rtmp", %error, "cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            let seat = match door.enter(peer.ip()) {
                Ok(seat) => seat,
                Err(limit) => {
                    figures::turned_away(limit);
                    debug!(proto = "rtmp", %peer, limit, "turned away");
                    continue;
                }
            };
            conn += 1;
            let nonce = nonces.hash_one(conn);
            let ingest = Ingest::new(hub.clone(), admission.clone(), peer);
            let span = info_span!("session", proto = "rtmp", conn, %peer, stream = Empty);
            let session = session::run(socket, limits.clone(), nonce, ingest, seat, stop.clone());
            sessions.spawn(guarded(session).instrument(span));
        }
        drop(self.socket);
        sessions.close();
        sessions.wait().await;
    }
}

/// A session that panics takes only itself down.
async fn guarded(session: impl Future<Output = ()>) {
    let _connected = figures::Connected::now();
    if let Err(panic) = AssertUnwindSafe(session).catch_unwind().await {
        figures::session_error("panic");
        error!(reason = reason(&*panic), "the session panicked: please report this");
    }
}

fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}

fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Small answers go out at once, and a peer that vanished is noticed by the kernel too (F3).
pub(crate) fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    SockRef::from(socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))
}
