use bytes::{BufMut, BytesMut};
use media::Frame;
use media::codec::{Hevc, nal::nals};
use wire::rtp::payload::hevc::{AP, FU};

use super::{Cut, nal};

struct H265;

impl nal::Format for H265 {
    const HEADER: usize = 2;

    /// The lowest layer and the lowest temporal id of the units (RFC 7798 §4.4.2).
    fn aggregate(units: &[&[u8]], out: &mut BytesMut) {
        let headers = units.iter().filter_map(|unit| unit.first_chunk::<2>());
        let mut lowest = (0x3f, 7);
        for &[high, low] in headers {
            let layer = (high & 1) << 5 | low >> 3;
            lowest = (lowest.0.min(layer), lowest.1.min(low & 7));
        }
        let (layer, temporal) = lowest;
        out.put_u8(AP << 1 | layer >> 5);
        out.put_u8(layer << 3 | temporal);
    }

    fn fragment(unit: &[u8], is_first: bool, is_last: bool, out: &mut BytesMut) {
        let [high, low] = unit.first_chunk::<2>().copied().unwrap_or_default();
        out.put_u8(high & 0x81 | FU << 1);
        out.put_u8(low);
        out.put_u8(u8::from(is_first) << 7 | u8::from(is_last) << 6 | high >> 1 & 0x3f);
    }
}

/// HEVC (RFC 7798) without decoding order numbers. Parameter sets go before every keyframe.
pub(super) fn cut(hevc: &Hevc, frame: &Frame, cut: &mut Cut) -> Option<()> {
    let units = nals(&frame.payload).collect::<Result<Vec<_>, _>>().ok()?;
    let sets = hevc.vps.iter().chain(&hevc.sps).chain(&hevc.pps).filter(|_| frame.is_sync).map(|set| &set[..]);
    nal::cut::<H265>(sets.chain(units), cut);
    Some(())
}
