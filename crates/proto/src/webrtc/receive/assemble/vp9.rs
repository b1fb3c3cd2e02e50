use bytes::{BufMut, Bytes};
use media::Codec;
use media::codec::{self, Malformed, vp9};
use wire::rtp::payload::vp9::Descriptor;

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

    fn codec(&self) -> Option<&Codec> {
        self.codec.as_ref()
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
