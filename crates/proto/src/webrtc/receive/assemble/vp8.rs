use bytes::Bytes;
use media::codec::{self, Malformed};
use media::{Codec, Temporal};
use wire::rtp::payload::vp8::Descriptor;

use super::Format;

/// VP8 frames (RFC 7741).
#[derive(Default)]
pub(super) struct Vp8 {
    frame: Vec<u8>,
    temporal: Temporal,
    codec: Option<Codec>,
}

impl Format for Vp8 {
    fn may_begin(&self, mut payload: &[u8]) -> bool {
        Descriptor::parse(&mut payload).is_ok_and(|descriptor| descriptor.begins_frame())
    }

    fn begins_keyframe(&self, mut payload: &[u8]) -> bool {
        let descriptor = Descriptor::parse(&mut payload);
        descriptor.is_ok_and(|descriptor| descriptor.begins_frame()) && is_key(payload)
    }

    fn push(&mut self, mut payload: &[u8]) -> Result<(), Malformed> {
        let descriptor = Descriptor::parse(&mut payload)?;
        // The beginning is where it says so, and nowhere else: partitions may come several to a packet.
        if self.frame.is_empty() != descriptor.begins_frame() {
            return Err(Malformed("VP8 frame"));
        }
        if descriptor.begins_frame() {
            // Y: it depends on the lowest layer alone (§4.2). Without a layer, N: nobody depends on it.
            self.temporal = match descriptor.temporal {
                Some((layer, switches_up)) => Temporal { layer, switches_up },
                None if descriptor.is_disposable => Temporal { layer: 1, switches_up: true },
                None => Temporal::BASE,
            };
        }
        self.frame.extend_from_slice(payload);
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<(Bytes, bool)>, Malformed> {
        let frame = Bytes::copy_from_slice(&self.frame);
        self.frame.clear();
        let is_sync = is_key(&frame);
        if is_sync {
            self.codec = Some(Codec::Vp8(codec::Vp8::from_keyframe(&frame)?));
        }
        Ok((!frame.is_empty()).then_some((frame, is_sync)))
    }

    fn clear(&mut self) {
        self.frame.clear();
    }

    fn len(&self) -> usize {
        self.frame.len()
    }

    fn temporal(&self) -> Temporal {
        self.temporal
    }

    fn codec(&self) -> Option<&Codec> {
        self.codec.as_ref()
    }
}

/// The lowest bit of the frame tag is 0 in a keyframe (RFC 6386 §9.1).
fn is_key(frame: &[u8]) -> bool {
    frame.first().is_some_and(|tag| tag & 1 == 0)
}
