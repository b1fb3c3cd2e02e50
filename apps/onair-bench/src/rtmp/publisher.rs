//! An RTMP publisher of a made-up stream, on a thread of its own.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use wire::rtmp::kind;

use super::{Aim, Client, RtmpUrl};
use crate::generate::{Generator, Ledger, PPS, SPS, Shape, mark};

/// AAC-LC, 48 kHz, stereo; and a frame of silence in it.
const AAC: [u8; 2] = [0x11, 0x90];
const SILENCE: [u8; 6] = [0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c];
const SAMPLES: u64 = 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// A publisher that runs; ends when dropped.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<io::Result<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    is_ready: AtomicBool,
    messages: AtomicU64,
    bytes: AtomicU64,
}

/// Begins to publish there; returns at once.
pub fn publish(url: &RtmpUrl, shape: Shape, ledger: Ledger) -> Publisher {
    let shared = Arc::new(Shared::default());
    let (url, told) = (url.clone(), shared.clone());
    let thread = thread::spawn(move || run(&url, shape, &ledger, &told));
    Publisher { shared, thread: Some(thread) }
}

impl Publisher {
    /// Media flows.
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready.load(Ordering::Relaxed)
    }

    /// It has given up.
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(thread::JoinHandle::is_finished)
    }

    /// Messages and bytes so far.
    pub fn done(&self) -> (u64, u64) {
        (self.shared.messages.load(Ordering::Relaxed), self.shared.bytes.load(Ordering::Relaxed))
    }

    /// Ends it; says why it had ended before, if it had.
    pub fn end(&mut self) -> io::Result<()> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let panicked = || Err(io::Error::other("a publisher panicked"));
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or_else(|_| panicked()))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // Why it ended was asked for before, or is of no interest.
        let _ = self.end();
    }
}

fn run(url: &RtmpUrl, shape: Shape, ledger: &Ledger, shared: &Shared) -> io::Result<()> {
    let address = url.address().to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut out = BytesMut::new();
    let mut client = Client::new(url, Aim::Publish, &mut out);
    let mut buffer = [0; 4096];
    while !client.is_open() {
        stream.write_all(&out)?;
        out.clear();
        let got = stream.read(&mut buffer)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        client.feed(buffer.get(..got).unwrap_or_default(), &mut out, |_| {}).map_err(io::Error::other)?;
    }
    // From now on the server is heard in passing.
    stream.set_read_timeout(Some(Duration::from_millis(1)))?;
    Client::send(kind::VIDEO, 0, &[&[0x17, 0, 0, 0, 0][..], &configuration()].concat(), &mut out);
    Client::send(kind::AUDIO, 0, &[&[0xaf, 0][..], &AAC].concat(), &mut out);
    let mut generator = Generator::new(shape);
    let (begin, fps) = (Instant::now(), shape.fps.max(1));
    let (mut frames, mut sounds, mut body) = (0u32, 0u64, Vec::new());
    while !shared.stop.load(Ordering::Relaxed) {
        let next_frame = Duration::from_secs(1) * frames / fps;
        let next_sound = Duration::from_nanos(sounds * SAMPLES * 1_000_000_000 / 48_000);
        thread::sleep(next_frame.min(next_sound).saturating_sub(begin.elapsed()));
        let now = begin.elapsed();
        if now >= next_sound {
            sounds += 1;
            Client::send(kind::AUDIO, next_sound.as_millis() as u32, &[&[0xaf, 1][..], &SILENCE].concat(), &mut out);
            shared.messages.fetch_add(1, Ordering::Relaxed);
        }
        if now >= next_frame {
            frames += 1;
            let unit = generator.next_unit(false);
            body.clear();
            body.extend_from_slice(&[if unit.is_key { 0x17 } else { 0x27 }, 1, 0, 0, 0]);
            body.extend_from_slice(&(unit.slice.len() as u32).to_be_bytes());
            body.extend_from_slice(&unit.slice);
            if let Some(mark) = mark(&body) {
                ledger.sent(mark, Instant::now());
            }
            Client::send(kind::VIDEO, next_frame.as_millis() as u32, &body, &mut out);
            shared.messages.fetch_add(1, Ordering::Relaxed);
            shared.is_ready.store(true, Ordering::Relaxed);
        }
        shared.bytes.fetch_add(out.len() as u64, Ordering::Relaxed);
        stream.write_all(&out)?;
        out.clear();
        match stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(got) => {
                let heard = buffer.get(..got).unwrap_or_default();
                client.feed(heard, &mut out, |_| {}).map_err(io::Error::other)?;
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// AVCDecoderConfigurationRecord of the made-up stream.
fn configuration() -> Vec<u8> {
    let mut record = vec![1, 0x42, 0xc0, 0x28, 0xff, 0xe1];
    record.extend_from_slice(&(SPS.len() as u16).to_be_bytes());
    record.extend_from_slice(SPS);
    record.push(1);
    record.extend_from_slice(&(PPS.len() as u16).to_be_bytes());
    record.extend_from_slice(PPS);
    record
}
