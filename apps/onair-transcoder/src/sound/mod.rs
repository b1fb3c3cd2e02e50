//! Sound of other sound. What is made keeps the times of what it is made of ([`pace`]), to the sample.

mod bench;
mod decode;
mod encode;
mod mix;
pub mod pace;

pub use bench::Bench;
pub use decode::Decoder;
pub use encode::Encoder;
pub use mix::{Mixer, RATE};
