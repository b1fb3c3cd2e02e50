//! Pictures that one source sends in several sizes: spatial layers.

use bytes::Bytes;
use media::codec::Malformed;
use media::{Codec, Temporal};

use super::Smaller;

/// Sizes that are told apart, the largest ones.
pub(super) const MAX_LEVELS: u8 = 4;
/// A largest size that is left out of more pictures in a row than this has ended.
const MAX_MISSED: u32 = 8;

/// The sizes of a picture, the largest first: level 0 is the highest spatial layer of the last keyframe.
#[derive(Default)]
pub(super) struct Levels {
    top: u8,
    /// Pictures in a row that lacked the highest layer.
    missed: u32,
    levels: [Level; MAX_LEVELS as usize],
    largest: Option<Bytes>,
    smaller: Vec<Smaller>,
}

/// A picture's place among temporal layers.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) temporal: u8,
    /// A bit for each layer of which those behind it need nothing from before it; of its own and those below it says nothing.
    pub(super) opens: u8,
}

/// What is known of one size.
#[derive(Default)]
struct Level {
    ups: Ups,
    temporal: Temporal,
    codec: Option<Codec>,
}

impl Levels {
    /// A keyframe begins, with layers up to this one.
    pub(super) fn begin(&mut self, top: u8) {
        self.top = top;
    }

    /// The highest layer.
    pub(super) fn top(&self) -> u8 {
        self.top
    }

    /// Every level with its spatial layer, the largest first.
    pub(super) fn all(&self) -> impl Iterator<Item = (u8, u8)> + use<> {
        (0..MAX_LEVELS).zip((0..=self.top).rev())
    }

    /// What a decoder of that level must know from now on.
    pub(super) fn learn(&mut self, level: u8, codec: Codec) {
        if let Some(level) = self.levels.get_mut(usize::from(level)) {
            level.codec = Some(codec);
        }
    }

    /// Takes note of how far up a picture goes, of which no size has been put yet. An error where the largest has ended.
    pub(super) fn notice(&mut self, highest: u8) -> Result<(), Malformed> {
        self.missed = if highest >= self.top { 0 } else { self.missed + 1 };
        self.largest = None;
        self.smaller.clear();
        if self.missed > MAX_MISSED { Err(Malformed("spatial layer")) } else { Ok(()) }
    }

    /// The picture in that size, `None` where it lacks it; and its place, where that is told.
    pub(super) fn put(&mut self, level: u8, picture: Option<Bytes>, place: Option<Place>, is_sync: bool) {
        let Some(state) = self.levels.get_mut(usize::from(level)) else { return };
        let Some(payload) = picture.filter(|payload| !payload.is_empty()) else {
            // Those that follow may need what was before it.
            state.ups = Ups::default();
            return;
        };
        state.temporal = place.map_or(Temporal::BASE, |place| state.ups.on_picture(place, is_sync));
        let temporal = if is_sync { Temporal::BASE } else { state.temporal };
        match level {
            0 => self.largest = Some(payload),
            _ => self.smaller.push(Smaller { level, payload, temporal }),
        }
    }

    /// The picture in its largest size.
    pub(super) fn take_largest(&mut self) -> Option<Bytes> {
        self.largest.take()
    }

    pub(super) fn take_smaller(&mut self) -> Vec<Smaller> {
        std::mem::take(&mut self.smaller)
    }

    /// Of the largest size.
    pub(super) fn temporal(&self) -> Temporal {
        self.levels.first().map_or(Temporal::BASE, |level| level.temporal)
    }

    pub(super) fn codec_of(&self, level: u8) -> Option<&Codec> {
        self.levels.get(usize::from(level))?.codec.as_ref()
    }
}

/// Where one may switch up. What is sent says of a picture that those after it, in higher temporal layers than its own, need
/// nothing of these layers from before it; wanted is which are the first of their layer behind such a picture.
#[derive(Default)]
struct Ups(u8);

impl Ups {
    fn on_picture(&mut self, Place { temporal, opens }: Place, is_sync: bool) -> Temporal {
        let own = 1 << (temporal & 7);
        let switches_up = self.0 & own != 0;
        self.0 &= !own;
        if is_sync {
            self.0 = u8::MAX;
        } else {
            // Those above its own.
            self.0 |= opens & !(own | (own - 1));
        }
        Temporal { layer: temporal, switches_up }
    }
}
