//! Scripted RTMP clients: a publisher that says exactly what a test wants said, right or wrong, and a player.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::flv::{Kind, Tag};

const CHUNK: usize = 4096;
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that publishes.
pub struct Publisher {
    socket: TcpStream,
    stream: u32,
    closed: Arc<AtomicBool>,
}

/// Why the server did not let us publish.
#[derive(Debug)]
pub enum Refusal {
    /// The code of its status, such as `NetStream.Publish.BadName`.
    Status(String),
    /// It closed the connection, or never answered.
    Silence(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Silence(error)
    }
}

impl Publisher {
    /// Connects to `app` and publishes `key`, as OBS and librtmp do.
    pub fn publish(server: SocketAddr, app: &str, key: &str) -> Result<Self, Refusal> {
        let (mut socket, mut replies) = connect(server, app)?;
        for (command, id) in [("releaseStream", 2.0), ("FCPublish", 3.0)] {
            let mut body = amf_command(command, id);
            body.push(5);
            body.extend(amf_string(key));
            send(&mut socket, 3, 20, 0, 0, &body)?;
        }
        let stream = create_stream(&mut socket, &mut replies)?;

        let mut publish = amf_command("publish", 5.0);
        publish.push(5);
        publish.extend(amf_string(key));
        publish.extend(amf_string("live"));
        send(&mut socket, 3, 20, stream, 0, &publish)?;
        replies.wait_for(&mut socket, "NetStream.Publish.Start")?;

        let closed = Arc::new(AtomicBool::new(false));
        let (mut reader, flag) = (socket.try_clone()?, closed.clone());
        reader.set_read_timeout(None)?;
        thread::spawn(move || {
            while reader.read(&mut [0; 4096]).is_ok_and(|len| len > 0) {}
            flag.store(true, Ordering::Relaxed);
        });
        Ok(Self { socket, stream, closed })
    }

    /// Sends one message with the timestamp `time_ms`, whatever the tag says.
    pub fn send_at(&mut self, tag: &Tag, time_ms: u32) -> io::Result<()> {
        let csid = if tag.kind == Kind::Audio { 4 } else { 6 };
        send(&mut self.socket, csid, tag.kind as u8, self.stream, time_ms, &tag.body)
    }

    /// Sends all tags, `speed` times as fast as real time, stamped as `stamp` says; stops at the first error.
    pub fn play(&mut self, tags: &[Tag], speed: f64, mut stamp: impl FnMut(&Tag) -> Option<u32>) -> io::Result<()> {
        let start = Instant::now();
        let first = tags.first().map_or(0, |tag| tag.time_ms);
        for tag in tags {
            let due = start + Duration::from_millis(u64::from(tag.time_ms.saturating_sub(first))).div_f64(speed);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if let Some(time_ms) = stamp(tag) {
                self.send_at(tag, time_ms)?;
            }
        }
        Ok(())
    }

    /// Sends raw bytes in the midst of the conversation.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Says goodbye as OBS does.
    pub fn finish(mut self) {
        let mut goodbye = amf_command("deleteStream", 6.0);
        goodbye.push(5);
        goodbye.push(0);
        goodbye.extend(f64::from(self.stream).to_be_bytes());
        let _ = send(&mut self.socket, 3, 20, 0, 0, &goodbye);
    }

    /// The server hung up.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// Dropped, it is gone without a word, like a publisher that was killed.
impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }
}

/// A connection that plays.
pub struct Player {
    socket: TcpStream,
    replies: Replies,
}

impl Player {
    /// Connects to `app` and plays `key`, up to the server's word that it begins.
    pub fn play(server: SocketAddr, app: &str, key: &str) -> Result<Self, Refusal> {
        let (mut socket, mut replies) = connect(server, app)?;
        let stream = create_stream(&mut socket, &mut replies)?;
        let mut play = amf_command("play", 5.0);
        play.push(5);
        play.extend(amf_string(key));
        send(&mut socket, 3, 20, stream, 0, &play)?;
        replies.wait_for(&mut socket, "NetStream.Play.Start")?;
        Ok(Self { socket, replies })
    }

    /// The next message: its type and payload.
    pub fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let Message { kind, body, .. } = self.replies.read(&mut self.socket)?;
        if kind == 1 {
            self.replies.chunk = body[..].try_into().ok().map(|size| u32::from_be_bytes(size) as usize);
        }
        Ok((kind, body))
    }
}

fn connect(server: SocketAddr, app: &str) -> Result<(TcpStream, Replies), Refusal> {
    let mut socket = shake_hands(server)?;
    let mut replies = Replies::default();
    send(&mut socket, 2, 1, 0, 0, &(CHUNK as u32).to_be_bytes())?;
    let url = format!("rtmp://{server}/{app}");
    let mut connect = amf_command("connect", 1.0);
    connect.push(3);
    for (name, value) in [("app", app), ("type", "nonprivate"), ("flashVer", "FMLE/3.0"), ("tcUrl", &url)] {
        connect.extend(amf_name(name));
        connect.extend(amf_string(value));
    }
    connect.extend([0, 0, 9]);
    send(&mut socket, 3, 20, 0, 0, &connect)?;
    replies.wait_for(&mut socket, "_result")?;
    Ok((socket, replies))
}

fn create_stream(socket: &mut TcpStream, replies: &mut Replies) -> Result<u32, Refusal> {
    let mut create = amf_command("createStream", 4.0);
    create.push(5);
    send(socket, 3, 20, 0, 0, &create)?;
    let created = replies.wait_for_answer(socket, 4.0)?;
    let stream = created.get(created.len().saturating_sub(8)..).and_then(|last| last.try_into().ok());
    Ok(f64::from_be_bytes(stream.expect("a stream id ends the answer")) as u32)
}

/// Connects and goes through the simple handshake.
pub fn shake_hands(server: SocketAddr) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect_timeout(&server, PATIENCE)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut c0c1 = vec![0; 1537];
    c0c1[0] = 3;
    for (i, byte) in c0c1.iter_mut().enumerate().skip(9) {
        *byte = (i * 31) as u8;
    }
    socket.write_all(&c0c1)?;
    let mut s0s1s2 = vec![0; 3073];
    socket.read_exact(&mut s0s1s2)?;
    socket.write_all(&s0s1s2[1..1537])?;
    Ok(socket)
}

/// Writes one message in chunks of 4096 bytes, the extended timestamp on every chunk that needs one (R3).
fn send(socket: &mut TcpStream, csid: u8, kind: u8, stream: u32, time_ms: u32, body: &[u8]) -> io::Result<()> {
    let extended = time_ms >= 0xff_ffff;
    let short = if extended { 0xff_ffff } else { time_ms };
    let mut bytes = vec![csid];
    bytes.extend(&short.to_be_bytes()[1..]);
    bytes.extend(&(body.len() as u32).to_be_bytes()[1..]);
    bytes.push(kind);
    bytes.extend(stream.to_le_bytes());
    // Everything before the client's own Set Chunk Size still goes by 128; only that message itself is that early.
    for (i, run) in body.chunks(CHUNK).enumerate() {
        if i > 0 {
            bytes.push(0xc0 | csid);
        }
        if extended {
            bytes.extend(time_ms.to_be_bytes());
        }
        bytes.extend(run);
    }
    socket.write_all(&bytes)
}

fn amf_command(name: &str, transaction: f64) -> Vec<u8> {
    let mut bytes = amf_string(name);
    bytes.push(0);
    bytes.extend(transaction.to_be_bytes());
    bytes
}

fn amf_string(text: &str) -> Vec<u8> {
    let mut bytes = vec![2];
    bytes.extend(amf_name(text));
    bytes
}

fn amf_name(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// Messages from the server, put together from its chunks.
#[derive(Default)]
struct Replies {
    chunk: Option<usize>,
    streams: std::collections::HashMap<u8, Message>,
}

#[derive(Default)]
struct Message {
    len: usize,
    kind: u8,
    extended: bool,
    body: Vec<u8>,
}

impl Replies {
    /// Reads commands until one holds `word`; an error status instead is a refusal.
    fn wait_for(&mut self, socket: &mut TcpStream, word: &str) -> Result<Vec<u8>, Refusal> {
        self.wait(socket, |body| contains(body, word.as_bytes()))
    }

    /// Reads commands until the `_result` of that transaction.
    fn wait_for_answer(&mut self, socket: &mut TcpStream, transaction: f64) -> Result<Vec<u8>, Refusal> {
        let mut head = amf_command("_result", transaction);
        head.truncate(10 + 9);
        self.wait(socket, |body| body.starts_with(&head))
    }

    fn wait(&mut self, socket: &mut TcpStream, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>, Refusal> {
        loop {
            let Message { kind, body, .. } = self.read(socket)?;
            match kind {
                1 => self.chunk = body.try_into().ok().map(|size| u32::from_be_bytes(size) as usize),
                20 if wanted(&body) => return Ok(body),
                20 if contains(&body, b"error") && contains(&body, b"level") => {
                    return Err(Refusal::Status(code(&body)));
                }
                _ => {}
            }
        }
    }

    fn read(&mut self, socket: &mut TcpStream) -> io::Result<Message> {
        loop {
            let [basic] = take(socket)?;
            let message = self.streams.entry(basic & 63).or_default();
            let fmt = basic >> 6;
            if fmt < 3 {
                let time: [u8; 3] = take(socket)?;
                message.extended = time == [0xff; 3];
            }
            if fmt < 2 {
                let [a, b, c, kind] = take(socket)?;
                message.len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                message.kind = kind;
            }
            if fmt == 0 {
                let _: [u8; 4] = take(socket)?;
            }
            if message.extended {
                let _: [u8; 4] = take(socket)?;
            }
            let start = message.body.len();
            let run = (message.len - start).min(self.chunk.unwrap_or(128));
            message.body.resize(start + run, 0);
            socket.read_exact(&mut message.body[start..])?;
            if message.body.len() == message.len {
                let body = std::mem::take(&mut message.body);
                return Ok(Message { body, ..*message });
            }
        }
    }
}

fn take<const N: usize>(socket: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    socket.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn contains(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|window| window == word)
}

/// The string after the name `code` in a status.
fn code(body: &[u8]) -> String {
    let at = body.windows(7).position(|window| window == b"\0\x04code\x02").map_or(body.len(), |at| at + 7);
    match body.get(at..) {
        Some([a, b, text @ ..]) => {
            let len = usize::from(u16::from_be_bytes([*a, *b])).min(text.len());
            String::from_utf8_lossy(&text[..len]).into_owned()
        }
        _ => String::new(),
    }
}
