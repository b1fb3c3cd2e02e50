//! What was seen of viewers whose stream never pauses, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::cost::Cost;
use crate::plan::{Measured, Plan};
use crate::stats::{Samples, Summary, table};
use crate::stream::{Seen, Tally};

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
    /// The same of pictures' last packets, one picture in some.
    pub frame_ms: Option<Summary>,
    /// Of publishers: how often the server asked for a keyframe, and for packets again.
    pub asked: Option<(u64, u64)>,
    /// What it cost.
    #[serde(flatten)]
    pub cost: Cost,
}

impl StreamReport {
    /// Puts together what was seen.
    pub fn new(mode: &'static str, url: &str, plan: &Plan, measured: Measured<Seen>) -> Self {
        let seconds = measured.seconds();
        let connected = measured.seen.tallies.iter().filter(|tally| tally.connected).count();
        let packets = measured.seen.tallies.iter().map(|tally| tally.packets).sum();
        let cost = Cost::new(&measured, connected, Some(packets));
        let seen = measured.seen;
        let sum = |of: fn(&Tally) -> u64| seen.tallies.iter().map(of).sum::<u64>();
        let (lost, bytes) = (sum(|it| it.lost), sum(|it| it.bytes));
        let slowest = seen.tallies.iter().filter(|tally| tally.connected).map(|tally| tally.bytes).min().unwrap_or(0);
        let samples = |of: fn(&Tally) -> Option<f32>| {
            let mut samples = Samples::default();
            seen.tallies.iter().filter_map(of).for_each(|value| samples.add(value));
            samples.summary()
        };
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
            mbit_per_viewer: bytes as f64 * 8e-6 / seconds / connected.max(1) as f64,
            mbit_of_slowest: slowest as f64 * 8e-6 / seconds,
            join_ms: samples(|tally| tally.join_ms),
            signal_ms: some(samples(|tally| tally.signal_ms)),
            delay_ms: some(seen.delay_ms.summary()),
            frame_ms: some(seen.frame_ms.summary()),
            asked: (seen.asked != (0, 0)).then_some(seen.asked),
            failures: seen.failures,
            cost,
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
        write!(f, "{}", self.cost)?;
        let (join, of_frames) = (Some(self.join_ms), self.frame_ms);
        let rows = [("join", join), ("signalling", self.signal_ms), ("delay", self.delay_ms), ("of frames", of_frames)];
        table(f, rows.into_iter().filter_map(|(name, summary)| Some((name, summary?))))
    }
}
