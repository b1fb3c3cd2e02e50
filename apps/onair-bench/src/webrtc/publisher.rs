//! A WHIP publisher of a made-up stream, on a thread of its own.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, BytesMut};
use proto::webrtc::dtls::Identity;
use wire::rtcp::{Rtcp, SenderInfo};
use wire::rtp::{Header, is_rtcp};

use super::offer::{AUDIO, AUDIO_SSRC, VIDEO, VIDEO_SSRC};
use super::{Failure, Link, Role, credentials, offer, read, signal};
use crate::generate::{Generator, Ledger, PPS, SPS, Shape, mark};
use crate::url::Url;

/// Bytes of a packet's payload.
const PAYLOAD: usize = 1150;
/// Packets that are kept to be sent again.
const HISTORY: usize = 2048;
/// A packet of sound each.
const SOUND_EVERY: Duration = Duration::from_millis(20);
const SOUND: [u8; 160] = [0xfc; 160];
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Between 1900 and 1970.
const NTP_EPOCH: u64 = 2_208_988_800;

/// A publisher that runs; ends when dropped.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<Result<(), Failure>>>,
}

/// What the thread tells.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    is_ready: AtomicBool,
    packets: AtomicU64,
    bytes: AtomicU64,
    keyframes_asked: AtomicU64,
    packets_asked: AtomicU64,
}

/// What a publisher has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Packets sent.
    pub packets: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Keyframes that the server asked for.
    pub keyframes_asked: u64,
    /// Packets that it asked for again.
    pub packets_asked: u64,
}

/// Begins to publish there; returns at once.
pub fn publish(url: &Url, shape: Shape, ledger: Ledger) -> Publisher {
    let shared = Arc::new(Shared::default());
    let (url, told) = (url.clone(), shared.clone());
    let thread = thread::spawn(move || Session::begin(&url, shape, ledger, told)?.run());
    Publisher { shared, thread: Some(thread) }
}

impl Publisher {
    /// Media flows.
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready.load(Ordering::Relaxed)
    }

    /// It has given up.
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(thread::JoinHandle::is_finished)
    }

    /// So far.
    pub fn done(&self) -> Done {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Done {
            packets: read(&self.shared.packets),
            bytes: read(&self.shared.bytes),
            keyframes_asked: read(&self.shared.keyframes_asked),
            packets_asked: read(&self.shared.packets_asked),
        }
    }

    /// Ends it; says why it had ended before, if it had.
    pub fn end(&mut self) -> Result<(), Failure> {
        self.shared.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(thread::JoinHandle::join) {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(failure))) => Err(failure),
            Some(Err(_)) => Err(Failure::Silent),
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // Why it ended was asked for before, or is of no interest.
        let _ = self.end();
    }
}

/// One source's numbers.
#[derive(Debug, Default)]
struct Source {
    ssrc: u32,
    payload_type: u8,
    sequence: u64,
    packets: u32,
    octets: u32,
    timestamp: u32,
}

struct Session {
    socket: UdpSocket,
    remote: SocketAddr,
    link: Link,
    session: Option<Url>,
    generator: Generator,
    fps: u32,
    ledger: Ledger,
    shared: Arc<Shared>,
    video: Source,
    audio: Source,
    history: VecDeque<(u16, BytesMut)>,
    wants_key: bool,
}

impl Session {
    fn begin(url: &Url, shape: Shape, ledger: Ledger, shared: Arc<Shared>) -> Result<Self, Failure> {
        let identity = Identity::generate().map_err(|failed| Failure::Dtls(failed.to_string()))?;
        let ours = credentials();
        let answer = signal::post(url, &offer(Role::Publisher, &ours, &identity.fingerprint()))?;
        let terms = read(&answer.text, answer.at)?;
        let remote = terms.remote;
        let any: SocketAddr = match remote {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(remote)?;
        let source = |ssrc, payload_type| Source { ssrc, payload_type, sequence: 1, ..Source::default() };
        Ok(Self {
            socket,
            remote,
            link: Link::new(terms, ours, &identity, Instant::now()),
            session: answer.session,
            generator: Generator::new(shape),
            fps: shape.fps.max(1),
            ledger,
            shared,
            video: source(VIDEO_SSRC, VIDEO),
            audio: source(AUDIO_SSRC, AUDIO),
            history: VecDeque::new(),
            wants_key: false,
        })
    }

    fn run(mut self) -> Result<(), Failure> {
        let outcome = self.connect().and_then(|()| self.stream());
        self.link.close();
        // The farewell is a courtesy.
        let _ = self.flush();
        if let Some(session) = &self.session {
            signal::delete(session);
        }
        outcome
    }

    fn connect(&mut self) -> Result<(), Failure> {
        while self.link.sealer().is_none() && !self.is_told_to_stop() {
            self.listen(Instant::now() + Duration::from_millis(20))?;
        }
        Ok(())
    }

    fn is_told_to_stop(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// A frame when it is due, sound when it is due, and an ear for the server in between.
    fn stream(&mut self) -> Result<(), Failure> {
        let begin = Instant::now();
        let (mut frames, mut sounds, mut next_report) = (0u32, 0u32, begin + REPORT_EVERY);
        while !self.is_told_to_stop() {
            let next_frame = begin + Duration::from_secs(1) * frames / self.fps;
            let next_sound = begin + SOUND_EVERY * sounds;
            self.listen(next_frame.min(next_sound))?;
            let now = Instant::now();
            if now >= next_sound {
                self.audio.timestamp = sounds.wrapping_mul(960);
                sounds += 1;
                self.packet(false, false, &SOUND)?;
            }
            if now >= next_frame {
                self.video.timestamp = (u64::from(frames) * 90_000 / u64::from(self.fps)) as u32;
                frames += 1;
                self.frame()?;
                self.shared.is_ready.store(true, Ordering::Relaxed);
            }
            if now >= next_report {
                next_report += REPORT_EVERY;
                self.report(begin)?;
            }
        }
        Ok(())
    }

    fn frame(&mut self) -> Result<(), Failure> {
        let unit = self.generator.next_unit(std::mem::take(&mut self.wants_key));
        if unit.is_key {
            self.packet(true, false, SPS)?;
            self.packet(true, false, PPS)?;
        }
        let Some((&head, body)) = unit.slice.split_first() else { return Ok(()) };
        // FU-A (RFC 6184 §5.8).
        let count = body.len().div_ceil(PAYLOAD).max(1);
        let mut payload = Vec::with_capacity(PAYLOAD + 2);
        for (at, piece) in body.chunks(PAYLOAD).enumerate() {
            let (is_first, is_last) = (at == 0, at + 1 == count);
            payload.clear();
            payload.push(head & 0x60 | 28);
            payload.push(head & 0x1f | u8::from(is_first) << 7 | u8::from(is_last) << 6);
            payload.extend_from_slice(piece);
            if let Some(mark) = mark(piece) {
                self.ledger.sent(mark, Instant::now());
            }
            self.packet(true, is_last, &payload)?;
        }
        Ok(())
    }

    fn packet(&mut self, is_video: bool, marker: bool, payload: &[u8]) -> Result<(), Failure> {
        let source = if is_video { &mut self.video } else { &mut self.audio };
        let mut packet = BytesMut::with_capacity(payload.len() + 32);
        let (ssrc, index) = (source.ssrc, source.sequence);
        let (payload_type, sequence, timestamp) = (source.payload_type, index as u16, source.timestamp);
        Header { marker, payload_type, sequence, timestamp, ssrc }.write(false, &mut packet);
        packet.put_slice(payload);
        source.sequence += 1;
        source.packets = source.packets.wrapping_add(1);
        source.octets = source.octets.wrapping_add(payload.len() as u32);
        let Some(sealer) = self.link.sealer() else { return Ok(()) };
        sealer.seal_rtp(&mut packet, 0, wire::rtp::HEADER_BYTES, ssrc, index).map_err(|_| Failure::NoDtls)?;
        self.send(&packet)?;
        self.shared.packets.fetch_add(1, Ordering::Relaxed);
        self.shared.bytes.fetch_add(packet.len() as u64, Ordering::Relaxed);
        if is_video {
            if self.history.len() >= HISTORY {
                self.history.pop_front();
            }
            self.history.push_back((sequence, packet));
        }
        Ok(())
    }

    /// Sender reports, by which a server brings pictures and sound together.
    fn report(&mut self, begin: Instant) -> Result<(), Failure> {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let fraction = u64::from(wall.subsec_nanos()) * (1 << 32) / 1_000_000_000;
        let ntp = ((wall.as_secs() + NTP_EPOCH) << 32) | fraction;
        let elapsed = begin.elapsed();
        for (source, clock) in [(&self.audio, 48_000), (&self.video, 90_000)] {
            let rtp_timestamp = (elapsed.as_micros() as u64 * clock / 1_000_000) as u32;
            let info = SenderInfo { ntp, rtp_timestamp, packets: source.packets, octets: source.octets };
            let mut out = BytesMut::new();
            Rtcp::SenderReport { ssrc: source.ssrc, info, blocks: Vec::new() }.write(&mut out);
            Rtcp::Cname { ssrc: source.ssrc, name: "bench".to_owned() }.write(&mut out);
            if self.link.seal_rtcp(&mut out) {
                self.send(&out)?;
            }
        }
        Ok(())
    }

    /// Hears the server until then.
    fn listen(&mut self, until: Instant) -> Result<(), Failure> {
        let mut buffer = [0; 2048];
        loop {
            let now = Instant::now();
            if now >= self.link.deadline() {
                self.link.handle_timeout(now)?;
            }
            self.flush()?;
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                return Ok(());
            }
            self.socket.set_read_timeout(Some(left.min(Duration::from_millis(100))))?;
            match self.socket.recv(&mut buffer) {
                Ok(len) => self.take(buffer.get_mut(..len).unwrap_or_default())?,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error.into()),
            }
            if self.link.sealer().is_some() && !self.shared.is_ready.load(Ordering::Relaxed) {
                return self.flush();
            }
        }
    }

    fn take(&mut self, datagram: &mut [u8]) -> Result<(), Failure> {
        if !is_rtcp(datagram) {
            return self.link.handle_datagram(Instant::now(), self.remote, datagram);
        }
        let Some(opener) = self.link.opener() else { return Ok(()) };
        let Ok(len) = opener.open_rtcp(datagram) else { return Ok(()) };
        let packets = datagram.get(..len).and_then(|clear| Rtcp::parse_all(clear).ok()).unwrap_or_default();
        for packet in packets {
            match packet {
                Rtcp::Pli { .. } | Rtcp::Fir { .. } => {
                    self.wants_key = true;
                    self.shared.keyframes_asked.fetch_add(1, Ordering::Relaxed);
                }
                Rtcp::Nack { missing, .. } => {
                    self.shared.packets_asked.fetch_add(missing.0.len() as u64, Ordering::Relaxed);
                    for sequence in missing.0 {
                        if let Some((_, packet)) = self.history.iter().find(|(kept, _)| *kept == sequence) {
                            self.send(packet)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        while let Some(datagram) = self.link.poll() {
            self.send(&datagram)?;
        }
        Ok(())
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Failure> {
        match self.socket.send(datagram) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => Err(error.into()),
            _ => Ok(()),
        }
    }
}
