/// Reads bits, most significant first, and never past the end.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// The next `count` bits (at most 32) as a number.
    pub(super) fn read(&mut self, count: usize) -> Option<u32> {
        (0..count).try_fold(0, |value: u32, _| Some(value << 1 | u32::from(self.flag()?)))
    }

    /// A number below `most`, which is not zero, in as few bits as that takes: `ns(n)` (AV1 §4.10.7).
    pub(super) fn below(&mut self, most: u32) -> Option<u32> {
        let width = most.ilog2() + 1;
        // So many numbers need a bit less.
        let short = (1 << width) - most;
        let value = self.read(width as usize - 1)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + u32::from(self.flag()?))
    }
}
