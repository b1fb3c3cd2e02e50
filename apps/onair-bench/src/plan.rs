//! How viewers come, how long they are watched, and what is spent meanwhile.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::process::{Machine, Spent};

/// How many viewers, when they come, and what is watched meanwhile.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many.
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
}

/// What the threads tell while they run.
#[derive(Debug, Default)]
pub struct Live {
    /// It is over.
    pub stop: AtomicBool,
    /// Viewers that have had their first packet.
    pub connected: AtomicUsize,
    /// Viewers that were given up.
    pub failed: AtomicUsize,
    /// Bytes of media so far.
    pub bytes: AtomicU64,
}

/// When to begin and to end measuring, all from the same start.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The start that players' times count from.
    pub start: Instant,
    /// What happens before is not counted.
    pub from: Duration,
    /// The end.
    pub until: Duration,
}

/// A measurement that is done.
#[derive(Debug)]
pub struct Measured<S> {
    /// What the viewers saw.
    pub seen: S,
    /// How long was measured.
    pub window: Duration,
    /// What had been spent when measuring began.
    pub before: Watch,
    /// And when it ended.
    pub after: Watch,
}

impl<S> Measured<S> {
    /// The window in seconds, above zero.
    pub(crate) fn seconds(&self) -> f64 {
        self.window.as_secs_f64().max(1e-9)
    }
}

/// What threads saw, put together.
pub trait Merge: Default {
    /// Adds what another one saw.
    fn merge(&mut self, other: Self);
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
    fn now(pids: &[u32]) -> Self {
        let server = if pids.is_empty() { None } else { Spent::of(pids) };
        Self { at: Instant::now(), server, own: Spent::own(), machine: Machine::now() }
    }
}

impl Plan {
    /// When what happens, from now on.
    fn times(&self) -> Times {
        let from = self.comes_at(self.viewers) + self.warmup;
        Times { start: Instant::now(), from, until: from + self.duration }
    }

    /// When the viewer of that number comes.
    pub fn comes_at(&self, viewer: usize) -> Duration {
        Duration::from_secs_f64(viewer as f64 / self.ramp_per_sec.max(0.1))
    }

    /// The viewers of that thread; threads take turns.
    pub fn of_thread(&self, thread: usize) -> impl Iterator<Item = usize> + use<> {
        let threads = self.threads.max(1);
        (0..self.viewers).filter(move |viewer| viewer % threads == thread)
    }

    /// Runs `work` on every thread until the window is over, and puts together what they saw.
    pub fn run<S, W>(&self, work: W) -> io::Result<Measured<S>>
    where
        S: Merge + Send + 'static,
        W: Fn(usize, Times, &Live) -> io::Result<S> + Clone + Send + 'static,
    {
        raise_descriptor_limit();
        let (times, live) = (self.times(), Arc::new(Live::default()));
        let threads: Vec<_> = (0..self.threads.max(1))
            .map(|thread| {
                let (work, live) = (work.clone(), live.clone());
                thread::spawn(move || work(thread, times, &live))
            })
            .collect();
        self.wait(&live, times, times.from);
        let before = Watch::now(&self.pids);
        self.wait(&live, times, times.until);
        let after = Watch::now(&self.pids);
        let window = after.at.duration_since(before.at);
        live.stop.store(true, Ordering::Relaxed);
        let mut seen = S::default();
        for thread in threads {
            seen.merge(thread.join().map_err(|_| io::Error::other("a generator thread panicked"))??);
        }
        Ok(Measured { seen, window, before, after })
    }

    /// Sleeps until then, and shows people how it goes.
    fn wait(&self, live: &Live, times: Times, until: Duration) {
        let is_shown = io::stderr().is_terminal();
        loop {
            let left = until.saturating_sub(times.start.elapsed());
            if left.is_zero() {
                break;
            }
            let bytes = live.bytes.load(Ordering::Relaxed);
            thread::sleep(left.min(Duration::from_millis(500)));
            if is_shown {
                let now = times.start.elapsed();
                let mbit = (live.bytes.load(Ordering::Relaxed) - bytes) as f64 * 8e-6 / left.as_secs_f64().min(0.5);
                let (connected, failed) = (live.connected.load(Ordering::Relaxed), live.failed.load(Ordering::Relaxed));
                let done = (now.as_secs_f64() / times.until.as_secs_f64().max(0.1) * 30.0).min(30.0) as usize;
                // Best effort: a terminal that went away shows nothing.
                let _ = write!(
                    io::stderr(),
                    "\r[{:<30}] {connected} of {} there, {failed} failed, {mbit:.0} Mbit/s \x1b[K",
                    "=".repeat(done),
                    self.viewers
                );
            }
        }
        if is_shown && until == times.until {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Thousands of viewers are thousands of sockets. Best effort: failing to connect says the rest.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
