//! Many viewers by TCP on one thread: RTMP, and FLV by HTTP.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use wire::rtmp::kind;

use crate::flv::Flv;
use crate::generate::{Ledger, mark};
use crate::plan::{Live, Plan, Times};
use crate::rtmp::{Aim, Client, RtmpUrl};
use crate::stats::Samples;
use crate::stream::{Seen, Tally};
use crate::url::Url;

/// Where to watch.
#[derive(Clone, Debug)]
pub enum Address {
    /// By RTMP.
    Rtmp(RtmpUrl),
    /// By FLV over HTTP.
    Flv(Url),
}

/// How the viewers behave.
#[derive(Clone, Debug)]
pub struct Pullers {
    /// Viewers are spread over them.
    pub addresses: Vec<Address>,
    /// When a publisher of ours sent what, to measure the delay by.
    pub ledger: Option<Ledger>,
}

const SCRATCH_BYTES: usize = 256 << 10;
const TICK: Duration = Duration::from_millis(20);
/// How long media may stay away.
const SILENCE: Duration = Duration::from_secs(15);

enum Machine {
    Rtmp(Client),
    Flv(Flv),
}

struct Slot {
    stream: TcpStream,
    machine: Machine,
    out: BytesMut,
    began: Instant,
    last_media: Instant,
    join_ms: Option<f32>,
    messages: u64,
    bytes: u64,
    before: (u64, u64),
    failure: Option<String>,
}

/// Runs one thread's viewers.
pub fn pull(plan: &Plan, pullers: &Pullers, thread: usize, times: Times, live: &Live) -> io::Result<Seen> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(4096);
    let mut mine = plan.of_thread(thread).peekable();
    let (mut slots, mut failures): (Vec<Slot>, BTreeMap<String, u64>) = (Vec::new(), BTreeMap::new());
    let (mut scratch, mut delay_ms, mut is_measuring) = (vec![0; SCRATCH_BYTES], Samples::default(), false);
    while !live.stop.load(Ordering::Relaxed) {
        let comes = mine.peek().map(|viewer| plan.comes_at(*viewer).saturating_sub(times.start.elapsed()));
        match poll.poll(&mut events, Some(comes.map_or(TICK, |comes| comes.min(TICK)))) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => other?,
        }
        let now = Instant::now();
        while let Some(viewer) = mine.next_if(|viewer| plan.comes_at(*viewer) <= times.start.elapsed()) {
            let address = pullers.addresses.get(viewer % pullers.addresses.len().max(1));
            match address.ok_or(io::ErrorKind::NotFound.into()).and_then(Slot::open) {
                Ok(mut slot) => {
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut slot.stream, Token(slots.len()), interest)?;
                    slots.push(slot);
                }
                Err(error) => {
                    live.failed.fetch_add(1, Ordering::Relaxed);
                    *failures.entry(error.to_string()).or_default() += 1;
                }
            }
        }
        let mut moved = 0;
        for event in &events {
            let Some(slot) = slots.get_mut(event.token().0).filter(|slot| slot.failure.is_none()) else { continue };
            let (was_there, before) = (slot.join_ms.is_some(), slot.bytes);
            let samples = is_measuring.then_some(&mut delay_ms);
            if let Err(why) = slot.turn(&mut scratch, pullers.ledger.as_ref(), samples) {
                live.failed.fetch_add(1, Ordering::Relaxed);
                slot.failure = Some(why);
            }
            live.connected.fetch_add(usize::from(!was_there && slot.join_ms.is_some()), Ordering::Relaxed);
            moved += slot.bytes - before;
        }
        live.bytes.fetch_add(moved, Ordering::Relaxed);
        for slot in &mut slots {
            if slot.failure.is_none() && now.saturating_duration_since(slot.last_media) >= SILENCE {
                live.failed.fetch_add(1, Ordering::Relaxed);
                slot.failure = Some("no media came".to_owned());
            }
        }
        if !is_measuring && times.start.elapsed() >= times.from {
            is_measuring = true;
            slots.iter_mut().for_each(|slot| slot.before = (slot.messages, slot.bytes));
        }
    }
    for failure in slots.iter().filter_map(|slot| slot.failure.clone()) {
        *failures.entry(failure).or_default() += 1;
    }
    let tally = |slot: &Slot| Tally {
        connected: slot.join_ms.is_some() && slot.failure.is_none(),
        packets: slot.messages - slot.before.0,
        bytes: slot.bytes - slot.before.1,
        join_ms: slot.join_ms,
        ..Tally::default()
    };
    Ok(Seen { tallies: slots.iter().map(tally).collect(), delay_ms, failures, ..Seen::default() })
}

impl Slot {
    fn open(address: &Address) -> io::Result<Self> {
        let resolve =
            |mut all: std::vec::IntoIter<SocketAddr>| all.next().ok_or(io::Error::from(io::ErrorKind::NotFound));
        let mut out = BytesMut::new();
        let (remote, machine) = match address {
            Address::Rtmp(url) => {
                (resolve(url.address().to_socket_addrs()?)?, Machine::Rtmp(Client::new(url, Aim::Play, &mut out)))
            }
            Address::Flv(url) => {
                out.extend_from_slice(Flv::request(url).as_bytes());
                (resolve(url.address().to_socket_addrs()?)?, Machine::Flv(Flv::default()))
            }
        };
        let now = Instant::now();
        Ok(Self {
            stream: TcpStream::connect(remote)?,
            machine,
            out,
            began: now,
            last_media: now,
            join_ms: None,
            messages: 0,
            bytes: 0,
            before: (0, 0),
            failure: None,
        })
    }

    /// Reads and writes all that goes.
    fn turn(
        &mut self,
        scratch: &mut [u8],
        ledger: Option<&Ledger>,
        mut delay_ms: Option<&mut Samples>,
    ) -> Result<(), String> {
        if self.stream.peer_addr().is_err() {
            // Not connected yet, or never to be.
            return self.stream.take_error().ok().flatten().map_or(Ok(()), |error| Err(error.to_string()));
        }
        loop {
            self.write()?;
            let got = match self.stream.read(scratch) {
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.to_string()),
            };
            let (now, mut messages, mut has_media) = (Instant::now(), 0, false);
            let mut on_media = |is_picture: bool, body: &[u8], len: usize| {
                messages += 1;
                has_media |= len > 0;
                let sent = ledger.filter(|_| is_picture).and_then(|ledger| ledger.when(mark(body)?));
                if let Some((sent, samples)) = sent.zip(delay_ms.as_deref_mut()) {
                    samples.add(now.saturating_duration_since(sent).as_secs_f32() * 1e3);
                }
            };
            let bytes = scratch.get(..got).unwrap_or_default();
            match &mut self.machine {
                Machine::Rtmp(client) => client.feed(bytes, &mut self.out, |message| {
                    on_media(message.kind == kind::VIDEO, message.body, message.len);
                })?,
                Machine::Flv(flv) => flv.feed(bytes, |tag, body, len| {
                    if tag != kind::DATA {
                        on_media(tag == kind::VIDEO, body, len);
                    }
                })?,
            }
            self.messages += messages;
            self.bytes += got as u64;
            if has_media {
                self.last_media = now;
                self.join_ms.get_or_insert(now.saturating_duration_since(self.began).as_secs_f32() * 1e3);
            }
        }
    }

    fn write(&mut self) -> Result<(), String> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(sent) => drop(self.out.split_to(sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}
