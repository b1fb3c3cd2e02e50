//! The ruler's command line.

mod cli;

use std::io::{self, Write};

use anyhow::Result;
use clap::Parser;
use cli::{Cli, Command, Protocol};
use onair_bench::load::Format;
use onair_bench::viewer::Mode;
use serde::Serialize;

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Hls(viewers) => print(&viewers.load(Format::Hls, Mode::Plain)?.run()?, viewers.common.json),
        Command::Llhls(viewers) => print(&viewers.load(Format::Hls, Mode::LowLatency)?.run()?, viewers.common.json),
        Command::Dash(dash) => print(&dash.load()?.run()?, dash.viewers.common.json),
        Command::Whep(viewers) => print(&viewers.run()?, viewers.common.json),
        Command::RtmpPlay(viewers) => print(&viewers.run(Protocol::Rtmp)?, viewers.common.json),
        Command::Flv(viewers) => print(&viewers.run(Protocol::Flv)?, viewers.common.json),
        Command::RtmpPublish(publishers) => print(&publishers.run()?, publishers.common.json),
        Command::Floor(floor) => print(&floor.measure()?, floor.json),
        Command::Whip(publishers) => print(&publishers.run()?, publishers.common.json),
    }
}

/// As a table for people or as JSON for programs.
fn print<R: Serialize + std::fmt::Display>(report: &R, json: bool) -> Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}
