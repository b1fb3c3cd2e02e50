//! A test card: nothing but the time in, a picture and its sound out.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use media::{Frame, Time};

use super::{Malformed, Unit, end};

/// A picture with a clock in it, and a beep each second.
///
/// Every frame that comes asks for the picture of that moment: its payload is the time of day, see [`Card::tick`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// Pixels, a multiple of 16 up to 1920.
    pub width: u16,
    /// Pixels, even, up to 1080.
    pub height: u16,
    /// Pictures a second, 1 to 60.
    pub rate: u16,
    /// Bits a second of the picture, at most.
    pub bitrate_bps: u32,
}

impl Card {
    const PART: Malformed = Malformed("job for a card");
    /// Number of the picture's output, H.264 with start codes.
    pub const PICTURE: u8 = 1;
    /// Number of the sound's output, AAC, 48 kHz, stereo.
    pub const SOUND: u8 = 2;

    /// Asks for the picture of a moment: `dts` on the timeline, `wall_ns` since 1970.
    pub fn tick(dts: Time, wall_ns: i64) -> Unit {
        let payload = Bytes::copy_from_slice(&wall_ns.to_be_bytes());
        Unit { output: 0, epoch: 0, frame: Frame::alone(dts, payload) }
    }

    /// What time of day a tick says, in nanoseconds since 1970.
    pub fn wall_ns(unit: &Unit) -> Result<i64, Malformed> {
        let bytes = unit.frame.payload.first_chunk::<8>().ok_or(Malformed("tick"))?;
        Ok(i64::from_be_bytes(*bytes))
    }

    pub(super) fn parse(mut body: Bytes) -> Result<Self, Malformed> {
        let short = |_| Self::PART;
        let width = body.try_get_u16().map_err(short)?;
        let height = body.try_get_u16().map_err(short)?;
        let rate = body.try_get_u16().map_err(short)?;
        let bitrate_bps = body.try_get_u32().map_err(short)?;
        end(&body, "job for a card")?;
        Ok(Self { width, height, rate, bitrate_bps })
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_u16(self.width);
        out.put_u16(self.height);
        out.put_u16(self.rate);
        out.put_u32(self.bitrate_bps);
    }
}
