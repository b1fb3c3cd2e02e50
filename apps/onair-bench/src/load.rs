//! Swarms on threads, and a watch on the processes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::player::{Mode, Player};
use crate::process::{Machine, Spent};
use crate::report::Report;
use crate::swarm::{Seen, Swarm, Times};
use crate::url::Url;

/// What to do to a server.
#[derive(Clone, Debug)]
pub struct Load {
    /// How the viewers follow the stream.
    pub mode: Mode,
    /// Addresses of playlists; viewers are spread over them.
    pub urls: Vec<Url>,
    /// How many viewers.
    pub viewers: usize,
    /// How many come each second.
    pub ramp_per_sec: f64,
    /// How long to let them settle once all have come.
    pub warmup: Duration,
    /// How long to measure.
    pub duration: Duration,
    /// Threads of the generator.
    pub threads: usize,
    /// The server's processes, to watch.
    pub pids: Vec<u32>,
    /// Ask for packed playlists, as browsers do.
    pub gzip: bool,
}

impl Load {
    /// Does it, and says what was seen.
    pub fn run(&self) -> io::Result<Report> {
        raise_descriptor_limit();
        let ramp = Duration::from_secs_f64(self.viewers as f64 / self.ramp_per_sec.max(0.1));
        let from = ramp + self.warmup;
        let times = Times { start: Instant::now(), from, until: from + self.duration };
        let stop = Arc::new(AtomicBool::new(false));
        let swarms: Vec<_> = (0..self.threads.max(1))
            .map(|thread| {
                let (players, stop, gzip) = (self.players(thread), stop.clone(), self.gzip);
                thread::spawn(move || Swarm::new(players, times, gzip)?.run(&stop))
            })
            .collect();

        thread::sleep(times.from.saturating_sub(times.start.elapsed()));
        let before = Watch::now(&self.pids);
        thread::sleep(times.until.saturating_sub(times.start.elapsed()));
        let after = Watch::now(&self.pids);
        let measured = after.at.duration_since(before.at);
        stop.store(true, Ordering::Relaxed);

        let mut seen = Seen::default();
        for swarm in swarms {
            let one = swarm.join().map_err(|_| io::Error::other("a generator thread panicked"))??;
            seen.merge(one);
        }
        Ok(Report::new(self, &seen, measured, &before, &after))
    }

    /// Every viewer has a place in the order of coming; threads take turns.
    fn players(&self, thread: usize) -> Vec<Player> {
        let place = |index: usize| {
            let url = self.urls.get(index % self.urls.len().max(1))?;
            let start_at = Duration::from_secs_f64(index as f64 / self.ramp_per_sec.max(0.1));
            Some(Player::new(self.mode, url.clone(), start_at))
        };
        (0..self.viewers).filter(|index| index % self.threads.max(1) == thread).filter_map(place).collect()
    }
}

/// What the processes had spent at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// When.
    pub at: Instant,
    /// The server; `None` where it is not watched, or gone.
    pub server: Option<Spent>,
    /// The generator.
    pub own: Spent,
    /// Everybody.
    pub machine: Machine,
}

impl Watch {
    pub(crate) fn now(pids: &[u32]) -> Self {
        let server = if pids.is_empty() { None } else { Spent::of(pids) };
        Self { at: Instant::now(), server, own: Spent::own(), machine: Machine::now() }
    }
}

impl Seen {
    /// Adds what another swarm saw.
    pub fn merge(&mut self, other: Self) {
        for (kind, samples) in other.latency_ms {
            self.latency_ms.entry(kind).or_default().merge(samples);
        }
        self.behind_ms.merge(other.behind_ms);
        self.bytes += other.bytes;
        self.failures += other.failures;
        self.fates.extend(other.fates);
    }
}

/// Thousands of viewers are thousands of sockets. Best effort: failing to connect says the rest.
pub(crate) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
