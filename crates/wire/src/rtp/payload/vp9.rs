//! VP9 in RTP (RFC 9628).

use crate::Malformed;
use crate::take::{Take, need};

const PART: &str = "VP9 payload descriptor";

/// What stands before a packet's share of a layer's frame (§4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Counts pictures; 15 bits where `wide_id`, else 7.
    pub picture_id: Option<u16>,
    /// `picture_id` has two bytes.
    pub wide_id: bool,
    /// The picture needs an earlier one.
    pub is_inter: bool,
    /// References are named packet by packet.
    pub is_flexible: bool,
    /// A layer's frame begins here.
    pub begins_frame: bool,
    /// A layer's frame ends here.
    pub ends_frame: bool,
    /// Which layer it is, where there are any.
    pub layer: Option<Layer>,
    /// Width and height of the largest spatial layer, where the packet describes the layers.
    pub size: Option<(u16, u16)>,
    /// The same of every spatial layer, from the lowest on; zeros where there is none.
    pub sizes: Option<[(u16, u16); 8]>,
}

/// A layer of a scalable stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Temporal layer, 0 to 7.
    pub temporal: u8,
    /// A receiver may switch up to this temporal layer here.
    pub switches_up: bool,
    /// Spatial layer, 0 to 7.
    pub spatial: u8,
    /// Needs the spatial layer below.
    pub is_inter_layer: bool,
    /// Counts pictures of the lowest temporal layer; not in flexible mode.
    pub tl0_index: Option<u8>,
}

impl Descriptor {
    /// Reads the descriptor off the front of a payload.
    pub fn parse(src: &mut &[u8]) -> Result<Self, Malformed> {
        need(Self::read(src), PART)
    }

    fn read(src: &mut &[u8]) -> Option<Self> {
        let flags = src.u8()?;
        let has = |bit: u8| flags & bit != 0;
        let mut descriptor = Self {
            is_inter: has(0x40),
            is_flexible: has(0x10),
            begins_frame: has(0x08),
            ends_frame: has(0x04),
            ..Self::default()
        };
        if has(0x80) {
            let high = src.u8()?;
            descriptor.wide_id = high & 0x80 != 0;
            let id = u16::from(high & 0x7f);
            descriptor.picture_id = Some(if descriptor.wide_id { id << 8 | u16::from(src.u8()?) } else { id });
        }
        if has(0x20) {
            let packed = src.u8()?;
            descriptor.layer = Some(Layer {
                temporal: packed >> 5,
                switches_up: packed & 0x10 != 0,
                spatial: packed >> 1 & 7,
                is_inter_layer: packed & 1 != 0,
                tl0_index: if descriptor.is_flexible { None } else { Some(src.u8()?) },
            });
        }
        if descriptor.is_flexible && descriptor.is_inter {
            // At most three references (§4.2): the last bit says that another follows.
            for _ in 0..3 {
                if src.u8()? & 1 == 0 {
                    break;
                }
            }
        }
        if has(0x02) {
            descriptor.sizes = read_structure(src)?;
            descriptor.size = descriptor.sizes.and_then(|sizes| sizes.into_iter().max());
        }
        Some(descriptor)
    }

    /// A picture begins here: the first packet of its lowest layer.
    pub fn begins_picture(&self) -> bool {
        self.begins_frame && self.layer.is_none_or(|layer| layer.spatial == 0)
    }
}

/// The scalability structure (§4.2.1); `Some(None)` where it tells no sizes.
fn read_structure(src: &mut &[u8]) -> Option<Option<[(u16, u16); 8]>> {
    let packed = src.u8()?;
    let mut sizes = None;
    if packed & 0x10 != 0 {
        let all = sizes.insert([(0, 0); 8]);
        for size in all.iter_mut().take(usize::from(packed >> 5) + 1) {
            *size = (src.u16()?, src.u16()?);
        }
    }
    if packed & 0x08 != 0 {
        for _ in 0..src.u8()? {
            let references = src.u8()? >> 2 & 3;
            src.run(references.into())?;
        }
    }
    Some(sizes)
}
