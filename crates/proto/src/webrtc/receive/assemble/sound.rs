use bytes::Bytes;
use media::Codec;
use media::codec::{self, Law, Malformed, opus};

use super::Format;
use super::parameters;

/// Opus: a packet is a frame (RFC 7587).
pub(super) struct Opus {
    packet: Bytes,
    codec: Codec,
    is_stereo: bool,
}

impl Opus {
    /// Stereo where the offer says so (P22), else mono until a packet turns out to be stereo.
    pub(super) fn new(parameters: &str) -> Self {
        let is_stereo =
            ["stereo", "sprop-stereo"].into_iter().any(|name| parameters::value(parameters, name) == Some("1"));
        let channels = if is_stereo { 2 } else { 1 };
        Self { packet: Bytes::new(), codec: Codec::Opus(codec::Opus::plain(channels)), is_stereo }
    }
}

impl Format for Opus {
    fn may_begin(&self, _: &[u8]) -> bool {
        true
    }

    fn begins_keyframe(&self, _: &[u8]) -> bool {
        false
    }

    fn push(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        opus::packet_samples(payload).ok_or(Malformed("Opus packet"))?;
        // The `s` bit (RFC 6716 §3.1).
        if !self.is_stereo && payload.first().is_some_and(|toc| toc & 4 != 0) {
            self.is_stereo = true;
            self.codec = Codec::Opus(codec::Opus::plain(2));
        }
        self.packet = Bytes::copy_from_slice(payload);
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<(Bytes, bool)>, Malformed> {
        Ok(Some((std::mem::take(&mut self.packet), true)))
    }

    fn clear(&mut self) {
        self.packet.clear();
    }

    fn len(&self) -> usize {
        self.packet.len()
    }

    fn codec(&self) -> Option<&Codec> {
        Some(&self.codec)
    }
}

/// G.711: every byte is a sample (RFC 3551 §4.5.14).
pub(super) struct G711 {
    packet: Bytes,
    codec: Codec,
}

impl G711 {
    pub(super) fn mu() -> Self {
        Self::new(Law::Mu)
    }

    pub(super) fn a() -> Self {
        Self::new(Law::A)
    }

    fn new(law: Law) -> Self {
        Self { packet: Bytes::new(), codec: Codec::G711(codec::G711 { law, channels: 1 }) }
    }
}

impl Format for G711 {
    fn may_begin(&self, _: &[u8]) -> bool {
        true
    }

    fn begins_keyframe(&self, _: &[u8]) -> bool {
        false
    }

    fn push(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        self.packet = Bytes::copy_from_slice(payload);
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<(Bytes, bool)>, Malformed> {
        Ok(Some((std::mem::take(&mut self.packet), true)))
    }

    fn clear(&mut self) {
        self.packet.clear();
    }

    fn len(&self) -> usize {
        self.packet.len()
    }

    fn codec(&self) -> Option<&Codec> {
        Some(&self.codec)
    }
}
