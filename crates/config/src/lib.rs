//! Settings: one struct a section, each field a sentence for the operator.
//!
//! The doc comments of the section structs are what `onair sample-config` prints and what
//! `docs/onair.toml` holds, so they speak to the person who runs the server. Every setting has a
//! default; a file, the environment and `--set` are laid over it in that order.

mod access;
mod hls;
mod http;
mod hub;
mod log;
mod network;
mod off;
mod pattern;
mod root;
mod rtmp;
mod secret;
mod server;
mod size;

pub use access::{Access, Rule};
pub use hls::Hls;
pub use http::Http;
pub use hub::Hub;
pub use log::{Format, Log};
pub use network::{BadNetwork, Network};
pub use pattern::{BadPattern, Pattern};
pub use root::Config;
pub use rtmp::Rtmp;
pub use secret::Secret;
pub use server::Server;
