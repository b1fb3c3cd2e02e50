use std::io::{IsTerminal, stderr};
use std::panic;

use config::{Format, Log};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts the log on standard error. Returns whether it is written for people.
pub(crate) fn start(log: &Log) -> bool {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(&log.level);
    let is_terminal = stderr().is_terminal();
    let for_people = match log.format {
        Format::Auto => is_terminal,
        Format::Text => true,
        Format::Json => false,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    // A second start, in a test, changes nothing.
    let _ = if for_people {
        let colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        builder.with_ansi(colours).with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).with_span_list(false).try_init()
    };
    log_panics();
    for_people
}

/// A connection that panics takes only itself down: its end is told where everything else is.
fn log_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, what, "a task panicked; this is a fault of the server, please report it");
    }));
}
