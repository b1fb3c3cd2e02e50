use bytes::Bytes;
use media::codec::av1::{self, Layered, MAX_SPATIAL};
use media::codec::{self, Malformed};
use media::{Codec, Temporal};
use wire::rtp::dependency::{Dependencies, Indication, Target};
use wire::rtp::payload::av1::{Aggregation, Elements, leb128, write_leb128};

use super::levels::{Levels, Place};
use super::{Format, Smaller};

const PART: Malformed = Malformed("AV1 unit");

// `obu_type`.
const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const TILE_LIST: u8 = 8;
const PADDING: u8 = 15;

/// Runs of units in one picture: one for each size, and what stands between them.
const MAX_RUNS: usize = 64;

/// AV1 temporal units: every open bitstream unit with its size, none of them a delimiter.
///
/// A picture that comes in several sizes (spatial layers) is taken apart: each size gets the frames that it needs, by the
/// dependency descriptor, or without one all of the sizes below; and a sequence header that names no others. What a size
/// needs of a picture that lacks it, as its encoder was short of bits, goes before its next picture and is not shown.
#[derive(Default)]
pub(super) struct Av1 {
    unit: Vec<u8>,
    /// Where in it which layers are.
    runs: Vec<Run>,
    /// The beginning of an open bitstream unit whose end is still to come.
    part: Option<Vec<u8>>,
    dependencies: Dependencies,
    /// What the descriptor of the packet under way says.
    described: Option<Reach>,
    levels: Levels,
    /// Sequence headers by spatial layer, where a keyframe began a stream in several sizes.
    headers: Option<[Bytes; LAYERS]>,
    /// By spatial layer: frames that its next picture needs, and the lowest temporal layer among them.
    held: [Option<(Vec<u8>, u8)>; LAYERS],
}

const LAYERS: usize = MAX_SPATIAL as usize + 1;

/// Units that follow each other and go the same way.
#[derive(Clone, Copy)]
struct Run {
    end: usize,
    is_sequence_header: bool,
    /// Of units that are of a layer: which spatial one.
    spatial: Option<u8>,
    place: Option<Place>,
    /// The spatial layers that need it, a bit each.
    wanted: u8,
}

/// Where a frame belongs, as its descriptor has it.
#[derive(Clone, Copy)]
struct Reach {
    place: Place,
    wanted: u8,
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
        let kind = header >> 3 & 0xf;
        if matches!(kind, TEMPORAL_DELIMITER | TILE_LIST | PADDING) {
            return Ok(());
        }
        self.unit.push(header | 2);
        self.unit.extend(extension);
        write_leb128(u32::try_from(rest.len()).map_err(|_| PART)?, &mut self.unit);
        self.unit.extend_from_slice(rest);
        self.note(kind, extension)
    }

    /// Takes note of where the unit that was added last belongs.
    fn note(&mut self, kind: u8, extension: Option<u8>) -> Result<(), Malformed> {
        let is_sequence_header = kind == SEQUENCE_HEADER;
        let spatial = extension.map(|byte| byte >> 3 & 3).filter(|_| !is_sequence_header);
        // Where it may be switched up to is said by the descriptor alone.
        let place = extension.map(|byte| Place { temporal: byte >> 5, opens: 0 });
        let place = self.described.map(|reach| reach.place).or(place);
        // What is of no layer is for all.
        let wanted = spatial.map_or(u8::MAX, |spatial| match self.described {
            Some(reach) => reach.wanted,
            None => u8::MAX << spatial,
        });
        let end = self.unit.len();
        let run = Run { end, is_sequence_header, spatial, place, wanted };
        let is_full = self.runs.len() == MAX_RUNS;
        match self.runs.last_mut().filter(|last| last.goes_on_as(&run)) {
            Some(last) => last.end = end,
            None if is_full => return Err(PART),
            None => self.runs.push(run),
        }
        Ok(())
    }

    /// The units of the picture, with what they are.
    fn pieces(&self) -> impl Iterator<Item = (&Run, &[u8])> {
        let begins = std::iter::once(0).chain(self.runs.iter().map(|run| run.end));
        begins.zip(&self.runs).map(|(begin, run)| (run, self.unit.get(begin..run.end).unwrap_or_default()))
    }

    /// What a size needs of this picture, and the size's own place; `None` where the picture lacks it.
    fn size_of(&self, spatial: u8) -> (Vec<u8>, Option<Option<Place>>) {
        let (mut needed, mut own) = (Vec::with_capacity(self.unit.len()), None);
        for (run, units) in self.pieces().filter(|(run, _)| run.wanted >> spatial & 1 == 1 && !run.is_sequence_header) {
            needed.extend_from_slice(units);
            if run.spatial == Some(spatial) {
                own = Some(run.place);
            }
        }
        (needed, own)
    }

    /// A keyframe: learns which sizes there are, and what their decoders must know.
    fn begin(&mut self) -> Result<(), Malformed> {
        self.held = <_>::default();
        self.headers = self.split()?;
        if self.headers.is_none() {
            self.levels.begin(0);
            self.levels.learn(0, Codec::Av1(codec::Av1::from_unit(&self.unit)?));
        }
        Ok(())
    }

    /// The sequence header of each size, if the keyframe comes in several that can be told apart.
    fn split(&mut self) -> Result<Option<[Bytes; LAYERS]>, Malformed> {
        let Some(layered) = Layered::of_unit(&self.unit)? else { return Ok(None) };
        let there = |spatial: &u8| layered.size(*spatial).is_some();
        let Some(top) = (0..=MAX_SPATIAL).rev().find(there) else { return Ok(None) };
        let mut headers: [Bytes; LAYERS] = <_>::default();
        for spatial in (0..=top).filter(there) {
            let (needed, own) = self.size_of(spatial);
            if own.is_none() || !av1::is_keyframe(&needed) {
                return Ok(None);
            }
            let wanted = self.runs.iter().filter(|run| run.wanted >> spatial & 1 == 1);
            let layers = wanted.filter_map(|run| run.spatial).fold(0, |layers, layer| layers | 1 << layer);
            if let Some(header) = headers.get_mut(usize::from(spatial)) {
                *header = layered.sequence_header(layers)?;
            }
        }
        self.levels.begin(top);
        for (level, spatial) in self.levels.all() {
            if let Some(header) = headers.get(usize::from(spatial)).filter(|header| !header.is_empty()) {
                self.levels.learn(level, Codec::Av1(codec::Av1::from_unit(header)?));
            }
        }
        Ok(Some(headers))
    }

    /// The picture in each of its sizes.
    fn take_apart(&mut self, is_sync: bool) -> Result<(), Malformed> {
        let highest = self.runs.iter().filter_map(|run| run.spatial).max().unwrap_or_default();
        // One that is not sent any more has ended at once.
        let has_ended = highest < self.levels.top() && !self.sends_top();
        self.levels.notice(highest)?;
        if has_ended {
            return Err(Malformed("spatial layer"));
        }
        for (level, spatial) in self.levels.all() {
            let (needed, own) = self.size_of(spatial);
            let Some(held) = self.held.get_mut(usize::from(spatial)) else { continue };
            let Some(mut place) = own else {
                if !needed.is_empty() {
                    let temporal =
                        self.runs.iter().filter_map(|run| Some(run.place?.temporal)).min().unwrap_or_default();
                    let (units, lowest) = held.get_or_insert((Vec::new(), temporal));
                    units.extend_from_slice(&needed);
                    *lowest = temporal.min(*lowest);
                }
                self.levels.put(level, None, None, is_sync);
                continue;
            };
            let header = self.headers.as_ref().filter(|_| is_sync).and_then(|all| all.get(usize::from(spatial)));
            let mut picture = header.map_or_else(Vec::new, |header| header.to_vec());
            if let Some((units, lowest)) = held.take() {
                picture.extend_from_slice(&units);
                // Who leaves out this layer must not miss what others need.
                place = place.map(|place| Place { temporal: place.temporal.min(lowest), ..place });
            }
            picture.extend_from_slice(&needed);
            self.levels.put(level, Some(picture.into()), place, is_sync);
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.unit.clear();
        self.runs.clear();
        self.part = None;
    }

    fn sends_top(&self) -> bool {
        self.described.is_none() || self.dependencies.sends(self.levels.top())
    }
}

impl Run {
    fn goes_on_as(&self, next: &Self) -> bool {
        !self.is_sequence_header
            && !next.is_sequence_header
            && (self.spatial, self.wanted) == (next.spatial, next.wanted)
            && self.place.map(|place| place.temporal) == next.place.map(|place| place.temporal)
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

    fn describe(&mut self, descriptor: Option<&[u8]>) {
        let descriptor = descriptor.and_then(|bytes| self.dependencies.read(bytes).ok());
        self.described = descriptor.map(|descriptor| {
            let Target { spatial, temporal } = descriptor.layers;
            let mut reach = Reach { place: Place { temporal, opens: 0 }, wanted: 0 };
            for (target, indication) in self.dependencies.indications(&descriptor) {
                if indication != Indication::NotPresent {
                    reach.wanted |= 1 << target.spatial;
                }
                // Its own size, with all temporal layers up to the target's.
                if indication == Indication::Switch && target.spatial == spatial {
                    reach.place.opens |= u8::MAX >> (7 - target.temporal);
                }
            }
            reach
        });
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
        let is_sync = av1::is_keyframe(&self.unit);
        if is_sync {
            self.begin()?;
        }
        if self.headers.is_some() {
            self.take_apart(is_sync)?;
        } else {
            self.levels.notice(0)?;
            let place = self.runs.iter().rev().find_map(|run| run.place);
            self.levels.put(0, Some(Bytes::copy_from_slice(&self.unit)), place, is_sync);
        }
        self.forget();
        Ok(self.levels.take_largest().map(|payload| (payload, is_sync)))
    }

    fn smaller(&mut self) -> Vec<Smaller> {
        self.levels.take_smaller()
    }

    fn clear(&mut self) {
        self.forget();
        self.held = <_>::default();
    }

    fn len(&self) -> usize {
        let held = self.held.iter().flatten().map(|(units, _)| units.len()).max().unwrap_or_default();
        self.unit.len() + self.part.as_ref().map_or(0, Vec::len) + held
    }

    fn temporal(&self) -> Temporal {
        self.levels.temporal()
    }

    fn codec(&self) -> Option<&Codec> {
        self.codec_of(0)
    }

    fn codec_of(&self, level: u8) -> Option<&Codec> {
        self.levels.codec_of(level)
    }
}
