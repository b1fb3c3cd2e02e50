use anyhow::Result;
use clap::Args;
use onair_bench::load::Load;
use onair_bench::player::Mode;
use onair_bench::stream::Plan;

use super::Common;

#[derive(Args)]
pub(crate) struct Viewers {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Ask for playlists unpacked.
    #[arg(long)]
    no_gzip: bool,
}

impl Viewers {
    pub(crate) fn load(&self, mode: Mode) -> Result<Load> {
        let Plan { viewers, ramp_per_sec, warmup, duration, threads, pids } = self.common.plan()?;
        let urls = self.common.urls()?;
        Ok(Load { mode, urls, viewers, ramp_per_sec, warmup, duration, threads, pids, gzip: !self.no_gzip })
    }
}
