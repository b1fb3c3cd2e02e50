use bytes::Bytes;

use super::super::Malformed;
use super::super::nal::{self, Nals};

// `nal_unit_type` (H.264 table 7-1).
const IDR: u8 = 5;
pub(super) const SEI: u8 = 6;
pub(super) const SPS: u8 = 7;
pub(super) const PPS: u8 = 8;

/// An access unit made ready to be the payload of a [`crate::Frame`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessUnit {
    /// NAL units with 4-byte lengths; no parameter sets, delimiters or filler. Empty when nothing else was there.
    pub payload: Bytes,
    /// Holds an IDR picture: a viewer may start here.
    pub is_sync: bool,
    /// Sequence parameter sets that stood in it.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets that stood in it.
    pub pps: Vec<Bytes>,
}

impl AccessUnit {
    /// From NAL units with lengths of `length_size` bytes (1, 2 or 4), as FLV and MP4 carry them.
    ///
    /// Shares `bytes` when nothing has to go, which is the usual case. Zero bytes at the end are padding.
    pub fn from_length_prefixed(bytes: Bytes, length_size: usize) -> Result<Self, Malformed> {
        let mut unit = Self::default();
        let payload = nal::keep(&bytes, Nals::new(&bytes, length_size), length_size == 4, |nal| {
            unit.notice(nal, || bytes.slice_ref(nal))
        })?;
        Ok(Self { payload, ..unit })
    }

    /// From NAL units behind start codes (Annex B), as MPEG-TS and some encoders carry them.
    pub fn from_annex_b(bytes: &Bytes) -> Self {
        let mut unit = Self::default();
        let nals = nal::annex_b(bytes).map(Ok);
        let payload = nal::keep(bytes, nals, false, |nal| unit.notice(nal, || bytes.slice_ref(nal)));
        Self { payload: payload.unwrap_or_default(), ..unit }
    }

    /// Takes note of one NAL unit; true if it belongs into the payload.
    fn notice(&mut self, nal: &[u8], shared: impl FnOnce() -> Bytes) -> bool {
        match nal.first().map(|header| header & 0x1f) {
            Some(SPS) if self.sps.len() < 32 => self.sps.push(shared()),
            Some(PPS) if self.pps.len() < 256 => self.pps.push(shared()),
            Some(IDR) => self.is_sync = true,
            _ => {}
        }
        is_kept(nal)
    }
}

/// Everything but parameter sets (7, 8, 13, 15), delimiters (9), ends (10, 11) and filler (12).
fn is_kept(nal: &[u8]) -> bool {
    nal.first().is_some_and(|header| !matches!(header & 0x1f, 7..=13 | 15))
}
