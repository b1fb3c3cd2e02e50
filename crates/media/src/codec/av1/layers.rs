use bytes::{BufMut, Bytes, BytesMut};

use super::super::bits::Bits;
use super::super::{Malformed, Picture};
use super::header::{Header, Tools};
use super::{FRAME, FRAME_HEADER, PART, SEQUENCE_HEADER, put_leb128, sequence_header, units_of};

/// The highest number of a spatial layer.
pub const MAX_SPATIAL: u8 = 3;

/// `operating_point_idc`: where its bits for spatial layers begin.
const SPATIAL_AT: u16 = 8;

/// A keyframe whose pictures come in several sizes (spatial layers), and what each of them is like.
pub struct Layered {
    header: Header,
    body: Bytes,
    sizes: [Option<(u32, u32)>; MAX_SPATIAL as usize + 1],
}

impl Layered {
    /// Reads the temporal unit of a keyframe. `None` where its sequence header names no spatial layers above the lowest,
    /// or where the size of one that is there cannot be told.
    pub fn of_unit(unit: &[u8]) -> Result<Option<Self>, Malformed> {
        let body = sequence_header(unit).ok_or(Malformed(PART))?;
        let header = Header::read(body)?;
        let has_layers = header.points.first().is_some_and(|point| point.idc >> (SPATIAL_AT + 1) != 0);
        let Some(tools) = header.tools.as_ref().filter(|_| has_layers && !header.has_decoder_model) else {
            return Ok(None);
        };
        let mut sizes = [None; MAX_SPATIAL as usize + 1];
        for frame in units_of(unit).filter(|unit| matches!(unit.kind, FRAME | FRAME_HEADER)) {
            let Some(size) = sizes.get_mut(usize::from(frame.spatial)).filter(|size| size.is_none()) else { continue };
            match frame_size(&header, tools, frame.body)? {
                None => return Ok(None),
                told => *size = told,
            }
        }
        let body = Bytes::copy_from_slice(body);
        Ok(Some(Self { header, body, sizes }))
    }

    /// Width and height in that spatial layer, if there is a frame of it.
    pub fn size(&self, spatial: u8) -> Option<(u32, u32)> {
        self.sizes.get(usize::from(spatial)).copied().flatten()
    }

    /// The sequence header for who gets some of the spatial layers (a bit each): a whole unit with its size.
    ///
    /// A decoder waits for the layers that the header names, or shows each: so it names those alone, one operating point of
    /// them all. A single one is a stream without layers. The largest size is that of the highest.
    pub fn sequence_header(&self, layers: u8) -> Result<Bytes, Malformed> {
        let malformed = Malformed(PART);
        let highest = layers.checked_ilog2().ok_or(malformed)? as u16;
        let (width, height) = self.size(highest as u8).ok_or(malformed)?;
        let points = &self.header.points;
        let first = points.first().ok_or(malformed)?;
        // They stand with all temporal layers first.
        let is_as_high = |idc: u16| (idc >> SPATIAL_AT).checked_ilog2() == Some(highest.into());
        let own = points.iter().find(|point| is_as_high(point.idc)).unwrap_or(first);
        let idc = if layers.is_power_of_two() { 0 } else { u16::from(layers) << SPATIAL_AT | first.idc & 0xff };

        let mut copy = Copy { from: &self.body, at: 0, out: Vec::with_capacity(self.body.len()), bits: 0 };
        copy.keep(self.header.points_at)?;
        copy.put(0, 5); // one point less one
        copy.put(idc.into(), 12);
        copy.at = own.rest.start;
        copy.keep(own.rest.end)?;
        copy.at = self.header.size_at;
        copy.keep(self.header.size_at + 8)?;
        for (edge, length) in [(width, self.header.width_bits), (height, self.header.height_bits)] {
            if edge == 0 || u64::from(edge) > 1 << length {
                return Err(malformed);
            }
            copy.put(edge - 1, length);
            copy.at += length as usize;
        }
        // The last bit that is set ends the header.
        let last = self.body.iter().rposition(|byte| *byte != 0).ok_or(malformed)?;
        let zeros = self.body.get(last).map_or(0, |byte| byte.trailing_zeros() as usize);
        copy.keep(8 * (last + 1) - zeros)?;

        let mut unit = BytesMut::with_capacity(copy.out.len() + 4);
        unit.put_u8(SEQUENCE_HEADER << 3 | 2);
        put_leb128(copy.out.len(), &mut unit);
        unit.put_slice(&copy.out);
        Ok(unit.freeze())
    }
}

/// The size of a frame, from the head of its header (AV1 §5.9.2, 5.9.5, 5.9.7). `None` where it is that of an earlier one.
fn frame_size(header: &Header, tools: &Tools, frame: &[u8]) -> Result<Option<(u32, u32)>, Malformed> {
    const KEY: u32 = 0;
    const INTRA_ONLY: u32 = 2;
    const SWITCH: u32 = 3;
    let mut bits = Bits::new(frame, "AV1 frame header");
    if bits.flag()? {
        return Ok(None); // show_existing_frame
    }
    let kind = bits.read(2)?;
    let is_shown = bits.flag()?;
    if !is_shown {
        bits.skip(1)?; // showable_frame
    }
    let is_whole = kind == SWITCH || kind == KEY && is_shown;
    let is_resilient = is_whole || bits.flag()?;
    bits.skip(1)?; // disable_cdf_update
    let has_screen_content = match tools.screen_content {
        Some(always) => always,
        None => bits.flag()?,
    };
    if has_screen_content && tools.integer_motion.is_none() {
        bits.skip(1)?;
    }
    let (id_bits, distance_bits) = tools.frame_id_bits.unwrap_or_default();
    bits.skip(id_bits as usize)?;
    let has_size = kind == SWITCH || bits.flag()?;
    bits.skip(tools.order_bits as usize)?;
    let is_intra = matches!(kind, KEY | INTRA_ONLY);
    if !is_intra && !is_resilient {
        bits.skip(3)?; // primary_ref_frame
    }
    let refreshes = if is_whole { 0xff } else { bits.read(8)? };
    if (!is_intra || refreshes != 0xff) && is_resilient {
        bits.skip(8 * tools.order_bits as usize)?;
    }
    if !is_intra {
        let is_short = tools.order_bits > 0 && bits.flag()?;
        if is_short {
            bits.skip(3 + 3)?;
        }
        for _ in 0..7 {
            bits.skip(if is_short { 0 } else { 3 } + distance_bits as usize)?;
        }
        if has_size && !is_resilient {
            for _ in 0..7 {
                if bits.flag()? {
                    return Ok(None);
                }
            }
        }
    }
    let Picture { width, height, .. } = header.picture;
    if !has_size {
        return Ok(Some((width, height)));
    }
    let size = (bits.read(header.width_bits)? + 1, bits.read(header.height_bits)? + 1);
    Ok((size.0 <= width && size.1 <= height).then_some(size))
}

/// Bits on the way from one place to another.
struct Copy<'a> {
    from: &'a [u8],
    /// The next bit to take.
    at: usize,
    out: Vec<u8>,
    /// Bits that are there.
    bits: usize,
}

impl Copy<'_> {
    /// Takes what there is up to that bit.
    fn keep(&mut self, end: usize) -> Result<(), Malformed> {
        while self.at < end {
            let byte = self.from.get(self.at / 8).ok_or(Malformed(PART))?;
            self.put((byte >> (7 - self.at % 8) & 1).into(), 1);
            self.at += 1;
        }
        Ok(())
    }

    /// Adds the lowest `count` bits of a number, the highest of them first.
    fn put(&mut self, value: u32, count: u32) {
        for at in (0..count).rev() {
            if self.bits.is_multiple_of(8) {
                self.out.push(0);
            }
            if let Some(last) = self.out.last_mut() {
                *last |= ((value >> at & 1) as u8) << (7 - self.bits % 8);
            }
            self.bits += 1;
        }
    }
}
