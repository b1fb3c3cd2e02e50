use anyhow::{Context, Result};
use clap::Args;
use onair_bench::generate::Ledger;
use onair_bench::stream_report::StreamReport;
use onair_bench::url::Url;
use onair_bench::webrtc::{Viewers, watch};

use super::publish::{Publisher, crowd};
use super::{Common, Made};

#[derive(Args)]
pub(crate) struct Whep {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Decrypt every packet and ask for lost ones again, where otherwise one in 64 is looked into.
    #[arg(long)]
    full: bool,
    /// Receive datagrams one by one, as a network card without offloads gives them.
    #[arg(long)]
    no_gro: bool,
    /// Publish a made-up stream here, by WHIP or RTMP, and measure its delay to the viewers.
    #[arg(long, value_name = "URL")]
    publish: Option<String>,
    #[command(flatten)]
    made: Made,
}

impl Whep {
    pub(crate) fn run(&self) -> Result<StreamReport> {
        let (plan, urls, ledger) = (self.common.plan()?, self.common.urls()?, Ledger::default());
        // Held until the viewers have gone.
        let publisher = self.publish.as_ref().map(|url| Publisher::stand(url, self.made.shape(), ledger.clone()));
        let _publisher = publisher.transpose()?;
        let ledger = self.publish.is_some().then_some(ledger);
        let viewers = Viewers { urls, full: self.full, gro: !self.no_gro, ledger };
        let of_thread = plan.clone();
        let measured = plan.run(move |thread, times, live| watch(&of_thread, &viewers, thread, times, live))?;
        Ok(StreamReport::new("whep", self.common.first(), &plan, measured))
    }
}

#[derive(Args)]
pub(crate) struct Whip {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    made: Made,
}

impl Whip {
    pub(crate) fn run(&self) -> Result<StreamReport> {
        let mut plan = self.common.plan()?;
        // Every publisher has a thread of its own.
        plan.threads = 1;
        let urls = &self.common.url;
        urls.iter().try_for_each(|url| Url::parse(url).map(drop).with_context(|| url.clone()))?;
        let (urls, shape, of_thread) = (urls.clone(), self.made.shape(), plan.clone());
        let measured = plan.run(move |_, times, live| crowd(&of_thread, &urls, shape, times, live))?;
        Ok(StreamReport::new("whip", self.common.first(), &plan, measured))
    }
}
