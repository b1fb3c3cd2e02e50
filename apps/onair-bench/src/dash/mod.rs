//! DASH as its players see it: [`Mpd`] is what they read, [`Player`] is one of them, [`Fragments`] counts media while it
//! comes.

mod clock;
mod fragments;
mod mpd;
mod player;
mod segments;

#[cfg(test)]
mod tests;

pub use fragments::{Fragments, Timing};
pub use mpd::{Clock, Mpd, Period, Representation, Run};
pub use player::Player;
