use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use config::{Config, Problems, Sources};

/// Something went wrong at run time.
pub(crate) const EXIT_FAILED: u8 = 1;

/// The command line (by clap) or the configuration is wrong.
pub(crate) const EXIT_CONFIGURATION: u8 = 2;

/// Onair, a live video server: push a stream by RTMP, watch it in any browser.
///
/// Without any configuration it listens at port 8080 for viewers and at port 1935 for publishers. Programs on this
/// machine may publish at once; other machines need a key.
#[derive(Parser)]
#[command(name = "onair", version, max_term_width = 100, after_long_help = AFTER)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER: &str = "\
Examples:
  onair demo
  onair serve
  onair serve --set http.listen=[::]:80
  onair sample-config > onair.toml
  onair check --config onair.toml

Exit status:
  0  all went well
  1  something failed, such as a port that is in use
  2  the command line or the configuration is wrong";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the server until it is told to stop (Ctrl-C, SIGTERM)
    Serve(Settings),
    /// Run the server with a test picture on the air at live/test, to look at without any other program
    Demo(Settings),
    /// Say whether a configuration is right, and where it is wrong
    Check {
        #[command(flatten)]
        settings: Settings,
        /// Print all settings as they will be, keys hidden
        #[arg(long)]
        show: bool,
    },
    /// Print a configuration file that explains every setting
    SampleConfig,
}

#[derive(Args)]
pub(crate) struct Settings {
    /// Read settings from this TOML file
    ///
    /// Without it, every setting has its default. Settings may also come from the environment: `http.listen` is
    /// ONAIR_HTTP__LISTEN, with two underscores. `onair sample-config` prints them all.
    #[arg(short, long, value_name = "FILE", env = "ONAIR_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Change one setting, such as `http.listen=[::]:80`; may be given many times
    ///
    /// Wins over the file and the environment. Other users of this machine can see it in the list of processes: keys
    /// belong in the file or the environment.
    #[arg(short, long, value_name = "SECTION.NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

impl Settings {
    /// The configuration that the file, the environment and the command line make.
    pub(crate) fn load(&self) -> Result<Config, Problems> {
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        let environment: Vec<_> = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Config::load(Sources { file: self.config.as_deref(), environment: &environment, set: &self.set })
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
