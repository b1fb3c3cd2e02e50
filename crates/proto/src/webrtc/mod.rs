//! WebRTC without IO: what a server needs of ICE, DTLS, SRTP and RTP to take streams in and give them out.

pub mod dtls;
pub mod ice;
pub mod negotiate;
pub mod receive;
pub mod send;
pub mod srtp;
pub mod transport;
