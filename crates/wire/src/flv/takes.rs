use super::{Codec, Coding, FourCc};

/// More codecs than there are.
const MOST_CODECS: usize = 64;

/// Which codecs somebody takes, beyond those that FLV has always carried (conformance R16).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    codecs: Vec<FourCc>,
    all: bool,
}

impl Takes {
    /// Any codec that there is.
    pub fn all() -> Self {
        Self { codecs: Vec::new(), all: true }
    }

    /// What a list says such as `hvc1,Opus`, or `*`.
    pub fn list(list: &str) -> Self {
        let mut takes = Self::default();
        list.split(',').for_each(|name| takes.add(name.trim()));
        takes
    }

    /// One more, by its FourCC; `*` is all of them. What is no FourCC is passed over.
    pub fn add(&mut self, name: &str) {
        if name == "*" {
            self.all = true;
        } else if let Ok(code) = name.as_bytes().try_into()
            && self.codecs.len() < MOST_CODECS
        {
            self.codecs.push(FourCc(code));
        }
    }

    /// Takes what somebody else takes too.
    pub fn join(&mut self, other: &Self) {
        self.all |= other.all;
        let room = MOST_CODECS.saturating_sub(self.codecs.len());
        self.codecs.extend(other.codecs.iter().take(room));
    }

    /// Whether it was said that this codec is taken.
    pub fn says(&self, codec: FourCc) -> bool {
        self.all || self.codecs.contains(&codec)
    }

    /// Whether a track of that codec can be sent.
    pub fn take(&self, codec: &media::Codec) -> bool {
        let Some(coding) = Coding::of(codec) else { return false };
        coding.is_classic() || matches!(coding.codec(), Codec::FourCc(code) if self.says(code))
    }
}
