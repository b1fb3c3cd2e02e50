//! Viewers of streams that never pause, whatever the protocol: how they come, what is counted of them, and when.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::load::{Watch, raise_descriptor_limit};
use crate::stats::Samples;
use crate::swarm::Times;

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

/// How one viewer fared within the window of measurement.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Media came at all, before or within the window.
    pub connected: bool,
    /// Packets, messages or tags.
    pub packets: u64,
    /// Of those that there must have been, how many never came.
    pub lost: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Time from the first word to the first media, milliseconds.
    pub join_ms: Option<f32>,
    /// Of which signalling took so long.
    pub signal_ms: Option<f32>,
}

/// What all viewers of a thread saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Each of them.
    pub tallies: Vec<Tally>,
    /// From the publisher's hand to the viewer's, milliseconds.
    pub delay_ms: Samples,
    /// Why viewers were given up.
    pub failures: BTreeMap<String, u64>,
    /// What was agreed on, such as the cipher.
    pub agreed: Option<String>,
    /// Of a publisher: how often it was asked for a keyframe, and for a packet once more.
    pub asked: (u64, u64),
}

/// A measurement that is done.
#[derive(Debug)]
pub struct Measured {
    /// What the viewers saw.
    pub seen: Seen,
    /// How long was measured.
    pub window: Duration,
    /// What had been spent when measuring began.
    pub before: Watch,
    /// And when it ended.
    pub after: Watch,
}

impl Plan {
    /// When what happens, from now on.
    fn times(&self) -> Times {
        let from = Duration::from_secs_f64(self.viewers as f64 / self.ramp_per_sec.max(0.1)) + self.warmup;
        Times { start: Instant::now(), from, until: from + self.duration }
    }

    /// When the viewer of that number comes.
    pub fn comes_at(&self, viewer: usize) -> Duration {
        Duration::from_secs_f64(viewer as f64 / self.ramp_per_sec.max(0.1))
    }

    /// Runs `work` on every thread until the window is over, and puts together what they saw.
    pub fn run<W>(&self, work: W) -> io::Result<Measured>
    where
        W: Fn(usize, Times, &Live) -> io::Result<Seen> + Clone + Send + 'static,
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
        let mut seen = Seen::default();
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

impl Seen {
    /// Adds what another thread saw.
    pub fn merge(&mut self, other: Self) {
        self.tallies.extend(other.tallies);
        self.delay_ms.merge(other.delay_ms);
        for (why, count) in other.failures {
            *self.failures.entry(why).or_default() += count;
        }
        self.agreed = self.agreed.take().or(other.agreed);
        self.asked = (self.asked.0 + other.asked.0, self.asked.1 + other.asked.1);
    }
}
