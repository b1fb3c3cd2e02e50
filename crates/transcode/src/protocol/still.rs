//! A still: one keyframe in, one JPEG out.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::pictures::{Coding, Input};
use super::{Malformed, end, split, write_short};

/// A picture to make of every frame that comes, each of which is a keyframe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    /// The source.
    pub input: Input,
    /// Width to height of one pixel of the source.
    pub pixel_aspect: (u32, u32),
    /// Pixels that it is wide at most.
    pub width: u16,
}

impl Still {
    const PART: Malformed = Malformed("job for a still");
    /// Number of the output, in [`super::Unit::output`].
    pub const OUTPUT: u8 = 1;

    pub(super) fn parse(mut body: Bytes) -> Result<Self, Malformed> {
        let short = |_| Self::PART;
        let coding = Coding::parse(body.try_get_u8().map_err(short)?)?;
        let config = split(&mut body, Self::PART)?;
        let pixel_aspect = (body.try_get_u32().map_err(short)?, body.try_get_u32().map_err(short)?);
        let width = body.try_get_u16().map_err(short)?;
        end(&body, "job for a still")?;
        Ok(Self { input: Input { coding, config }, pixel_aspect, width })
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_u8(self.input.coding as u8);
        write_short(&self.input.config, out);
        out.put_u32(self.pixel_aspect.0);
        out.put_u32(self.pixel_aspect.1);
        out.put_u16(self.width);
    }
}
