use std::any::Any;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hub::{Admission, Demand, Hub};
use proto::rtmp::Limits;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tls::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::door::Door;
use crate::egress::Egress;
use crate::figures;
use crate::ingest::Ingest;
use crate::session;

/// Connections that wait in the kernel while we are busy.
const BACKLOG: i32 = 1024;
/// A pause after the system refused us a connection, so as not to spin while it has no descriptors left (F17).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Probes of a connection at rest. The session's own timers are stricter; these free the kernel's side.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// What may wait in the kernel to be sent to a peer, beyond what is under way.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 256 << 10;

/// The RTMP port and the RTMPS port, each where it is wanted. Both have one door and its limits.
pub struct Listener {
    config: config::Rtmp,
    plain: Option<TcpListener>,
    secure: Option<(TcpListener, Acceptor)>,
}

impl Listener {
    /// Without any port yet.
    pub fn new(config: config::Rtmp) -> Self {
        Self { config, plain: None, secure: None }
    }

    /// Opens the RTMP port. `[::]` takes IPv4 too (conformance F21).
    pub fn bind(&mut self, address: SocketAddr) -> io::Result<()> {
        self.plain = Some(listen(address)?);
        Ok(())
    }

    /// Opens the RTMPS port (R23).
    pub fn bind_tls(&mut self, address: SocketAddr, acceptor: Acceptor) -> io::Result<()> {
        self.secure = Some((listen(address)?, acceptor));
        Ok(())
    }

    /// Where it listens for RTMP.
    pub fn address(&self) -> Option<SocketAddr> {
        self.plain.as_ref()?.local_addr().ok()
    }

    /// Where it listens for RTMPS.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.secure.as_ref()?.0.local_addr().ok()
    }

    /// The next connection, and who does its handshake if it comes to the RTMPS port.
    async fn accept(&self) -> (io::Result<(TcpStream, SocketAddr)>, Option<&Acceptor>) {
        let plain = async {
            match &self.plain {
                Some(port) => port.accept().await,
                None => std::future::pending().await,
            }
        };
        let secure = async {
            match &self.secure {
                Some((port, acceptor)) => (port.accept().await, acceptor),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = plain => (accepted, None),
            (accepted, acceptor) = secure => (accepted, Some(acceptor)),
        }
    }

    /// Takes connections until `stop` is called; returns when the last one is closed.
    /// `demand` is asked for what players cannot take as it is.
    pub async fn run(self, hub: Hub, admission: Arc<dyn Admission>, demand: Arc<dyn Demand>, stop: CancellationToken) {
        figures::describe();
        if let Some(address) = self.address() {
            info!(proto = "rtmp", listen = %address, "listening");
        }
        if let Some(address) = self.tls_address() {
            info!(proto = "rtmps", listen = %address, "listening");
        }
        let limits = Limits {
            handshake_timeout: self.config.handshake_timeout,
            idle_timeout: self.config.idle_timeout,
            ..Limits::default()
        };
        let config::Rtmp { max_connections, max_connections_per_address, max_players, .. } = self.config;
        let door = Door::new(max_connections, max_connections_per_address, max_players);
        let sessions = TaskTracker::new();
        let nonces = RandomState::new();
        let mut conn = 0_u64;
        loop {
            let (accepted, acceptor) = tokio::select! {
                accepted = self.accept() => accepted,
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
            let egress =
                (max_players > 0).then(|| Egress::new(hub.clone(), admission.clone(), demand.clone(), peer.ip()));
            let span = info_span!("session", proto = "rtmp", conn, %peer, stream = Empty);
            let (limits, stop) = (limits.clone(), stop.clone());
            let socket = enter(socket, acceptor.cloned(), limits.handshake_timeout);
            let session = session::run(socket, limits, nonce, (ingest, egress), seat, stop);
            sessions.spawn(guarded(session).instrument(span));
        }
        drop(self);
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

/// What comes before RTMP.
async fn enter(socket: TcpStream, acceptor: Option<Acceptor>, patience: Duration) -> io::Result<tls::Socket> {
    tune(&socket)?;
    match acceptor {
        Some(acceptor) => acceptor.accept(socket, patience).await,
        None => Ok(Either::Left(socket)),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match open(address) {
        // A host without IPv6 still has all addresses of the other kind.
        Err(_) if address.is_ipv6() && address.ip().is_unspecified() => {
            open((Ipv4Addr::UNSPECIFIED, address.port()).into())?
        }
        opened => opened?,
    };
    TcpListener::from_std(socket)
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

/// Small answers go out at once, and a peer that vanished is noticed by the kernel too (F3). What a player is too slow
/// for waits here, where the newest can be chosen, and not in the kernel (F1).
fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    SockRef::from(socket).set_tcp_notsent_lowat(UNSENT_BYTES)?;
    SockRef::from(socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))
}
