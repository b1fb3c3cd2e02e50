//! VP8 in RTP (RFC 7741).

use crate::Malformed;
use crate::take::{Take, need};

const PART: &str = "VP8 payload descriptor";

/// What stands before a packet's share of a frame (§4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// No other frame needs this one.
    pub is_disposable: bool,
    /// A partition begins here.
    pub begins_partition: bool,
    /// Which partition, 0 to 7.
    pub partition: u8,
    /// Counts frames; 15 bits where `wide_id`, else 7.
    pub picture_id: Option<u16>,
    /// `picture_id` has two bytes.
    pub wide_id: bool,
    /// Counts frames of the lowest temporal layer; wraps.
    pub tl0_index: Option<u8>,
    /// Temporal layer, 0 to 3, and whether it depends on the lowest alone.
    pub temporal: Option<(u8, bool)>,
    /// Counts keyframes, 5 bits.
    pub key_index: Option<u8>,
}

impl Descriptor {
    /// Reads the descriptor off the front of a payload.
    pub fn parse(src: &mut &[u8]) -> Result<Self, Malformed> {
        need(Self::read(src), PART)
    }

    fn read(src: &mut &[u8]) -> Option<Self> {
        let first = src.u8()?;
        let mut descriptor = Self {
            is_disposable: first & 0x20 != 0,
            begins_partition: first & 0x10 != 0,
            partition: first & 7,
            ..Self::default()
        };
        let flags = if first & 0x80 != 0 { src.u8()? } else { 0 };
        if flags & 0x80 != 0 {
            let high = src.u8()?;
            descriptor.wide_id = high & 0x80 != 0;
            let id = u16::from(high & 0x7f);
            descriptor.picture_id = Some(if descriptor.wide_id { id << 8 | u16::from(src.u8()?) } else { id });
        }
        if flags & 0x40 != 0 {
            descriptor.tl0_index = Some(src.u8()?);
        }
        if flags & 0x30 != 0 {
            let packed = src.u8()?;
            descriptor.temporal = (flags & 0x20 != 0).then_some((packed >> 6, packed & 0x20 != 0));
            descriptor.key_index = (flags & 0x10 != 0).then_some(packed & 0x1f);
        }
        Some(descriptor)
    }

    /// A frame begins here.
    pub fn begins_frame(&self) -> bool {
        self.begins_partition && self.partition == 0
    }
}
