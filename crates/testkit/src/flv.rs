//! FLV files, tag by tag: encoded once by ffmpeg, sent as often and as crookedly as a test likes.

use std::path::Path;

/// What a tag carries; the number is its type on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio = 8,
    /// Picture.
    Video = 9,
    /// `onMetaData` and its like.
    Data = 18,
}

/// One FLV tag, which is also one RTMP message.
#[derive(Clone, Debug)]
pub struct Tag {
    /// What it carries.
    pub kind: Kind,
    /// Decode time in milliseconds.
    pub time_ms: u32,
    /// What stands in the tag's body.
    pub body: Vec<u8>,
}

impl Tag {
    /// Carries decoder parameters rather than a frame.
    pub fn is_header(&self) -> bool {
        self.kind != Kind::Data && self.body.get(1) == Some(&0)
    }

    /// A video keyframe.
    pub fn is_key(&self) -> bool {
        self.kind == Kind::Video && self.body.first().is_some_and(|first| first >> 4 == 1) && !self.is_header()
    }
}

/// All tags of a file.
pub fn read(file: &Path) -> Vec<Tag> {
    let bytes = std::fs::read(file).expect("the FLV file");
    let mut rest = bytes.get(13..).expect("an FLV header");
    let mut tags = Vec::new();
    while let Some((head, tail)) = rest.split_at_checked(11) {
        let len = usize::from(head[1]) << 16 | usize::from(head[2]) << 8 | usize::from(head[3]);
        let time_ms = u32::from_be_bytes([head[7], head[4], head[5], head[6]]);
        let Some(body) = tail.get(..len) else { break };
        let kind = match head[0] & 31 {
            8 => Kind::Audio,
            9 => Kind::Video,
            _ => Kind::Data,
        };
        tags.push(Tag { kind, time_ms, body: body.to_vec() });
        rest = tail.get(len + 4..).unwrap_or_default();
    }
    tags
}

/// The same stream `times` over, each round later by `round_ms`; headers and metadata only in the first.
pub fn repeat(tags: &[Tag], times: u32, round_ms: u32) -> Vec<Tag> {
    let mut all = Vec::new();
    for round in 0..times {
        let wanted = tags.iter().filter(|tag| round == 0 || !(tag.is_header() || tag.kind == Kind::Data));
        all.extend(wanted.map(|tag| Tag { time_ms: tag.time_ms + round * round_ms, ..tag.clone() }));
    }
    all
}
