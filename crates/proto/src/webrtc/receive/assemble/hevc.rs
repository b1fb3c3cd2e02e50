use bytes::Bytes;
use media::codec::{self, Malformed};
use media::{Codec, Temporal};
use wire::rtp::payload::{Piece, hevc};

use super::Format;
use super::nal::{Sets, Units};
use super::parameters;

const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
/// Pictures at which one may switch up to their temporal layer: TSA and STSA (H.265 table 7-1).
const SWITCHES: std::ops::RangeInclusive<u8> = 2..=5;

/// H.265 access units (RFC 7798).
#[derive(Default)]
pub(super) struct Hevc {
    units: Units,
    is_sync: bool,
    /// Of the access unit under way, and of the last one.
    so_far: Temporal,
    temporal: Temporal,
    vps: Sets,
    sps: Sets,
    pps: Sets,
    codec: Option<Codec>,
}

impl Hevc {
    /// With the parameter sets that the offer brought, if any.
    pub(super) fn new(parameters: &str) -> Self {
        let mut this = Self::default();
        for name in ["sprop-vps", "sprop-sps", "sprop-pps"] {
            for set in parameters::sets(parameters, name) {
                this.notice(&set);
            }
        }
        let _ = this.settle();
        this
    }

    fn notice(&mut self, nal: &[u8]) -> bool {
        let &[header, layers, ..] = nal else { return false };
        match header >> 1 & 0x3f {
            VPS => self.vps.note(nal),
            SPS => self.sps.note(nal),
            PPS => self.pps.note(nal),
            // Delimiters, ends and filler.
            35..=38 => {}
            kind => {
                self.is_sync |= (16..=23).contains(&kind);
                if kind < 32 {
                    let layer = (layers & 7).saturating_sub(1);
                    self.so_far = Temporal { layer, switches_up: SWITCHES.contains(&kind) };
                }
                return true;
            }
        }
        false
    }

    fn settle(&mut self) -> Result<(), Malformed> {
        let is_whole = self.sps.has_new();
        let mut is_changed = self.vps.has_new() && self.vps.settle(None);
        is_changed |= is_whole && self.sps.settle(None);
        if self.pps.has_new() {
            is_changed |= self.pps.settle((!is_whole).then_some(2));
        }
        let lists = [&self.vps, &self.sps, &self.pps];
        if is_changed && lists.iter().all(|list| !list.known.is_empty()) {
            let [vps, sps, pps] = lists.map(|list| list.known.iter().cloned());
            match codec::Hevc::from_parameter_sets(vps, sps, pps) {
                Ok(hevc) => self.codec = Some(Codec::Hevc(hevc)),
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

impl Format for Hevc {
    fn may_begin(&self, payload: &[u8]) -> bool {
        hevc::may_begin(payload)
    }

    fn begins_keyframe(&self, payload: &[u8]) -> bool {
        let mut has_vps = false;
        let read = hevc::read(payload, |piece| {
            has_vps |= matches!(piece, Piece::Whole(&[header, ..]) if header >> 1 & 0x3f == VPS);
        });
        read.is_ok() && has_vps
    }

    fn push(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let mut units = std::mem::take(&mut self.units);
        let mut result = Ok(());
        let read = hevc::read(payload, |piece| {
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
        self.temporal = std::mem::take(&mut self.so_far);
        // Where layers nest, every picture is one to switch up at (§7.4.3.2.1).
        self.temporal.switches_up |=
            matches!(&self.codec, Some(Codec::Hevc(hevc)) if hevc.temporal_layers > 1 && hevc.temporal_nesting);
        if frame.is_empty() {
            return Ok(None);
        }
        self.codec.as_ref().ok_or(Malformed("H.265 without parameter sets"))?;
        Ok(Some((frame, is_sync)))
    }

    fn clear(&mut self) {
        self.units.clear();
        self.is_sync = false;
        self.so_far = Temporal::BASE;
        [&mut self.vps, &mut self.sps, &mut self.pps].into_iter().for_each(Sets::forget_new);
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
