//! What processes and the machine spend, read from `/proc`.

use std::fs;
use std::path::Path;

/// CPU time and memory of some processes together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Milliseconds on a processor since they began.
    pub cpu_ms: f64,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
}

/// Time of the whole machine since it began, in ticks of any length.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Machine {
    idle: u64,
    steal: u64,
    all: u64,
}

/// Nanoseconds on a processor, from the text of `schedstat`.
fn schedstat_ns(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Resident bytes, from the text of `status`.
fn rss_bytes(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()?.saturating_mul(1024))
}

/// From the first line of `/proc/stat`.
fn machine(text: &str) -> Option<Machine> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
    let at = |index: usize| ticks.get(index).copied().unwrap_or(0);
    Some(Machine { idle: at(3) + at(4), steal: at(7), all: ticks.iter().take(8).sum() })
}

impl Spent {
    /// Of those processes, all threads; `None` where one of them is gone.
    pub fn of(pids: &[u32]) -> Option<Self> {
        pids.iter().map(|&pid| Self::of_one(Path::new("/proc").join(pid.to_string()).as_path())).sum()
    }

    /// Of this process.
    pub fn own() -> Self {
        Self::of_one(Path::new("/proc/self")).unwrap_or_default()
    }

    fn of_one(proc: &Path) -> Option<Self> {
        let rss_bytes = rss_bytes(&fs::read_to_string(proc.join("status")).ok()?)?;
        let threads = fs::read_dir(proc.join("task")).ok()?.flatten();
        let ns = threads.filter_map(|thread| schedstat_ns(&fs::read_to_string(thread.path().join("schedstat")).ok()?));
        Some(Self { cpu_ms: ns.sum::<u64>() as f64 / 1e6, rss_bytes })
    }

    /// CPU milliseconds since `before`.
    pub fn cpu_ms_since(&self, before: &Self) -> f64 {
        (self.cpu_ms - before.cpu_ms).max(0.0)
    }
}

impl std::iter::Sum for Spent {
    fn sum<I: Iterator<Item = Self>>(spent: I) -> Self {
        spent.fold(Self::default(), |a, b| Self { cpu_ms: a.cpu_ms + b.cpu_ms, rss_bytes: a.rss_bytes + b.rss_bytes })
    }
}

impl Machine {
    /// As of now.
    pub fn now() -> Self {
        fs::read_to_string("/proc/stat").ok().as_deref().and_then(machine).unwrap_or_default()
    }

    /// Percent of the time since `before` that all processors together were idle, and that the host took away.
    pub fn idle_and_steal_percent(&self, before: &Self) -> (f64, f64) {
        let all = self.all.saturating_sub(before.all).max(1) as f64;
        let percent = |now: u64, then: u64| now.saturating_sub(then) as f64 * 100.0 / all;
        (percent(self.idle, before.idle), percent(self.steal, before.steal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_understood() {
        assert_eq!(schedstat_ns("123456789 42 7\n"), Some(123_456_789));
        assert_eq!(rss_bytes("Name:\tx\nVmRSS:\t   2048 kB\nThreads:\t1\n"), Some(2 << 20));
        let before = machine("cpu  10 0 10 70 10 0 0 0 0 0\ncpu0 1 1 1 1\n").unwrap();
        let after = machine("cpu  60 0 10 100 30 0 0 0 0 0\n").unwrap();
        assert_eq!(after.idle_and_steal_percent(&before), (50.0, 0.0));
    }

    #[test]
    fn one_can_see_oneself() {
        let before = Spent::own();
        assert!(before.rss_bytes > 0);
        let mut n = 0u64;
        while Spent::own().cpu_ms_since(&before) < 5.0 {
            n = (0..100_000).fold(n, |a, b| a ^ b);
        }
        assert!(Spent::of(&[std::process::id()]).is_some());
        assert_eq!(Spent::of(&[u32::MAX]), None);
    }
}
