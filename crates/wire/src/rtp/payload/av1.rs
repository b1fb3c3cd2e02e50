//! AV1 in RTP (AOM, "RTP Payload Format For AV1" 1.0).

use crate::Malformed;
use crate::take::{Take, need};

const PART: &str = "AV1 payload";

/// The byte that every payload begins with (§4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aggregation {
    /// The first element goes on with a unit of the packet before.
    pub continues: bool,
    /// The last element is not the end of its unit.
    pub goes_on: bool,
    /// Number of elements, 1 to 3; 0 where each has its length before it.
    pub count: u8,
    /// A coded video sequence begins here.
    pub begins_sequence: bool,
}

impl Aggregation {
    /// Reads the byte off the front of a payload.
    pub fn parse(src: &mut &[u8]) -> Result<Self, Malformed> {
        let byte = need(src.u8(), PART)?;
        Ok(Self {
            continues: byte & 0x80 != 0,
            goes_on: byte & 0x40 != 0,
            count: byte >> 4 & 3,
            begins_sequence: byte & 0x08 != 0,
        })
    }

    /// The byte itself.
    pub fn to_byte(self) -> u8 {
        u8::from(self.continues) << 7
            | u8::from(self.goes_on) << 6
            | (self.count & 3) << 4
            | u8::from(self.begins_sequence) << 3
    }
}

/// The elements of a payload behind its aggregation header, in order: units, or parts of them.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    count: u8,
    read: u8,
}

impl<'a> Elements<'a> {
    /// Of a payload whose aggregation header was taken off.
    pub fn new(header: Aggregation, rest: &'a [u8]) -> Self {
        Self { rest, count: header.count, read: 0 }
    }

    /// Nothing more follows the element that was read last.
    pub fn is_done(&self) -> bool {
        if self.count > 0 { self.read == self.count } else { self.rest.is_empty() }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done() {
            return None;
        }
        self.read = self.read.saturating_add(1);
        // The last of a counted few has no length: it takes what is left.
        if self.count > 0 && self.read == self.count {
            return Some(Ok(std::mem::take(&mut self.rest)));
        }
        let element = leb128(&mut self.rest).and_then(|len| self.rest.run(usize::try_from(len).ok()?));
        if element.is_none() {
            self.rest = &[];
            self.count = 0;
        }
        Some(need(element, PART))
    }
}

/// Reads a number in groups of seven bits, the lowest first (AV1 §4.10.5); at most 2³² − 1.
pub fn leb128(src: &mut &[u8]) -> Option<u32> {
    let mut value = 0u64;
    for group in 0..8 {
        let byte = src.u8()?;
        value |= u64::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok();
        }
    }
    None
}

/// Writes such a number in as few bytes as it takes.
pub fn write_leb128(mut value: u32, out: &mut impl bytes::BufMut) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
