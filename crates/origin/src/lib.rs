//! Packages every broadcast from the moment it begins: hub in, library out.
//!
//! Floor 4: one task a broadcast follows its tracks and drives its `package::Packager`. A packager that
//! panics takes only its own presentation down; another begins anew in its place. Viewers cost nothing
//! here: whether one watches or ten thousand, each frame is packaged once.

mod feed;
mod origin;
mod watch;

#[cfg(test)]
mod tests;

pub use origin::run;
