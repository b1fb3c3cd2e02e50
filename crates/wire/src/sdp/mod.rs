//! Session descriptions as WebRTC and RTSP use them (RFC 8866, RFC 8829, RFC 9429).
//!
//! Lines that we know become fields, the rest stay as they were in `others`. Everything is bounded by
//! [`MAX_BYTES`] of text; a line that is wrong in itself makes the whole description [`Malformed`],
//! as a half-understood answer would only fail later and less clearly.

mod attribute;
mod candidate;
mod description;
mod fragment;
mod section;
mod write;

#[cfg(test)]
mod tests;

pub use attribute::{Direction, Extension, Fingerprint, Format, Rid, Setup, Simulcast, SsrcGroup, SsrcLine};
pub use candidate::{Candidate, CandidateKind, Transport};
pub use description::Description;
pub use fragment::Fragment;
pub use section::{MediaKind, Section};

use crate::Malformed;

/// The longest description that is looked at; a browser's offer has some 10 KiB.
pub const MAX_BYTES: usize = 64 * 1024;

/// `x=value` line by line, with either line ending; empty lines are passed over. A value holds neither NUL nor a carriage
/// return of its own (RFC 8866 §9, `byte-string`): written into an answer, that would end a line for some readers.
fn lines(text: &str) -> impl Iterator<Item = Result<(char, &str), Malformed>> {
    let lines = text.split('\n').map(|line| line.trim_end_matches('\r')).filter(|line| !line.is_empty());
    lines.map(|line| {
        let (kind, value) = line.split_once('=').ok_or(Malformed("SDP line"))?;
        let mut kind = kind.chars();
        match (kind.next(), kind.next()) {
            (Some(kind), None) if !value.contains(['\r', '\0']) => Ok((kind, value)),
            _ => Err(Malformed("SDP line")),
        }
    })
}

/// An attribute's name and its value, empty where it has none.
fn attribute(value: &str) -> (&str, &str) {
    value.split_once(':').unwrap_or((value, ""))
}
