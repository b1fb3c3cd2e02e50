use std::array;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use media::{Frame, Time, Track};

/// Slots of a group's first chunk; each further chunk doubles.
const FIRST: usize = 16;
const CHUNKS: usize = 12;

/// What holds for every frame of a group.
#[derive(Debug, PartialEq, Eq)]
pub struct GroupHead {
    /// Counts the groups of a track, from 0, without holes.
    pub sequence: u64,
    /// The parameters by which its frames are encoded.
    pub track: Arc<Track>,
    /// How often the broadcast's timeline broke before this group (a publisher's return, a lasting jump
    /// of its clock). A reader that sees it rise tells its viewers of a discontinuity.
    pub discontinuity: u32,
    /// Decode time of the first frame.
    pub start: Time,
}

/// An append-only run of frames that starts where a decoder may start.
///
/// Slots are written once and chunks never move, so any number of readers look at them while one
/// writer appends, and none of them waits.
pub(crate) struct Group {
    pub(crate) head: Arc<GroupHead>,
    chunks: [OnceLock<Box<[OnceLock<Frame>]>>; CHUNKS],
    closed: AtomicBool,
    evicted: AtomicBool,
}

impl Group {
    /// The most frames that a group can hold.
    pub(crate) const CAPACITY: usize = FIRST * ((1 << CHUNKS) - 1);

    pub(crate) fn new(head: GroupHead) -> Self {
        Self {
            head: Arc::new(head),
            chunks: array::from_fn(|_| OnceLock::new()),
            closed: AtomicBool::new(false),
            evicted: AtomicBool::new(false),
        }
    }

    /// The frame at `index`, once it was written.
    pub(crate) fn frame(&self, index: usize) -> Option<&Frame> {
        let (chunk, slot) = place(index);
        self.chunks.get(chunk)?.get()?.get(slot)?.get()
    }

    /// Writes the frame at `index`, the number of those before it. Past [`Group::CAPACITY`] it is lost.
    pub(crate) fn write(&self, index: usize, frame: Frame) {
        let (chunk, slot) = place(index);
        let Some(chunk_cell) = self.chunks.get(chunk) else { return };
        let slots = chunk_cell.get_or_init(|| (0..FIRST << chunk).map(|_| OnceLock::new()).collect());
        if let Some(slot) = slots.get(slot) {
            // A second write of a slot cannot happen: the one writer counts.
            let _ = slot.set(frame);
        }
    }

    /// No frame will follow. Look for one once more after seeing this.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// The track no longer keeps it: whoever still reads it is too far behind.
    pub(crate) fn is_evicted(&self) -> bool {
        self.evicted.load(Ordering::Relaxed)
    }

    pub(crate) fn evict(&self) {
        self.evicted.store(true, Ordering::Relaxed);
    }
}

/// Chunk and slot of a frame.
fn place(index: usize) -> (usize, usize) {
    let shifted = index.saturating_add(FIRST);
    let chunk = (shifted.ilog2() - FIRST.ilog2()) as usize;
    (chunk, shifted - (FIRST << chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_each_other_without_a_hole_up_to_the_capacity() {
        let mut expected = (0, 0);
        for index in 0..Group::CAPACITY {
            assert_eq!(place(index), expected);
            expected.1 += 1;
            if expected.1 == FIRST << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert_eq!(place(Group::CAPACITY).0, CHUNKS);
    }
}
