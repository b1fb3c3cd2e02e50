use bytes::{BufMut, Bytes};
use media::codec::{self, Malformed, vp9};
use media::{Codec, Temporal};
use wire::rtp::payload::vp9::{Descriptor, Layer};

use super::levels::{Levels, Place};
use super::{Format, Smaller};

/// More spatial layers than the descriptor can number.
const MAX_LAYERS: usize = 8;

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
    /// Whether a layer needs those below in every picture, once that is known.
    is_chained: Option<bool>,
    /// The layer of the frame under way.
    layer: Option<Layer>,
    levels: Levels,
}

/// A frame of the picture under way.
struct LayerFrame {
    end: usize,
    spatial: u8,
    /// It needs the layer below.
    is_upper: bool,
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
        if !is_sync && self.levels.top() > 0 && self.is_chained == Some(false) {
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
            self.levels.begin(highest);
            let parameters = codec::Vp9::from_keyframe(&self.picture)?;
            for (level, spatial) in self.levels.all() {
                let lowest = parameters.clone();
                // The keyframe is the lowest layer's.
                let told = self.sizes.get(usize::from(spatial)).copied().filter(|size| *size > (0, 0) && spatial > 0);
                let told = told.or(self.size.filter(|_| level == 0 && highest > 0));
                let own = told.map_or(lowest.clone(), |(width, height)| lowest.of_size(width.into(), height.into()));
                self.levels.learn(level, Codec::Vp9(own));
            }
        } else if highest > 0 {
            self.is_chained = Some(self.frames.iter().any(|frame| frame.is_upper));
        }
        self.levels.notice(highest)
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
        let place_of =
            |layer: Layer| Place { temporal: layer.temporal, opens: if layer.switches_up { u8::MAX } else { 0 } };
        let place = self.layer.map(place_of);
        for (level, spatial) in self.levels.all() {
            let picture = self.size_of(spatial, is_sync);
            self.levels.put(level, picture, place, is_sync);
        }
        let largest = self.levels.take_largest().map(|payload| (payload, is_sync));
        self.clear();
        Ok(largest)
    }

    fn smaller(&mut self) -> Vec<Smaller> {
        self.levels.take_smaller()
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
        self.levels.temporal()
    }

    fn codec(&self) -> Option<&Codec> {
        self.codec_of(0)
    }

    fn codec_of(&self, level: u8) -> Option<&Codec> {
        self.levels.codec_of(level)
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
