use bytes::Bytes;
use media::codec::{self, Malformed, av1};
use media::{Codec, Temporal};
use wire::rtp::payload::av1::{Aggregation, Elements, leb128, write_leb128};

use super::Format;

const PART: Malformed = Malformed("AV1 unit");

// `obu_type`.
const TEMPORAL_DELIMITER: u8 = 2;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

/// AV1 temporal units: every open bitstream unit with its size, none of them a delimiter.
#[derive(Default)]
pub(super) struct Av1 {
    unit: Vec<u8>,
    /// The beginning of an open bitstream unit whose end is still to come.
    part: Option<Vec<u8>>,
    /// Of the unit under way, and of the last one.
    so_far: Temporal,
    temporal: Temporal,
    codec: Option<Codec>,
}

impl Av1 {
    /// Adds one open bitstream unit. Its own size, where it has one, says where it ends.
    fn add(&mut self, obu: &[u8]) -> Result<(), Malformed> {
        let (&header, mut rest) = obu.split_first().ok_or(PART)?;
        let mut extension = None;
        if header & 4 != 0 {
            let (&byte, after) = rest.split_first().ok_or(PART)?;
            (extension, rest) = (Some(byte), after);
        }
        if header & 2 != 0 {
            let len = leb128(&mut rest).and_then(|len| usize::try_from(len).ok()).ok_or(PART)?;
            rest = rest.get(..len).ok_or(PART)?;
        }
        if header & 0x80 != 0 {
            return Err(PART);
        }
        if matches!(header >> 3 & 0xf, TEMPORAL_DELIMITER | TILE_LIST | PADDING) {
            return Ok(());
        }
        if let Some(byte) = extension {
            // Where it may be switched up to is not said here: at keyframes.
            self.so_far = Temporal { layer: byte >> 5, switches_up: false };
        }
        self.unit.push(header | 2);
        self.unit.extend(extension);
        write_leb128(u32::try_from(rest.len()).map_err(|_| PART)?, &mut self.unit);
        self.unit.extend_from_slice(rest);
        Ok(())
    }
}

impl Format for Av1 {
    fn may_begin(&self, mut payload: &[u8]) -> bool {
        // A packet may begin with any unit; surely begun is only a sequence.
        Aggregation::parse(&mut payload).is_ok_and(|header| {
            let first = Elements::new(header, payload).next();
            let is_header =
                first.is_some_and(|obu| obu.is_ok_and(|obu| obu.first().is_some_and(|b| b >> 3 & 0xf == 1)));
            !header.continues && (header.begins_sequence || is_header)
        })
    }

    fn begins_keyframe(&self, payload: &[u8]) -> bool {
        self.may_begin(payload)
    }

    fn push(&mut self, mut payload: &[u8]) -> Result<(), Malformed> {
        let header = Aggregation::parse(&mut payload)?;
        if header.continues != self.part.is_some() {
            return Err(PART);
        }
        let mut elements = Elements::new(header, payload);
        while let Some(element) = elements.next() {
            let element = element?;
            let begun = self.part.take();
            if elements.is_done() && header.goes_on {
                let mut part = begun.unwrap_or_default();
                part.extend_from_slice(element);
                self.part = Some(part);
                continue;
            }
            match begun {
                None if element.is_empty() => {}
                None => self.add(element)?,
                Some(mut part) => {
                    part.extend_from_slice(element);
                    self.add(&part)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<(Bytes, bool)>, Malformed> {
        if self.part.is_some() {
            return Err(PART);
        }
        let unit = Bytes::copy_from_slice(&self.unit);
        self.temporal = std::mem::take(&mut self.so_far);
        self.unit.clear();
        let is_sync = av1::is_keyframe(&unit);
        if is_sync {
            self.codec = Some(Codec::Av1(codec::Av1::from_unit(&unit)?));
        }
        Ok((!unit.is_empty()).then_some((unit, is_sync)))
    }

    fn clear(&mut self) {
        self.so_far = Temporal::BASE;
        self.unit.clear();
        self.part = None;
    }

    fn len(&self) -> usize {
        self.unit.len() + self.part.as_ref().map_or(0, Vec::len)
    }

    fn temporal(&self) -> Temporal {
        self.temporal
    }

    fn codec(&self) -> Option<&Codec> {
        self.codec.as_ref()
    }
}
