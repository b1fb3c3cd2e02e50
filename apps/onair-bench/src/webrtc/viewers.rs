//! Many WHEP viewers on one thread: a socket each, read in batches.

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use proto::webrtc::dtls::Identity;
use proto::webrtc::negotiate::Coding;
use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use wire::rtp::{Packet, is_rtcp};

use super::arrivals::Arrivals;
use super::link::sent;
use super::offer::{RTX, VIDEO};
use super::{Failure, Link, Role, credentials, offer, read, signal};
use crate::generate::{Ledger, mark};
use crate::plan::{Live, Plan, Times};
use crate::stats::Samples;
use crate::stream::{Seen, Tally};
use crate::url::Url;

/// How the viewers behave.
#[derive(Clone, Debug)]
pub struct Viewers {
    /// Addresses to watch at; viewers are spread over them.
    pub urls: Vec<Url>,
    /// What pictures they take.
    pub coding: Coding,
    /// Decrypt every packet, and ask for missing ones again. Else only one in so many is decrypted; reports and
    /// transport-wide feedback are sent either way.
    pub full: bool,
    /// Let the kernel join datagrams that belong together, as it does for browsers: cheaper for both sides.
    pub gro: bool,
    /// When a publisher of ours sent what, to measure the delay by.
    pub ledger: Option<Ledger>,
}

/// In the light mode one packet in so many is decrypted.
const SAMPLE: u64 = 64;
/// And the last packet of one picture in so many, a number that meets every place in a group of pictures in turn.
const FRAME_SAMPLE: u64 = 7;
/// Requests under way at once.
const JOINERS: usize = 16;
/// Deadlines are looked at this often.
const TICK: Duration = Duration::from_millis(20);
/// What the kernel may keep for a viewer.
const KERNEL_BYTES: usize = 2 << 20;
/// Joined datagrams are read so many at once, of this size at most.
const BATCH: usize = 8;
const JOINED_BYTES: usize = 64 << 10;
const DATAGRAM_BYTES: usize = 2048;
const WAKER: Token = Token(usize::MAX);
/// How long media may stay away.
const SILENCE: Duration = Duration::from_secs(15);

/// A session that was answered.
struct Joined {
    link: Result<Box<(Link, Option<Url>)>, Failure>,
    began: Instant,
    signalled: Duration,
}

/// One viewer.
struct Slot {
    socket: UdpSocket,
    /// Where datagrams are joined.
    state: Option<UdpSocketState>,
    remote: SocketAddr,
    link: Link,
    session: Option<Url>,
    arrivals: Arrivals,
    packets: u64,
    /// Last packets of pictures.
    frames: u64,
    bytes: u64,
    began: Instant,
    signal_ms: f32,
    join_ms: Option<f32>,
    last_media: Instant,
    /// Packets, received and expected, bytes when measuring began.
    before: (u64, (u64, u64), u64),
    failure: Option<Failure>,
}

/// Everything the slots share.
struct Desk<'a> {
    live: &'a Live,
    ledger: Option<&'a Ledger>,
    full: bool,
    delay_ms: Samples,
    frame_ms: Samples,
    is_measuring: bool,
    out: BytesMut,
    bytes: u64,
}

/// Runs one thread's viewers.
pub fn watch(plan: &Plan, viewers: &Viewers, thread: usize, times: Times, live: &Live) -> io::Result<Seen> {
    let identity = Identity::generate().map_err(io::Error::other)?;
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (sender, joined) = mpsc::channel();
    let mine: Vec<usize> = plan.of_thread(thread).collect();
    join(plan, viewers, mine, &identity, times, &sender, &waker);
    drop(sender);

    let mut slots: Vec<Slot> = Vec::new();
    let mut failures: BTreeMap<String, u64> = BTreeMap::new();
    let mut desk = Desk {
        live,
        ledger: viewers.ledger.as_ref(),
        full: viewers.full,
        delay_ms: Samples::default(),
        frame_ms: Samples::default(),
        is_measuring: false,
        out: BytesMut::with_capacity(2048),
        bytes: 0,
    };
    let mut buffer = vec![0; BATCH * JOINED_BYTES];
    let mut events = Events::with_capacity(4096);
    let mut next_tick = Instant::now();
    while !live.stop.load(Ordering::Relaxed) {
        let wait = next_tick.saturating_duration_since(Instant::now());
        match poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => other?,
        }
        for event in &events {
            if let Some(slot) = slots.get_mut(event.token().0) {
                slot.guard(&mut desk, |slot, desk| slot.receive(&mut buffer, desk));
            }
        }
        let now = Instant::now();
        for Joined { link, began, signalled } in joined.try_iter() {
            let opened = link.and_then(|link| {
                let (link, session) = *link;
                Slot::open(link, session, viewers.gro, began, signalled)
            });
            match opened {
                Ok(mut slot) => {
                    let token = Token(slots.len());
                    poll.registry().register(&mut slot.socket, token, Interest::READABLE)?;
                    slot.guard(&mut desk, |slot, desk| slot.tick(now, desk));
                    slots.push(slot);
                }
                Err(failure) => {
                    live.failed.fetch_add(1, Ordering::Relaxed);
                    *failures.entry(failure.to_string()).or_default() += 1;
                }
            }
        }
        if now >= next_tick {
            next_tick = now + TICK;
            slots.iter_mut().for_each(|slot| slot.guard(&mut desk, |slot, desk| slot.tick(now, desk)));
            live.bytes.fetch_add(std::mem::take(&mut desk.bytes), Ordering::Relaxed);
        }
        if !desk.is_measuring && times.start.elapsed() >= times.from {
            desk.is_measuring = true;
            slots.iter_mut().for_each(|slot| slot.before = (slot.packets, slot.arrivals.counts(), slot.bytes));
        }
    }
    let agreed = slots.iter().find_map(|slot| slot.link.profile()).map(|profile| format!("{profile:?}"));
    for failure in slots.iter().filter_map(|slot| slot.failure.as_ref()) {
        *failures.entry(failure.to_string()).or_default() += 1;
    }
    let tallies = slots.iter().map(Slot::tally).collect();
    leave(slots);
    Ok(Seen { tallies, delay_ms: desk.delay_ms, frame_ms: desk.frame_ms, failures, agreed, asked: (0, 0) })
}

/// Asks for sessions at their times, some at once, and hands them over.
fn join(
    plan: &Plan,
    viewers: &Viewers,
    mine: Vec<usize>,
    identity: &Identity,
    times: Times,
    sender: &mpsc::Sender<Joined>,
    waker: &Arc<Waker>,
) {
    let next = Arc::new(AtomicUsize::new(0));
    let mine = Arc::new(mine);
    for _ in 0..JOINERS.min(mine.len()) {
        let (plan, urls, coding, identity) = (plan.clone(), viewers.urls.clone(), viewers.coding, identity.clone());
        let (mine, next, sender, waker) = (mine.clone(), next.clone(), sender.clone(), waker.clone());
        thread::spawn(move || {
            while let Some(&viewer) = mine.get(next.fetch_add(1, Ordering::Relaxed)) {
                thread::sleep(plan.comes_at(viewer).saturating_sub(times.start.elapsed()));
                let began = Instant::now();
                let url = urls.get(viewer % urls.len().max(1));
                let link = url.ok_or(Failure::Unreachable).and_then(|url| {
                    let ours = credentials();
                    let answer = signal::post(url, &offer(Role::Viewer, coding, &ours, &identity.fingerprint()))?;
                    let terms = read(&answer.text, answer.at)?;
                    Ok(Box::new((Link::new(terms, ours, &identity, Instant::now()), answer.session)))
                });
                let signalled = began.elapsed();
                // Nobody listens when it is over.
                if sender.send(Joined { link, began, signalled }).is_err() || waker.wake().is_err() {
                    return;
                }
            }
        });
    }
}

/// Ends all sessions, some at once.
fn leave(slots: Vec<Slot>) {
    let sessions: Vec<Url> = slots.iter().filter_map(|slot| slot.session.clone()).collect();
    drop(slots);
    let (sessions, next) = (&sessions, &AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..JOINERS {
            scope.spawn(move || {
                while let Some(url) = sessions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !signal::delete(url) {
                        return;
                    }
                }
            });
        }
    });
}

impl Slot {
    fn open(link: Link, session: Option<Url>, gro: bool, began: Instant, signalled: Duration) -> Result<Self, Failure> {
        let remote = link.terms().remote;
        let socket = Socket::new(Domain::for_address(remote), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // Less is a loss on a busy machine, which is then seen.
        let _ = socket.set_recv_buffer_size(KERNEL_BYTES);
        let any: SocketAddr = match remote {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        socket.bind(&any.into())?;
        socket.connect(&remote.into())?;
        let socket: std::net::UdpSocket = socket.into();
        let state = if gro { Some(UdpSocketState::new((&socket).into())?) } else { None };
        let now = Instant::now();
        let terms = link.terms();
        let arrivals = Arrivals::new(terms.transport_cc, terms.has_nack, now);
        Ok(Self {
            socket: UdpSocket::from_std(socket),
            state,
            remote,
            link,
            session,
            arrivals,
            packets: 0,
            frames: 0,
            bytes: 0,
            began,
            signal_ms: signalled.as_secs_f32() * 1e3,
            join_ms: None,
            last_media: now,
            before: (0, (0, 0), 0),
            failure: None,
        })
    }

    /// A viewer that has failed does nothing any more.
    fn guard(&mut self, desk: &mut Desk<'_>, act: impl FnOnce(&mut Self, &mut Desk<'_>) -> Result<(), Failure>) {
        if self.failure.is_some() {
            return;
        }
        if let Err(failure) = act(self, desk) {
            desk.live.failed.fetch_add(1, Ordering::Relaxed);
            self.failure = Some(failure);
        }
    }

    /// Reads all there is.
    fn receive(&mut self, buffer: &mut [u8], desk: &mut Desk<'_>) -> Result<(), Failure> {
        let now = Instant::now();
        loop {
            let Some(state) = &self.state else {
                let room = buffer.get_mut(..DATAGRAM_BYTES).unwrap_or_default();
                match self.socket.recv(room) {
                    Ok(len) => self.take(now, room.get_mut(..len).unwrap_or_default(), desk)?,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // The server's port is closed, for now.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => break,
                    Err(error) => return Err(error.into()),
                }
                continue;
            };
            let mut metas = [RecvMeta::default(); BATCH];
            let count = {
                let mut chunks = buffer.chunks_exact_mut(JOINED_BYTES);
                let mut rooms: [IoSliceMut<'_>; BATCH] =
                    std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
                match state.recv((&self.socket).into(), &mut rooms, &mut metas) {
                    Ok(count) => count,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => break,
                    Err(error) => return Err(error.into()),
                }
            };
            for (joined, meta) in buffer.chunks_exact_mut(JOINED_BYTES).zip(metas.iter().take(count)) {
                let joined = joined.get_mut(..meta.len).unwrap_or_default();
                for datagram in joined.chunks_mut(meta.stride.max(1)) {
                    self.take(now, datagram, desk)?;
                }
            }
            // Fewer than there was room for: the kernel had no more.
            if count < BATCH {
                break;
            }
        }
        self.flush()
    }

    fn take(&mut self, now: Instant, datagram: &mut [u8], desk: &mut Desk<'_>) -> Result<(), Failure> {
        if !matches!(datagram.first(), Some(128..=191)) {
            return self.link.handle_datagram(now, self.remote, datagram);
        }
        if is_rtcp(datagram) {
            if desk.full
                && let Some(opener) = self.link.opener()
            {
                // Whether it is right is the server's business.
                let _ = opener.open_rtcp(datagram);
            }
            return Ok(());
        }
        let Ok(packet) = Packet::parse_encrypted(datagram) else { return Ok(()) };
        self.arrivals.note(now, &packet);
        self.packets += 1;
        self.bytes += datagram.len() as u64;
        desk.bytes += datagram.len() as u64;
        self.last_media = now;
        if self.join_ms.is_none() {
            self.join_ms = Some(now.saturating_duration_since(self.began).as_secs_f32() * 1e3);
            desk.live.connected.fetch_add(1, Ordering::Relaxed);
        }
        let ends_frame = packet.header.marker && packet.header.payload_type == VIDEO;
        self.frames += u64::from(ends_frame);
        let is_sample = desk.full || self.packets % SAMPLE == 1;
        let is_end = ends_frame && (desk.full || self.frames.is_multiple_of(FRAME_SAMPLE));
        if (is_sample || is_end)
            && let Some(sent) = self.look_into(datagram, desk.ledger)
            && desk.is_measuring
        {
            let delay_ms = now.saturating_duration_since(sent).as_secs_f32() * 1e3;
            if is_sample {
                desk.delay_ms.add(delay_ms);
            }
            if is_end {
                desk.frame_ms.add(delay_ms);
            }
        }
        Ok(())
    }

    /// Decrypts a packet; when its publisher sent what is in it, if that was ours.
    fn look_into(&mut self, datagram: &mut [u8], ledger: Option<&Ledger>) -> Option<Instant> {
        let (len, _) = self.link.opener()?.open_rtp(datagram).ok()?;
        let packet = Packet::parse(datagram.get(..len)?).ok()?;
        if packet.header.payload_type == RTX {
            let &[high, low] = packet.payload.get(..2)?.first_chunk()?;
            self.arrivals.repaired(u16::from_be_bytes([high, low]));
            return None;
        }
        ledger?.when(mark(packet.payload)?)
    }

    /// Does what is due.
    fn tick(&mut self, now: Instant, desk: &mut Desk<'_>) -> Result<(), Failure> {
        if now >= self.link.deadline() {
            self.link.handle_timeout(now)?;
        }
        if now.saturating_duration_since(self.last_media) >= SILENCE {
            return Err(Failure::Silent);
        }
        self.flush()?;
        if self.join_ms.is_some() && self.arrivals.tell(now, &mut desk.out) && self.link.seal_rtcp(&mut desk.out) {
            sent(self.socket.send(&desk.out))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.link.flush(|datagram| self.socket.send(datagram))
    }

    fn tally(&self) -> Tally {
        let (packets, (received, expected), bytes) = self.before;
        let (received_now, expected_now) = self.arrivals.counts();
        Tally {
            connected: self.join_ms.is_some() && self.failure.is_none(),
            packets: self.packets - packets,
            lost: (expected_now - expected).saturating_sub(received_now - received),
            bytes: self.bytes - bytes,
            join_ms: self.join_ms,
            signal_ms: Some(self.signal_ms),
        }
    }
}
