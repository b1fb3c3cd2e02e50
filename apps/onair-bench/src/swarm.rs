//! Many players in one thread: one poll, non-blocking sockets, nothing copied that need not be.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::net::{RecvFlags, recv};

use crate::http::{Keep, Response};
use crate::plan::{Live, Merge, Times};
use crate::stats::Samples;
use crate::url::Url;
use crate::viewer::{Fate, Kind, Reply, Request, Viewer};

/// What swarms saw in the window of measurement.
#[derive(Debug, Default)]
pub struct Seen {
    /// Time to the complete answer by kind of request, milliseconds.
    pub latency_ms: HashMap<Kind, Samples>,
    /// How far behind the wall clock media was when it had come, milliseconds.
    pub behind_ms: Samples,
    /// Bytes of bodies.
    pub bytes: u64,
    /// Answers that were no success, and connections that broke.
    pub failures: u64,
    /// How each viewer fared in the window.
    pub fates: Vec<Fate>,
}

impl Merge for Seen {
    fn merge(&mut self, other: Self) {
        for (kind, samples) in other.latency_ms {
            self.latency_ms.entry(kind).or_default().merge(samples);
        }
        self.behind_ms.merge(other.behind_ms);
        self.bytes += other.bytes;
        self.failures += other.failures;
        self.fates.extend(other.fates);
    }
}

/// Requests of one viewer that may be under way at once, as browsers allow for HTTP/1.1.
const CONNECTIONS: usize = 6;
const SCRATCH_BYTES: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Players and their connections.
pub struct Swarm<V: Viewer> {
    poll: Poll,
    viewers: Vec<Seat<V>>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    timers: BinaryHeap<Reverse<(Duration, usize)>>,
    hosts: HashMap<Arc<str>, Option<SocketAddr>>,
    read: HashMap<Url, (Vec<u8>, Arc<V::Document>)>,
    scratch: Vec<u8>,
    seen: Seen,
    times: Times,
    gzip: bool,
}

struct Seat<V> {
    player: V,
    connections: Vec<usize>,
    /// How it fared until measuring began.
    before: Fate,
    alarm: Option<Duration>,
    is_playing: bool,
}

struct Connection {
    stream: TcpStream,
    authority: Arc<str>,
    viewer: usize,
    job: Option<Job>,
    unsent: Vec<u8>,
    /// Answered something before.
    used: bool,
    connected: bool,
}

struct Job {
    request: Request,
    response: Response,
    asked: Duration,
    /// Seconds of media that came of it so far.
    came: f64,
}

impl<V: Viewer> Swarm<V> {
    /// A swarm of these players.
    pub fn new(players: Vec<V>, times: Times, gzip: bool) -> io::Result<Self> {
        let viewer =
            |player| Seat { player, connections: Vec::new(), before: Fate::default(), alarm: None, is_playing: false };
        Ok(Self {
            poll: Poll::new()?,
            viewers: players.into_iter().map(viewer).collect(),
            connections: Vec::new(),
            free: Vec::new(),
            timers: BinaryHeap::new(),
            hosts: HashMap::new(),
            read: HashMap::new(),
            scratch: vec![0; SCRATCH_BYTES],
            seen: Seen::default(),
            times,
            gzip,
        })
    }

    /// Runs until the end of the window, or until told to stop.
    pub fn run(mut self, live: &Live) -> io::Result<Seen> {
        let mut events = Events::with_capacity(1024);
        let mut measuring = false;
        (0..self.viewers.len()).for_each(|index| self.wake(index));
        loop {
            let now = self.now();
            if now >= self.times.until || live.stop.load(Ordering::Relaxed) {
                break;
            }
            if !measuring && now >= self.times.from {
                measuring = true;
                self.viewers.iter_mut().for_each(|viewer| viewer.before = viewer.player.fate(now));
            }
            let next = self.timers.peek().map_or(self.times.until, |Reverse((at, _))| *at);
            let wait = next.min(self.times.until).saturating_sub(now).min(Duration::from_millis(200));
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => other?,
            }
            for event in &events {
                self.on_event(event.token().0, live);
            }
            let now = self.now();
            while let Some(&Reverse((at, index))) = self.timers.peek().filter(|Reverse((at, _))| *at <= now) {
                self.timers.pop();
                if let Some(viewer) = self.viewers.get_mut(index).filter(|viewer| viewer.alarm == Some(at)) {
                    viewer.alarm = None;
                    self.expire(index, now);
                    self.wake(index);
                }
            }
        }
        let now = self.now();
        let during = |viewer: &Seat<V>| {
            let (fate, before) = (viewer.player.fate(now), viewer.before);
            Fate { stalls: fate.stalls - before.stalls, stalled: fate.stalled.saturating_sub(before.stalled), ..fate }
        };
        self.seen.fates = self.viewers.iter().map(during).collect();
        Ok(self.seen)
    }

    fn now(&self) -> Duration {
        self.times.start.elapsed()
    }

    fn is_measuring(&self) -> bool {
        self.now() >= self.times.from
    }

    /// Lets a viewer ask for what it wants now, and sets its alarm.
    fn wake(&mut self, index: usize) {
        let now = self.now();
        while let Some(viewer) = self.viewers.get_mut(index) {
            let Some(request) = viewer.player.poll(now) else { break };
            if self.ask(index, request.clone()).is_err() {
                self.fail(index, &request);
            }
        }
        let Some(viewer) = self.viewers.get_mut(index) else { return };
        let busy = viewer.connections.iter().any(|&id| self.connections.get(id).is_some_and(Option::is_some));
        let patience = busy.then(|| now + TIMEOUT);
        let alarm = viewer.player.deadline().into_iter().chain(patience).min();
        if let Some(at) = alarm.filter(|&at| viewer.alarm.is_none_or(|set| at < set || set <= now)) {
            viewer.alarm = Some(at);
            self.timers.push(Reverse((at, index)));
        }
    }

    /// Breaks connections on which an answer is overdue.
    fn expire(&mut self, index: usize, now: Duration) {
        let Some(viewer) = self.viewers.get(index) else { return };
        for id in viewer.connections.clone() {
            let asked = self.connection(id).and_then(|connection| connection.job.as_ref()).map(|job| job.asked);
            if asked.is_some_and(|asked| now.saturating_sub(asked) >= TIMEOUT) {
                self.drop_connection(id, false);
            }
        }
    }

    fn ask(&mut self, index: usize, request: Request) -> io::Result<()> {
        let idle = self.viewers.get(index).and_then(|viewer| {
            let is_idle = |id: &&usize| {
                let connection = self.connections.get(**id).and_then(Option::as_ref);
                connection.is_some_and(|one| one.job.is_none() && one.authority == request.url.authority)
            };
            viewer.connections.iter().find(is_idle).copied()
        });
        let id = match idle {
            Some(id) => id,
            None => self.open(index, &request.url)?,
        };
        let asked = self.now();
        let gzip = if self.gzip && request.is_document() { "Accept-Encoding: gzip\r\n" } else { "" };
        let Some(connection) = self.connections.get_mut(id).and_then(Option::as_mut) else { return Ok(()) };
        let Url { authority, target } = &request.url;
        write!(
            connection.unsent,
            "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: onair-bench\r\nAccept: */*\r\n{gzip}\r\n"
        )?;
        let response = Response::new(request.keep()).counting(request.timing);
        connection.job = Some(Job { request, response, asked, came: 0.0 });
        if connection.connected && connection.send().is_err() {
            self.drop_connection(id, true);
        }
        Ok(())
    }

    fn open(&mut self, index: usize, url: &Url) -> io::Result<usize> {
        let resolve = || {
            let (host, port) = url.address();
            (host, port).to_socket_addrs().ok()?.next()
        };
        let address = *self.hosts.entry(url.authority.clone()).or_insert_with(resolve);
        let address = address.ok_or(io::ErrorKind::NotFound)?;
        let viewer = self.viewers.get_mut(index).ok_or(io::ErrorKind::NotFound)?;
        if viewer.connections.len() >= CONNECTIONS {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let mut stream = TcpStream::connect(address)?;
        let id = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        self.poll.registry().register(&mut stream, Token(id), Interest::READABLE | Interest::WRITABLE)?;
        viewer.connections.push(id);
        let authority = url.authority.clone();
        let connection = Connection {
            stream,
            authority,
            viewer: index,
            job: None,
            unsent: Vec::new(),
            used: false,
            connected: false,
        };
        if let Some(slot) = self.connections.get_mut(id) {
            *slot = Some(connection);
        }
        Ok(id)
    }

    fn connection(&self, id: usize) -> Option<&Connection> {
        self.connections.get(id).and_then(Option::as_ref)
    }

    fn on_event(&mut self, id: usize, live: &Live) {
        let Some(connection) = self.connections.get_mut(id).and_then(Option::as_mut) else { return };
        if !connection.connected && connection.stream.peer_addr().is_ok() {
            connection.connected = true;
            // Small requests must not wait for each other's acknowledgement.
            let _ = connection.stream.set_nodelay(true);
        }
        if connection.connected && connection.send().is_err() {
            return self.drop_connection(id, true);
        }
        let received = connection.receive(&mut self.scratch);
        self.count(id);
        match received {
            Ok(true) => self.finish(id, live),
            Ok(false) => {}
            Err(Broken::Closed) => {
                let connection = self.connections.get_mut(id).and_then(Option::as_mut);
                let ended = connection.and_then(|one| one.job.as_mut()).is_some_and(|job| job.response.close());
                if ended { self.finish(id, live) } else { self.drop_connection(id, true) }
            }
            Err(Broken::Badly) => self.drop_connection(id, false),
        }
    }

    /// Tells the viewer of media that came of a request that may go on.
    fn count(&mut self, id: usize) {
        let (now, measuring) = (self.now(), self.is_measuring());
        let Some(connection) = self.connections.get_mut(id).and_then(Option::as_mut) else { return };
        let Some(job) = &mut connection.job else { return };
        let secs = job.response.take_secs();
        if secs <= 0.0 {
            return;
        }
        job.came += secs;
        if let Some(end_ms) = job.request.end_ms.filter(|_| measuring) {
            self.seen.behind_ms.add(behind_ms(end_ms as f64 + (job.came - job.request.secs) * 1000.0));
        }
        let index = connection.viewer;
        if let Some(viewer) = self.viewers.get_mut(index) {
            viewer.player.came(now, &job.request, secs);
        }
        self.wake(index);
    }

    /// An answer is complete.
    fn finish(&mut self, id: usize, live: &Live) {
        let now = self.now();
        let measuring = self.is_measuring();
        let Some(connection) = self.connections.get_mut(id).and_then(Option::as_mut) else { return };
        let Some(job) = connection.job.take() else { return };
        connection.used = true;
        let (index, keep_alive) = (connection.viewer, job.response.keep_alive);
        if !keep_alive {
            self.drop_connection(id, false);
        }
        let (body_bytes, date_ms) = (job.response.body_bytes, job.response.date_ms);
        let reply = match (job.response.status, job.request.keep()) {
            (200..=299, Keep::Nothing) => Reply::Media,
            (200..=299, Keep::Whole) if !job.request.is_document() => Reply::Body(job.response.body, date_ms),
            (200..=299, Keep::Whole) => {
                let read = self.read(&job.request.url, &job.response);
                read.map_or(Reply::Failed, |document| Reply::Document(document, date_ms))
            }
            _ => Reply::Failed,
        };
        live.bytes.fetch_add(body_bytes, Ordering::Relaxed);
        if measuring {
            self.seen.bytes += body_bytes;
            if matches!(reply, Reply::Failed) {
                self.seen.failures += 1;
            } else {
                let latency = now.saturating_sub(job.asked).as_secs_f32() * 1000.0;
                self.seen.latency_ms.entry(job.request.kind).or_default().add(latency);
                // What was counted while it came is not counted again.
                if let Some(end_ms) = job.request.end_ms.filter(|_| job.came == 0.0) {
                    self.seen.behind_ms.add(behind_ms(end_ms as f64));
                }
            }
        }
        if let Some(viewer) = self.viewers.get_mut(index) {
            viewer.player.done(now, &job.request, reply);
            if !viewer.is_playing && viewer.player.fate(now).playing {
                viewer.is_playing = true;
                live.connected.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.wake(index);
    }

    /// A playlist or MPD from its text. Viewers of one stream get the same text: it is read once.
    fn read(&mut self, url: &Url, response: &Response) -> Option<Arc<V::Document>> {
        let path = url.target.split('?').next().unwrap_or_default();
        let place = Url { authority: url.authority.clone(), target: path.into() };
        if let Some((_, document)) = self.read.get(&place).filter(|(body, _)| *body == response.body) {
            return Some(document.clone());
        }
        let document = Arc::new(V::read(&response.text()?)?);
        self.read.insert(place, (response.body.clone(), document.clone()));
        Some(document)
    }

    /// Forgets a connection. A request that an idle connection had no answer to may be asked once more.
    fn drop_connection(&mut self, id: usize, may_repeat: bool) {
        let Some(mut connection) = self.connections.get_mut(id).and_then(Option::take) else { return };
        let _ = self.poll.registry().deregister(&mut connection.stream);
        self.free.push(id);
        let index = connection.viewer;
        if let Some(viewer) = self.viewers.get_mut(index) {
            viewer.connections.retain(|&other| other != id);
        }
        let Some(job) = connection.job else { return };
        let repeat = may_repeat && connection.used && job.response.is_untouched();
        if !repeat || self.ask(index, job.request.clone()).is_err() {
            self.fail(index, &job.request);
            self.wake(index);
        }
    }

    fn fail(&mut self, index: usize, request: &Request) {
        let now = self.now();
        self.seen.failures += u64::from(self.is_measuring());
        if let Some(viewer) = self.viewers.get_mut(index) {
            viewer.player.done(now, request, Reply::Failed);
        }
    }
}

/// How far that moment is behind this machine's clock.
fn behind_ms(moment_ms: f64) -> f32 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (wall.as_secs_f64() * 1000.0 - moment_ms) as f32
}

enum Broken {
    /// The peer is done sending.
    Closed,
    /// The connection or the response on it is no good.
    Badly,
}

impl Connection {
    fn send(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads all that is there. True: the answer is complete.
    fn receive(&mut self, scratch: &mut [u8]) -> Result<bool, Broken> {
        loop {
            let skippable = self.job.as_ref().map_or(0, |job| job.response.skippable());
            let got = if skippable > 0 {
                // MSG_TRUNC on TCP: the kernel drops the bytes instead of copying them here.
                let limit = usize::try_from(skippable).unwrap_or(usize::MAX).min(scratch.len());
                let room = scratch.get_mut(..limit).unwrap_or_default();
                recv(&self.stream, room, RecvFlags::TRUNC).map(|(_, length)| length).map_err(io::Error::from)
            } else {
                self.stream.read(scratch)
            };
            let got = match got {
                Ok(0) => return Err(Broken::Closed),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::NotConnected && !self.connected => return Ok(false),
                Err(_) => return Err(Broken::Badly),
            };
            let Some(job) = &mut self.job else { return Err(Broken::Badly) };
            if skippable > 0 {
                job.response.skip(got as u64);
            } else {
                job.response.feed(scratch.get(..got).unwrap_or_default()).map_err(|_| Broken::Badly)?;
            }
            if job.response.is_done() {
                return Ok(true);
            }
        }
    }
}
