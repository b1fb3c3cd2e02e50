//! From packets in order to whole frames, per codec.

mod av1;
mod h264;
mod hevc;
mod levels;
mod nal;
mod parameters;
mod sound;
mod vp8;
mod vp9;

#[cfg(test)]
mod av1_tests;
#[cfg(test)]
mod size_tests;
#[cfg(test)]
mod temporal_tests;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use media::codec::Malformed;
use media::{Codec, Temporal};

use crate::webrtc::negotiate::{Agreed, Coding};

/// A frame as it was sent, before it has a place in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) timestamp: u32,
    pub(super) is_sync: bool,
    pub(super) payload: Bytes,
    pub(super) temporal: Temporal,
    /// 0 is the largest size of a picture that comes in several, 1 the next smaller, and so on. All of a picture follow
    /// each other, the largest first if it is there.
    pub(super) level: u8,
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Frame(Whole),
    /// Parts of it are missing or make no sense.
    Broken,
}

/// A picture in a smaller size than its largest.
pub(super) struct Smaller {
    level: u8,
    payload: Bytes,
    temporal: Temporal,
}

/// What a codec knows about its packets. Everything it gathers is dropped by `clear`, but for parameters.
trait Format: Send {
    /// Whether a frame may begin with this packet, for when those before it are unknown.
    fn may_begin(&self, payload: &[u8]) -> bool;
    /// Whether a keyframe surely begins with this packet, parameters included.
    fn begins_keyframe(&self, payload: &[u8]) -> bool;
    /// What the next packet's header extension says of it, if anything.
    fn describe(&mut self, _descriptor: Option<&[u8]>) {}
    /// Adds a packet to the frame under way.
    fn push(&mut self, payload: &[u8]) -> Result<(), Malformed>;
    /// Ends the frame: its bytes, and whether a viewer may start at it. `None` if there was nothing to show.
    fn finish(&mut self) -> Result<Option<(Bytes, bool)>, Malformed>;
    /// Forgets the frame under way.
    fn clear(&mut self);
    /// Bytes gathered.
    fn len(&self) -> usize;
    /// The same picture in smaller sizes, each with its level, if the last one came in several.
    fn smaller(&mut self) -> Vec<Smaller> {
        Vec::new()
    }
    /// What a decoder of that level must know, as `codec`.
    fn codec_of(&self, level: u8) -> Option<&Codec> {
        self.codec().filter(|_| level == 0)
    }
    /// Of the last frame that was finished, where that can be told.
    fn temporal(&self) -> Temporal {
        Temporal::BASE
    }
    /// As of the last frame that was finished.
    fn codec(&self) -> Option<&Codec>;
}

/// Puts frames together from the packets of one source. A frame ends with the marker, or where the timestamp changes.
pub(super) struct Assembler {
    format: Box<dyn Format>,
    max_bytes: usize,
    is_sound: bool,
    /// Timestamp of the frame under way, and whether it is spoilt.
    current: Option<(u32, bool)>,
    /// Packets are missing before the next one, so it is not known where it belongs.
    is_torn: bool,
}

impl Assembler {
    pub(super) fn new(agreed: &Agreed, max_bytes: usize) -> Self {
        let parameters = agreed.parameters.as_str();
        let format: Box<dyn Format> = match agreed.coding {
            Coding::H264 { .. } => Box::new(h264::H264::new(parameters)),
            Coding::Hevc => Box::new(hevc::Hevc::new(parameters)),
            Coding::Vp8 => Box::<vp8::Vp8>::default(),
            Coding::Vp9 => Box::<vp9::Vp9>::default(),
            Coding::Av1 => Box::<av1::Av1>::default(),
            Coding::Opus => Box::new(sound::Opus::new(parameters)),
            Coding::Pcmu => Box::new(sound::G711::mu()),
            Coding::Pcma => Box::new(sound::G711::a()),
        };
        let is_sound = agreed.coding.kind() == media::Kind::Audio;
        Self { format, max_bytes, is_sound, current: None, is_torn: true }
    }

    /// What a decoder of the last frame of that level must know.
    pub(super) fn codec(&self, level: u8) -> Option<&Codec> {
        self.format.codec_of(level)
    }

    /// A keyframe begins with this packet, so that nothing before it matters to who waits for one.
    pub(super) fn begins_keyframe(&self, payload: &[u8]) -> bool {
        self.format.begins_keyframe(payload)
    }

    /// Packets before the next one are missing for good.
    pub(super) fn tear(&mut self) {
        self.is_torn = true;
        if let Some((_, is_spoilt)) = &mut self.current {
            *is_spoilt = true;
        }
    }

    /// What the dependency descriptor of the next packet in order says, if it has one.
    pub(super) fn describe(&mut self, descriptor: Option<&[u8]>) {
        self.format.describe(descriptor);
    }

    /// Takes the next packet in order. Padding alone is no part of any frame.
    pub(super) fn push(&mut self, marker: bool, timestamp: u32, payload: &[u8], mut out: impl FnMut(Outcome)) {
        if payload.is_empty() {
            return;
        }
        if self.current.is_some_and(|(current, _)| current != timestamp) {
            self.end(&mut out);
        }
        let is_torn = std::mem::take(&mut self.is_torn);
        let (_, is_spoilt) = self.current.get_or_insert_with(|| {
            let is_spoilt = is_torn && !self.format.may_begin(payload);
            (timestamp, is_spoilt)
        });
        if !*is_spoilt {
            *is_spoilt = self.format.push(payload).is_err() || self.format.len() > self.max_bytes;
        }
        if marker || self.is_sound {
            self.end(&mut out);
        }
    }

    fn end(&mut self, out: &mut impl FnMut(Outcome)) {
        let Some((timestamp, is_spoilt)) = self.current.take() else { return };
        if is_spoilt {
            self.format.clear();
            return out(Outcome::Broken);
        }
        let finished = match self.format.finish() {
            Ok(finished) => finished,
            Err(_) => {
                self.format.clear();
                return out(Outcome::Broken);
            }
        };
        let mut is_sync_picture = false;
        if let Some((payload, is_sync)) = finished {
            is_sync_picture = is_sync;
            let temporal = if is_sync { Temporal::BASE } else { self.format.temporal() };
            out(Outcome::Frame(Whole { timestamp, is_sync, payload, temporal, level: 0 }));
        }
        for Smaller { level, payload, temporal } in self.format.smaller() {
            out(Outcome::Frame(Whole { timestamp, is_sync: is_sync_picture, payload, temporal, level }));
        }
    }
}
