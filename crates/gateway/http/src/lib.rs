//! The web of the server: pages, HLS, media, the API and what operators ask, on one port.
//!
//! [`Listener`] accepts connections and keeps their limits; each is driven under a span of its own, speaking HTTP/1.1 or
//! HTTP/2. [`router`] is everything above the connection: one file a conversation (`hls`, `dash`, `media`, `flv`, `pages`, `api`,
//! `obs`, `ops`), with [`House`] saying where the streams are. It can be called without any socket.

mod access;
mod answer;
mod api;
mod api_model;
mod connection;
mod dash;
mod desks;
mod door;
mod figures;
mod flv;
mod growing;
mod hls;
mod house;
mod listen;
mod media;
mod obs;
mod ops;
mod pages;
mod parked;
mod peer;
mod pieces;
mod process;
pub mod range;
mod router;
mod social;
mod stall;
#[cfg(test)]
mod tests;
mod thumbnail;

pub use house::{About, Carried, Carry, House};
pub use listen::Listener;
pub use router::router;
