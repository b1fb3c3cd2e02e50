use bytes::Bytes;
use media::codec::avc::{self, AccessUnit};
use media::codec::{Avc, Malformed};
use media::{Codec, Span, Time};

use super::Out;

/// No encoder shows a picture further from its decoding than this.
const MAX_COMPOSITION_MS: i32 = 10_000;

/// One AVC track.
#[derive(Default)]
pub(super) struct Video {
    /// The last configuration record as it came, so that a repeated one costs nothing (R14).
    record: Bytes,
    /// What a decoder must know now: the record, and what in-band parameter sets changed since.
    avc: Option<Avc>,
    length_size: usize,
    order: Order,
}

impl Video {
    pub(super) fn on_header(&mut self, record: Bytes, out: &mut Out<'_>) {
        if record.is_empty() || record == self.record {
            return;
        }
        match avc::length_size(&record).and_then(|size| Ok((size, Avc::from_record(&record)?))) {
            Ok((length_size, avc)) => {
                self.length_size = length_size;
                self.record = record;
                self.change(avc, out);
            }
            Err(malformed) => out.odd(malformed),
        }
    }

    /// Without a header there is nobody to understand the frame: it is left out (R14).
    pub(super) fn on_frame(&mut self, dts: Time, composition_ms: i32, data: Bytes, out: &mut Out<'_>) {
        let Some(avc) = &self.avc else { return };
        let unit = match access_unit(data, self.length_size) {
            Ok(unit) => unit,
            Err(malformed) => return out.odd(malformed),
        };
        match with_in_band_sets(avc, &unit) {
            Ok(Some(changed)) => self.change(changed, out),
            Ok(None) => {}
            Err(malformed) => out.odd(malformed),
        }
        if unit.payload.is_empty() {
            return;
        }
        let (dts, reorder) = self.order.place(dts, composition_ms);
        out.frame(dts, reorder, unit.is_sync, unit.payload);
    }

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
    let is_known = |sets: &[Bytes], known: &[Bytes]| sets.iter().all(|set| known.contains(set));
    if is_known(&unit.sps, &avc.sps) && is_known(&unit.pps, &avc.pps) {
        return Ok(None);
    }
    // The id of a SPS stands behind profile, constraints and level, that of a PPS at once.
    let sps = merge(&avc.sps, &unit.sps, 4);
    let pps = merge(&avc.pps, &unit.pps, 1);
    Avc::from_parameter_sets(sps, pps).map(Some)
}

/// Known sets, with new ones in the place of those with the same id.
fn merge(known: &[Bytes], new: &[Bytes], id_at: usize) -> Vec<Bytes> {
    let mut sets = known.to_vec();
    for set in new {
        let id = set_id(set, id_at);
        // Copied, so as not to keep the whole frame alive by a few bytes of it.
        let set = Bytes::copy_from_slice(set);
        match sets.iter_mut().find(|known| set_id(known, id_at) == id) {
            Some(known) => *known = set,
            None => sets.push(set),
        }
    }
    sets
}

/// The unsigned Exp-Golomb number that begins at byte `at`, up to 255 (H.264 §9.1).
fn set_id(set: &[u8], at: usize) -> Option<u32> {
    let mut word = [0; 4];
    let bytes = set.get(at..)?.iter().take(4);
    word.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
    let word = u32::from_be_bytes(word);
    let zeros = word.leading_zeros();
    (zeros <= 8).then(|| (word >> (31 - 2 * zeros)) - 1)
}

/// Turns FLV's composition times into a reorder that is never negative.
///
/// Encoders that count from presentation send negative ones for B-frames (R15). The first that does moves the whole
/// track's decode times back by as much, for good, so that every picture keeps its presentation time.
#[derive(Default)]
struct Order {
    shift: Span,
    last: Option<Time>,
}

impl Order {
    fn place(&mut self, dts: Time, composition_ms: i32) -> (Time, Span) {
        let is_sane = composition_ms.unsigned_abs() <= MAX_COMPOSITION_MS.unsigned_abs();
        let composition = Span::from_millis(if is_sane { composition_ms.into() } else { 0 });
        let pts = dts + composition;
        self.shift = self.shift.max(-composition);
        let mut shifted = dts - self.shift;
        // Just moved back: decode times stand still until the publisher's have caught up. Those pictures alone show
        // a little late. A jump back by more than the shift is the publisher's own, and the timeline's to judge.
        if let Some(last) = self.last
            && shifted <= last
            && last.since(shifted) < self.shift
        {
            shifted = last + Span::from_millis(1);
        }
        self.last = Some(shifted);
        (shifted, pts.since(shifted).max(Span::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(order: &mut Order, frames: &[(i64, i32)]) -> Vec<(i64, i64)> {
        let place = |&(dts, composition): &(i64, i32)| order.place(Time::from_ticks(dts, 1000), composition);
        let ms = |(dts, reorder): (Time, Span)| (dts.to_ticks(1000), reorder.to_ticks(1000));
        frames.iter().map(place).map(ms).collect()
    }

    #[test]
    fn ordinary_composition_times_pass_through() {
        let frames = [(0, 80), (40, 160), (80, 40), (120, 0)];
        assert_eq!(placed(&mut Order::default(), &frames), frames.map(|(dts, reorder)| (dts, reorder.into())));
    }

    /// R15: presentation stays where it was, decode times stay in order, reorder is never negative.
    #[test]
    fn negative_composition_times_move_decoding_back() {
        let frames = [(0, 0), (40, 80), (80, -40), (120, -40), (160, 80), (200, -40), (240, -40)];
        let placed = placed(&mut Order::default(), &frames);
        assert!(placed.windows(2).all(|pair| pair[0].0 < pair[1].0), "{placed:?}");
        assert!(placed.iter().all(|&(_, reorder)| reorder >= 0), "{placed:?}");
        let pts: Vec<_> = placed.iter().map(|(dts, reorder)| dts + reorder).collect();
        assert_eq!(pts, [0, 120, 41, 80, 240, 160, 200]);
        assert_eq!(placed[4], (120, 120), "back on the publisher's beat, moved by the shift");
    }

    #[test]
    fn absurd_composition_times_are_not_believed() {
        let placed = placed(&mut Order::default(), &[(0, -8_000_000), (40, 8_000_000), (80, 0)]);
        assert_eq!(placed, [(0, 0), (40, 0), (80, 0)]);
    }

    #[test]
    fn a_jump_back_of_the_publisher_is_left_to_the_timeline() {
        let mut order = Order::default();
        placed(&mut order, &[(10_000, 0), (10_040, -40)]);
        assert_eq!(placed(&mut order, &[(0, 0)]), [(-40, 40)]);
    }

    #[test]
    fn ids_of_parameter_sets_are_read() {
        assert_eq!(set_id(&[0x68, 0x80], 1), Some(0));
        assert_eq!(set_id(&[0x68, 0b0100_0000], 1), Some(1));
        assert_eq!(set_id(&[0x68, 0b0110_0000], 1), Some(2));
        assert_eq!(set_id(&[0x68, 0b0010_0000], 1), Some(3));
        assert_eq!(set_id(&[0x68, 0, 0x80, 0, 0], 1), Some(255));
        assert_eq!(set_id(&[0x68, 0, 0, 0, 0], 1), None);
        assert_eq!(set_id(&[0x68], 1), None);
        assert_eq!(set_id(&[], 4), None);
    }
}
