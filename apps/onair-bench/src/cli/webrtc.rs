use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use onair_bench::generate::Ledger;
use onair_bench::stream_report::StreamReport;
use onair_bench::webrtc::{Coding, Viewers, watch};

use super::publish::crowd;
use super::{Common, Made, Publishing};

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
    /// What pictures to ask for; H.264, or what --file holds.
    #[arg(long, value_enum)]
    codec: Option<Codec>,
    #[command(flatten)]
    publishing: Publishing,
}

/// Codecs of pictures.
#[derive(Clone, Copy, ValueEnum)]
enum Codec {
    H264,
    Vp8,
    Vp9,
    Av1,
}

impl Codec {
    fn coding(self) -> Coding {
        match self {
            Self::H264 => Coding::H264 { fragments: true },
            Self::Vp8 => Coding::Vp8,
            Self::Vp9 => Coding::Vp9,
            Self::Av1 => Coding::Av1,
        }
    }
}

impl Whep {
    pub(crate) fn run(&self) -> Result<StreamReport> {
        let (plan, urls, ledger) = (self.common.plan()?, self.common.urls()?, Ledger::default());
        // Held until the viewers have gone.
        let _publisher = self.publishing.begin(&ledger)?;
        let coding = self.publishing.made.source()?.codec().ok().and_then(|codec| Coding::carrying(&codec));
        let coding = self.codec.map(Codec::coding).or(coding).context("WebRTC carries no such pictures")?;
        let ledger = self.publishing.measured(ledger);
        let viewers = Viewers { urls, coding, full: self.full, gro: !self.no_gro, ledger };
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
        self.common.urls()?;
        crowd(&self.common, &self.made, "whip")
    }
}
