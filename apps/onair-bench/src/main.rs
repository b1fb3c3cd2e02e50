//! The ruler's command line.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use onair_bench::load::Load;
use onair_bench::player::Mode;
use onair_bench::report::Report;
use onair_bench::url::Url;

/// Measure what viewers get from a live video server, and what they cost it.
///
/// The server may be any: give its standard addresses. Run the generator on the same machine only with enough of it
/// idle, and compare servers by runs next to each other with the same source.
#[derive(Parser)]
#[command(name = "onair-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Viewers of HLS: whole segments, three behind the live edge.
    ///
    /// Example: onair-bench hls --url http://127.0.0.1:8080/hls/live/demo/index.m3u8 --n 400 --pid $(pidof onair)
    Hls(Viewers),
    /// Viewers of low-latency HLS: parts and blocking reloads.
    ///
    /// A server that does not offer them is measured as by `hls`.
    Llhls(Viewers),
}

#[derive(Args)]
struct Viewers {
    /// Address of a playlist; given more than once, viewers are spread over them.
    #[arg(long, required = true, value_name = "URL")]
    url: Vec<String>,
    /// How many viewers.
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    n: usize,
    /// How long to measure, in seconds.
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    duration: f64,
    /// How many viewers come each second.
    #[arg(long, default_value_t = 100.0, value_name = "COUNT")]
    ramp: f64,
    /// How long to let viewers settle before measuring, in seconds.
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    warmup: f64,
    /// Process of the server, to measure its CPU and memory; more than one separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "PID")]
    pid: Vec<u32>,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    threads: usize,
    /// Ask for playlists unpacked.
    #[arg(long)]
    no_gzip: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let (mode, viewers) = match Cli::parse().command {
        Command::Hls(viewers) => (Mode::Plain, viewers),
        Command::Llhls(viewers) => (Mode::LowLatency, viewers),
    };
    let json = viewers.json;
    print(&viewers.load(mode)?.run()?, json)
}

fn print(report: &Report, json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}

impl Viewers {
    fn load(self, mode: Mode) -> Result<Load> {
        let parse = |text: &String| Url::parse(text).with_context(|| text.clone());
        let secs = |value: f64, name: &str| Duration::try_from_secs_f64(value).with_context(|| name.to_owned());
        ensure!(self.ramp > 0.0, "--ramp must be above zero");
        Ok(Load {
            mode,
            urls: self.url.iter().map(parse).collect::<Result<_>>()?,
            viewers: self.n,
            ramp_per_sec: self.ramp,
            warmup: secs(self.warmup, "--warmup")?,
            duration: secs(self.duration, "--duration")?,
            threads: self.threads,
            pids: self.pid,
            gzip: !self.no_gzip,
        })
    }
}
