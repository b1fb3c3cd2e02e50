//! The ruler: viewers by the hundred in one process, and what they cost the server.
//!
//! It speaks standard protocols to standard addresses, so it measures any server alike: this one, nginx, SRS, MediaMTX.
//! Its players behave as players do but decode nothing and throw the media away, so that one core of generator outweighs
//! many cores of server.
//!
//! HLS: [`http`] reads responses, [`playlist`] reads playlists, [`player`] is one viewer as a machine without socket or
//! clock, [`swarm`] is the loop that drives many of them, [`load`] runs swarms and watches the processes, [`report`] says
//! what was seen. Everything that streams without a pause: [`stream`] says how viewers come and what is counted of them,
//! [`webrtc`] is WHEP and WHIP, [`rtmp`], [`flv`] and [`pull`] are what comes by TCP, [`generate`] makes up a stream whose packets are known again at the other end,
//! [`stream_report`] says what was seen. [`floor`] is what the machine allows at best.

pub mod floor;
pub mod flv;
pub mod generate;
pub mod http;
pub mod load;
pub mod player;
pub mod playlist;
pub mod process;
pub mod pull;
pub mod report;
pub mod rtmp;
pub mod stats;
pub mod stream;
pub mod stream_report;
pub mod swarm;
pub mod url;
pub mod webrtc;
