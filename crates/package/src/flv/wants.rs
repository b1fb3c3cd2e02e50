use std::borrow::Cow;

use media::{Kind, Track};
use wire::flv::Takes;

/// In place of a track's name: nothing of that kind.
const NONE: &str = "none";

/// What a player asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Codecs that it takes beyond those of old.
    pub takes: Takes,
    /// It had no way to say which codecs it takes. Then it is given those of old where there are such, and else what
    /// there is: a player that can do nothing with that says so.
    pub is_unsaid: bool,
    /// The picture it wants, by its name: `v720`; `none` for none. Else it gets the best that it takes.
    pub video: Option<Box<str>>,
    /// The sound it wants, by its name: `a1`; `none` for none.
    pub audio: Option<Box<str>>,
}

impl Wants {
    /// What the query of an address says: `video=v720&audio=none&codecs=hvc1,Opus`.
    pub fn of_query(query: &str) -> Self {
        let mut wants = Self { is_unsaid: true, ..Self::default() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            wants.say(&name, value);
        }
        wants
    }

    fn say(&mut self, name: &str, value: Cow<'_, str>) {
        match name {
            "video" if !value.is_empty() => self.video = Some(value.into()),
            "audio" if !value.is_empty() => self.audio = Some(value.into()),
            "codecs" => {
                self.is_unsaid = false;
                self.takes.join(&Takes::list(&value));
            }
            _ => {}
        }
    }

    /// Wants something of that kind.
    pub(super) fn any(&self, kind: Kind) -> bool {
        self.named(kind) != Some(NONE)
    }

    /// That track is not ruled out by name.
    pub(super) fn means(&self, track: &Track) -> bool {
        self.named(track.kind()).is_none_or(|name| track.name().to_string() == name)
    }

    pub(super) fn named(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Video => self.video.as_deref(),
            Kind::Audio => self.audio.as_deref(),
        }
    }
}
