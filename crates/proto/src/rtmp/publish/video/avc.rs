use bytes::Bytes;
use media::Codec;
use media::codec::avc::{self, AccessUnit};
use media::codec::{Avc, Malformed};

use super::sets::{golomb_at, is_known, merge};
use super::{Bitstream, Out, Unit};

/// H.264: parameter sets in the header, and now and then in band.
#[derive(Default)]
pub(super) struct AvcBitstream {
    /// What a decoder must know now: the record, and what in-band parameter sets changed since.
    avc: Option<Avc>,
    length_size: usize,
}

impl Bitstream for AvcBitstream {
    fn on_header(&mut self, record: &Bytes, out: &mut Out<'_>) -> Result<(), Malformed> {
        let (length_size, avc) = (avc::length_size(record)?, Avc::from_record(record)?);
        self.length_size = length_size;
        self.change(avc, out);
        Ok(())
    }

    /// Without a header there is nobody to understand the frame: it is left out (R14).
    fn on_frame(&mut self, data: Bytes, out: &mut Out<'_>) -> Result<Option<Unit>, Malformed> {
        let Some(avc) = &self.avc else { return Ok(None) };
        let unit = access_unit(data, self.length_size)?;
        match with_in_band_sets(avc, &unit) {
            Ok(Some(changed)) => self.change(changed, out),
            Ok(None) => {}
            Err(malformed) => out.odd(malformed),
        }
        Ok(Some(Unit { is_sync: unit.is_sync, payload: unit.payload }))
    }
}

impl AvcBitstream {
    fn change(&mut self, avc: Avc, out: &mut Out<'_>) {
        if self.avc.as_ref() != Some(&avc) {
            self.avc = Some(avc.clone());
            out.track(Codec::Avc(avc));
        }
    }
}

/// A length that lies drops the frame (F5). Some encoders send start codes in place of lengths: as a length they
/// would announce a NAL unit of one byte, which no encoder begins a frame with.
fn access_unit(data: Bytes, length_size: usize) -> Result<AccessUnit, Malformed> {
    if length_size == 4 && data.starts_with(&[0, 0, 0, 1]) {
        return Ok(AccessUnit::from_annex_b(&data));
    }
    AccessUnit::from_length_prefixed(data, length_size)
}

/// The parameters with the sets that stood in the access unit, if those say anything new.
fn with_in_band_sets(avc: &Avc, unit: &AccessUnit) -> Result<Option<Avc>, Malformed> {
    if is_known(&unit.sps, &avc.sps) && is_known(&unit.pps, &avc.pps) {
        return Ok(None);
    }
    // The id of a SPS stands behind profile, constraints and level, that of a PPS at once.
    let sps = merge(&avc.sps, &unit.sps, |set| golomb_at(set, 4));
    let pps = merge(&avc.pps, &unit.pps, |set| golomb_at(set, 1));
    Avc::from_parameter_sets(sps, pps).map(Some)
}
