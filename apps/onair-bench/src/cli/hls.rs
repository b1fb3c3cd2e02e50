use anyhow::Result;
use clap::Args;
use onair_bench::load::{Format, Load};
use onair_bench::viewer::Mode;

use super::Common;

/// What viewers of HLS and of DASH are told.
#[derive(Args)]
pub(crate) struct Viewers {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Ask for playlists unpacked.
    #[arg(long)]
    no_gzip: bool,
}

#[derive(Args)]
pub(crate) struct Dash {
    #[command(flatten)]
    pub(crate) viewers: Viewers,
    /// Wait for segments to be complete, three behind the live edge, as players without low latency do.
    #[arg(long)]
    whole: bool,
}

impl Viewers {
    pub(crate) fn load(&self, format: Format, mode: Mode) -> Result<Load> {
        Ok(Load { plan: self.common.plan()?, format, mode, urls: self.common.urls()?, gzip: !self.no_gzip })
    }
}

impl Dash {
    pub(crate) fn load(&self) -> Result<Load> {
        self.viewers.load(Format::Dash, if self.whole { Mode::Plain } else { Mode::LowLatency })
    }
}
