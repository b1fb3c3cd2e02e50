use bytes::{BufMut, Bytes};
use media::codec::{self, Malformed, vp9};
use media::{Codec, Temporal};
use wire::rtp::payload::vp9::{Descriptor, Layer};

use super::{Format, Smaller};

/// More spatial layers than the descriptor can number.
const MAX_LAYERS: usize = 8;
/// Sizes that are told apart, the largest ones.
const MAX_LEVELS: u8 = 4;
/// A largest size that is left out of more pictures in a row than this has ended.
const MAX_MISSED: u32 = 8;

/// VP9 pictures (RFC 9628), in each of the sizes that they come in.
///
/// The frames of a picture that a size needs stay together, as a superframe: those of all smaller sizes in keyframes, and in
/// all pictures or, in what browsers call `_KEY`, in no others. There a picture is one frame, and one that lacks a size, as
/// its encoder was short of bits, is left out of that size.
#[derive(Default)]
pub(super) struct Vp9 {
    picture: Vec<u8>,
    frames: Vec<LayerFrame>,
    is_open: bool,
    /// Size of the largest layer, and of all, as the last description of layers has it.
    size: Option<(u16, u16)>,
    sizes: [(u16, u16); MAX_LAYERS],
    /// The highest spatial layer of the last keyframe.
    top: u8,
    /// Whether a layer needs those below in every picture, once that is known.
    is_chained: Option<bool>,
    /// Pictures in a row that lacked the highest layer.
    missed: u32,
    /// The layer of the frame under way.
    layer: Option<Layer>,
    /// Of every size, the largest first.
    levels: [Level; MAX_LEVELS as usize],
    smaller: Vec<Smaller>,
}

/// A frame of the picture under way.
struct LayerFrame {
    end: usize,
    spatial: u8,
    /// It needs the layer below.
    is_upper: bool,
}

/// What is known of one size.
#[derive(Default)]
struct Level {
    ups: Ups,
    temporal: Temporal,
    codec: Option<Codec>,
}

impl Vp9 {
    /// The bytes of the frame of that place in the picture.
    fn frame(&self, at: usize) -> &[u8] {
        let begin = at.checked_sub(1).and_then(|before| self.frames.get(before)).map_or(0, |frame| frame.end);
        let end = self.frames.get(at).map_or(begin, |frame| frame.end);
        self.picture.get(begin..end).unwrap_or_default()
    }

    /// The picture in the size of that spatial layer, if it has it.
    fn size_of(&self, spatial: u8, is_sync: bool) -> Option<Bytes> {
        if !is_sync && self.top > 0 && self.is_chained == Some(false) {
            let at = self.frames.iter().position(|frame| frame.spatial == spatial)?;
            return Some(Bytes::copy_from_slice(self.frame(at)));
        }
        let count = self.frames.iter().take_while(|frame| frame.spatial <= spatial).count();
        let end = count.checked_sub(1).and_then(|last| self.frames.get(last)).map(|frame| frame.end)?;
        let mut picture = Vec::with_capacity(end + 4 * count + 2);
        picture.extend_from_slice(self.picture.get(..end)?);
        if count > 1 {
            // One picture of each superframe is shown; those in between predict and cannot be changed as easily.
            vp9::hide_keyframe(&mut picture);
            put_index(&mut picture, self.frames.get(..count).unwrap_or_default());
        }
        Some(picture.into())
    }

    /// Takes note of the layers of this picture.
    fn notice(&mut self, is_sync: bool) -> Result<(), Malformed> {
        let highest = self.frames.last().map_or(0, |frame| frame.spatial);
        if is_sync {
            self.top = highest;
            let parameters = codec::Vp9::from_keyframe(&self.picture)?;
            for (level, spatial) in (0..=highest).rev().enumerate().take(self.levels.len()) {
                let lowest = parameters.clone();
                // The keyframe is the lowest layer's.
                let told = self.sizes.get(usize::from(spatial)).copied().filter(|size| *size > (0, 0) && spatial > 0);
                let told = told.or(self.size.filter(|_| level == 0 && highest > 0));
                let own = told.map_or(lowest.clone(), |(width, height)| lowest.of_size(width.into(), height.into()));
                if let Some(level) = self.levels.get_mut(level) {
                    level.codec = Some(Codec::Vp9(own));
                }
            }
        } else if highest > 0 {
            self.is_chained = Some(self.frames.iter().any(|frame| frame.is_upper));
        }
        let has_top = highest >= self.top;
        self.missed = if has_top { 0 } else { self.missed + 1 };
        if self.missed > MAX_MISSED { Err(Malformed("VP9 layer")) } else { Ok(()) }
    }
}

impl Format for Vp9 {
    fn may_begin(&self, mut payload: &[u8]) -> bool {
        Descriptor::parse(&mut payload).is_ok_and(|descriptor| descriptor.begins_picture())
    }

    fn begins_keyframe(&self, mut payload: &[u8]) -> bool {
        let descriptor = Descriptor::parse(&mut payload);
        descriptor.is_ok_and(|descriptor| descriptor.begins_picture()) && vp9::is_keyframe(payload)
    }

    fn push(&mut self, mut payload: &[u8]) -> Result<(), Malformed> {
        let descriptor = Descriptor::parse(&mut payload)?;
        if descriptor.begins_frame == self.is_open || self.frames.len() > MAX_LAYERS {
            return Err(Malformed("VP9 frame"));
        }
        self.size = descriptor.size.or(self.size);
        self.sizes = descriptor.sizes.unwrap_or(self.sizes);
        self.layer = descriptor.layer;
        self.is_open = !descriptor.ends_frame;
        self.picture.extend_from_slice(payload);
        if descriptor.ends_frame {
            let Layer { spatial, is_inter_layer, .. } = descriptor.layer.unwrap_or_default();
            self.frames.push(LayerFrame { end: self.picture.len(), spatial, is_upper: is_inter_layer });
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<(Bytes, bool)>, Malformed> {
        if self.is_open {
            return Err(Malformed("VP9 frame"));
        }
        let is_sync = vp9::is_keyframe(&self.picture);
        self.notice(is_sync)?;
        self.smaller.clear();
        let mut largest = None;
        for (level, spatial) in (0..MAX_LEVELS).zip((0..=self.top).rev()) {
            let payload = self.size_of(spatial, is_sync).filter(|payload| !payload.is_empty());
            let Some(state) = self.levels.get_mut(usize::from(level)) else { break };
            let Some(payload) = payload else {
                // Those that follow may need what was before it.
                state.ups = Ups::default();
                continue;
            };
            state.temporal = self.layer.map_or(Temporal::BASE, |layer| state.ups.on_picture(layer, is_sync));
            let temporal = if is_sync { Temporal::BASE } else { state.temporal };
            match level {
                0 => largest = Some((payload, is_sync)),
                _ => self.smaller.push(Smaller { level, payload, temporal }),
            }
        }
        self.clear();
        Ok(largest)
    }

    fn smaller(&mut self) -> Vec<Smaller> {
        std::mem::take(&mut self.smaller)
    }

    fn clear(&mut self) {
        self.picture.clear();
        self.frames.clear();
        self.is_open = false;
    }

    fn len(&self) -> usize {
        self.picture.len()
    }

    fn temporal(&self) -> Temporal {
        self.levels.first().map_or(Temporal::BASE, |level| level.temporal)
    }

    fn codec(&self) -> Option<&Codec> {
        self.codec_of(0)
    }

    fn codec_of(&self, level: u8) -> Option<&Codec> {
        self.levels.get(usize::from(level))?.codec.as_ref()
    }
}

/// Where one may switch up. The descriptor says of a picture that those after it, in higher layers than its own, need
/// nothing of these layers from before it (§4.2, U); wanted is which are the first of their layer behind such a picture.
#[derive(Default)]
struct Ups(u8);

impl Ups {
    fn on_picture(&mut self, layer: Layer, is_sync: bool) -> Temporal {
        let own = 1 << (layer.temporal & 7);
        let switches_up = self.0 & own != 0;
        self.0 &= !own;
        if is_sync {
            self.0 = u8::MAX;
        } else if layer.switches_up {
            // Those above its own.
            self.0 |= !(own | (own - 1));
        }
        Temporal { layer: layer.temporal, switches_up }
    }
}

/// Ends a picture of several frames with the index that decoders split it by (VP9 annex B).
fn put_index(picture: &mut Vec<u8>, frames: &[LayerFrame]) {
    if !(2..=MAX_LAYERS).contains(&frames.len()) {
        return;
    }
    // 110, then that sizes have four bytes, then how many frames there are.
    let marker = 0b1101_1000 | (frames.len() - 1) as u8;
    picture.put_u8(marker);
    let mut begin = 0;
    for &LayerFrame { end, .. } in frames {
        picture.put_u32_le(u32::try_from(end - begin).unwrap_or(u32::MAX));
        begin = end;
    }
    picture.put_u8(marker);
}
