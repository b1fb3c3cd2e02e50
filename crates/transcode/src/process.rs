use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use rustix::process::{Pid, Resource, Rlimit};
use tokio::io::{AsyncReadExt, BufReader, Interest};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinSet;
use tracing::{Instrument, warn};

use crate::protocol::pictures::Hardware;
use crate::protocol::{self, Malformed, Order, Report};
use crate::watchdog::CHEW;

/// Processor seconds that a worker has in advance.
const CPU_AHEAD: u64 = 5;
/// Of a worker's complaints, so much is passed on.
const LOG_BYTES: u64 = 16 << 10;

/// What a worker may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// What it is told to get ready for.
    pub(crate) kind: &'static str,
    /// Memory beyond what it has when it locks itself in.
    pub(crate) memory_bytes: u64,
    /// Of one processor, for as long as it has lived.
    pub(crate) percent: u32,
    /// How long it may chew on one frame.
    pub(crate) chew: Duration,
    /// What it encodes with, whose devices it may use.
    pub(crate) hardware: Hardware,
    /// Which of them; empty for the first.
    pub(crate) device: PathBuf,
}

impl Grant {
    /// For sound, a still, or the demo's own picture.
    pub(crate) const SMALL: Self = Self {
        kind: "sound",
        memory_bytes: 256 << 20,
        percent: 50,
        chew: CHEW,
        hardware: Hardware::None,
        device: PathBuf::new(),
    };
}

/// A worker at work. Dropping it kills it, and the runtime reaps it.
pub(crate) struct Process {
    child: Child,
    socket: UnixStream,
    grant: Grant,
    inbox: BytesMut,
    outbox: BytesMut,
    /// Passes on what it complains about; ends with it.
    _log: JoinSet<()>,
}

/// What happened at the socket.
pub(crate) enum Event {
    Report(Report),
    /// All orders are on their way.
    Flushed,
    /// It is gone, or as good as.
    Closed,
}

/// Why a worker can no longer be talked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl Process {
    /// Starts a worker whose standard input is one end of a socket pair. It gets nothing else of ours: no
    /// environment, no directory, no other file.
    pub(crate) fn start(program: &Path, grant: Grant) -> io::Result<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut child = Command::new(program)
            .arg(grant.kind)
            .arg(format!("--memory={}", grant.memory_bytes))
            .args(grant.hardware.name().map(|name| format!("--hardware={name}")))
            .args((!grant.device.as_os_str().is_empty()).then(|| format!("--device={}", grant.device.display())))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // What is typed at the server's terminal is not meant for it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let mut log = JoinSet::new();
        if let Some(stderr) = child.stderr.take() {
            log.spawn(pass_on(stderr).in_current_span());
        }
        let socket = UnixStream::from_std(ours)?;
        let process = Self { child, socket, grant, inbox: BytesMut::new(), outbox: BytesMut::new(), _log: log };
        process.grant(Duration::ZERO);
        Ok(process)
    }

    /// Lets it have its share of processor time for as long as it has lived, and some seconds in advance. It cannot raise that by
    /// itself, and dies of going beyond.
    pub(crate) fn grant(&self, lived: Duration) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let limit = Rlimit {
            current: Some(CPU_AHEAD + lived.as_secs().saturating_mul(self.grant.percent.into()) / 100),
            maximum: None,
        };
        if let Some(pid) = pid {
            // Where somebody limited us there is a limit already.
            let _ = rustix::process::prlimit(Some(pid), Resource::Cpu, limit);
        }
    }

    /// Which process it is, while it lives.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    pub(crate) fn send(&mut self, order: &Order) {
        protocol::write(order, &mut self.outbox);
    }

    /// Everything sent is on its way.
    pub(crate) fn is_flushed(&self) -> bool {
        self.outbox.is_empty()
    }

    /// What happens next. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Result<Event, Failure> {
        loop {
            if let Some(report) = protocol::parse(&mut self.inbox)? {
                return Ok(Event::Report(report));
            }
            let had_orders = !self.outbox.is_empty();
            let interest = if had_orders { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let ready = self.socket.ready(interest).await?;
            if ready.is_readable() {
                match self.socket.try_read_buf(&mut self.inbox) {
                    Ok(0) => return Ok(Event::Closed),
                    Ok(_) => continue,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Event::Closed),
                    Err(error) => return Err(error.into()),
                }
            }
            if ready.is_writable() && had_orders {
                match self.socket.try_write(&self.outbox) {
                    Ok(written) => self.outbox.advance(written),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Event::Closed),
                    Err(error) => return Err(error.into()),
                }
                if self.outbox.is_empty() {
                    return Ok(Event::Flushed);
                }
            }
        }
    }

    /// Kills it, if it lives, and reaps it.
    pub(crate) async fn end(mut self) -> Option<ExitStatus> {
        let _ = self.child.start_kill();
        self.child.wait().await.ok()
    }
}

/// Writes a worker's complaints to our log, so many of them and no more.
async fn pass_on(stderr: ChildStderr) {
    let mut text = Vec::new();
    let mut left = BufReader::new(stderr).take(LOG_BYTES);
    let mut chunk = [0; 1024];
    while let Ok(count @ 1..) = left.read(&mut chunk).await {
        text.extend_from_slice(chunk.get(..count).unwrap_or_default());
        while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            warn!("worker: {}", String::from_utf8_lossy(&line).trim_end().escape_debug());
        }
    }
    // It may go on, to nobody.
    let mut rest = left.into_inner();
    while let Ok(1..) = rest.read(&mut chunk).await {}
}
