use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Link, Settings};

/// How often a connection on hold looks whether it may go on.
const PAUSE: Duration = Duration::from_millis(20);

/// A running relay.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    down: Mutex<Down>,
    has_more: Condvar,
    out: UdpSocket,
}

/// A datagram that is on its way: until when, the how many-th, to whom.
type Waiting = Reverse<(Instant, u64, SocketAddr, Vec<u8>)>;

/// What the server sends.
struct Down {
    settings: Settings,
    link: Link,
    queue: BinaryHeap<Waiting>,
    count: u64,
    lost: u64,
}

impl Relay {
    /// Relays between a free port of the loopback and the server's, by UDP and by TCP.
    pub fn start(server: SocketAddr, seed: u64) -> io::Result<Self> {
        let (udp, tcp) = open()?;
        let address = udp.local_addr()?;
        let down =
            Down { settings: Settings::default(), link: Link::new(seed), queue: BinaryHeap::new(), count: 0, lost: 0 };
        let shared = Arc::new(Shared { down: Mutex::new(down), has_more: Condvar::new(), out: udp.try_clone()? });
        let (sending, taking, connecting) = (shared.clone(), shared.clone(), shared.clone());
        thread::spawn(move || sending.send());
        thread::spawn(move || taking.take(&udp, server));
        thread::spawn(move || connecting.connect(&tcp, server));
        Ok(Self { address, shared })
    }

    /// Where viewers send to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// See [`Settings::apply`].
    pub fn set(&self, line: &str) -> Result<(), String> {
        self.shared.down().settings.apply(line)
    }

    /// Datagrams of the server so far, and how many of them were lost.
    pub fn counts(&self) -> (u64, u64) {
        let down = self.shared.down();
        (down.count, down.lost)
    }
}

impl Shared {
    fn down(&self) -> MutexGuard<'_, Down> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends each datagram when its time has come.
    fn send(&self) {
        let mut down = self.down();
        loop {
            let now = Instant::now();
            let wait = down.queue.peek().map(|Reverse((at, ..))| at.saturating_duration_since(now));
            match wait {
                Some(Duration::ZERO) => {
                    if let Some(Reverse((_, _, to, bytes))) = down.queue.pop() {
                        drop(down);
                        // A viewer that is gone hears nothing.
                        let _ = self.out.send_to(&bytes, to);
                        down = self.down();
                    }
                }
                Some(wait) => {
                    down = self.has_more.wait_timeout(down, wait).unwrap_or_else(PoisonError::into_inner).0;
                }
                None => down = self.has_more.wait(down).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Takes what viewers send, each on to the server by a socket of its own.
    fn take(self: &Arc<Self>, udp: &UdpSocket, server: SocketAddr) {
        let mut sockets: HashMap<SocketAddr, UdpSocket> = HashMap::new();
        let mut buffer = [0; 2048];
        loop {
            // A port that is closed at the other end is told of here, and means nothing.
            let Ok((len, from)) = udp.recv_from(&mut buffer) else { continue };
            if self.down().settings.hold {
                continue;
            }
            let socket = match sockets.entry(from) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => match self.open(server, from) {
                    Ok(socket) => new.insert(socket),
                    Err(_) => continue,
                },
            };
            let _ = socket.send(&buffer[..len]);
        }
    }

    /// A socket towards the server for that viewer.
    fn open(self: &Arc<Self>, server: SocketAddr, viewer: SocketAddr) -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0))?;
        socket.connect(server)?;
        let (shared, back) = (self.clone(), socket.try_clone()?);
        thread::spawn(move || shared.answer(&back, viewer));
        Ok(socket)
    }

    fn answer(&self, socket: &UdpSocket, to: SocketAddr) {
        let mut buffer = [0; 2048];
        loop {
            let Ok(len) = socket.recv(&mut buffer) else { continue };
            let (mut down, now) = (self.down(), Instant::now());
            down.count += 1;
            let Down { settings, link, .. } = &mut *down;
            match link.carry(settings, now, len) {
                Some(at) => {
                    let count = down.count;
                    down.queue.push(Reverse((at, count, to, buffer[..len].to_vec())));
                    self.has_more.notify_one();
                }
                None => down.lost += 1,
            }
        }
    }

    fn connect(self: &Arc<Self>, tcp: &TcpListener, server: SocketAddr) {
        for viewer in tcp.incoming().flatten() {
            let Ok(upstream) = TcpStream::connect(server) else { continue };
            let (Ok(viewer_too), Ok(upstream_too)) = (viewer.try_clone(), upstream.try_clone()) else { continue };
            let (there, back) = (self.clone(), self.clone());
            thread::spawn(move || there.copy(viewer, upstream));
            thread::spawn(move || back.copy(upstream_too, viewer_too));
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 4096];
        loop {
            while self.down().settings.hold {
                thread::sleep(PAUSE);
            }
            match from.read(&mut buffer) {
                Ok(len) if len > 0 && to.write_all(&buffer[..len]).is_ok() => {}
                _ => break,
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    }
}

/// A port that is free for both.
fn open() -> io::Result<(UdpSocket, TcpListener)> {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        if let Ok(tcp) = TcpListener::bind(udp.local_addr()?) {
            return Ok((udp, tcp));
        }
    }
}
