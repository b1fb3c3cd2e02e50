//! The test kit on the command line, for tests that are not written in Rust and for trying things by hand.

use std::io::{BufRead, Write, stdin, stdout};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use testkit::feed::Feed;
use testkit::ffmpeg::{Audio, Video};
use testkit::flv::{self, Kind, Tag};
use testkit::link::Relay;
use testkit::rtmp::Publisher;

/// Publishes test streams.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A picture with a machine-readable clock and a beep a second, in real time through ffmpeg.
    ///
    /// Prints the process id of ffmpeg first, so that it can be killed.
    Card(CardArgs),
    /// FLV files one after the other over one connection, stamped as the options say.
    Replay(ReplayArgs),
    /// A bad network between a server's port and its viewers.
    ///
    /// Prints its own address first, then takes lines such as `loss=2 delay_ms=20 jitter_ms=50 reorder=5` or
    /// `width_kbps=1000 queue_ms=300`, `hold=1` and `clear`, and answers each with how many datagrams came and were lost.
    Link(LinkArgs),
}

#[derive(Args)]
struct LinkArgs {
    /// The server's address and port.
    server: SocketAddr,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
struct CardArgs {
    /// Where to, such as rtmp://127.0.0.1/live/test
    url: String,
    #[arg(long, default_value_t = 1280)]
    width: usize,
    #[arg(long, default_value_t = 720)]
    height: usize,
    #[arg(long, default_value_t = 30.0)]
    rate: f64,
    #[arg(long, default_value_t = 60)]
    gop: u32,
    #[arg(long, default_value_t = 0)]
    bframes: u32,
    #[arg(long, default_value_t = 3000)]
    kbps: u32,
    #[arg(long, default_value_t = 48_000)]
    audio_rate: u32,
    #[arg(long)]
    no_audio: bool,
    #[arg(long)]
    seconds: Option<f64>,
}

#[derive(Args)]
struct ReplayArgs {
    /// address:port/app/key
    target: String,
    /// What to send.
    files: Vec<PathBuf>,
    /// So many times real time.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// So many times over.
    #[arg(long, default_value_t = 1)]
    times: u32,
    /// Leaves sound out until then, its header excepted.
    #[arg(long)]
    audio_from_ms: Option<u32>,
    /// Added to every timestamp, wrapping.
    #[arg(long, default_value_t = 0)]
    offset_ms: u32,
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Card(args) => card(args),
        Command::Replay(args) => replay(args),
        Command::Link(args) => link(&args),
    }
}

fn card(args: CardArgs) -> ExitCode {
    let CardArgs { url, width, height, rate, gop, bframes, kbps, audio_rate, no_audio, seconds } = args;
    let video = Video { width, height, rate, gop, bframes, rate_kbps: kbps };
    let audio = (!no_audio).then_some(Audio { rate_hz: audio_rate, channels: 2 });
    let mut ffmpeg = Feed { video, audio, length: seconds.map(Duration::from_secs_f64) }.start(&url);
    writeln!(stdout(), "{}", ffmpeg.id()).expect("standard output");
    match ffmpeg.wait() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn link(args: &LinkArgs) -> ExitCode {
    let relay = Relay::start(args.server, args.seed).expect("a free port");
    writeln!(stdout(), "{}", relay.address()).expect("standard output");
    for line in stdin().lock().lines() {
        let Ok(line) = line else { break };
        let said = relay.set(&line).map(|()| relay.counts());
        writeln!(stdout(), "{said:?}").expect("standard output");
    }
    ExitCode::SUCCESS
}

fn replay(args: ReplayArgs) -> ExitCode {
    let mut place = args.target.splitn(3, '/');
    let mut next = || place.next().expect("address:port/app/key");
    let (server, app, key) = (next(), next(), next());
    let server: SocketAddr = server.to_socket_addrs().expect("an address").next().expect("an address");

    let mut tags: Vec<Tag> = Vec::new();
    for file in &args.files {
        let more = flv::read(file);
        let start = tags.last().map_or(0, |tag| tag.time_ms + 33);
        tags.extend(more.into_iter().map(|tag| Tag { time_ms: tag.time_ms + start, ..tag }));
    }
    let round_ms = tags.last().map_or(0, |tag| tag.time_ms) + 33;
    let tags = flv::repeat(&tags, args.times, round_ms);

    let mut publisher = Publisher::publish(server, app, key).expect("the server lets us publish");
    let sent = publisher.play(&tags, args.speed, |tag| {
        let early = args.audio_from_ms.is_some_and(|from| tag.time_ms < from);
        let held = early && tag.kind == Kind::Audio && !tag.is_header();
        (!held).then(|| tag.time_ms.wrapping_add(args.offset_ms))
    });
    publisher.finish();
    if sent.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
