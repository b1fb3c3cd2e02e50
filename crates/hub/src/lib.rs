//! Where publishers and subscribers meet. Names no protocol.

mod admission;

pub use admission::{Action, Admission, Ask, Verdict};
