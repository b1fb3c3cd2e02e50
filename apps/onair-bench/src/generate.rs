//! A stream that is made up: H.264 access units of which every 64 bytes say which they are, so that a viewer's packet
//! is matched with the publisher's even where the server cuts packets anew.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// Bytes of one chunk: a mark and filling.
pub const CHUNK: usize = 64;
const MAGIC: &[u8; 8] = b"~onair~#";
/// Magic and eight hexadecimal digits.
const MARK: usize = 16;
/// Moments that are remembered: a minute of a large stream.
const REMEMBERED: usize = 1 << 16;

/// 1920x1080 of x264's baseline: SPS and PPS.
pub const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e, 0xa6,
    0x00, 0xf1, 0x83, 0x2a,
];
/// See [`SPS`].
pub const PPS: &[u8] = &[0x68, 0xce, 0x0f, 0xc8];

/// What to make up.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bits per second of pictures.
    pub bps: u64,
    /// Frames per second.
    pub fps: u32,
    /// Frames from keyframe to keyframe.
    pub gop: u32,
}

/// Keyframes are as large as so many others.
const KEYFRAME: u64 = 6;

/// Makes access units one after the other.
#[derive(Debug)]
pub struct Generator {
    shape: Shape,
    since_key: u32,
    chunk: u32,
}

/// One access unit.
#[derive(Debug)]
pub struct Unit {
    /// A decoder may start here.
    pub is_key: bool,
    /// The slice: its NAL unit, header byte included.
    pub slice: Vec<u8>,
}

impl Generator {
    /// Begins with a keyframe.
    pub fn new(shape: Shape) -> Self {
        Self { shape, since_key: u32::MAX, chunk: 0 }
    }

    /// The next access unit; a keyframe when one is due or asked for.
    pub fn next_unit(&mut self, wants_key: bool) -> Unit {
        let Shape { bps, fps, gop } = self.shape;
        let is_key = wants_key || self.since_key >= gop;
        self.since_key = if is_key { 1 } else { self.since_key + 1 };
        let per_gop = bps / 8 * u64::from(gop) / u64::from(fps.max(1));
        let delta = per_gop / (u64::from(gop) + KEYFRAME - 1).max(1);
        let bytes = if is_key { delta * KEYFRAME } else { delta };
        let chunks = (bytes as usize / CHUNK).max(1);
        let mut slice = Vec::with_capacity(1 + chunks * CHUNK);
        slice.push(if is_key { 0x65 } else { 0x41 });
        for _ in 0..chunks {
            slice.extend_from_slice(MAGIC);
            slice.extend_from_slice(format!("{:08x}", self.chunk).as_bytes());
            // No zeros: nothing here may look like a start code.
            let noise = self.chunk.wrapping_mul(0x9e37_79b9) >> 24;
            slice.extend((0..CHUNK - MARK).map(|at| 0x80 | (noise as u8).wrapping_add(at as u8)));
            self.chunk = self.chunk.wrapping_add(1);
        }
        Unit { is_key, slice }
    }
}

/// The first mark that stands whole in those bytes.
pub fn mark(bytes: &[u8]) -> Option<u32> {
    let near = bytes.get(..(2 * CHUNK + MARK).min(bytes.len()))?;
    let at = near.windows(MAGIC.len()).position(|window| window == MAGIC)?;
    let digits = bytes.get(at + MAGIC.len()..at + MARK)?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// When the publisher sent what, for all who receive it.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<RwLock<VecDeque<(u32, Instant)>>>);

impl Ledger {
    /// A packet left in which that is the first mark.
    pub fn sent(&self, first: u32, at: Instant) {
        let mut sent = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= REMEMBERED {
            sent.pop_front();
        }
        sent.push_back((first, at));
    }

    /// When the packet left that this mark was in.
    pub fn when(&self, mark: u32) -> Option<Instant> {
        let sent = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let after = sent.partition_point(|(first, _)| *first <= mark);
        sent.get(after.checked_sub(1)?).map(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_piece_of_a_frame_says_which_it_is_and_when_it_left() {
        let mut generator = Generator::new(Shape { bps: 4_000_000, fps: 30, gop: 60 });
        let ledger = Ledger::default();
        let now = Instant::now();
        for frame in 0..10 {
            let unit = generator.next_unit(false);
            assert_eq!(unit.is_key, frame == 0);
            for (at, piece) in unit.slice[1..].chunks(1100).enumerate().filter(|(_, piece)| piece.len() > 200) {
                let left = now + Duration::from_millis(frame * 33 + at as u64);
                ledger.sent(mark(piece).unwrap(), left);
                assert_eq!(ledger.when(mark(&piece[100..]).unwrap()), Some(left));
            }
            assert!(!unit.slice.windows(3).any(|three| matches!(three, [0, 0, 0..=3])));
        }
    }

    #[test]
    fn the_rate_is_as_asked_and_keyframes_come_when_due_or_wanted() {
        let mut generator = Generator::new(Shape { bps: 4_000_000, fps: 30, gop: 60 });
        let units: Vec<_> = (0..600).map(|frame| generator.next_unit(frame == 30)).collect();
        let bits: usize = units.iter().map(|unit| unit.slice.len() * 8).sum();
        assert!((75_000_000..85_000_000).contains(&bits), "{bits}");
        let keys: Vec<_> = (0..200).filter(|frame| units[*frame].is_key).collect();
        assert_eq!(keys, [0, 30, 90, 150]);
    }

    #[test]
    fn what_is_not_ours_has_no_mark() {
        assert_eq!(mark(b""), None);
        assert_eq!(mark(&[0x41; 1000]), None);
        assert_eq!(mark(b"~onair~#12"), None);
        assert_eq!(Ledger::default().when(7), None);
    }
}
