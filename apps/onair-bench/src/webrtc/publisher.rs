//! A publisher by WHIP. Its pictures are cut into packets by the house's own crate; sound is silence.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, BytesMut};
use media::{Track, TrackId};
use proto::webrtc::dtls::Identity;
use proto::webrtc::negotiate::Coding;
use proto::webrtc::send::{MAX_PAYLOAD, Writer, picture_id_at};
use wire::rtcp::{Rtcp, SenderInfo};
use wire::rtp::{Header, is_rtcp};

use super::link::sent;
use super::offer::{AUDIO, AUDIO_SSRC, VIDEO, VIDEO_SSRC};
use super::{Failure, Link, Role, credentials, offer, read, signal};
use crate::generate::{Ledger, mark};
use crate::publisher::{Progress, Publisher};
use crate::source::{Pictures, Source};
use crate::url::Url;

/// Packets that are kept to be sent again.
const HISTORY: usize = 2048;
/// A packet of sound each.
const SOUND_EVERY: Duration = Duration::from_millis(20);
const SOUND: [u8; 160] = [0xfc; 160];
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Between 1900 and 1970.
const NTP_EPOCH: u64 = 2_208_988_800;

/// Begins to publish there; returns at once.
pub fn publish(url: &Url, source: Source, ledger: Ledger) -> Publisher {
    let url = url.clone();
    Publisher::spawn(move |progress| Session::begin(&url, &source, ledger, progress.clone())?.run())
}

/// One RTP source's.
#[derive(Debug, Default)]
struct Numbers {
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
    pictures: Pictures,
    /// Cuts pictures into packets.
    writer: Writer,
    ledger: Ledger,
    progress: Arc<Progress>,
    video: Numbers,
    audio: Numbers,
    history: VecDeque<(u16, BytesMut)>,
    wants_key: bool,
}

impl Session {
    fn begin(url: &Url, source: &Source, ledger: Ledger, progress: Arc<Progress>) -> Result<Self, Failure> {
        let codec = source.codec().map_err(|_| Failure::Unsent)?;
        let coding = Coding::carrying(&codec).ok_or(Failure::Unsent)?;
        let writer = Writer::new(Arc::new(Track::source(TrackId(0), codec)), Instant::now()).ok_or(Failure::Unsent)?;
        let identity = Identity::generate().map_err(|failed| Failure::Dtls(failed.to_string()))?;
        let ours = credentials();
        let answer = signal::post(url, &offer(Role::Publisher, coding, &ours, &identity.fingerprint()))?;
        let terms = read(&answer.text, answer.at)?;
        let remote = terms.remote;
        let any: SocketAddr = match remote {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(remote)?;
        let numbers = |ssrc, payload_type| Numbers { ssrc, payload_type, sequence: 1, ..Numbers::default() };
        Ok(Self {
            socket,
            remote,
            link: Link::new(terms, ours, &identity, Instant::now()),
            session: answer.session,
            pictures: source.pictures(),
            writer,
            ledger,
            progress,
            video: numbers(VIDEO_SSRC, VIDEO),
            audio: numbers(AUDIO_SSRC, AUDIO),
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
        while self.link.sealer().is_none() && !self.progress.is_told_to_stop() {
            self.listen(Instant::now() + Duration::from_millis(20))?;
        }
        Ok(())
    }

    /// A frame when it is due, sound when it is due, and an ear for the server in between.
    fn stream(&mut self) -> Result<(), Failure> {
        let begin = Instant::now();
        let (mut sounds, mut next_report) = (0u32, begin + REPORT_EVERY);
        while !self.progress.is_told_to_stop() {
            let next_frame = begin + self.pictures.next_at();
            let next_sound = begin + SOUND_EVERY * sounds;
            self.listen(next_frame.min(next_sound))?;
            let now = Instant::now();
            if now >= next_sound {
                self.audio.timestamp = sounds.wrapping_mul(960);
                sounds += 1;
                self.packet(false, false, &SOUND)?;
            }
            if now >= next_frame {
                self.frame()?;
                self.progress.begins();
            }
            if now >= next_report {
                next_report += REPORT_EVERY;
                self.report(begin)?;
            }
        }
        Ok(())
    }

    fn frame(&mut self) -> Result<(), Failure> {
        let frame = self.pictures.next(std::mem::take(&mut self.wants_key));
        self.video.timestamp = frame.dts.to_ticks(90_000) as u32;
        self.writer.append(&frame, Instant::now());
        let log = self.writer.log();
        let (Some(run), coding) = (log.last(), log.coding()) else { return Ok(()) };
        let mut payload = Vec::with_capacity(MAX_PAYLOAD);
        for packet in 0..run.packets() {
            payload.clear();
            payload.extend_from_slice(run.payload(packet));
            if let Some(two) = picture_id_at(coding).and_then(|at| payload.get_mut(at..at + 2)) {
                two.copy_from_slice(&(0x8000 | run.index as u16).to_be_bytes());
            }
            if let Some(mark) = mark(&payload) {
                self.ledger.sent(mark, Instant::now());
            }
            self.packet(true, packet + 1 == run.packets(), &payload)?;
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
        self.progress.sent(1, packet.len());
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
            if self.link.sealer().is_some() && !self.progress.is_ready() {
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
                    self.progress.was_asked(1, 0);
                }
                Rtcp::Nack { missing, .. } => {
                    self.progress.was_asked(0, missing.0.len() as u64);
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
        self.link.flush(|datagram| self.socket.send(datagram))
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Failure> {
        sent(self.socket.send(datagram))
    }
}
