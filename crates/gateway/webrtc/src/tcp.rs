//! ICE over TCP (RFC 6544) for those whose network lets no datagrams through: they connect to us, and every packet
//! goes with its length before it (RFC 4571).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use proto::webrtc::ice::Road;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::door::Seat;
use crate::gateway::Gateway;

/// The first packet must be there by then (F8), and a check of a session that there is.
const FIRST: Duration = Duration::from_secs(10);
/// A peer that lives sends checks more often than this.
const IDLE: Duration = Duration::from_secs(60);
/// How long a peer may take none of what we send.
const STALL: Duration = Duration::from_secs(10);
/// Packets that wait for a slow peer; further ones are lost, as they would be on its way. Of media none is written
/// while half of it is taken: the viewer goes on at a later keyframe.
pub(crate) const QUEUE: usize = 256;
/// Bytes that the kernel may hold of what has not left yet: more is only delay.
const UNSENT: u32 = 64 << 10;
/// Larger than any packet of WebRTC; more is none.
const MAX_PACKET: usize = 4096;

/// One connection from its first byte to its last.
pub(crate) async fn serve(gateway: Gateway, socket: TcpStream, remote: SocketAddr, seat: Seat) -> io::Result<()> {
    socket.set_nodelay(true)?;
    // Less is better, and none is no fault.
    let _ = SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT);
    let local = socket.local_addr()?;
    let local = SocketAddr::new(local.ip().to_canonical(), local.port());
    let road = Road { local, remote, is_tcp: true };
    let (reader, writer) = socket.into_split();
    let (queue, queued) = mpsc::channel(QUEUE);
    gateway.table().open_stream(road, queue);
    let outcome = tokio::select! {
        read = read(&gateway, reader, road, seat) => read,
        written = write(writer, queued) => written,
    };
    gateway.table().close_stream(&road);
    outcome
}

async fn read(gateway: &Gateway, mut reader: OwnedReadHalf, road: Road, mut seat: Seat) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(2 * MAX_PACKET);
    let mut patience = FIRST;
    loop {
        while let Some(mut packet) = take(&mut buffer)? {
            let is_known = gateway.deliver(road, &mut packet);
            if !is_known && patience == FIRST {
                // A stranger; to a peer that was known and is not any more, the session's end comes by itself.
                return Ok(());
            }
            seat.connected();
            patience = IDLE;
        }
        match timeout(patience, reader.read_buf(&mut buffer)).await {
            Ok(Ok(1..)) => {}
            Ok(Ok(0)) | Err(_) => return Ok(()),
            Ok(Err(error)) => return Err(error),
        }
    }
}

/// The next whole packet.
fn take(buffer: &mut BytesMut) -> io::Result<Option<BytesMut>> {
    let Some(&[high, low]) = buffer.first_chunk() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len > MAX_PACKET {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if buffer.len() < 2 + len {
        return Ok(None);
    }
    buffer.advance(2);
    Ok(Some(buffer.split_to(len)))
}

async fn write(mut writer: OwnedWriteHalf, mut queued: mpsc::Receiver<Bytes>) -> io::Result<()> {
    let (mut packets, mut out) = (Vec::new(), BytesMut::new());
    while queued.recv_many(&mut packets, 32).await > 0 {
        for packet in packets.drain(..) {
            let Ok(len) = u16::try_from(packet.len()) else { continue };
            out.put_u16(len);
            out.put_slice(&packet);
        }
        timeout(STALL, writer.write_all(&out)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        out.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_however_the_stream_is_cut() {
        let stream = b"\0\x03abc\0\0\0\x02de";
        for cut in 0..stream.len() {
            let (mut buffer, mut got) = (BytesMut::new(), Vec::new());
            for piece in [&stream[..cut], &stream[cut..]] {
                buffer.extend_from_slice(piece);
                while let Some(packet) = take(&mut buffer).unwrap() {
                    got.push(packet.to_vec());
                }
            }
            assert_eq!(got, [&b"abc"[..], b"", b"de"]);
        }
        assert!(take(&mut BytesMut::from(&b"\xff\xff"[..])).is_err());
    }
}
