use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use config::Webrtc;
use hub::{Admission, Broadcast, Demand, Hub};
use proto::webrtc::dtls::Identity;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::door::Door;
use crate::figures;
use crate::gateway::{Gateway, Line, Shared};
use crate::pending::Offers;
use crate::pressure::Pressure;
use crate::registry::Registry;
use crate::room::Rooms;
use crate::shard::{self, Shard};
use crate::signal::{self, Carried};
use crate::table::Table;
use crate::tcp;
use crate::udp::{Inbox, Udp};

/// Connections that wait in the kernel while we are busy.
const BACKLOG: i32 = 1024;
/// A pause after the system refused us something, so as not to spin (F17).
const PAUSE: Duration = Duration::from_millis(100);
/// While nobody publishes by WebRTC, what comes are viewers' reports, which may wait so long: many of them are then read for
/// one wake of their thread and of each shard. To wake for each is a tenth of all that hundreds of viewers cost.
const LULL: Duration = Duration::from_millis(2);
/// How soon the receiving thread sees that the server stops.
const NOTICE: Duration = Duration::from_millis(100);
/// How often a free port of both kinds is looked for when any will do.
const ATTEMPTS: usize = 20;

/// The UDP port and the TCP port of the same number.
pub struct Listener {
    udp: Udp,
    tcp: TcpListener,
    config: Webrtc,
}

/// A gateway that is ready to run.
pub struct Ready {
    gateway: Gateway,
    tcp: TcpListener,
    shards: Vec<shard::Ears>,
}

impl Listener {
    /// Opens both ports; `None` when the configuration wants no WebRTC. `[::]` takes IPv4 too (conformance F21).
    pub fn bind(config: Webrtc) -> io::Result<Option<Self>> {
        let Some(address) = config.listen else { return Ok(None) };
        let attempts = if address.port() == 0 { ATTEMPTS } else { 1 };
        let mut opened = Err(io::ErrorKind::AddrInUse.into());
        for _ in 0..attempts {
            let udp = Udp::bind(address)?;
            opened = open(SocketAddr::new(udp.address().ip(), udp.address().port())).map(|tcp| (udp, tcp));
            if opened.is_ok() {
                break;
            }
        }
        let (udp, tcp) = opened?;
        Ok(Some(Self { udp, tcp: TcpListener::from_std(tcp)?, config }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.udp.address()
    }

    /// Makes the gateway. `demand` is asked for Opus where the publisher sends what WebRTC does not carry; `stop` will
    /// end the gateway.
    pub fn ready(
        self,
        hub: Hub,
        admission: Arc<dyn Admission>,
        demand: Arc<dyn Demand>,
        stop: CancellationToken,
    ) -> io::Result<Ready> {
        figures::describe();
        let identity = Identity::generate().map_err(io::Error::other)?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut lines = Vec::new();
        let mut shards = Vec::new();
        // Publishers have one for themselves, so that what they send never waits while viewers are sent to.
        for _ in 0..threads + 1 {
            let (requests, asked) = mpsc::channel(shard::REQUESTS);
            let (datagrams, received) = mpsc::channel(shard::DATAGRAMS);
            let (wakes, woken) = mpsc::channel(shard::WAKES);
            lines.push(Line { requests, datagrams, wakes });
            shards.push(shard::Ears { requests: asked, datagrams: received, wakes: woken });
        }
        let loads = (0..threads).map(|_| Pressure::default()).collect();
        let door = Door::new(self.config.max_sessions, self.config.max_connecting_per_address);
        let gateway = Gateway::new(Shared {
            udp: self.udp,
            config: self.config,
            identity,
            hub,
            admission,
            demand,
            stop,
            door,
            table: Table::default(),
            registry: Registry::default(),
            lines,
            loads,
            count: AtomicU64::new(0),
            rooms: Rooms::default(),
            offers: Offers::default(),
            sent: figures::sent_bytes(),
            publishers: Mutex::default(),
        });
        Ok(Ready { gateway, tcp: self.tcp, shards })
    }
}

impl Ready {
    /// The addresses of WHIP and WHEP, and `/api/v1/webrtc/sessions`. Requests may carry an [`std::net::IpAddr`] as an
    /// extension: where they come from.
    pub fn router(&self) -> Router {
        signal::router(self.gateway.clone())
    }

    /// What viewers by WHEP get of any broadcast, for those who tell of it.
    pub fn carries(&self) -> impl Fn(&Broadcast) -> Carried + Send + Sync + use<> {
        let gateway = self.gateway.clone();
        move |broadcast| Carried::of(&gateway, broadcast)
    }

    /// Carries packets until the gateway is told to stop; returns when all sessions are closed.
    pub async fn run(self) {
        let Self { gateway, tcp, shards } = self;
        info!(proto = "webrtc", listen = %gateway.address(), "listening");
        let mut threads = Vec::new();
        for (number, ears) in shards.into_iter().enumerate() {
            let shard = Shard::new(gateway.clone(), number);
            let (done, is_done) = tokio::sync::oneshot::channel::<()>();
            let thread = std::thread::Builder::new().name(format!("webrtc-{number}")).spawn(move || {
                let _done = done;
                match tokio::runtime::Builder::new_current_thread().enable_time().build() {
                    Ok(runtime) => runtime.block_on(shard.run(ears)),
                    Err(error) => error!(proto = "webrtc", %error, "a thread cannot begin"),
                }
            });
            match thread {
                Ok(_) => threads.push(is_done),
                Err(error) => {
                    error!(proto = "webrtc", %error, "a thread cannot begin");
                    return;
                }
            }
        }
        let (receiver, (done, is_done)) = (gateway.clone(), tokio::sync::oneshot::channel::<()>());
        let thread = std::thread::Builder::new().name("webrtc-udp".into()).spawn(move || {
            let _done = done;
            receive(&receiver);
        });
        match thread {
            Ok(_) => threads.push(is_done),
            Err(error) => {
                error!(proto = "webrtc", %error, "a thread cannot begin");
                return;
            }
        }
        let streams = tokio::spawn(accept(gateway.clone(), tcp));
        gateway.stop().cancelled().await;
        for thread in threads {
            // Its sender is dropped when the thread is done.
            let _ = thread.await;
        }
        streams.abort();
    }
}

/// Hands every datagram to its session, on a thread of its own: the runtime would be woken for each.
fn receive(gateway: &Gateway) {
    let mut inbox = Inbox::new();
    while !gateway.stop().is_cancelled() {
        let received = gateway.udp().wait(NOTICE).and_then(|()| {
            gateway.udp().recv(&mut inbox, |road, bytes| {
                gateway.deliver(road, bytes);
            })
        });
        match received {
            Ok(true) if !gateway.has_publishers() => std::thread::sleep(LULL),
            Ok(_) => {}
            Err(error) => {
                warn!(proto = "webrtc", %error, "cannot receive");
                std::thread::sleep(PAUSE);
            }
        }
    }
}

async fn accept(gateway: Gateway, tcp: TcpListener) {
    let places = Arc::new(Semaphore::new(gateway.config().max_sessions.min(Semaphore::MAX_PERMITS)));
    let door = Door::new(gateway.config().max_sessions, gateway.config().max_connecting_per_address.max(1));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let (socket, peer) = match tcp.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(proto = "webrtc", %error, "cannot accept");
                sleep(PAUSE).await;
                continue;
            }
        };
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let Ok(seat) = door.enter(peer.ip(), false) else { continue };
        let gateway = gateway.clone();
        let span = info_span!("stream", proto = "webrtc", %peer);
        let serve = async move {
            let _place = place;
            if let Err(error) = tcp::serve(gateway, socket, peer, seat).await {
                debug!(%error, "connection ended");
            }
        };
        tokio::spawn(serve.instrument(span));
    }
}

fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let bind = |address: SocketAddr| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    match bind(address) {
        Err(_) if address.is_ipv6() && address.ip().is_unspecified() => {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        bound => bound,
    }
}
