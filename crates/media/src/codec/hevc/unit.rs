use bytes::Bytes;

use super::super::Malformed;
use super::super::nal::{self, Nals};

// `nal_unit_type` (H.265 table 7-1).
pub(super) const VPS: u8 = 32;
pub(super) const SPS: u8 = 33;
pub(super) const PPS: u8 = 34;

/// An access unit made ready to be the payload of a [`crate::Frame`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessUnit {
    /// NAL units with 4-byte lengths; no parameter sets, delimiters or filler. Empty when nothing else was there.
    pub payload: Bytes,
    /// Holds an IDR, CRA or BLA picture: a viewer may start here (conformance C4).
    pub is_sync: bool,
    /// Video parameter sets that stood in it.
    pub vps: Vec<Bytes>,
    /// Sequence parameter sets that stood in it.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets that stood in it.
    pub pps: Vec<Bytes>,
}

impl AccessUnit {
    /// From NAL units with lengths of `length_size` bytes (1, 2 or 4), as FLV and MP4 carry them.
    ///
    /// Shares `bytes` when nothing has to go. Zero bytes at the end are padding.
    pub fn from_length_prefixed(bytes: Bytes, length_size: usize) -> Result<Self, Malformed> {
        let mut unit = Self::default();
        let payload = nal::keep(&bytes, Nals::new(&bytes, length_size), length_size == 4, |nal| {
            unit.notice(nal, || bytes.slice_ref(nal))
        })?;
        Ok(Self { payload, ..unit })
    }

    /// From NAL units behind start codes (Annex B).
    pub fn from_annex_b(bytes: &Bytes) -> Self {
        let mut unit = Self::default();
        let nals = nal::annex_b(bytes).map(Ok);
        let payload = nal::keep(bytes, nals, false, |nal| unit.notice(nal, || bytes.slice_ref(nal)));
        Self { payload: payload.unwrap_or_default(), ..unit }
    }

    /// Takes note of one NAL unit; true if it belongs into the payload.
    fn notice(&mut self, nal: &[u8], shared: impl FnOnce() -> Bytes) -> bool {
        let list = match nal_type(nal) {
            Some(VPS) => &mut self.vps,
            Some(SPS) => &mut self.sps,
            Some(PPS) => &mut self.pps,
            // Delimiters, ends and filler.
            None | Some(35..=38) => return false,
            Some(kind) => {
                self.is_sync |= (16..=23).contains(&kind);
                return true;
            }
        };
        if list.len() < 64 {
            list.push(shared());
        }
        false
    }
}

/// `nal_unit_type`, of a unit that has its header of two bytes.
pub(super) fn nal_type(nal: &[u8]) -> Option<u8> {
    match nal {
        [first, _, ..] => Some(first >> 1 & 0x3f),
        _ => None,
    }
}
