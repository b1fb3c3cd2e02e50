use bytes::Bytes;
use media::codec::Malformed;
use wire::rtp::payload::Piece;

const PART: Malformed = Malformed("fragments of a NAL unit");
/// A parameter set is a few dozen bytes; beyond this it is none.
const MAX_SET: usize = 4096;
const MAX_SETS: usize = 16;

/// Gathers NAL units behind 4-byte lengths.
#[derive(Default)]
pub(super) struct Units {
    bytes: Vec<u8>,
    /// Where the length of the unit stands whose parts are coming.
    open: Option<usize>,
}

impl Units {
    /// Adds a piece. `keep` sees every unit when it is whole, and says whether it belongs into the frame.
    pub(super) fn push<const N: usize>(
        &mut self,
        piece: Piece<'_, N>,
        keep: impl FnOnce(&[u8]) -> bool,
    ) -> Result<(), Malformed> {
        match (piece, self.open) {
            (Piece::Whole(nal), None) => {
                if keep(nal) {
                    self.bytes.extend_from_slice(&length(nal.len()));
                    self.bytes.extend_from_slice(nal);
                }
            }
            (Piece::Part { header, is_first: true, is_last, data }, None) => {
                self.open = Some(self.bytes.len());
                self.bytes.extend_from_slice(&[0; 4]);
                self.bytes.extend_from_slice(&header);
                self.part(is_last, data, keep);
            }
            (Piece::Part { is_first: false, is_last, data, .. }, Some(_)) => self.part(is_last, data, keep),
            // P16: a unit that lacks a part is no unit.
            _ => return Err(PART),
        }
        Ok(())
    }

    fn part(&mut self, is_last: bool, data: &[u8], keep: impl FnOnce(&[u8]) -> bool) {
        self.bytes.extend_from_slice(data);
        if !is_last {
            return;
        }
        let Some(at) = self.open.take() else { return };
        let nal = self.bytes.get(at + 4..).unwrap_or_default();
        if keep(nal) {
            let len = length(nal.len());
            self.bytes.iter_mut().skip(at).zip(len).for_each(|(to, byte)| *to = byte);
        } else {
            self.bytes.truncate(at);
        }
    }

    /// The whole, if no unit lacks its end. Exactly as large as it must be: it may be kept for long.
    pub(super) fn finish(&mut self) -> Result<Bytes, Malformed> {
        if self.open.is_some() {
            return Err(PART);
        }
        let frame = Bytes::copy_from_slice(&self.bytes);
        self.bytes.clear();
        Ok(frame)
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.open = None;
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}

/// Parameter sets of one kind: those in force, and those of the access unit under way.
#[derive(Default)]
pub(super) struct Sets {
    pub(super) known: Vec<Bytes>,
    new: Vec<Bytes>,
}

impl Sets {
    pub(super) fn note(&mut self, set: &[u8]) {
        if set.len() <= MAX_SET && self.new.len() < MAX_SETS && !self.new.iter().any(|new| new == set) {
            self.new.push(Bytes::copy_from_slice(set));
        }
    }

    pub(super) fn has_new(&self) -> bool {
        !self.new.is_empty()
    }

    pub(super) fn forget_new(&mut self) {
        self.new.clear();
    }

    /// Puts the new sets into force: in the place of all others, or, with the place of their ids, of those with the
    /// same id. True if that changes anything (H16).
    pub(super) fn settle(&mut self, id_at: Option<usize>) -> bool {
        let new = std::mem::take(&mut self.new);
        let is_known = new.iter().all(|set| self.known.contains(set));
        match id_at {
            None if is_known && new.len() == self.known.len() => return false,
            None => self.known = new,
            Some(_) if is_known => return false,
            Some(at) => {
                self.known.retain(|known| !new.iter().any(|new| id(known, at) == id(new, at)));
                self.known.extend(new);
                let surplus = self.known.len().saturating_sub(MAX_SETS);
                self.known.drain(..surplus);
            }
        }
        true
    }
}

/// The id of a picture parameter set, an Exp-Golomb number at byte `at`, up to 255 (H.264 §9.1).
fn id(set: &[u8], at: usize) -> Option<u32> {
    let mut word = [0; 4];
    word.iter_mut().zip(set.get(at..)?).for_each(|(to, byte)| *to = *byte);
    let word = u32::from_be_bytes(word);
    let zeros = word.leading_zeros();
    (zeros <= 8).then(|| (word >> (31 - 2 * zeros)) - 1)
}
