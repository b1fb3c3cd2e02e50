//! Real clients for tests: starts the server, publishes to it, reads what it serves, and says which rule broke.
//!
//! Only tests import it; nothing here is shipped. It shares no code with the server on purpose: a mistake in the
//! server's own reader or writer must not hide itself. Helpers panic with the reason instead of returning errors,
//! because a test has nothing better to do with one.

mod alone;

pub mod card;
pub mod feed;
pub mod ffmpeg;
pub mod flv;
mod help;
pub mod http;
pub mod link;
pub mod mp4;
pub mod playlist;
pub mod process;
pub mod rtmp;
pub mod rules;
pub mod server;
pub mod vaapi;

pub use alone::{Alone, alone, measuring};
pub use help::help;
pub use server::Server;
