//! `Range: bytes=…` (RFC 9110 §14.2): one range, or none.

use std::ops::Range;

/// Which bytes of a body are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All: no range, or one in a unit that we do not know.
    Whole,
    /// These.
    Slice(Range<usize>),
    /// None that exist, or more than one range (F18): 416.
    Unsatisfiable,
}

/// Reads the value of a `Range` header against a body of `len` bytes.
///
/// A last byte beyond the end means the end, whatever its size (H28: players ask for 2^53-1).
pub fn select(value: &[u8], len: usize) -> Selection {
    let Ok(value) = str::from_utf8(value) else { return Selection::Whole };
    let Some((unit, set)) = value.split_once('=') else { return Selection::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else { return Selection::Unsatisfiable };
    let found = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len),
        (Some(first), None) if last.is_empty() => first..len,
        (None, Some(suffix)) if first.is_empty() => len.saturating_sub(suffix)..len,
        _ => return Selection::Unsatisfiable,
    };
    if found.is_empty() { Selection::Unsatisfiable } else { Selection::Slice(found) }
}

/// A decimal number; one too large to hold is the largest.
fn number(digits: &str) -> Option<usize> {
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::Selection::{Slice, Unsatisfiable, Whole};
    use super::*;

    fn of_100(value: &str) -> Selection {
        select(value.as_bytes(), 100)
    }

    #[test]
    fn one_range_is_cut_to_the_body() {
        assert_eq!(of_100("bytes=0-0"), Slice(0..1));
        assert_eq!(of_100("bytes=10-19"), Slice(10..20));
        assert_eq!(of_100("bytes=10-"), Slice(10..100));
        assert_eq!(of_100("bytes=-5"), Slice(95..100));
        assert_eq!(of_100("bytes=-500"), Slice(0..100));
        assert_eq!(of_100("Bytes = 99-100"), Slice(99..100));
    }

    /// H28.
    #[test]
    fn the_last_byte_may_be_far_beyond_the_end() {
        assert_eq!(of_100("bytes=0-9007199254740991"), Slice(0..100));
        assert_eq!(of_100("bytes=5-99999999999999999999999999"), Slice(5..100));
    }

    /// F18.
    #[test]
    fn what_cannot_be_given_is_unsatisfiable() {
        for value in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=99999999999999999999999999-",
            "bytes=-0",
            "bytes=5-4",
            "bytes=-",
            "bytes=",
            "bytes=a-b",
            "bytes=0-1,2-3",
            "bytes=0-,0-,0-",
            "bytes=+1-2",
        ] {
            assert_eq!(of_100(value), Unsatisfiable, "{value}");
        }
        assert_eq!(select(b"bytes=0-", 0), Unsatisfiable);
    }

    #[test]
    fn other_units_are_ignored() {
        for value in ["", "items=0-1", "bytes", "=", "\u{feff}bytes=0-1"] {
            assert_eq!(of_100(value), Whole, "{value}");
        }
        assert_eq!(select(b"bytes=\xff", 100), Whole);
    }
}
