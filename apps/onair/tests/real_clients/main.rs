//! The server as its users meet it: the real binary, ffmpeg and ffprobe, and clients that misbehave.
//!
//! Figures (latency, memory) and the clauses of the protocols they stand for are named in each test by the number in
//! which the conformance notes keep them: H20, A6.

mod battery;
mod clocks;
mod codecs;
mod crowd;
mod demo;
mod gstreamer;
mod keys;
mod kills;
mod memory;
mod players;
mod reloads;
mod rungs;
mod secrets;
mod shapes;
mod strangers;
mod thumbnails;
mod whip;

use testkit::Server;

/// The server under test, with further `--set` arguments.
fn server(settings: &[&str]) -> Server {
    let binary = std::env::var("ONAIR_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_onair").into());
    Server::start(binary, settings)
}

/// A directory for the files of one test, empty.
fn scratch(test: &str) -> std::path::PathBuf {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a directory");
    dir
}
