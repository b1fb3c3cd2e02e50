use bytes::{BufMut, Bytes};
use media::codec::{self, Malformed, vp9};
use media::{Codec, Temporal};
use wire::rtp::payload::vp9::{Descriptor, Layer};

use super::Format;

/// More spatial layers than the descriptor can number.
const MAX_LAYERS: usize = 8;

/// VP9 pictures (RFC 9628). The frames of all spatial layers of a picture stay together, as a superframe.
#[derive(Default)]
pub(super) struct Vp9 {
    picture: Vec<u8>,
    /// Where each layer's frame ends; the last may still grow.
    ends: Vec<usize>,
    is_open: bool,
    /// Size of the largest layer, as the last description of layers has it.
    size: Option<(u16, u16)>,
    /// The layer of the picture under way.
    layer: Option<Layer>,
    ups: Ups,
    temporal: Temporal,
    codec: Option<Codec>,
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
        if descriptor.begins_frame == self.is_open || self.ends.len() > MAX_LAYERS {
            return Err(Malformed("VP9 frame"));
        }
        self.size = descriptor.size.or(self.size);
        if self.picture.is_empty() {
            self.layer = descriptor.layer;
        }
        self.is_open = !descriptor.ends_frame;
        self.picture.extend_from_slice(payload);
        if descriptor.ends_frame {
            self.ends.push(self.picture.len());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<(Bytes, bool)>, Malformed> {
        if self.is_open {
            return Err(Malformed("VP9 frame"));
        }
        let is_sync = vp9::is_keyframe(&self.picture);
        if is_sync {
            let mut parameters = codec::Vp9::from_keyframe(&self.picture)?;
            // The keyframe is the lowest layer's; what is shown is the highest one's.
            if let Some((width, height)) = self.size
                && self.ends.len() > 1
            {
                parameters.picture.width = parameters.picture.width.max(width.into());
                parameters.picture.height = parameters.picture.height.max(height.into());
            }
            self.codec = Some(Codec::Vp9(parameters));
        }
        self.temporal = self.layer.map_or(Temporal::BASE, |layer| self.ups.on_picture(layer, is_sync));
        put_index(&mut self.picture, &self.ends);
        let picture = Bytes::copy_from_slice(&self.picture);
        self.clear();
        Ok((!picture.is_empty()).then_some((picture, is_sync)))
    }

    fn clear(&mut self) {
        self.picture.clear();
        self.ends.clear();
        self.is_open = false;
    }

    fn len(&self) -> usize {
        self.picture.len()
    }

    fn temporal(&self) -> Temporal {
        self.temporal
    }

    fn codec(&self) -> Option<&Codec> {
        self.codec.as_ref()
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
fn put_index(picture: &mut Vec<u8>, ends: &[usize]) {
    if !(2..=MAX_LAYERS).contains(&ends.len()) {
        return;
    }
    // 110, then that sizes have four bytes, then how many frames there are.
    let marker = 0b1101_1000 | (ends.len() - 1) as u8;
    picture.put_u8(marker);
    let mut begin = 0;
    for &end in ends {
        picture.put_u32_le(u32::try_from(end - begin).unwrap_or(u32::MAX));
        begin = end;
    }
    picture.put_u8(marker);
}
