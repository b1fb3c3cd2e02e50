use std::fmt;
use std::sync::Arc;

use crate::Codec;

/// Which track of a broadcast. Stays the same when the track's parameters change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u16);

/// What a track shows to a viewer's senses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

impl Kind {
    /// `video` or `audio`, as logs and the API spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }
}

/// Where a track comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The publisher sent it as it is.
    #[default]
    Source,
    /// One of several layers of the same picture that the publisher sent side by side.
    Simulcast,
    /// The transcoder made it.
    Transcoder,
}

/// A BCP 47 language tag such as `en` or `pt-BR`: 1 to 35 characters of letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Language(Arc<str>);

impl Language {
    /// Takes a well-formed tag, refuses anything else.
    pub fn try_from_tag(tag: &str) -> Option<Self> {
        let plain = tag.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
        (plain && (1..=35).contains(&tag.len())).then(|| Self(tag.into()))
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One rendition of one kind: what a player must know before the first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// Which one of the broadcast's tracks.
    pub id: TrackId,
    /// Codec and its parameters, read from the bitstream.
    pub codec: Codec,
    /// Spoken language, where the publisher said so.
    pub language: Option<Language>,
    /// Who made it.
    pub origin: Origin,
    /// What the publisher said it would send, bits per second. A hint, never a promise.
    pub bitrate_bps: Option<u32>,
}

impl Track {
    /// A track as a publisher sends it, with nothing known beyond its codec.
    pub fn source(id: TrackId, codec: Codec) -> Self {
        Self { id, codec, language: None, origin: Origin::Source, bitrate_bps: None }
    }

    /// Pictures or sound.
    pub fn kind(&self) -> Kind {
        self.codec.kind()
    }

    /// The name in URLs and playlists: `v0`, `a1`.
    pub fn name(&self) -> TrackName {
        TrackName(self.kind(), self.id)
    }
}

/// Displays as `v0` for video track 0, `a1` for audio track 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TrackName(Kind, TrackId);

impl fmt::Display for TrackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            Kind::Video => 'v',
            Kind::Audio => 'a',
        };
        write!(f, "{kind}{}", self.1.0)
    }
}

/// The tracks of a broadcast at one moment. A value: a change makes a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// In the order in which they were declared.
    pub tracks: Vec<Arc<Track>>,
}

impl Catalog {
    /// The track of that id.
    pub fn track(&self, id: TrackId) -> Option<&Arc<Track>> {
        self.tracks.iter().find(|track| track.id == id)
    }

    /// The tracks of one kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Arc<Track>> {
        self.tracks.iter().filter(move |track| track.kind() == kind)
    }
}
