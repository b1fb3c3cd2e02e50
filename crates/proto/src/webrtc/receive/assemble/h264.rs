use bytes::Bytes;
use media::codec::{Avc, Malformed};
use media::{Codec, Temporal};
use wire::rtp::payload::{Piece, h264};

use super::Format;
use super::nal::{Sets, Units};
use super::parameters;

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;

/// H.264 access units (RFC 6184).
#[derive(Default)]
pub(super) struct H264 {
    units: Units,
    is_sync: bool,
    /// There are slices in the access unit under way, and others may need it.
    has_slice: bool,
    is_needed: bool,
    temporal: Temporal,
    sps: Sets,
    pps: Sets,
    codec: Option<Codec>,
}

impl H264 {
    /// With the parameter sets that the offer brought, if any.
    pub(super) fn new(parameters: &str) -> Self {
        let mut this = Self::default();
        for set in parameters::sets(parameters, "sprop-parameter-sets") {
            this.notice(&set);
        }
        let _ = this.settle();
        this
    }

    /// Takes note of a unit; true if it belongs into the frame.
    fn notice(&mut self, nal: &[u8]) -> bool {
        let header = nal.first().copied().unwrap_or_default();
        let kind = header & 0x1f;
        if (1..=5).contains(&kind) {
            self.has_slice = true;
            // `nal_ref_idc` (§7.4.1).
            self.is_needed |= header & 0x60 != 0;
        }
        match kind {
            SPS => self.sps.note(nal),
            PPS => self.pps.note(nal),
            IDR => self.is_sync = true,
            _ => {}
        }
        // No sets (7, 8, 13, 15), delimiters (9), ends (10, 11) and filler (12).
        !matches!(kind, 0 | 7..=13 | 15)
    }

    /// Sets that come together replace all there were; a PPS that comes alone only its own kind.
    fn settle(&mut self) -> Result<(), Malformed> {
        let is_whole = self.sps.has_new();
        let mut is_changed = is_whole && self.sps.settle(None);
        if self.pps.has_new() {
            is_changed |= self.pps.settle((!is_whole).then_some(1));
        }
        if is_changed && !self.sps.known.is_empty() && !self.pps.known.is_empty() {
            let [sps, pps] = [&self.sps, &self.pps].map(|list| list.known.iter().cloned());
            match Avc::from_parameter_sets(sps, pps) {
                Ok(avc) => self.codec = Some(Codec::Avc(avc)),
                Err(malformed) => {
                    // Whatever comes next is news.
                    self.sps.known.clear();
                    return Err(malformed);
                }
            }
        }
        Ok(())
    }
}

impl Format for H264 {
    fn may_begin(&self, payload: &[u8]) -> bool {
        h264::may_begin(payload)
    }

    fn begins_keyframe(&self, payload: &[u8]) -> bool {
        let mut has_sps = false;
        let read = h264::read(payload, |piece| {
            has_sps |= matches!(piece, Piece::Whole(&[header, ..]) if header & 0x1f == SPS);
        });
        read.is_ok() && has_sps
    }

    fn push(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let mut units = std::mem::take(&mut self.units);
        let mut result = Ok(());
        let read = h264::read(payload, |piece| {
            if result.is_ok() {
                result = units.push(piece, |nal| self.notice(nal));
            }
        });
        self.units = units;
        read.and(result)
    }

    fn finish(&mut self) -> Result<Option<(Bytes, bool)>, Malformed> {
        let frame = self.units.finish()?;
        self.settle()?;
        let is_sync = std::mem::take(&mut self.is_sync);
        let (has_slice, is_needed) = (std::mem::take(&mut self.has_slice), std::mem::take(&mut self.is_needed));
        // What nobody needs can be left out and taken in again anywhere.
        self.temporal = if has_slice && !is_needed { Temporal { layer: 1, switches_up: true } } else { Temporal::BASE };
        if frame.is_empty() {
            return Ok(None);
        }
        self.codec.as_ref().ok_or(Malformed("H.264 without parameter sets"))?;
        Ok(Some((frame, is_sync)))
    }

    fn clear(&mut self) {
        self.units.clear();
        (self.is_sync, self.has_slice, self.is_needed) = (false, false, false);
        self.sps.forget_new();
        self.pps.forget_new();
    }

    fn len(&self) -> usize {
        self.units.len()
    }

    fn temporal(&self) -> Temporal {
        self.temporal
    }

    fn codec(&self) -> Option<&Codec> {
        self.codec.as_ref()
    }
}
