//! FLV's audio and video tags, which are also RTMP's audio and video messages.
//!
//! The legacy one-byte headers and Enhanced RTMP's FourCC headers (with ModEx and multitrack,
//! conformance R17–R20) are read into the same values: a message carries one packet type for one or
//! more tracks. Who reads them need not know which form the sender chose.

mod audio;
mod codec;
mod tag;
#[cfg(test)]
mod tests;
mod tracks;
mod video;

pub use audio::{Audio, AudioPacket, AudioTrack};
pub use codec::{Codec, FourCc};
pub use tag::{Tag, TagKind};
pub use video::{FrameType, Video, VideoPacket, VideoTrack};

/// How many tracks one message may carry.
pub const MAX_TRACKS: usize = 32;
