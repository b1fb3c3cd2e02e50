//! The UDP port of all sessions.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use proto::webrtc::ice::Road;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use rustix::event::{PollFd, PollFlags, poll};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// What the kernel may keep for us while we are busy, and for the network. It may grant less.
const KERNEL_BYTES: usize = 4 << 20;
/// Several datagrams of one sender may come joined (GRO), up to this.
const JOINED_BYTES: usize = 64 << 10;
/// So many of these at once.
const BATCH: usize = if BATCH_SIZE < 16 { BATCH_SIZE } else { 16 };

/// One socket for both kinds of IP. Answers go out from the address that was asked.
pub(crate) struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
}

/// Room for what comes in.
pub(crate) struct Inbox(Vec<u8>);

impl Inbox {
    pub(crate) fn new() -> Self {
        Self(vec![0; BATCH * JOINED_BYTES])
    }
}

impl Udp {
    /// Opens the port. `[::]` takes IPv4 too, and is all IPv4 addresses where there is no IPv6 (F21).
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = match open(address) {
            Err(_) if address.is_ipv6() && address.ip().is_unspecified() => {
                open((Ipv4Addr::UNSPECIFIED, address.port()).into())?
            }
            opened => opened?,
        };
        let state = UdpSocketState::new((&socket).into())?;
        let address = socket.local_addr()?;
        Ok(Self { socket, state, address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until something has come, but not for longer than that.
    pub(crate) fn wait(&self, longest: Duration) -> io::Result<()> {
        let longest = longest.try_into().map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&longest)) {
            Err(error) if error != rustix::io::Errno::INTR => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Gives each datagram that has come to `each`, in place. Whether those were all; else there may be more.
    pub(crate) fn recv(&self, inbox: &mut Inbox, mut each: impl FnMut(Road, &mut [u8])) -> io::Result<bool> {
        let mut metas = [RecvMeta::default(); BATCH];
        let received = {
            let mut chunks = inbox.0.chunks_exact_mut(JOINED_BYTES);
            let mut buffers: [IoSliceMut<'_>; BATCH] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            self.state.recv((&self.socket).into(), &mut buffers, &mut metas)
        };
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        };
        for (buffer, meta) in inbox.0.chunks_exact_mut(JOINED_BYTES).zip(metas.iter().take(count)) {
            let local = meta.dst_ip.map_or(self.address.ip(), |ip| ip.to_canonical());
            let road = Road {
                local: SocketAddr::new(local, self.address.port()),
                remote: SocketAddr::new(meta.addr.ip().to_canonical(), meta.addr.port()),
                is_tcp: false,
            };
            let joined = buffer.get_mut(..meta.len).unwrap_or_default();
            joined.chunks_mut(meta.stride.max(1)).for_each(|datagram| each(road, datagram));
        }
        Ok(count < BATCH)
    }

    /// Sends one datagram, or with `segment` several of that size each (the last may be shorter). Whether the kernel
    /// took it: what it does not take is lost, as on any network.
    pub(crate) fn send(&self, road: &Road, contents: &[u8], segment: Option<usize>) -> io::Result<()> {
        let transmit = Transmit {
            destination: self.as_destination(road.remote),
            ecn: None,
            contents,
            segment_size: segment,
            src_ip: (!road.local.ip().is_unspecified()).then_some(road.local.ip()),
        };
        self.state.try_send((&self.socket).into(), &transmit)
    }

    /// An IPv6 socket wants IPv4 in IPv6 clothes.
    fn as_destination(&self, remote: SocketAddr) -> SocketAddr {
        match remote.ip() {
            IpAddr::V4(v4) if self.address.is_ipv6() => SocketAddr::new(v4.to_ipv6_mapped().into(), remote.port()),
            _ => remote,
        }
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let socket: UdpSocket = socket.into();
    let knobs = SockRef::from(&socket);
    // Less is slower, never wrong.
    let _ = knobs.set_recv_buffer_size(KERNEL_BYTES);
    let _ = knobs.set_send_buffer_size(KERNEL_BYTES);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(udp: &Udp) -> (Road, Vec<u8>) {
        let (mut inbox, mut got) = (Inbox::new(), None);
        while got.is_none() {
            udp.wait(Duration::from_secs(1)).unwrap();
            udp.recv(&mut inbox, |road, bytes| got = Some((road, bytes.to_vec()))).unwrap();
        }
        got.unwrap()
    }

    #[test]
    fn waiting_ends_with_patience_or_with_the_first_datagram() {
        let udp = Udp::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        udp.wait(Duration::from_millis(1)).unwrap();
        assert!(udp.recv(&mut Inbox::new(), |_, _| panic!("nothing was sent")).unwrap());
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..2 * BATCH {
            peer.send_to(b"x", udp.address()).unwrap();
        }
        udp.wait(Duration::from_secs(10)).unwrap();
        let mut count = 0;
        while !udp.recv(&mut Inbox::new(), |_, _| count += 1).unwrap() {}
        assert_eq!(count, 2 * BATCH);
    }

    /// F21: and the answer comes from the address that was asked, which is not the first of the interface.
    #[test]
    fn one_port_serves_both_kinds_of_ip_and_answers_from_where_it_was_asked() {
        let udp = Udp::bind("[::]:0".parse().unwrap()).unwrap();
        let port = udp.address().port();
        for asked in ["127.0.0.1", "127.0.0.9", "::1"] {
            let asked: IpAddr = asked.parse().unwrap();
            let from = if asked.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
            let Ok(peer) = UdpSocket::bind(from) else { continue };
            if peer.send_to(b"question", (asked, port)).is_err() {
                continue;
            }
            let (road, bytes) = one(&udp);
            assert_eq!(
                (&bytes[..], road.local, road.remote),
                (&b"question"[..], (asked, port).into(), peer.local_addr().unwrap())
            );
            udp.send(&road, b"answer", None).unwrap();
            let mut buffer = [0; 16];
            let (len, source) = peer.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..len], source), (&b"answer"[..], (asked, port).into()));
        }
    }
}
