//! A real worker under the server's half: sound goes in and comes out where it belongs, whatever happens to the worker.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod beeps;
mod card;
mod delay;
mod drift;
mod hardware;
mod heal;
mod ladder;
mod mend;
mod rtmp;
mod sound;
mod stage;
mod view;
