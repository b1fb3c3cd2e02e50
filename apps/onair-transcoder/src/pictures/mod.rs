//! The rungs of a ladder: pictures are decoded once, scaled in a cascade, each rung from the next larger one, and encoded
//! by a thread a rung. A rung has a keyframe exactly where its source has one.

mod bench;
mod cascade;
mod decode;
mod devices;
mod encode;
mod line;
mod load;

pub use bench::{Bench, warm_up};
pub use decode::Decoder;
pub use devices::Devices;
pub use encode::{Encoder, Made, Place};
