use bytes::Bytes;
use media::Codec;
use media::codec::hevc::AccessUnit;
use media::codec::{Hevc, Malformed};

use super::sets::{golomb_at, is_known, merge};
use super::{Bitstream, Out, Unit};

/// H.265: parameter sets in the header, and at keyframes in band too as encoders like to repeat them.
#[derive(Default)]
pub(super) struct HevcBitstream {
    /// What a decoder must know now: the record, and what in-band parameter sets changed since.
    hevc: Option<Hevc>,
    length_size: usize,
}

impl Bitstream for HevcBitstream {
    fn on_header(&mut self, record: &Bytes, out: &mut Out<'_>) -> Result<(), Malformed> {
        let hevc = Hevc::from_record(record)?;
        // `lengthSizeMinusOne` closes byte 21 of the record.
        self.length_size = record.get(21).map_or(4, |byte| usize::from(byte & 3) + 1);
        self.change(hevc, out);
        Ok(())
    }

    /// Without a header there is nobody to understand the frame: it is left out (R14).
    fn on_frame(&mut self, data: Bytes, out: &mut Out<'_>) -> Result<Option<Unit>, Malformed> {
        let Some(hevc) = &self.hevc else { return Ok(None) };
        // Start codes in place of lengths: no unit has one byte.
        let has_start_codes = self.length_size == 4 && data.starts_with(&[0, 0, 0, 1]);
        let unit = if has_start_codes {
            AccessUnit::from_annex_b(&data)
        } else {
            AccessUnit::from_length_prefixed(data, self.length_size)?
        };
        match with_in_band_sets(hevc, &unit) {
            Ok(Some(changed)) => self.change(changed, out),
            Ok(None) => {}
            Err(malformed) => out.odd(malformed),
        }
        Ok(Some(Unit { is_sync: unit.is_sync, payload: unit.payload }))
    }
}

impl HevcBitstream {
    fn change(&mut self, hevc: Hevc, out: &mut Out<'_>) {
        if self.hevc.as_ref() != Some(&hevc) {
            self.hevc = Some(hevc.clone());
            out.track(Codec::Hevc(hevc));
        }
    }
}

/// The parameters with the sets that stood in the access unit, if those say anything new.
fn with_in_band_sets(hevc: &Hevc, unit: &AccessUnit) -> Result<Option<Hevc>, Malformed> {
    if is_known(&unit.vps, &hevc.vps) && is_known(&unit.sps, &hevc.sps) && is_known(&unit.pps, &hevc.pps) {
        return Ok(None);
    }
    // Behind the header of two bytes: four bits of a VPS, a number of a PPS. That of a SPS lies behind all of the
    // profile, and encoders have but one.
    let vps = merge(&hevc.vps, &unit.vps, |set| set.get(2).map(|byte| u32::from(byte >> 4)));
    let sps = merge(&hevc.sps, &unit.sps, |_| None);
    let pps = merge(&hevc.pps, &unit.pps, |set| golomb_at(set, 2));
    Hevc::from_parameter_sets(vps, sps, pps).map(Some)
}
