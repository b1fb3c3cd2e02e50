//! ISO base media files as CMAF wants them: one track a file, fragments that stand alone (ISO/IEC 14496-12, 23000-19).
//!
//! Written by hand: an init segment is a few hundred bytes made once per parameter change, and a fragment has one
//! fixed layout that is written straight into the one buffer it is served from.

mod boxes;
mod entry;
mod fragment;
mod init;
mod tree;

#[cfg(test)]
mod tests;

pub use fragment::{Fragment, Sample};
pub use init::init;
pub use tree::Tree;
