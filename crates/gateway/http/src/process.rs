//! What the operating system says about this process, where it is Linux.

use std::fs;

/// Figures of the process, each where it can be had.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Process {
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) threads: Option<u64>,
    pub(crate) cpu_secs: Option<f64>,
    pub(crate) open_fds: Option<u64>,
}

impl Process {
    pub(crate) fn now() -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let open_fds = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64);
        Self { open_fds, ..Self::parse(&read("status"), &read("stat")) }
    }

    fn parse(status: &str, stat: &str) -> Self {
        let line = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value?.split_whitespace().next()?.parse::<u64>().ok()
        };
        // The name of the program stands in parentheses and may hold anything.
        let times = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
        let ticks = times.and_then(|times| times.map(|ticks| ticks.parse::<u64>().ok()).sum::<Option<u64>>());
        Self {
            resident_bytes: line("VmRSS").map(|kib| kib.saturating_mul(1024)),
            threads: line("Threads"),
            // Linux shows times in hundredths of a second on every machine.
            cpu_secs: ticks.filter(|_| !stat.is_empty()).map(|ticks| ticks as f64 / 100.0),
            open_fds: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_linux_shows() {
        let status = "Name:\tx y) z\nVmRSS:\t   20480 kB\nThreads:\t3\n";
        let stat = "42 (x y) z) S 1 42 42 0 -1 4194560 900 0 0 0 150 25 0 0 20 0 3 0 100 1 2";
        let process = Process::parse(status, stat);
        assert_eq!(process.resident_bytes, Some(20 << 20));
        assert_eq!(process.threads, Some(3));
        assert_eq!(process.cpu_secs, Some(1.75));
        assert_eq!(Process::parse("", ""), Process::default());
    }
}
