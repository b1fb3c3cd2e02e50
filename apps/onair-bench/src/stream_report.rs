//! What was seen of viewers whose stream never pauses, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::stats::{Samples, Summary};
use crate::stream::{Measured, Plan};

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct StreamReport {
    /// The subcommand.
    pub mode: &'static str,
    /// Where the first went.
    pub url: String,
    /// How many there were to be.
    pub viewers: usize,
    /// How many had media, and had it still at the end.
    pub connected: usize,
    /// How many were given up.
    pub failed: u64,
    /// Why.
    pub failures: BTreeMap<String, u64>,
    /// What was agreed on, such as the cipher.
    pub agreed: Option<String>,
    /// How long was measured, seconds.
    pub seconds: f64,
    /// Packets, messages or tags.
    pub packets: u64,
    /// Packets that never came, of those that must have been sent.
    pub lost: u64,
    /// The same in percent.
    pub loss_percent: f64,
    /// Bytes.
    pub bytes: u64,
    /// The rate of an average viewer, megabits per second.
    pub mbit_per_viewer: f64,
    /// The rate of the one that got least.
    pub mbit_of_slowest: f64,
    /// From a viewer's first word to its first media, milliseconds.
    pub join_ms: Summary,
    /// Of which signalling took so long.
    pub signal_ms: Option<Summary>,
    /// From the publisher's hand to the viewer's, milliseconds.
    pub delay_ms: Option<Summary>,
    /// Of publishers: how often the server asked for a keyframe, and for packets again.
    pub asked: Option<(u64, u64)>,
    /// What the server spent.
    pub server: Option<Server>,
    /// CPU of the generator, in processors.
    pub generator_cores: f64,
    /// Percent of the machine that was idle: below ten, do not trust the times.
    pub machine_idle_percent: f64,
    /// Percent of the machine that its host took away: above ten, measure again.
    pub machine_steal_percent: f64,
}

/// What the server spent; what it spends on nobody is in it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Server {
    /// CPU, in processors.
    pub cores: f64,
    /// CPU milliseconds per viewer and second.
    pub cpu_ms_per_viewer_second: f64,
    /// CPU microseconds per packet that came to a viewer.
    pub cpu_us_per_packet: f64,
    /// Resident memory when measuring began, mebibytes.
    pub rss_mib_before: f64,
    /// And at the end.
    pub rss_mib: f64,
}

impl StreamReport {
    /// Puts together what was seen.
    pub fn new(mode: &'static str, url: &str, plan: &Plan, measured: Measured) -> Self {
        let Measured { seen, window, before, after } = measured;
        let seconds = window.as_secs_f64().max(1e-9);
        let sum = |of: fn(&crate::stream::Tally) -> u64| seen.tallies.iter().map(of).sum::<u64>();
        let (packets, lost, bytes) = (sum(|it| it.packets), sum(|it| it.lost), sum(|it| it.bytes));
        let connected = seen.tallies.iter().filter(|tally| tally.connected);
        let slowest = connected.clone().map(|tally| tally.bytes).min().unwrap_or(0);
        let connected = connected.count();
        let viewers = connected.max(1) as f64;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let server = before.server.zip(after.server).map(|(before, after)| {
            let cpu_ms = after.cpu_ms_since(&before);
            Server {
                cores: cpu_ms / 1000.0 / seconds,
                cpu_ms_per_viewer_second: cpu_ms / seconds / viewers,
                cpu_us_per_packet: cpu_ms * 1000.0 / packets.max(1) as f64,
                rss_mib_before: mib(before.rss_bytes),
                rss_mib: mib(after.rss_bytes),
            }
        });
        let samples = |of: fn(&crate::stream::Tally) -> Option<f32>| {
            let mut samples = Samples::default();
            seen.tallies.iter().filter_map(of).for_each(|value| samples.add(value));
            samples.summary()
        };
        let (machine_idle_percent, machine_steal_percent) = after.machine.idle_and_steal_percent(&before.machine);
        let some = |summary: Summary| (summary.count > 0).then_some(summary);
        Self {
            mode,
            url: url.to_owned(),
            viewers: plan.viewers,
            connected,
            failed: seen.failures.values().sum(),
            agreed: seen.agreed.clone(),
            seconds,
            packets,
            lost,
            loss_percent: lost as f64 * 100.0 / (packets + lost).max(1) as f64,
            bytes,
            mbit_per_viewer: bytes as f64 * 8e-6 / seconds / viewers,
            mbit_of_slowest: slowest as f64 * 8e-6 / seconds,
            join_ms: samples(|tally| tally.join_ms),
            signal_ms: some(samples(|tally| tally.signal_ms)),
            delay_ms: some(seen.delay_ms.summary()),
            asked: (seen.asked != (0, 0)).then_some(seen.asked),
            failures: seen.failures,
            server,
            generator_cores: after.own.cpu_ms_since(&before.own) / 1000.0 / seconds,
            machine_idle_percent,
            machine_steal_percent,
        }
    }
}

impl fmt::Display for StreamReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} for {:.1} s", self.mode, self.url, self.seconds)?;
        let agreed = self.agreed.iter().map(|agreed| format!(", {agreed}")).collect::<String>();
        writeln!(f, "  connected        {} of {}{agreed}", self.connected, self.viewers)?;
        writeln!(f, "  failed           {}", self.failed)?;
        for (why, count) in &self.failures {
            writeln!(f, "                   {count} × {why}")?;
        }
        writeln!(
            f,
            "  packets          {} ({:.0} per viewer-second), {} lost ({:.3} %)",
            self.packets,
            self.packets as f64 / self.seconds / self.connected.max(1) as f64,
            self.lost,
            self.loss_percent
        )?;
        let (each, slowest) = (self.mbit_per_viewer, self.mbit_of_slowest);
        writeln!(f, "  rate             {each:.2} Mbit/s each, {slowest:.2} Mbit/s of the slowest")?;
        if let Some((keyframes, packets)) = self.asked {
            writeln!(f, "  asked            for {keyframes} keyframes, for {packets} packets again")?;
        }
        if let Some(server) = &self.server {
            let Server { cores, cpu_ms_per_viewer_second, cpu_us_per_packet, rss_mib_before, rss_mib } = server;
            writeln!(
                f,
                "  server CPU       {cpu_us_per_packet:.2} µs per packet, {cpu_ms_per_viewer_second:.3} ms per \
                viewer-second ({cores:.2} cores)"
            )?;
            writeln!(f, "  server memory    {rss_mib_before:.1} MiB, at the end {rss_mib:.1} MiB")?;
        }
        writeln!(
            f,
            "  machine          {:.0} % idle, {:.1} % stolen; generator {:.2} cores",
            self.machine_idle_percent, self.machine_steal_percent, self.generator_cores
        )?;
        writeln!(f, "  {:<16} {:>8} {:>9} {:>9} {:>9}", "milliseconds", "count", "p50", "p99", "max")?;
        let rows = [("join", Some(self.join_ms)), ("signalling", self.signal_ms), ("delay", self.delay_ms)];
        for (name, summary) in rows {
            let Some(Summary { count, p50, p99, max }) = summary else { continue };
            writeln!(f, "  {name:<16} {count:>8} {p50:>9.1} {p99:>9.1} {max:>9.1}")?;
        }
        Ok(())
    }
}
