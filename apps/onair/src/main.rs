//! The server and its command line: the only place that ties the houses together.

mod bind;
mod cli;
mod clock;
mod figures;
mod files;
mod greeting;
mod limits;
mod logging;

mod serve;
mod stop;
mod transcoder;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use config::Config;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(settings) => with_settings(&settings, serve::run),
        Command::Demo(settings) => with_settings(&settings, serve::demo),
        Command::Check { settings, show } => with_settings(&settings, |config| check(&settings, &config, show)),
        Command::SampleConfig => print(&config::sample()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What is in the files that the configuration names belongs to it.
            if error.is::<config::Problems>() || error.is::<tls::Error>() {
                eprintln!("onair: the configuration is not right\n{error}");
                return ExitCode::from(cli::EXIT_CONFIGURATION);
            }
            eprintln!("onair: {error:#}");
            ExitCode::from(cli::EXIT_FAILED)
        }
    }
}

fn with_settings(settings: &cli::Settings, go: impl FnOnce(Config) -> anyhow::Result<()>) -> anyhow::Result<()> {
    go(settings.load()?)
}

fn check(settings: &cli::Settings, config: &Config, show: bool) -> anyhow::Result<()> {
    if config.tls.has_certificate() {
        tls::Certificate::check(&config.tls)?;
    }
    if show {
        return print(&toml::to_string(config)?);
    }
    let what = settings.config.as_ref().map_or("the configuration".into(), |file| file.display().to_string());
    print(&format!("{what}: all is well\n"))
}

/// Writes to standard output. A reader that went away (`onair sample-config | head`) is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
