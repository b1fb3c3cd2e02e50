//! Publishers of made-up streams, by whichever protocol the address names.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use onair_bench::generate::{Ledger, Shape};
use onair_bench::plan::{Live, Plan, Times};
use onair_bench::rtmp::{self, RtmpUrl};
use onair_bench::stream::{Seen, Tally};
use onair_bench::url::Url;
use onair_bench::webrtc;

/// How long a publisher may take to begin.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a server may take to show a new stream.
const SETTLE: Duration = Duration::from_secs(1);

/// A publisher by WHIP or by RTMP.
pub(super) enum Publisher {
    Whip(webrtc::Publisher),
    Rtmp(rtmp::Publisher),
}

impl Publisher {
    /// Begins; returns at once.
    pub(super) fn begin(url: &str, shape: Shape, ledger: Ledger) -> Result<Self> {
        if url.starts_with("rtmp:") {
            return Ok(Self::Rtmp(rtmp::publish(&RtmpUrl::parse(url)?, shape, ledger)));
        }
        Ok(Self::Whip(webrtc::publish(&Url::parse(url)?, shape, ledger)))
    }

    /// Begins, and waits until the server may show the stream.
    pub(super) fn stand(url: &str, shape: Shape, ledger: Ledger) -> Result<Self> {
        let mut publisher = Self::begin(url, shape, ledger).with_context(|| url.to_owned())?;
        let mut left = PATIENCE;
        while !publisher.is_ready() && !publisher.is_over() && !left.is_zero() {
            thread::sleep(Duration::from_millis(20));
            left = left.saturating_sub(Duration::from_millis(20));
        }
        if !publisher.is_ready() {
            let why = publisher.end().unwrap_or_else(|| "it did not begin".to_owned());
            bail!("publishing to {url}: {why}");
        }
        thread::sleep(SETTLE);
        Ok(publisher)
    }

    fn is_ready(&self) -> bool {
        match self {
            Self::Whip(publisher) => publisher.is_ready(),
            Self::Rtmp(publisher) => publisher.is_ready(),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Whip(publisher) => publisher.is_over(),
            Self::Rtmp(publisher) => publisher.is_over(),
        }
    }

    /// Packets and bytes so far, and how often a keyframe and a packet were asked for.
    fn done(&self) -> [u64; 4] {
        match self {
            Self::Whip(publisher) => {
                let done = publisher.done();
                [done.packets, done.bytes, done.keyframes_asked, done.packets_asked]
            }
            Self::Rtmp(publisher) => {
                let (messages, bytes) = publisher.done();
                [messages, bytes, 0, 0]
            }
        }
    }

    /// Ends it; why it had ended before, if it had.
    fn end(&mut self) -> Option<String> {
        match self {
            Self::Whip(publisher) => publisher.end().err().map(|failure| failure.to_string()),
            Self::Rtmp(publisher) => publisher.end().err().map(|error| error.to_string()),
        }
    }
}

/// Publishers that come one after the other, to addresses in which `{}` is their number.
pub(super) fn crowd(plan: &Plan, urls: &[String], shape: Shape, times: Times, live: &Live) -> std::io::Result<Seen> {
    let (mut publishers, mut before): (Vec<Publisher>, Vec<[u64; 4]>) = (Vec::new(), Vec::new());
    while !live.stop.load(Ordering::Relaxed) {
        let now = times.start.elapsed();
        while publishers.len() < plan.viewers && now >= plan.comes_at(publishers.len()) {
            let number = publishers.len();
            let url = urls.get(number % urls.len().max(1)).map_or("", String::as_str);
            let publisher = Publisher::begin(&url.replace("{}", &number.to_string()), shape, Ledger::default());
            publishers.push(publisher.map_err(std::io::Error::other)?);
        }
        if before.is_empty() && now >= times.from {
            before = publishers.iter().map(Publisher::done).collect();
        }
        live.connected.store(publishers.iter().filter(|it| it.is_ready()).count(), Ordering::Relaxed);
        live.failed.store(publishers.iter().filter(|it| it.is_over()).count(), Ordering::Relaxed);
        live.bytes.store(publishers.iter().map(|it| it.done()[1]).sum(), Ordering::Relaxed);
        thread::sleep(Duration::from_millis(10));
    }
    let mut seen = Seen::default();
    for (at, publisher) in publishers.iter_mut().enumerate() {
        let begun = before.get(at).copied().unwrap_or_default();
        let [packets, bytes, keyframes, again] = publisher.done();
        let connected = publisher.is_ready() && !publisher.is_over();
        let (packets, bytes) = (packets - begun[0], bytes - begun[1]);
        seen.tallies.push(Tally { connected, packets, bytes, ..Tally::default() });
        seen.asked = (seen.asked.0 + keyframes, seen.asked.1 + again);
        if let Some(why) = publisher.end() {
            *seen.failures.entry(why).or_default() += 1;
        }
    }
    Ok(seen)
}
