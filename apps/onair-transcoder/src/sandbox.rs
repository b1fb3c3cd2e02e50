//! Locks the process in, before the first byte of media: from here on it can think, read its socket and write to it.
//!
//! Two walls on Linux. Landlock shuts the file system and TCP, as far as the kernel knows it. A seccomp filter leaves only
//! the system calls that thinking takes; all others fail with EPERM. Whoever breaks out of a decoder finds no files, no
//! network, no other program and no other process. Limits hold memory and files; the server holds processor time.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// What the process may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Memory beyond what is mapped when it locks itself in.
    pub memory_bytes: u64,
    /// The files of devices that encode, which may be used: a wider door, for those who have set that.
    pub devices: Vec<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 256 << 20, devices: Vec::new() }
    }
}

/// Locks this thread in, and all that it will ever start. True if Landlock holds too; the filter always does, or it fails.
pub fn enter(limits: &Limits) -> Result<bool, Box<dyn Error>> {
    let mapped = mapped_bytes()?;
    let has_landlock = shut_files(&limits.devices)?;
    bound(limits, mapped)?;
    for filter in [without_clone3()?, filter(!limits.devices.is_empty())?] {
        let program: BpfProgram = filter.try_into()?;
        // Sets no_new_privs first.
        seccompiler::apply_filter(&program)?;
    }
    Ok(has_landlock)
}

/// The address space in use.
fn mapped_bytes() -> Result<u64, Box<dyn Error>> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split_whitespace().next().ok_or("no size of this process")?.parse()?;
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

fn bound(limits: &Limits, mapped: u64) -> Result<(), Box<dyn Error>> {
    let hard = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    // Drivers map what their devices have, which is no memory of ours.
    if limits.devices.is_empty() {
        setrlimit(Resource::As, hard(mapped.saturating_add(limits.memory_bytes)))?;
    }
    // Nothing is written to disk, not even when it crashes.
    setrlimit(Resource::Core, hard(0))?;
    setrlimit(Resource::Fsize, hard(0))?;
    // No file beyond those that are open.
    setrlimit(Resource::Nofile, hard(if limits.devices.is_empty() { 4 } else { 256 }))?;
    // Pictures and sound come after the server.
    let _ = rustix::process::nice(5);
    Ok(())
}

/// No file can be opened, by whatever name; no TCP port either, and no process outside is within reach.
fn shut_files(but: &[PathBuf]) -> Result<bool, Box<dyn Error>> {
    let newest = ABI::V6;
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?;
    let mut created = ruleset.create()?;
    // Those that are not there are passed over.
    let use_them = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::ReadDir | AccessFs::IoctlDev;
    created = created.add_rules(landlock::path_beneath_rules(but, use_them))?;
    let status = created.restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// System calls that thinking takes: memory, time, threads, locks, and reading and writing what is open.
const THINKING: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_membarrier,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_tgkill,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    // The other filter has its say about it.
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What `clone3` starts a filter cannot see, as it stands in memory. A kernel that does not know it makes the C library ask for
/// `clone` instead.
fn without_clone3() -> Result<SeccompFilter, Box<dyn Error>> {
    let rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, unknown, std::env::consts::ARCH.try_into()?)?)
}

fn filter(and_devices: bool) -> Result<SeccompFilter, Box<dyn Error>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = THINKING.iter().map(|&call| (call, Vec::new())).collect();
    let masked = |argument, mask: i32, value: i32| -> Result<SeccompRule, seccompiler::BackendError> {
        let operator = SeccompCmpOp::MaskedEq(mask.unsigned_abs().into());
        let value = value.unsigned_abs().into();
        SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, operator, value)?])
    };
    if and_devices {
        // Landlock has its say about which files.
        let calls =
            [libc::SYS_ioctl, libc::SYS_openat, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_fcntl, libc::SYS_dup];
        rules.extend(calls.map(|call| (call, Vec::new())));
    }
    // Memory, but none that could be run.
    rules.insert(libc::SYS_mmap, vec![masked(2, libc::PROT_EXEC, 0)?]);
    rules.insert(libc::SYS_mprotect, vec![masked(2, libc::PROT_EXEC, 0)?]);
    // Threads, but no processes.
    rules.insert(libc::SYS_clone, vec![masked(0, libc::CLONE_THREAD, libc::CLONE_THREAD)?]);
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    Ok(SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?)
}
