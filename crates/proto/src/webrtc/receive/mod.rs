//! The receiving half of WebRTC media: decrypted packets of one publishing session in, tracks and whole
//! frames out, and the feedback that the publisher needs.
//!
//! A packet finds its layer by source, rid, mid or payload type (P8, W37), waits in the layer's queue only
//! while one before it is missing, and is put together with its like into a frame. A frame that is in order
//! and complete goes out at once: nothing here waits for a fixed time. What stays missing costs all pictures up
//! to the next keyframe (P23), which is asked for at once.

mod arrivals;
mod assemble;
mod clock;
mod estimate;
mod event;
mod keyframes;
mod layer;
mod queue;
mod receiver;
mod route;
mod settings;
mod stats;
mod tally;

#[cfg(test)]
mod tests;

pub use event::Event;
pub use receiver::Receiver;
pub use settings::Settings;
pub use stats::{Stats, TrackStats};
