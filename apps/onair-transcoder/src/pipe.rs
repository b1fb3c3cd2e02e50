//! The worker's end of the conversation: plain blocking reads and writes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use bytes::BytesMut;
use transcode::protocol::{self, Order, Report};

/// One end of the socket pair. As a file, so that no system call of sockets is needed.
pub struct Pipe {
    file: File,
    inbox: BytesMut,
    outbox: BytesMut,
}

impl Pipe {
    /// Talks over that socket.
    pub fn new(socket: OwnedFd) -> Self {
        Self { file: socket.into(), inbox: BytesMut::new(), outbox: BytesMut::new() }
    }

    /// Waits for the next order; `None` when the server has hung up.
    pub fn receive(&mut self) -> io::Result<Option<Order>> {
        let mut chunk = [0; 16 << 10];
        loop {
            let parsed = protocol::parse(&mut self.inbox);
            if let Some(order) = parsed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
                return Ok(Some(order));
            }
            match self.file.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(count) => self.inbox.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Says something; returns when it is on its way.
    pub fn send(&mut self, report: &Report) -> io::Result<()> {
        self.outbox.clear();
        protocol::write(report, &mut self.outbox);
        self.file.write_all(&self.outbox)
    }
}
