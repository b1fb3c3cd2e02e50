//! What was seen of players of HLS and DASH, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::cost::Cost;
use crate::load::{Format, Load};
use crate::plan::Measured;
use crate::stats::{Summary, table};
use crate::swarm::Seen;
use crate::viewer::Mode;

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `hls`, `llhls` or `dash`.
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
    /// What it cost.
    #[serde(flatten)]
    pub cost: Cost,
}

impl Report {
    /// Puts together what the swarms and the watch saw.
    pub(crate) fn new(load: &Load, measured: Measured<Seen>) -> Self {
        let (seconds, viewers) = (measured.seconds(), load.plan.viewers);
        let cost = Cost::new(&measured, viewers, None);
        let seen = measured.seen;
        let behind = seen.behind_ms.summary();
        Self {
            mode: match (load.format, load.mode) {
                (Format::Hls, Mode::Plain) => "hls",
                (Format::Hls, Mode::LowLatency) => "llhls",
                (Format::Dash, _) => "dash",
            },
            url: load.urls.first().map(ToString::to_string).unwrap_or_default(),
            viewers,
            playing: seen.fates.iter().filter(|fate| fate.playing).count(),
            seconds,
            failures: seen.failures,
            stalls: seen.fates.iter().map(|fate| u64::from(fate.stalls)).sum(),
            stalled_seconds: seen.fates.iter().map(|fate| fate.stalled.as_secs_f64()).sum(),
            bytes: seen.bytes,
            mbit_per_viewer: seen.bytes as f64 * 8e-6 / seconds / viewers.max(1) as f64,
            latency_ms: seen.latency_ms.iter().map(|(kind, samples)| (kind.name(), samples.summary())).collect(),
            behind_live_ms: (behind.count > 0).then_some(behind),
            cost,
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
        write!(f, "{}", self.cost)?;
        let latencies = self.latency_ms.iter().map(|(name, summary)| (*name, *summary));
        table(f, latencies.chain(self.behind_live_ms.map(|summary| ("behind_live", summary))))
    }
}
