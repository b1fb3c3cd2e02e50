//! Each thing that a worker must not be able to do is tried from within its walls, and refused.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

use onair_transcoder::sandbox::{self, Limits};
use rustix::process::{Resource, Rlimit, prlimit};

const TRY: &str = "ONAIR_TRY";

/// Tries one thing in a process of its own, locked in as a worker is.
fn try_it(what: &str) -> ExitStatus {
    let mut tried = Command::new(std::env::current_exe().unwrap());
    tried.args(["--exact", "within_the_walls", "--nocapture"]).env(TRY, what);
    tried.stdout(std::process::Stdio::null()).status().unwrap()
}

/// No test by itself: what [`try_it`] runs. Its exit status says how it went: 0 refused, 1 done.
#[test]
fn within_the_walls() {
    let Ok(what) = std::env::var(TRY) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let parent = rustix::process::getppid().unwrap();
    let devices = if what.starts_with("with a device") { vec!["/dev/full".into()] } else { Vec::new() };
    let is_locked = sandbox::enter(&Limits { memory_bytes: 64 << 20, devices }).is_ok();
    let refused = |outcome: io::Result<()>| outcome.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    let is_refused = is_locked
        && match what.as_str() {
            "read a file" => refused(File::open("/etc/passwd").map(drop)),
            "write a file" => refused(File::create("/tmp/onair-transcoder-was-here").map(drop)),
            "list a directory" => refused(std::fs::read_dir("/").map(drop)),
            "remove a file" => refused(std::fs::remove_file("/tmp/onair-transcoder-was-here")),
            "connect" => refused(TcpStream::connect(address).map(drop)),
            "listen" => refused(TcpListener::bind("127.0.0.1:0").map(drop)),
            "send a datagram" => refused(UdpSocket::bind("127.0.0.1:0").map(drop)),
            "accept" => refused(listener.accept().map(drop)),
            "open a socket pair" => refused(UnixStream::pair().map(drop)),
            "run a program" => Command::new("/bin/true").status().is_err(),
            "signal another process" => rustix::process::test_kill_process(parent) == Err(rustix::io::Errno::PERM),
            "raise its limits" => {
                let more = Rlimit { current: None, maximum: None };
                prlimit(None, Resource::Cpu, more) == Err(rustix::io::Errno::PERM)
            }
            "with a device, read a file" => refused(File::open("/etc/passwd").map(drop)),
            "with a device, open another" => refused(File::open("/dev/zero").map(drop)),
            "with a device, list a directory" => refused(std::fs::read_dir("/dev").map(drop)),
            "with a device, connect" => refused(TcpStream::connect(address).map(drop)),
            "with a device, run a program" => Command::new("/bin/true").status().is_err(),
            "with a device, open it" => {
                let opened = File::options().read(true).write(true).open("/dev/full");
                std::process::exit(i32::from(opened.is_err()))
            }
            "take memory" => Vec::<u8>::new().try_reserve_exact(512 << 20).is_err(),
            // What it may do.
            "think" => {
                let thread = std::thread::spawn(|| vec![1u64; 1 << 20].iter().sum::<u64>());
                std::process::exit(i32::from(thread.join().unwrap() != 1 << 20))
            }
            "spin" => loop {
                std::hint::spin_loop();
            },
            other => panic!("{other} is not on the list"),
        };
    std::process::exit(i32::from(!is_refused));
}

#[test]
fn a_worker_has_no_files() {
    for what in ["read a file", "write a file", "list a directory", "remove a file"] {
        assert_eq!(try_it(what).code(), Some(0), "{what}");
    }
}

#[test]
fn a_worker_has_no_network() {
    for what in ["connect", "listen", "send a datagram", "accept", "open a socket pair"] {
        assert_eq!(try_it(what).code(), Some(0), "{what}");
    }
}

#[test]
fn a_worker_reaches_no_other_process() {
    for what in ["run a program", "signal another process"] {
        assert_eq!(try_it(what).code(), Some(0), "{what}");
    }
}

#[test]
fn a_worker_is_held_to_its_memory() {
    assert_eq!(try_it("take memory").code(), Some(0));
    assert_eq!(try_it("raise its limits").code(), Some(0));
}

/// Hardware that encodes opens its own device, and nothing else.
#[test]
fn a_worker_with_a_device_has_that_one_alone() {
    for what in ["open it", "open another", "read a file", "list a directory", "connect", "run a program"] {
        let without_landlock = Command::new("cat").arg("/sys/kernel/security/lsm").output();
        let has_landlock = without_landlock.is_ok_and(|it| String::from_utf8_lossy(&it.stdout).contains("landlock"));
        if !has_landlock && ["open another", "read a file", "list a directory"].contains(&what) {
            eprintln!("skipped: this kernel has no Landlock, which tells files apart");
            continue;
        }
        assert_eq!(try_it(&format!("with a device, {what}")).code(), Some(0), "{what}");
    }
}

#[test]
fn a_worker_may_think() {
    assert_eq!(try_it("think").code(), Some(0));
}

#[test]
fn a_worker_that_only_burns_time_dies_of_it() {
    let mut tried = Command::new(std::env::current_exe().unwrap());
    tried.args(["--exact", "within_the_walls", "--nocapture"]).env(TRY, "spin").stdout(std::process::Stdio::null());
    let mut child = tried.spawn().unwrap();
    // As the server does it.
    let limit = Rlimit { current: Some(1), maximum: None };
    prlimit(rustix::process::Pid::from_raw(child.id().cast_signed()), Resource::Cpu, limit).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGXCPU));
}
