//! Publishers of streams, by whichever protocol the address names.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use onair_bench::generate::Ledger;
use onair_bench::plan::{Live, Plan, Times};
use onair_bench::publisher::{Done, Publisher};
use onair_bench::rtmp::{self, RtmpUrl};
use onair_bench::source::Source;
use onair_bench::stream::{Seen, Tally};
use onair_bench::stream_report::StreamReport;
use onair_bench::url::Url;
use onair_bench::webrtc;

use super::{Common, Made};

/// How long a publisher may take to begin.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a server may take to show a new stream.
const SETTLE: Duration = Duration::from_secs(1);

/// Begins to publish, by whichever protocol the address names; returns at once.
fn begin(url: &str, source: Source, ledger: Ledger) -> Result<Publisher> {
    if url.starts_with("rtmp:") {
        return Ok(rtmp::publish(&RtmpUrl::parse(url)?, source, ledger));
    }
    Ok(webrtc::publish(&Url::parse(url)?, source, ledger))
}

/// Begins to publish, and waits until the server may show the stream.
pub(super) fn stand(url: &str, source: Source, ledger: Ledger) -> Result<Publisher> {
    let mut publisher = begin(url, source, ledger).with_context(|| url.to_owned())?;
    let mut left = PATIENCE;
    while !publisher.is_ready() && !publisher.is_over() && !left.is_zero() {
        thread::sleep(Duration::from_millis(20));
        left = left.saturating_sub(Duration::from_millis(20));
    }
    if !publisher.is_ready() {
        let why = publisher.end().err().unwrap_or_else(|| "it did not begin".to_owned());
        bail!("publishing to {url}: {why}");
    }
    thread::sleep(SETTLE);
    Ok(publisher)
}

/// Publishers that come one after the other, to addresses in which `{}` is their number.
pub(super) fn crowd(common: &Common, made: &Made, mode: &'static str) -> Result<StreamReport> {
    let mut plan = common.plan()?;
    // Every publisher has a thread of its own.
    plan.threads = 1;
    let (urls, source, of_thread) = (common.url.clone(), made.source()?, plan.clone());
    let measured = plan.run(move |_, times, live| run(&of_thread, &urls, &source, times, live))?;
    Ok(StreamReport::new(mode, common.first(), &plan, measured))
}

fn run(plan: &Plan, urls: &[String], source: &Source, times: Times, live: &Live) -> std::io::Result<Seen> {
    let (mut publishers, mut before): (Vec<Publisher>, Vec<Done>) = (Vec::new(), Vec::new());
    while !live.stop.load(Ordering::Relaxed) {
        let now = times.start.elapsed();
        while publishers.len() < plan.viewers && now >= plan.comes_at(publishers.len()) {
            let number = publishers.len();
            let url = urls.get(number % urls.len().max(1)).map_or("", String::as_str);
            let publisher = begin(&url.replace("{}", &number.to_string()), source.clone(), Ledger::default());
            publishers.push(publisher.map_err(std::io::Error::other)?);
        }
        if before.is_empty() && now >= times.from {
            before = publishers.iter().map(Publisher::done).collect();
        }
        live.connected.store(publishers.iter().filter(|it| it.is_ready()).count(), Ordering::Relaxed);
        live.failed.store(publishers.iter().filter(|it| it.is_over()).count(), Ordering::Relaxed);
        live.bytes.store(publishers.iter().map(|it| it.done().bytes).sum(), Ordering::Relaxed);
        thread::sleep(Duration::from_millis(10));
    }
    let mut seen = Seen::default();
    for (at, publisher) in publishers.iter_mut().enumerate() {
        let (begun, done) = (before.get(at).copied().unwrap_or_default(), publisher.done());
        let connected = publisher.is_ready() && !publisher.is_over();
        let (packets, bytes) = (done.packets - begun.packets, done.bytes - begun.bytes);
        seen.tallies.push(Tally { connected, packets, bytes, ..Tally::default() });
        seen.asked = (seen.asked.0 + done.keyframes_asked, seen.asked.1 + done.packets_asked);
        if let Err(why) = publisher.end() {
            *seen.failures.entry(why).or_default() += 1;
        }
    }
    Ok(seen)
}
