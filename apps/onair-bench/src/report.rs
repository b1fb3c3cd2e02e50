//! What was seen, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::load::{Load, Watch};
use crate::player::{Kind, Mode};
use crate::stats::Summary;
use crate::swarm::Seen;

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `hls` or `llhls`.
    pub mode: &'static str,
    /// Where the first viewers looked.
    pub url: String,
    /// How many viewers there were to be.
    pub viewers: usize,
    /// How many got media.
    pub playing: usize,
    /// How long was measured, seconds.
    pub seconds: f64,
    /// Answers that were no success, and connections that broke.
    pub failures: u64,
    /// How often a buffer ran dry.
    pub stalls: u64,
    /// For how long altogether, seconds.
    pub stalled_seconds: f64,
    /// Bytes of bodies.
    pub bytes: u64,
    /// The same as a rate of one viewer, megabits per second.
    pub mbit_per_viewer: f64,
    /// Time to the complete answer, milliseconds, by kind of request.
    pub latency_ms: BTreeMap<&'static str, Summary>,
    /// How far behind the wall clock media was when it had come, milliseconds.
    pub behind_live_ms: Option<Summary>,
    /// What the server spent.
    pub server: Option<Server>,
    /// CPU of the generator, in processors.
    pub generator_cores: f64,
    /// Percent of the machine that was idle: below ten, do not trust the latencies.
    pub machine_idle_percent: f64,
    /// Percent of the machine that its host took away: above ten, measure again.
    pub machine_steal_percent: f64,
}

/// What the server spent.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Server {
    /// CPU, in processors.
    pub cores: f64,
    /// CPU milliseconds per viewer and second; what the server spends on nobody is in it.
    pub cpu_ms_per_viewer_second: f64,
    /// Resident memory at the end, mebibytes.
    pub rss_mib: f64,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Playlist => "playlist",
            Self::Blocked => "blocked_reload",
            Self::Init => "init",
            Self::Segment => "segment",
            Self::Part => "part",
        }
    }
}

impl Report {
    /// Puts together what the swarms and the watch saw.
    pub fn new(load: &Load, seen: &Seen, measured: Duration, before: &Watch, after: &Watch) -> Self {
        let seconds = measured.as_secs_f64().max(1e-9);
        let viewer_seconds = seconds * load.viewers.max(1) as f64;
        let server = before.server.zip(after.server).map(|(before, after)| {
            let cpu_ms = after.cpu_ms_since(&before);
            Server {
                cores: cpu_ms / 1000.0 / seconds,
                cpu_ms_per_viewer_second: cpu_ms / viewer_seconds,
                rss_mib: after.rss_bytes as f64 / f64::from(1 << 20),
            }
        });
        let (machine_idle_percent, machine_steal_percent) = after.machine.idle_and_steal_percent(&before.machine);
        let behind = seen.behind_ms.summary();
        Self {
            mode: match load.mode {
                Mode::Plain => "hls",
                Mode::LowLatency => "llhls",
            },
            url: load.urls.first().map(ToString::to_string).unwrap_or_default(),
            viewers: load.viewers,
            playing: seen.fates.iter().filter(|fate| fate.playing).count(),
            seconds,
            failures: seen.failures,
            stalls: seen.fates.iter().map(|fate| u64::from(fate.stalls)).sum(),
            stalled_seconds: seen.fates.iter().map(|fate| fate.stalled.as_secs_f64()).sum(),
            bytes: seen.bytes,
            mbit_per_viewer: seen.bytes as f64 * 8.0 / 1e6 / viewer_seconds,
            latency_ms: seen.latency_ms.iter().map(|(kind, samples)| (kind.name(), samples.summary())).collect(),
            behind_live_ms: (behind.count > 0).then_some(behind),
            server,
            generator_cores: after.own.cpu_ms_since(&before.own) / 1000.0 / seconds,
            machine_idle_percent,
            machine_steal_percent,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} for {:.1} s", self.mode, self.url, self.seconds)?;
        writeln!(f, "  viewers          {} of {} playing", self.playing, self.viewers)?;
        writeln!(f, "  failures         {}", self.failures)?;
        writeln!(f, "  stalls           {} ({:.1} s)", self.stalls, self.stalled_seconds)?;
        let mib = self.bytes as f64 / f64::from(1 << 20);
        writeln!(f, "  received         {mib:.1} MiB, {:.2} Mbit/s per viewer", self.mbit_per_viewer)?;
        if let Some(server) = &self.server {
            let Server { cores, cpu_ms_per_viewer_second, rss_mib } = server;
            writeln!(f, "  server CPU       {cpu_ms_per_viewer_second:.3} ms per viewer-second ({cores:.2} cores)")?;
            writeln!(f, "  server memory    {rss_mib:.1} MiB")?;
        }
        writeln!(
            f,
            "  machine          {:.0} % idle, {:.1} % stolen; generator {:.2} cores",
            self.machine_idle_percent, self.machine_steal_percent, self.generator_cores
        )?;
        writeln!(f, "  {:<16} {:>8} {:>9} {:>9} {:>9}", "milliseconds", "count", "p50", "p99", "max")?;
        let behind = self.behind_live_ms.iter().map(|summary| ("behind_live", summary));
        for (name, summary) in self.latency_ms.iter().map(|(name, summary)| (*name, summary)).chain(behind) {
            let Summary { count, p50, p99, max } = summary;
            writeln!(f, "  {name:<16} {count:>8} {p50:>9.1} {p99:>9.1} {max:>9.1}")?;
        }
        Ok(())
    }
}
