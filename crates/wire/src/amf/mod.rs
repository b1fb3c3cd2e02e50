//! Action Message Format, versions 0 and 3: what RTMP's commands and metadata are written in.
//!
//! Both versions are read into one [`Value`]. Depth, number of values and bytes are bounded
//! (conformance F4): a count in the input never makes us allocate, only values that are there do.
//! References to other values are refused: no publisher needs them, and they are how a few
//! bytes grow into a loop or a gigabyte.

mod amf0;
mod amf3;
#[cfg(test)]
mod tests;
mod value;

pub use amf0::{parse, parse_all, write};
pub use value::Value;

/// How deep objects and arrays may nest.
pub const MAX_DEPTH: usize = 16;
/// How many values one message may hold, nested ones included.
pub const MAX_VALUES: usize = 4096;
/// How many bytes of text one message may grow to, AMF3's repeated strings counted each time.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// What one message may still take of the limits above.
struct Budget {
    values: usize,
    text_bytes: usize,
}

impl Budget {
    fn new() -> Self {
        Self { values: MAX_VALUES, text_bytes: MAX_TEXT_BYTES }
    }

    fn spend_value(&mut self, depth: usize) -> Result<(), crate::Malformed> {
        if depth > MAX_DEPTH {
            return Err(crate::Malformed("AMF: nested too deep"));
        }
        self.values = self.values.checked_sub(1).ok_or(crate::Malformed("AMF: too many values"))?;
        Ok(())
    }

    /// Text as it is kept; bytes that are no UTF-8 (old encoders send Latin-1) are replaced.
    fn text(&mut self, bytes: &[u8]) -> Result<Box<str>, crate::Malformed> {
        self.text_bytes = self.text_bytes.checked_sub(bytes.len()).ok_or(crate::Malformed("AMF: too much text"))?;
        Ok(String::from_utf8_lossy(bytes).into())
    }
}
