//! What a measurement cost: the server, the generator, the machine.

use std::fmt;

use serde::Serialize;

use crate::plan::Measured;

/// CPU and memory within the window of measurement.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cost {
    /// What the server spent; `None` where it was not watched, or is gone.
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
    /// CPU microseconds per packet that came to a viewer, where there are packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_packet: Option<f64>,
    /// Resident memory when measuring began, mebibytes.
    pub rss_mib_before: f64,
    /// And at the end.
    pub rss_mib: f64,
}

impl Cost {
    /// Of a measurement with so many viewers, to whom so many packets came.
    pub(crate) fn new<S>(measured: &Measured<S>, viewers: usize, packets: Option<u64>) -> Self {
        let Measured { before, after, .. } = measured;
        let seconds = measured.seconds();
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let server = before.server.zip(after.server).map(|(before, after)| {
            let cpu_ms = after.cpu_ms_since(&before);
            Server {
                cores: cpu_ms / 1000.0 / seconds,
                cpu_ms_per_viewer_second: cpu_ms / seconds / viewers.max(1) as f64,
                cpu_us_per_packet: packets.map(|packets| cpu_ms * 1000.0 / packets.max(1) as f64),
                rss_mib_before: mib(before.rss_bytes),
                rss_mib: mib(after.rss_bytes),
            }
        });
        let (machine_idle_percent, machine_steal_percent) = after.machine.idle_and_steal_percent(&before.machine);
        let generator_cores = after.own.cpu_ms_since(&before.own) / 1000.0 / seconds;
        Self { server, generator_cores, machine_idle_percent, machine_steal_percent }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(server) = &self.server {
            let Server { cores, cpu_ms_per_viewer_second, cpu_us_per_packet, rss_mib_before, rss_mib } = server;
            write!(f, "  server CPU       ")?;
            if let Some(cpu_us_per_packet) = cpu_us_per_packet {
                write!(f, "{cpu_us_per_packet:.2} µs per packet, ")?;
            }
            writeln!(f, "{cpu_ms_per_viewer_second:.3} ms per viewer-second ({cores:.2} cores)")?;
            writeln!(f, "  server memory    {rss_mib_before:.1} MiB, at the end {rss_mib:.1} MiB")?;
        }
        let Self { generator_cores, machine_idle_percent, machine_steal_percent, .. } = self;
        writeln!(
            f,
            "  machine          {machine_idle_percent:.0} % idle, {machine_steal_percent:.1} % stolen; \
            generator {generator_cores:.2} cores"
        )
    }
}
