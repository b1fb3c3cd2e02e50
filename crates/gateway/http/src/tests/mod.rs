//! The conversations, called without a socket in virtual time; and the connection, with one.

mod access;
mod dash;
mod flv;
mod hls;
mod media;
mod obs;
mod others;
mod sockets;
mod stage;
mod thumbnail;
