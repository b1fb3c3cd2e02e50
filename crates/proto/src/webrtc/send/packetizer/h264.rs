use bytes::{BufMut, BytesMut};
use media::Frame;
use media::codec::{Avc, avc};
use wire::rtp::payload::h264::{FU_A, STAP_A};

use super::{Cut, nal};

struct H264;

impl nal::Format for H264 {
    const HEADER: usize = 1;

    /// The highest of the units' reference ids (RFC 6184 §5.7).
    fn aggregate(units: &[&[u8]], out: &mut BytesMut) {
        let headers = units.iter().filter_map(|unit| unit.first());
        let (forbidden, nri) = headers.fold((0, 0), |(f, nri), header| (f | header & 0x80, nri.max(header & 0x60)));
        out.put_u8(forbidden | nri | STAP_A);
    }

    fn fragment(unit: &[u8], is_first: bool, is_last: bool, out: &mut BytesMut) {
        let header = unit.first().copied().unwrap_or(0);
        out.put_u8(header & 0xe0 | FU_A);
        out.put_u8(u8::from(is_first) << 7 | u8::from(is_last) << 6 | header & 0x1f);
    }
}

/// Packetization mode 1 (RFC 6184 §5.6, 5.7.1, 5.8): what every receiver takes (P16). Parameter sets go before every
/// keyframe, wherever the source had them (P17).
pub(super) fn cut(avc: &Avc, frame: &Frame, cut: &mut Cut) -> Option<()> {
    let units = avc::nals(&frame.payload).collect::<Result<Vec<_>, _>>().ok()?;
    let sets = avc.sps.iter().chain(&avc.pps).filter(|_| frame.is_sync).map(|set| &set[..]);
    nal::cut::<H264>(sets.chain(units), cut);
    Some(())
}
