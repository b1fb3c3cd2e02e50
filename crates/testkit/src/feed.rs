//! The [test card](crate::card) in real time, through ffmpeg, to a server.

use std::io::{BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::card::{Card, sample};
use crate::ffmpeg::{Audio, Video};

/// A test card on its way into a server, as a live encoder would send it.
pub struct Feed {
    /// What the picture is like.
    pub video: Video,
    /// What the sound is like, if there is any.
    pub audio: Option<Audio>,
    /// How long it runs; without it, until ffmpeg ends.
    pub length: Option<Duration>,
}

impl Feed {
    /// Starts ffmpeg, hands its process over at once, and feeds it from threads that end with it. An address of HTTP is
    /// one to publish at by WHIP.
    pub fn start(self, url: &str) -> Child {
        let sound = self.audio.as_ref().map(|_| TcpListener::bind("127.0.0.1:0").expect("a port for the sound"));
        let is_whip = url.starts_with("http");
        let mut ffmpeg = Command::new(if is_whip { ffmpeg_with_whip() } else { "ffmpeg".into() });
        ffmpeg.args(["-nostdin", "-hide_banner", "-loglevel", "fatal", "-fflags", "nobuffer"]);
        ffmpeg.args(["-probesize", "32", "-analyzeduration", "0", "-f", "rawvideo", "-pix_fmt", "yuv420p"]);
        ffmpeg.args(["-s", &format!("{}x{}", self.video.width, self.video.height)]);
        ffmpeg.args(["-r", &self.video.rate.to_string(), "-i", "pipe:0"]);
        if let (Some(audio), Some(port)) = (&self.audio, &sound) {
            let port = port.local_addr().expect("its address").port();
            if is_whip {
                ffmpeg.args(["-probesize", "32", "-analyzeduration", "0", "-f", "flv"]);
            } else {
                ffmpeg.args(["-probesize", "32", "-analyzeduration", "0", "-f", "s16le"]);
                ffmpeg.args(["-ar", &audio.rate_hz.to_string(), "-ac", "1"]);
            }
            ffmpeg.args(["-i", &format!("tcp://127.0.0.1:{port}")]);
        }
        ffmpeg.args(self.video.encoder());
        if is_whip {
            ffmpeg.args(["-profile:v", "baseline", "-c:a", "libopus", "-ar", "48000", "-ac", "2", "-f", "whip", url]);
        } else {
            if let Some(audio) = &self.audio {
                ffmpeg.args(audio.encoder());
            }
            ffmpeg.args(["-f", "flv", "-flvflags", "no_duration_filesize", url]);
        }
        let mut child = ffmpeg.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("ffmpeg is installed");

        let pipe = child.stdin.take().expect("its standard input");
        let length = self.length.unwrap_or(Duration::MAX);
        let start = Start::now();
        if let (Some(audio), Some(port)) = (self.audio, sound) {
            // A modern ffmpeg takes bare samples in blocks of 85 ms, and tags as they come.
            let wrap = if is_whip { as_flv } else { as_it_is };
            let rate_hz = if is_whip { FLV_RATE_HZ } else { audio.rate_hz };
            thread::spawn(move || {
                if let Ok((socket, _)) = port.accept() {
                    send_sound(socket, rate_hz, wrap, start, length);
                }
            });
        }
        let video = self.video;
        thread::spawn(move || send_pictures(BufWriter::with_capacity(1 << 20, pipe), &video, start, length));
        child
    }
}

/// An ffmpeg that publishes by WHIP, as FFmpeg 8 and later do: [`crate::ffmpeg::modern`], or else the system's.
pub fn ffmpeg_with_whip() -> PathBuf {
    crate::ffmpeg::modern().unwrap_or_else(|| "ffmpeg".into())
}

/// One instant on both clocks, so that picture and sound agree and neither follows a step of the wall clock.
#[derive(Clone, Copy)]
struct Start {
    at: Instant,
    unix_us: u64,
}

impl Start {
    fn now() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
        Self { at: Instant::now(), unix_us: unix.as_micros() as u64 }
    }

    fn wait(&self, offset: Duration) {
        thread::sleep((self.at + offset).saturating_duration_since(Instant::now()));
    }
}

fn send_pictures(mut pipe: impl Write, video: &Video, start: Start, length: Duration) {
    let mut card = Card::new(video.width, video.height);
    for n in 0.. {
        let due = Duration::from_secs_f64(n as f64 / video.rate);
        if due >= length {
            return;
        }
        start.wait(due);
        let wall_ms = (start.unix_us + due.as_micros() as u64) / 1000;
        if pipe.write_all(card.draw(wall_ms, n)).and_then(|()| pipe.flush()).is_err() {
            return; // ffmpeg is gone
        }
    }
}

/// Sends 10 ms at a time, wrapped up as `wrap` says: it gets the time in milliseconds and the samples.
fn send_sound(mut socket: TcpStream, rate_hz: u32, wrap: fn(u64, Vec<u8>) -> Vec<u8>, start: Start, length: Duration) {
    let rate = u64::from(rate_hz);
    let run = rate / 100;
    for n in 0.. {
        let due = Duration::from_millis(n * 10);
        if due >= length {
            return;
        }
        start.wait(due);
        let samples = (n * run..(n + 1) * run).map(|i| sample(start.unix_us + i * 1_000_000 / rate));
        let bytes: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
        if socket.write_all(&wrap(n * 10, bytes)).is_err() {
            return;
        }
    }
}

fn as_it_is(_: u64, samples: Vec<u8>) -> Vec<u8> {
    samples
}

/// The highest rate that FLV knows.
const FLV_RATE_HZ: u32 = 44_100;

/// A tag of one channel of 16 bits; before the first one, the file's header.
fn as_flv(time_ms: u64, samples: Vec<u8>) -> Vec<u8> {
    const SOUND: u8 = 8;
    const PCM_44_KHZ_16_BIT_MONO: u8 = 0x3e;
    let mut out = if time_ms == 0 { b"FLV\x01\x04\0\0\0\x09\0\0\0\0".to_vec() } else { Vec::new() };
    let begin = out.len();
    let size = (samples.len() as u32 + 1).to_be_bytes();
    let time = (time_ms as u32).to_be_bytes();
    out.push(SOUND);
    out.extend(&size[1..]);
    out.extend([time[1], time[2], time[3], time[0], 0, 0, 0, PCM_44_KHZ_16_BIT_MONO]);
    out.extend(samples);
    out.extend(((out.len() - begin) as u32).to_be_bytes());
    out
}
