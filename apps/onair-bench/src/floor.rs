//! What this machine allows: what encrypting and sending cost when nothing else is done.

use std::fmt;
use std::io::{self, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use proto::webrtc::srtp::{Keys, Profile, Sealer};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// Bytes of a packet.
const PACKET: usize = 1200;
/// Receivers that are sent to in turn: with one, everything would stay warm.
const RECEIVERS: usize = 32;
const KERNEL_BYTES: usize = 4 << 20;

/// One operation's cost.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was done.
    pub what: String,
    /// Nanoseconds of this thread's CPU for each unit: the least of the rounds.
    pub ns: f64,
    /// What a unit is.
    pub unit: &'static str,
}

/// All of them.
#[derive(Clone, Debug, Serialize)]
pub struct Floor {
    /// In the order of the work.
    pub rows: Vec<Row>,
}

impl Floor {
    /// Measures each operation `rounds` times for `span`.
    pub fn measure(span: Duration, rounds: usize) -> io::Result<Self> {
        let mut rows = Vec::new();
        let mut row = |what: String, unit, ns: io::Result<f64>| -> io::Result<()> {
            rows.push(Row { what, ns: ns?, unit });
            Ok(())
        };
        for (name, profile) in [
            ("SRTP seal, AES-128-GCM", Profile::Aes128Gcm),
            ("SRTP seal, AES-256-GCM", Profile::Aes256Gcm),
            ("SRTP seal, AES-128-CM with HMAC-SHA1", Profile::Aes128CmSha1),
        ] {
            row(name.to_owned(), "packet", seal(profile, span, rounds))?;
        }
        for gro in [false, true] {
            let receivers = Receivers::open(gro)?;
            let how = if gro { ", receiver joins (GRO)" } else { "" };
            row(format!("UDP sendto{how}"), "packet", receivers.send(1, span, rounds))?;
            for segments in [4, 8, 16, 32] {
                let what = format!("UDP with segmentation ×{segments}{how}");
                row(what, "packet", receivers.send(segments, span, rounds))?;
            }
        }
        for bytes in [1_400, 17_000, 65_000, 200_000] {
            row(format!("TCP writes of {bytes} bytes"), "KB", tcp(bytes, span, rounds))?;
        }
        Ok(Self { rows })
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "floor of this machine: CPU of one thread, packets of {PACKET} bytes, loopback, receiving included"
        )?;
        for Row { what, ns, unit } in &self.rows {
            writeln!(f, "  {what:<48} {ns:>8.0} ns per {unit}")?;
        }
        Ok(())
    }
}

/// CPU time of this thread: what others on the machine do does not count.
fn thread_cpu() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.try_into().unwrap_or(0), spent.tv_nsec.try_into().unwrap_or(0))
}

/// Repeats `act`, which does so many units, and returns nanoseconds a unit.
fn cost(span: Duration, rounds: usize, mut act: impl FnMut() -> io::Result<f64>) -> io::Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..rounds.max(1) {
        let (began, before, mut units) = (Instant::now(), thread_cpu(), 0.0);
        while began.elapsed() < span {
            units += act()?;
        }
        let spent = thread_cpu().saturating_sub(before).as_nanos() as f64;
        least = least.min(spent / f64::max(units, 1.0));
    }
    Ok(least)
}

fn seal(profile: Profile, span: Duration, rounds: usize) -> io::Result<f64> {
    let (key, salt) = match profile {
        Profile::Aes128CmSha1 => (16, 14),
        Profile::Aes128Gcm => (16, 12),
        Profile::Aes256Gcm => (32, 12),
    };
    let keys = Keys::try_new(profile, &vec![7; key], &vec![9; salt]).ok_or(io::ErrorKind::InvalidInput)?;
    let sealer = Sealer::new(&keys).map_err(io::Error::other)?;
    let (mut out, mut index) = (BytesMut::with_capacity(2 * PACKET), 0);
    cost(span, rounds, || {
        for _ in 0..100 {
            out.clear();
            out.resize(PACKET - profile.rtp_overhead(), 0x55);
            index += 1;
            sealer.seal_rtp(&mut out, 0, 12, 7, index).map_err(io::Error::other)?;
        }
        Ok(100.0)
    })
}

/// Sockets that are emptied by a thread of their own.
struct Receivers {
    socket: UdpSocket,
    state: UdpSocketState,
    addresses: Vec<SocketAddr>,
    stop: Arc<AtomicBool>,
}

impl Receivers {
    fn open(gro: bool) -> io::Result<Self> {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let receivers: Vec<UdpSocket> = (0..RECEIVERS).map(|_| bind()).collect::<io::Result<_>>()?;
        let addresses = receivers.iter().map(UdpSocket::local_addr).collect::<io::Result<_>>()?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        for socket in &receivers {
            socket.set_nonblocking(true)?;
            let _ = socket2::SockRef::from(socket).set_recv_buffer_size(KERNEL_BYTES);
        }
        let states: Vec<UdpSocketState> = match gro {
            true => receivers.iter().map(|socket| UdpSocketState::new(socket.into())).collect::<io::Result<_>>()?,
            false => Vec::new(),
        };
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while !told.load(Ordering::Relaxed) {
                for (at, socket) in receivers.iter().enumerate() {
                    let mut read = || match states.get(at) {
                        None => socket.recv(&mut buffer),
                        Some(state) => {
                            let mut metas = [RecvMeta::default()];
                            state.recv(socket.into(), &mut [IoSliceMut::new(&mut buffer)], &mut metas)
                        }
                    };
                    while read().is_ok() {}
                }
                thread::sleep(Duration::from_micros(200));
            }
        });
        let socket = bind()?;
        let state = UdpSocketState::new((&socket).into())?;
        let _ = socket2::SockRef::from(&socket).set_send_buffer_size(KERNEL_BYTES);
        Ok(Self { socket, state, addresses, stop })
    }

    fn send(&self, segments: usize, span: Duration, rounds: usize) -> io::Result<f64> {
        let contents = vec![0x55; PACKET * segments];
        let segment_size = (segments > 1).then_some(PACKET);
        cost(span, rounds, || {
            for destination in &self.addresses {
                let transmit =
                    Transmit { destination: *destination, ecn: None, contents: &contents, segment_size, src_ip: None };
                match self.state.try_send((&self.socket).into(), &transmit) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    _ => {}
                }
            }
            Ok((self.addresses.len() * segments) as f64)
        })
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn tcp(bytes: usize, span: Duration, rounds: usize) -> io::Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    sender.set_nodelay(true)?;
    let (mut receiver, _) = listener.accept()?;
    // Ends with the sender.
    thread::spawn(move || {
        let mut buffer = vec![0; 256 << 10];
        while receiver.read(&mut buffer).is_ok_and(|got| got > 0) {}
    });
    let contents = vec![0x55; bytes];
    cost(span, rounds, || sender.write_all(&contents).map(|()| bytes as f64 / 1000.0))
}
