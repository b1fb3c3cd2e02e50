//! The ruler: viewers by the hundred in one process, and what they cost the server.
//!
//! It speaks plain HTTP/1.1 to standard addresses, so it measures any server alike: this one, nginx with files, SRS,
//! MediaMTX. Its players behave as players do (they start behind the live edge, reload when players reload, and count a
//! stall when their buffer runs dry) but decode nothing and throw the media away unread, so that one core of generator
//! outweighs many cores of server.
//!
//! Below: [`http`] reads responses, [`playlist`] reads playlists, [`player`] is one viewer as a machine without socket or
//! clock, [`swarm`] is the loop that drives many of them, [`load`] runs swarms and watches the processes, [`report`] says
//! what was seen.

pub mod http;
pub mod load;
pub mod player;
pub mod playlist;
pub mod process;
pub mod report;
pub mod stats;
pub mod swarm;
pub mod url;
