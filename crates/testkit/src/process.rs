//! What a process costs, from /proc.

use std::fs;
use std::process::Command;
use std::time::Duration;

/// Resident memory in bytes.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its resident size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// Processor time of all its threads so far.
pub fn busy(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    let after_name = stat.rsplit_once(") ").expect("a name in brackets").1;
    let ticks = after_name.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("ticks")).sum::<u64>();
    Duration::from_millis(ticks * 10)
}

/// Open file descriptors.
pub fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("a running process").count()
}

/// Threads.
pub fn threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).expect("a running process").count()
}

/// The processes that it has started and not yet reaped.
pub fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("a running process").flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().expect("a number")).collect::<Vec<_>>())
        .collect()
}

/// Ends a process as `kill -9` does.
pub fn kill(pid: u32) {
    let status = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "{pid} cannot be killed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_size_and_age() {
        let pid = std::process::id();
        assert!(resident_bytes(pid) > 1 << 20);
        assert!(open_files(pid) >= 3);
        let start = busy(pid);
        while busy(pid) == start {
            std::hint::black_box(vec![0u8; 1 << 16]);
        }
    }
}
