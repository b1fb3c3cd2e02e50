//! FLV's audio and video tags, which are also RTMP's audio and video messages.
//!
//! The legacy one-byte headers and Enhanced RTMP's FourCC headers (with ModEx and multitrack,
//! conformance R17–R20) are read into the same values: a message carries one packet type for one or
//! more tracks. Who reads them need not know which form the sender chose.
//!
//! For players, [`Coding`] makes of a track what stands before the payload of its messages, so that payloads are
//! shared; [`Takes`] says which codecs a player takes, and [`File`] puts messages behind each other as tags.

mod audio;
mod codec;
mod coding;
mod file;
mod metadata;
#[cfg(test)]
mod out_tests;
mod tag;
mod takes;
#[cfg(test)]
mod tests;
mod tracks;
mod video;

pub use audio::{Audio, AudioPacket, AudioTrack};
pub use codec::{Codec, FourCc};
pub use coding::{Coding, Head};
pub use file::File;
pub use metadata::metadata;
pub use tag::{Tag, TagKind};
pub use takes::Takes;
pub use video::{FrameType, Video, VideoPacket, VideoTrack};

/// How many tracks one message may carry.
pub const MAX_TRACKS: usize = 32;
