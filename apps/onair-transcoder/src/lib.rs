//! The worker: the only program of the house that links codecs.
//!
//! Started by the server with one end of a socket pair as its standard input. It loads its codecs, locks itself in
//! ([`sandbox`]) and only then reads: everything it is given from there on is taken to be hostile.
//! There is a module for each kind of work.

pub mod card;
pub mod pictures;
pub mod pipe;
pub mod sandbox;
pub mod sound;
pub mod still;
mod worker;

pub use worker::Worker;

/// Why media could not be worked on.
#[derive(Debug)]
pub struct Error(pub String);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<ffmpeg_next::Error> for Error {
    fn from(error: ffmpeg_next::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<hardware::Error> for Error {
    fn from(error: hardware::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
