//! What can be asked of the ruler.

mod hls;
mod publish;
mod tcp;
mod webrtc;

pub(crate) use tcp::Protocol;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use onair_bench::clip::Clip;
use onair_bench::generate::{Ledger, Shape};
use onair_bench::plan::Plan;
use onair_bench::publisher::Publisher;
use onair_bench::source::Source;
use onair_bench::url::Url;

/// Measure what viewers get from a live video server, and what they cost it.
///
/// The server may be any: give its standard addresses. Run the generator on the same machine only with enough of it
/// idle, and compare servers by runs next to each other with the same source.
#[derive(Parser)]
#[command(name = "onair-bench", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Viewers of HLS: whole segments, three behind the live edge.
    ///
    /// Example: onair-bench hls --url http://127.0.0.1:8080/hls/live/demo/index.m3u8 --n 400 --pid $(pidof onair)
    Hls(hls::Viewers),
    /// Viewers of low-latency HLS: parts and blocking reloads.
    ///
    /// A server that does not offer them is measured as by `hls`.
    Llhls(hls::Viewers),
    /// Viewers of DASH: of segments as they are made, where the server offers that.
    ///
    /// Example: onair-bench dash --url http://127.0.0.1:8080/dash/live/demo/manifest.mpd --n 400 --pid $(pidof onair)
    Dash(hls::Dash),
    /// Viewers by WebRTC (WHEP), every one of them really connected.
    ///
    /// Example: onair-bench whep --url http://127.0.0.1:8080/whep/live/demo --n 400 --pid $(pidof onair)
    Whep(webrtc::Whep),
    /// Publishers by WebRTC (WHIP), of made-up streams or a file.
    ///
    /// Example: onair-bench whip --url http://127.0.0.1:8080/whip/live/load{} --n 20 --pid $(pidof onair)
    Whip(webrtc::Whip),
    /// Viewers by RTMP.
    ///
    /// Example: onair-bench rtmp-play --url rtmp://127.0.0.1/live/demo --n 400 --pid $(pidof nginx | tr ' ' ,)
    RtmpPlay(tcp::Pull),
    /// Publishers by RTMP, of made-up streams or a file.
    ///
    /// Example: onair-bench rtmp-publish --url rtmp://127.0.0.1/live/load{} --n 20 --pid $(pidof onair)
    RtmpPublish(tcp::RtmpPublish),
    /// Viewers of FLV by HTTP.
    ///
    /// Example: onair-bench flv --url http://127.0.0.1:8080/live/demo.flv --n 400
    Flv(tcp::Pull),
    /// What this machine allows: encrypting and sending, and nothing else.
    Floor(Floor),
}

#[derive(Args)]
pub(crate) struct Floor {
    /// How long to repeat each operation, in seconds.
    #[arg(long, default_value_t = 0.4, value_name = "SECONDS")]
    secs: f64,
    /// How often; the best counts.
    #[arg(long, default_value_t = 5, value_name = "COUNT")]
    rounds: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Floor {
    pub(crate) fn measure(&self) -> Result<onair_bench::floor::Floor> {
        let span = Duration::try_from_secs_f64(self.secs).context("--secs")?;
        Ok(onair_bench::floor::Floor::measure(span, self.rounds)?)
    }
}

/// How many, how long, and what is watched.
#[derive(Args, Clone)]
pub(crate) struct Common {
    /// Address of the stream; given more than once, viewers are spread over them.
    #[arg(long, required = true, value_name = "URL")]
    url: Vec<String>,
    /// How many there are.
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    n: usize,
    /// How long to measure, in seconds.
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    duration: f64,
    /// How many come each second.
    #[arg(long, default_value_t = 100.0, value_name = "COUNT")]
    ramp: f64,
    /// How long to let them settle before measuring, in seconds.
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    warmup: f64,
    /// Process of the server, to measure its CPU and memory; more than one separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "PID")]
    pid: Vec<u32>,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    threads: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Common {
    fn urls(&self) -> Result<Vec<Url>> {
        self.url.iter().map(|text| Url::parse(text).with_context(|| text.clone())).collect()
    }

    fn first(&self) -> &str {
        self.url.first().map_or("", String::as_str)
    }

    fn plan(&self) -> Result<Plan> {
        let secs = |value: f64, name: &str| Duration::try_from_secs_f64(value).with_context(|| name.to_owned());
        ensure!(self.ramp > 0.0, "--ramp must be above zero");
        Ok(Plan {
            viewers: self.n,
            ramp_per_sec: self.ramp,
            warmup: secs(self.warmup, "--warmup")?,
            duration: secs(self.duration, "--duration")?,
            threads: self.threads,
            pids: self.pid.clone(),
        })
    }
}

/// A stream that is made up, or recorded.
#[derive(Args, Clone)]
pub(crate) struct Made {
    /// Bits per second of a made-up stream's pictures, in thousands.
    #[arg(long, default_value_t = 4000, value_name = "KBIT")]
    kbps: u64,
    /// Its frames per second; also those of a file of H.264.
    #[arg(long, default_value_t = 30, value_name = "COUNT")]
    fps: u32,
    /// Its frames from keyframe to keyframe.
    #[arg(long, default_value_t = 60, value_name = "COUNT")]
    gop: u32,
    /// Publish the pictures of this file instead, over and over.
    ///
    /// IVF with VP8, VP9 or AV1, or H.264 behind start codes (Annex B) without B-frames. Their delay is not measured.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kbps", "gop"])]
    file: Option<PathBuf>,
}

impl Made {
    fn source(&self) -> Result<Source> {
        let Some(file) = &self.file else {
            return Ok(Source::Made(Shape { bps: self.kbps * 1000, fps: self.fps.max(1), gop: self.gop.max(1) }));
        };
        let clip = Clip::read(file, self.fps).with_context(|| file.display().to_string())?;
        Ok(Source::Recorded(Arc::new(clip)))
    }
}

/// A stream of our own for viewers to watch.
#[derive(Args, Clone)]
pub(crate) struct Publishing {
    /// Publish a stream here, by WHIP or RTMP; of one that is made up the delay to the viewers is measured.
    #[arg(long, value_name = "URL")]
    publish: Option<String>,
    #[command(flatten)]
    made: Made,
}

impl Publishing {
    /// Begins, where one is wanted; it ends when dropped.
    fn begin(&self, ledger: &Ledger) -> Result<Option<Publisher>> {
        let begin = |url: &String| publish::stand(url, self.made.source()?, ledger.clone());
        self.publish.as_ref().map(begin).transpose()
    }

    /// The ledger, where there is something to measure by it.
    fn measured(&self, ledger: Ledger) -> Option<Ledger> {
        (self.publish.is_some() && self.made.file.is_none()).then_some(ledger)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn help_reads_well() {
        insta::assert_snapshot!("help", testkit::help(Cli::command()));
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
