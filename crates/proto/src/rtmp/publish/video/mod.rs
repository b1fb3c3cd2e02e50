//! Video messages of one track to frames.

mod av1;
mod avc;
mod hevc;
mod order;
mod sets;
mod vpx;

use bytes::Bytes;
use media::Time;
use media::codec::Malformed;
use wire::flv::FourCc;

use super::Out;
use order::Order;

/// One video track.
pub(super) struct Video {
    bitstream: Box<dyn Bitstream + Send>,
    /// The last configuration record as it came, so that a repeated one costs nothing (R14).
    record: Bytes,
    order: Order,
}

/// How one codec is read. What it finds out about the parameters it tells by [`Out::track`], before the frame to
/// which they apply, and only when they are new.
trait Bitstream {
    /// A configuration record came.
    fn on_header(&mut self, record: &Bytes, out: &mut Out<'_>) -> Result<(), Malformed>;

    /// A frame came. `None` while the parameters are not known.
    fn on_frame(&mut self, data: Bytes, out: &mut Out<'_>) -> Result<Option<Unit>, Malformed>;
}

/// A frame as the house wants it.
struct Unit {
    is_sync: bool,
    payload: Bytes,
}

impl Video {
    /// Reads that codec; `None` if it is none of ours.
    pub(super) fn for_codec(codec: FourCc) -> Option<Self> {
        let bitstream: Box<dyn Bitstream + Send> = match codec {
            FourCc::AVC => Box::new(avc::AvcBitstream::default()),
            FourCc::HEVC => Box::new(hevc::HevcBitstream::default()),
            FourCc::AV1 => Box::new(av1::Av1Bitstream::default()),
            FourCc::VP9 => Box::new(vpx::VpxBitstream::vp9()),
            FourCc::VP8 => Box::new(vpx::VpxBitstream::vp8()),
            _ => return None,
        };
        Some(Self { bitstream, record: Bytes::new(), order: Order::default() })
    }

    pub(super) fn on_header(&mut self, record: Bytes, out: &mut Out<'_>) {
        if record.is_empty() || record == self.record {
            return;
        }
        match self.bitstream.on_header(&record, out) {
            Ok(()) => self.record = record,
            Err(malformed) => out.odd(malformed),
        }
    }

    /// What stands in the bitstream counts, and not what the message says of the frame (R13).
    pub(super) fn on_frame(&mut self, dts: Time, composition_ms: i32, data: Bytes, out: &mut Out<'_>) {
        let unit = match self.bitstream.on_frame(data, out) {
            Ok(Some(unit)) if !unit.payload.is_empty() => unit,
            Ok(_) => return,
            Err(malformed) => return out.odd(malformed),
        };
        let (dts, reorder) = self.order.place(dts, composition_ms);
        out.frame(dts, reorder, unit.is_sync, unit.payload);
    }
}
