//! The dependency descriptor, a header extension that says of a frame which layers need it (AOM, "RTP Payload Format For
//! AV1" 1.0, appendix A).

mod bits;
#[cfg(test)]
mod tests;

use self::bits::Bits;
use crate::Malformed;
use crate::take::need;

const PART: &str = "dependency descriptor";

/// More templates than their ids can number.
const MAX_TEMPLATES: usize = 64;
const MAX_SPATIAL: u8 = 3;
const MAX_TEMPORAL: u8 = 7;

/// What a frame is to one decode target (table A.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indication {
    /// Not needed.
    NotPresent,
    /// Shown, and needed by no other frame.
    Discardable,
    /// Who can decode it can decode all that follow of the target.
    Switch,
    /// Needed by others.
    Required,
}

/// A choice of layers that is worth decoding: all up to these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Spatial layer, 0 to 3.
    pub spatial: u8,
    /// Temporal layer, 0 to 7.
    pub temporal: u8,
}

/// What a packet says of the frame that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The frame begins with this packet.
    pub begins_frame: bool,
    /// The frame ends with this packet.
    pub ends_frame: bool,
    /// Counts frames in decoding order; wraps.
    pub frame_number: u16,
    /// The layers that the frame is of.
    pub layers: Target,
    indications: Indications,
}

/// Two bits for each of at most 32 targets, the first target's lowest.
type Indications = u64;

/// Reads the descriptors of one source, most of which mean something only by the structure that came with the last
/// keyframe. Which frames a frame refers to, chains and sizes are passed over: nothing here needs them.
#[derive(Clone, Debug, Default)]
pub struct Dependencies {
    structure: Option<Structure>,
    /// A bit for each target that is being sent.
    active: u32,
}

#[derive(Clone, Debug)]
struct Structure {
    /// The id of the first template.
    offset: u8,
    templates: Vec<Template>,
    targets: Vec<Target>,
    chains: u32,
}

#[derive(Clone, Copy, Debug)]
struct Template {
    layers: Target,
    indications: Indications,
}

impl Dependencies {
    /// Reads the next descriptor. One that makes no sense, or lacks its structure, changes nothing.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Descriptor, Malformed> {
        let mut bits = Bits::new(bytes);
        need(self.read_bits(bytes.len(), &mut bits), PART)
    }

    fn read_bits(&mut self, len: usize, bits: &mut Bits<'_>) -> Option<Descriptor> {
        let (begins_frame, ends_frame) = (bits.flag()?, bits.flag()?);
        let (template, frame_number) = (bits.read(6)? as u8, bits.read(16)? as u16);
        // A structure, active targets, and what the template says otherwise: indications, differences, chains.
        let mut flags = [false; 5];
        if len > 3 {
            for flag in &mut flags {
                *flag = bits.flag()?;
            }
        }
        let [has_structure, has_active, own_indications, own_differences, own_chains] = flags;
        let fresh = if has_structure { Some(Structure::read(bits)?) } else { None };
        let structure = fresh.as_ref().or(self.structure.as_ref())?;
        let count = structure.targets.len();
        let active = match (has_active, has_structure) {
            (true, _) => bits.read(count)?,
            (false, true) => u32::MAX,
            (false, false) => self.active,
        };
        let index = usize::from(template.wrapping_sub(structure.offset) & 63);
        let Template { layers, mut indications } = *structure.templates.get(index)?;
        if own_indications {
            indications = read_indications(bits, count)?;
        }
        if own_differences {
            loop {
                match bits.read(2)? as usize {
                    0 => break,
                    size => bits.read(4 * size)?,
                };
            }
        }
        if own_chains {
            (0..structure.chains).try_for_each(|_| bits.read(8).map(drop))?;
        }
        self.active = active;
        if let Some(fresh) = fresh {
            self.structure = Some(fresh);
        }
        Some(Descriptor { begins_frame, ends_frame, frame_number, layers, indications })
    }

    /// What a frame is to each target of the stream.
    pub fn indications(&self, of: &Descriptor) -> impl Iterator<Item = (Target, Indication)> {
        let targets = self.structure.iter().flat_map(|structure| &structure.targets);
        let indications = of.indications;
        targets.enumerate().map(move |(at, target)| {
            let indication = match indications >> (2 * at) & 3 {
                0 => Indication::NotPresent,
                1 => Indication::Discardable,
                2 => Indication::Switch,
                _ => Indication::Required,
            };
            (*target, indication)
        })
    }

    /// Whether anything is being sent of that spatial layer, as the last descriptor has it.
    pub fn sends(&self, spatial: u8) -> bool {
        let targets = self.structure.iter().flat_map(|structure| &structure.targets);
        targets.enumerate().any(|(at, target)| target.spatial == spatial && self.active >> at & 1 == 1)
    }
}

impl Structure {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let (offset, count) = (bits.read(6)? as u8, bits.read(5)? as usize + 1);
        let mut templates = Vec::new();
        let mut layers = Target::default();
        loop {
            if templates.len() == MAX_TEMPLATES {
                return None;
            }
            templates.push(Template { layers, indications: 0 });
            match bits.read(2)? {
                0 => {}
                1 => layers.temporal += 1,
                2 => layers = Target { spatial: layers.spatial + 1, temporal: 0 },
                _ => break,
            }
            if layers.spatial > MAX_SPATIAL || layers.temporal > MAX_TEMPORAL {
                return None;
            }
        }
        // A target goes as far up as the frames that it has.
        let mut targets = vec![Target::default(); count];
        for template in &mut templates {
            template.indications = read_indications(bits, count)?;
            for (at, target) in targets.iter_mut().enumerate() {
                if template.indications >> (2 * at) & 3 != 0 {
                    target.spatial = target.spatial.max(template.layers.spatial);
                    target.temporal = target.temporal.max(template.layers.temporal);
                }
            }
        }
        for _ in &templates {
            while bits.flag()? {
                bits.read(4)?;
            }
        }
        let chains = bits.below(count as u32 + 1)?;
        if chains > 0 {
            (0..count).try_for_each(|_| bits.below(chains).map(drop))?;
            (0..templates.len() * chains as usize).try_for_each(|_| bits.read(4).map(drop))?;
        }
        if bits.flag()? {
            (0..=layers.spatial).try_for_each(|_| bits.read(32).map(drop))?;
        }
        Some(Self { offset, templates, targets, chains })
    }
}

fn read_indications(bits: &mut Bits<'_>, count: usize) -> Option<Indications> {
    (0..count).try_fold(0, |all, at| Some(all | u64::from(bits.read(2)?) << (2 * at)))
}
