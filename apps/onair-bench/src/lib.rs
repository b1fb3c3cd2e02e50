//! The ruler: viewers by the hundred in one process, and what they cost the server.
//!
//! It speaks standard protocols to standard addresses, so it measures any server alike: this one, nginx, SRS, MediaMTX.
//! Its players behave as players do but decode nothing and throw the media away, so that one core of generator outweighs
//! many cores of server.
//!
//! HLS and DASH: [`http`] reads responses, [`playlist`] and [`dash::Mpd`] what there is, [`player`] and [`dash::Player`] are
//! one [`viewer`] each, as a machine without socket or clock, [`swarm`] is the loop that drives many of them, [`load`] runs
//! swarms, [`report`] says what was seen. Everything that streams without a pause: [`stream`] says what is counted of a
//! viewer, [`webrtc`] is WHEP and WHIP, [`rtmp`], [`flv`] and [`pull`] are what comes by TCP, a [`publisher`] sends a
//! [`source`]: a stream that [`generate`] makes up, whose packets are known again at the other end, or a [`clip`];
//! [`stream_report`] says what was seen. For all of them [`plan`] says how they come and for how long, and [`cost`] what
//! that took. [`floor`] is what the machine allows at best.

mod buffer;
pub mod clip;
pub mod cost;
pub mod dash;
mod date;
pub mod floor;
pub mod flv;
pub mod generate;
pub mod http;
pub mod load;
pub mod plan;
pub mod player;
pub mod playlist;
pub mod process;
pub mod publisher;
pub mod pull;
pub mod report;
pub mod rtmp;
pub mod source;
pub mod stats;
pub mod stream;
pub mod stream_report;
pub mod swarm;
pub mod url;
pub mod viewer;
pub mod webrtc;
