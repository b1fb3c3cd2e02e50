//! Settings: one struct a section, each field a sentence for the operator.
//!
//! The doc comments of the section structs are what `onair sample-config` prints and what
//! `docs/onair.toml` holds, so they speak to the person who runs the server. Every setting has a
//! default; a file, the environment and `--set` are laid over it in that order.

mod access;
mod check;
mod document;
mod hls;
mod http;
mod hub;
mod known;
mod listen;
mod load;
mod log;
mod network;
mod pattern;
mod problem;
mod root;
mod rtmp;
mod sample;
mod secret;
mod server;
mod size;
mod tls;
mod transcode;
mod webrtc;

pub use access::{Access, Rule};
pub use hls::Hls;
pub use http::Http;
pub use hub::Hub;
pub use load::Sources;
pub use log::{Format, Log};
pub use network::{BadNetwork, Network};
pub use pattern::{BadPattern, Pattern};
pub use problem::{Problem, Problems};
pub use root::Config;
pub use rtmp::Rtmp;
pub use sample::sample;
pub use secret::Secret;
pub use server::Server;
pub use tls::Tls;
pub use transcode::{Encode, Ladder, Preset, Rung, RungCodec, Start, Transcode};
pub use webrtc::{BadIceUrl, BadPublic, IceServer, IceUrl, Public, Webrtc};
