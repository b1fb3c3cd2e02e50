use anyhow::{Context, Result};
use clap::Args;
use onair_bench::generate::Ledger;
use onair_bench::pull::{Address, Pullers, pull};
use onair_bench::rtmp::RtmpUrl;
use onair_bench::stream_report::StreamReport;
use onair_bench::url::Url;

use super::publish::crowd;
use super::{Common, Made, Publishing};

/// What viewers by TCP speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Rtmp,
    Flv,
}

#[derive(Args)]
pub(crate) struct Pull {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    publishing: Publishing,
}

impl Pull {
    pub(crate) fn run(&self, protocol: Protocol) -> Result<StreamReport> {
        let (plan, ledger) = (self.common.plan()?, Ledger::default());
        let address = |text: &String| {
            let parsed = match protocol {
                Protocol::Rtmp => RtmpUrl::parse(text).map(Address::Rtmp).map_err(anyhow::Error::from),
                Protocol::Flv => Url::parse(text).map(Address::Flv).map_err(anyhow::Error::from),
            };
            parsed.with_context(|| text.clone())
        };
        let addresses = self.common.url.iter().map(address).collect::<Result<_>>()?;
        // Held until the viewers have gone.
        let _publisher = self.publishing.begin(&ledger)?;
        let pullers = Pullers { addresses, ledger: self.publishing.measured(ledger) };
        let of_thread = plan.clone();
        let measured = plan.run(move |thread, times, live| pull(&of_thread, &pullers, thread, times, live))?;
        let mode = if protocol == Protocol::Rtmp { "rtmp-play" } else { "flv" };
        Ok(StreamReport::new(mode, self.common.first(), &plan, measured))
    }
}

#[derive(Args)]
pub(crate) struct RtmpPublish {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    made: Made,
}

impl RtmpPublish {
    pub(crate) fn run(&self) -> Result<StreamReport> {
        self.common.url.iter().try_for_each(|url| RtmpUrl::parse(url).map(drop).with_context(|| url.clone()))?;
        crowd(&self.common, &self.made, "rtmp-publish")
    }
}
