//! A bad network on one machine: a relay of datagrams and connections that loses, delays and holds back as told.
//!
//! It stands between a server and its viewers: they send to its port, it sends on from a socket for each of them, so that
//! the server sees as many addresses. What is set holds for what the server sends; the way back is clear but for `hold`.

mod machine;
mod relay;

pub use machine::{Link, Settings};
pub use relay::Relay;
