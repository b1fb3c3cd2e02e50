use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use config::{Http, Network};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tls::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::connection::{builder, drive};
use crate::desks::{Desks, LOOK};
use crate::door::Door;
use crate::figures::{self, Connected};
use crate::peer::Peer;

/// Connections that the operating system keeps while we have no place for them.
const BACKLOG: i32 = 1024;
/// No client can be quicker, whatever the settings ask.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);

/// The HTTP port, and the HTTPS port where there is one. Both have one door and its limits.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    secure: Option<(TcpListener, Acceptor)>,
    header_timeout: Duration,
    max_connections: usize,
    max_connections_per_address: usize,
    trusted_proxies: Vec<Network>,
    threads: usize,
}

impl Listener {
    /// Begins to listen. `[::]` means IPv4 too, also where the operating system thinks otherwise (F21), and IPv4 alone
    /// where there is no IPv6.
    pub fn bind(settings: &Http) -> io::Result<Self> {
        figures::describe();
        Ok(Self {
            socket: bind(settings.listen)?,
            secure: None,
            header_timeout: settings.header_timeout.max(SHORTEST_TIMEOUT),
            max_connections: settings.max_connections,
            max_connections_per_address: settings.max_connections_per_address,
            trusted_proxies: settings.trusted_proxies.clone(),
            threads: 0,
        })
    }

    /// Opens the HTTPS port too.
    pub fn bind_tls(&mut self, listen: SocketAddr, acceptor: Acceptor) -> io::Result<()> {
        self.secure = Some((bind(listen)?, acceptor));
        Ok(())
    }

    /// Serves connections on threads of their own, that many at most, instead of where [`Listener::serve`] is called.
    pub fn on_threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    /// Where it listens for HTTPS.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.secure.as_ref()?.0.local_addr().ok()
    }

    /// The next connection, and who does its handshake if it comes to the HTTPS port.
    async fn accept(&self) -> (io::Result<(TcpStream, SocketAddr)>, Option<&Acceptor>) {
        let secure = async {
            match &self.secure {
                Some((port, acceptor)) => (port.accept().await, acceptor),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = self.socket.accept() => (accepted, None),
            (accepted, acceptor) = secure => (accepted, Some(acceptor)),
        }
    }

    /// Where it listens, with the port that it got.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop` is cancelled; then finishes what is under way and returns. Dropping the future ends all
    /// connections at once.
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        if let Ok(listen) = self.local_addr() {
            info!(proto = "http", %listen, "listening");
        }
        if let Some(listen) = self.tls_addr() {
            info!(proto = "https", %listen, "listening");
        }
        let places = Arc::new(Semaphore::new(self.max_connections.min(Semaphore::MAX_PERMITS)));
        let door = Door::new(self.max_connections_per_address);
        let builder = builder(self.header_timeout);
        let mut desks = Desks::new(self.threads);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut connections = JoinSet::new();
        let mut count = 0_u64;
        loop {
            // Further connections wait in the operating system's queue.
            let accepted = async {
                // The semaphore is never closed.
                let place = places.clone().acquire_owned().await.ok();
                (place, self.accept().await)
            };
            let (place, socket, peer, acceptor) = tokio::select! {
                () = stop.cancelled() => break,
                _ = look.tick(), if self.threads > 0 && !connections.is_empty() => {
                    desks.look();
                    continue;
                }
                Some(ended) = connections.join_next() => {
                    if ended.is_err_and(|error| error.is_panic()) {
                        error!(proto = "http", "a connection panicked; others go on");
                    }
                    continue;
                }
                (place, (accepted, acceptor)) = accepted => match accepted {
                    Ok((socket, peer)) => (place, socket, peer, acceptor.cloned()),
                    Err(error) => {
                        // Out of file descriptors, most likely: others go on, and we try again (F17).
                        warn!(%error, "cannot accept a connection");
                        sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let address = peer.ip().to_canonical();
            let is_counted =
                !address.is_loopback() && !self.trusted_proxies.iter().any(|proxy| proxy.contains(address));
            let own_place = if is_counted { door.enter(address) } else { None };
            if is_counted && own_place.is_none() {
                figures::turned_away("address");
                if acceptor.is_none() {
                    refuse(&socket);
                }
                continue;
            }
            tune(&socket);
            count += 1;
            let span = info_span!("session", proto = "http", conn = count, %peer);
            let (router, builder, stop) = (router.clone(), builder.clone(), stop.clone());
            let header_timeout = self.header_timeout;
            let seat = desks.seat();
            let runtime = seat.runtime.clone();
            let socket = match socket.into_std() {
                Ok(socket) => socket,
                Err(error) => {
                    debug!(%error, "a connection ended at once");
                    continue;
                }
            };
            let session = async move {
                let _places = (place, own_place);
                let _connected = Connected::now();
                // Its readiness is told where it is served.
                let Ok(socket) = TcpStream::from_std(socket) else { return };
                if let Some(socket) = enter(socket, acceptor, header_timeout, &stop).await {
                    drive(socket, Peer(address), router, builder, header_timeout, &seat, stop).await;
                }
            };
            connections.spawn_on(session.instrument(span), &runtime);
        }
        drop(self);
        debug!(connections = connections.len(), "no more connections; finishing those under way");
        while connections.join_next().await.is_some() {}
    }
}

/// What comes before HTTP; `None` where nothing comes of it.
async fn enter(
    socket: TcpStream,
    acceptor: Option<Acceptor>,
    patience: Duration,
    stop: &CancellationToken,
) -> Option<tls::Socket> {
    let Some(acceptor) = acceptor else { return Some(Either::Left(socket)) };
    let entered = tokio::select! {
        entered = acceptor.accept(socket, patience) => entered,
        () = stop.cancelled() => return None,
    };
    match entered {
        Ok(socket) => Some(socket),
        Err(error) => {
            figures::session_error("tls");
            debug!(%error, "no TLS handshake");
            None
        }
    }
}

fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = match open(listen) {
        Err(error) if listen.ip().is_ipv6() && listen.ip().is_unspecified() => {
            let v4 = open((Ipv4Addr::UNSPECIFIED, listen.port()).into()).map_err(|_| error)?;
            info!("no IPv6 here: listening on IPv4 alone");
            v4
        }
        other => other?,
    };
    TcpListener::from_std(socket.into())
}

fn open(listen: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(listen), Type::STREAM, Some(Protocol::TCP))?;
    if listen.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&listen.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Small answers leave at once, and a client that vanished is noticed (F3).
fn tune(socket: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
    let tuned = socket.set_nodelay(true).and_then(|()| SockRef::from(socket).set_tcp_keepalive(&keepalive));
    if let Err(error) = tuned {
        debug!(%error, "cannot tune a connection");
    }
}

/// Says why, if the socket takes it at once; nothing is waited for.
fn refuse(socket: &TcpStream) {
    let answer =
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let _ = socket.try_write(answer);
}
