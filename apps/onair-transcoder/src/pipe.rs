//! The worker's end of the conversation: plain blocking reads and writes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use transcode::protocol::{self, Order, Report};

/// Hears what the server orders. The socket pair's end as a file, so that no system call of sockets is needed.
pub struct Ear {
    file: Arc<File>,
    inbox: BytesMut,
}

/// Tells the server what was made; from whatever thread.
#[derive(Clone)]
pub struct Mouth {
    inner: Arc<Mutex<Outbox>>,
}

struct Outbox {
    file: Arc<File>,
    bytes: BytesMut,
}

/// Both ends of a conversation over that socket.
pub fn open(socket: OwnedFd) -> (Ear, Mouth) {
    let file = Arc::new(File::from(socket));
    let outbox = Outbox { file: file.clone(), bytes: BytesMut::new() };
    (Ear { file, inbox: BytesMut::new() }, Mouth { inner: Arc::new(Mutex::new(outbox)) })
}

impl Ear {
    /// Waits for the next order; `None` when the server has hung up. Calls `rested` if there was none at once.
    pub fn receive(&mut self, mut rested: impl FnMut()) -> io::Result<Option<Order>> {
        let mut chunk = [0; 64 << 10];
        loop {
            let parsed = protocol::parse(&mut self.inbox);
            if let Some(order) = parsed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
                return Ok(Some(order));
            }
            let mut wanted = [PollFd::new(&*self.file, PollFlags::IN)];
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            if poll(&mut wanted, Some(&at_once)).is_ok_and(|ready| ready == 0) {
                rested();
            }
            match (&*self.file).read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(count) => self.inbox.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Mouth {
    /// Says something; returns when it is on its way.
    pub fn say(&self, report: &Report) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Outbox { file, bytes } = &mut *inner;
        bytes.clear();
        protocol::write(report, bytes);
        (&**file).write_all(bytes)
    }
}
