use crate::Malformed;

/// Reads big-endian values off the front of a slice, which moves on only where there was enough.
pub(crate) trait Take<'a> {
    fn run(&mut self, len: usize) -> Option<&'a [u8]>;
    fn array<const N: usize>(&mut self) -> Option<[u8; N]>;

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }
    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }
    fn u24(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
    fn f64(&mut self) -> Option<f64> {
        self.array().map(f64::from_be_bytes)
    }
}

impl<'a> Take<'a> for &'a [u8] {
    fn run(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.split_at_checked(len)?;
        *self = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.split_first_chunk::<N>()?;
        *self = rest;
        Some(*head)
    }
}

/// Names the part that was cut short.
pub(crate) fn need<T>(value: Option<T>, what: &'static str) -> Result<T, Malformed> {
    value.ok_or(Malformed(what))
}
