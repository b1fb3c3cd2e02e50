//! Players behind a cache: nginx and Varnish as Debian has them, with the configurations of `examples/`.
//!
//! Needs both programs. With `ONAIR_BIN` another build of the server is measured; figures are printed with `--nocapture`.

#![allow(clippy::unwrap_used, reason = "helpers of a test may fail like the test")]

mod cache;
mod crowd;
mod expiry;
mod growing;

use testkit::Server;

fn server(settings: &[&str]) -> Server {
    let binary = std::env::var("ONAIR_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_onair").into());
    Server::start(binary, settings)
}
