use super::Malformed;

/// Reads bits, most significant first, and never past the end.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits already read.
    at: usize,
    /// What is being read, for the error.
    part: &'static str,
}

impl<'a> Bits<'a> {
    /// A reader at the first bit; `part` names what is read in every error.
    pub(super) fn new(bytes: &'a [u8], part: &'static str) -> Self {
        Self { bytes, at: 0, part }
    }

    /// The error for whatever is wrong here.
    pub(super) fn malformed(&self) -> Malformed {
        Malformed(self.part)
    }

    /// Bits already read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Bits still to come.
    pub(super) fn left(&self) -> usize {
        (self.bytes.len().saturating_mul(8)).saturating_sub(self.at)
    }

    /// The next bit.
    pub(super) fn flag(&mut self) -> Result<bool, Malformed> {
        let byte = self.bytes.get(self.at / 8).ok_or(Malformed(self.part))?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// The next `count` bits (at most 32) as a number.
    pub(super) fn read(&mut self, count: u32) -> Result<u32, Malformed> {
        let mut value = 0u32;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.flag()?);
        }
        Ok(value)
    }

    /// The next eight bits.
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.read(8)? as u8)
    }

    /// Passes over `count` bits.
    pub(super) fn skip(&mut self, count: usize) -> Result<(), Malformed> {
        if count > self.left() {
            return Err(self.malformed());
        }
        self.at += count;
        Ok(())
    }

    /// Passes over bits up to the next whole byte.
    pub(super) fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    /// An unsigned Exp-Golomb number, `ue(v)` (H.264 §9.1), 0 to 2³² − 2.
    pub(super) fn ue(&mut self) -> Result<u32, Malformed> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(self.malformed());
            }
        }
        let rest = self.read(zeros)?;
        Ok(((1u64 << zeros) - 1 + u64::from(rest)) as u32)
    }

    /// A `ue(v)` that is at most `most`.
    pub(super) fn small(&mut self, most: u8) -> Result<u8, Malformed> {
        let value = self.ue()?;
        if value > u32::from(most) { Err(self.malformed()) } else { Ok(value as u8) }
    }

    /// A signed Exp-Golomb number, `se(v)` (H.264 §9.1.1).
    pub(super) fn se(&mut self) -> Result<i64, Malformed> {
        let code = i64::from(self.ue()?);
        Ok(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }
}

/// The payload of a NAL unit without its emulation prevention bytes (H.264 §7.4.1: `00 00 03` → `00 00`).
pub(super) fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

/// `num / den` in lowest terms; `None` when either is zero.
pub(super) fn lowest_terms(num: u32, den: u32) -> Option<(u32, u32)> {
    let (mut a, mut b) = (num, den);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (num != 0 && den != 0).then(|| (num / a, den / a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_numbers_read_as_the_table_says() {
        // 1, 010, 011, 00100, 00101 → 0 1 2 3 4 (H.264 table 9-2).
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000], "test");
        for expected in 0..5 {
            assert_eq!(bits.ue(), Ok(expected));
        }
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000], "test");
        for expected in [0, 1, -1, 2, -2] {
            assert_eq!(bits.se(), Ok(expected));
        }
    }

    #[test]
    fn a_golomb_number_without_end_is_refused() {
        assert_eq!(Bits::new(&[0; 64], "test").ue(), Err(Malformed("test")));
        assert_eq!(Bits::new(&[0; 2], "test").ue(), Err(Malformed("test")));
    }

    #[test]
    fn emulation_prevention_goes_and_nothing_else() {
        assert_eq!(unescape(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 3, 0, 0, 3]), [1, 0, 0, 1, 0, 0, 0, 3, 0, 0]);
    }
}
