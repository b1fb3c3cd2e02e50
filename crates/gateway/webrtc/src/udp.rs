//! The UDP port of all sessions.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use proto::webrtc::ice::Road;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

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
        let socket = UdpSocket::from_std(socket)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, state, address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for datagrams and gives each to `each`, in place.
    pub(crate) async fn recv(&self, inbox: &mut Inbox, mut each: impl FnMut(Road, &mut [u8])) -> io::Result<()> {
        self.socket.readable().await?;
        let mut metas = [RecvMeta::default(); BATCH];
        let received = self.socket.try_io(Interest::READABLE, || {
            let mut chunks = inbox.0.chunks_exact_mut(JOINED_BYTES);
            let mut buffers: [IoSliceMut<'_>; BATCH] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            self.state.recv((&self.socket).into(), &mut buffers, &mut metas)
        });
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
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
        Ok(())
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

fn open(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let socket: std::net::UdpSocket = socket.into();
    let knobs = SockRef::from(&socket);
    // Less is slower, never wrong.
    let _ = knobs.set_recv_buffer_size(KERNEL_BYTES);
    let _ = knobs.set_send_buffer_size(KERNEL_BYTES);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn one(udp: &Udp) -> (Road, Vec<u8>) {
        let (mut inbox, mut got) = (Inbox::new(), None);
        while got.is_none() {
            udp.recv(&mut inbox, |road, bytes| got = Some((road, bytes.to_vec()))).await.unwrap();
        }
        got.unwrap()
    }

    /// F21: and the answer comes from the address that was asked, which is not the first of the interface.
    #[tokio::test]
    async fn one_port_serves_both_kinds_of_ip_and_answers_from_where_it_was_asked() {
        let udp = Udp::bind("[::]:0".parse().unwrap()).unwrap();
        let port = udp.address().port();
        for asked in ["127.0.0.1", "127.0.0.9", "::1"] {
            let asked: IpAddr = asked.parse().unwrap();
            let from = if asked.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
            let Ok(peer) = UdpSocket::bind(from).await else { continue };
            if peer.send_to(b"question", (asked, port)).await.is_err() {
                continue;
            }
            let (road, bytes) = one(&udp).await;
            assert_eq!(
                (&bytes[..], road.local, road.remote),
                (&b"question"[..], (asked, port).into(), peer.local_addr().unwrap())
            );
            udp.send(&road, b"answer", None).unwrap();
            let mut buffer = [0; 16];
            let (len, source) = peer.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..len], source), (&b"answer"[..], (asked, port).into()));
        }
    }
}
