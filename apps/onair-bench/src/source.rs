//! What a publisher sends: pictures that are made up, or recorded.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use media::codec::{Avc, Malformed};
use media::{Codec, Frame, Span, Time};

use crate::clip::Clip;
use crate::generate::{Generator, PPS, SPS, Shape};

/// Where pictures come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// They are made up and know each which it is, so that viewers' delays can be measured.
    Made(Shape),
    /// They are those of a file, over and over.
    Recorded(Arc<Clip>),
}

impl From<Shape> for Source {
    fn from(shape: Shape) -> Self {
        Self::Made(shape)
    }
}

/// The pictures of one publisher, one after the other.
#[derive(Debug)]
pub(crate) struct Pictures {
    from: Origin,
    count: u64,
}

#[derive(Debug)]
enum Origin {
    Generator(Generator, u32),
    Clip(Arc<Clip>),
}

impl Source {
    /// What they are encoded with, and how.
    pub fn codec(&self) -> Result<Codec, Malformed> {
        match self {
            Self::Made(_) => {
                Avc::from_parameter_sets([Bytes::from_static(SPS)], [Bytes::from_static(PPS)]).map(Codec::Avc)
            }
            Self::Recorded(clip) => Ok(clip.codec().clone()),
        }
    }

    pub(crate) fn pictures(&self) -> Pictures {
        let from = match self {
            Self::Made(shape) => Origin::Generator(Generator::new(*shape), shape.fps.max(1)),
            Self::Recorded(clip) => Origin::Clip(clip.clone()),
        };
        Pictures { from, count: 0 }
    }
}

impl Pictures {
    /// When the next one is due, from the first one on.
    pub(crate) fn next_at(&self) -> Duration {
        match &self.from {
            Origin::Generator(_, fps) => {
                let fps = u64::from(*fps);
                Duration::from_secs(self.count / fps) + Duration::from_secs(1) * (self.count % fps) as u32 / fps as u32
            }
            Origin::Clip(clip) => clip.picture(self.count).at,
        }
    }

    /// The next one; where they are made up, a keyframe if one is wanted.
    pub(crate) fn next(&mut self, wants_key: bool) -> Frame {
        let dts = Time(i64::try_from(self.next_at().as_nanos()).unwrap_or(i64::MAX));
        let (is_sync, payload) = match &mut self.from {
            Origin::Generator(generator, _) => {
                let unit = generator.next_unit(wants_key);
                let mut payload = BytesMut::with_capacity(4 + unit.slice.len());
                payload.put_u32(unit.slice.len() as u32);
                payload.put_slice(&unit.slice);
                (unit.is_key, payload.freeze())
            }
            Origin::Clip(clip) => {
                let picture = clip.picture(self.count);
                (picture.is_sync, picture.payload)
            }
        };
        self.count += 1;
        Frame { dts, reorder: Span::ZERO, is_sync, payload, temporal: media::Temporal::BASE }
    }
}
