//! NAL units, as H.264 and H.265 share them: behind lengths or behind start codes.

use bytes::{BufMut, Bytes, BytesMut};

use super::Malformed;

/// The NAL units of a payload with 4-byte lengths, without the lengths.
pub fn nals(payload: &[u8]) -> Nals<'_> {
    Nals::new(payload, 4)
}

/// Iterates over length-prefixed NAL units. A length that lies is an error, and the end. Empty units are passed over.
#[derive(Clone, Debug)]
pub struct Nals<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> Nals<'a> {
    /// Units with lengths of 1 to 4 bytes.
    pub(super) fn new(payload: &'a [u8], length_size: usize) -> Self {
        Self { rest: payload, length_size: length_size.clamp(1, 4) }
    }
}

impl<'a> Iterator for Nals<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            let Some((prefix, after)) = rest.split_at_checked(self.length_size) else {
                // Too short for a length: padding if zero.
                return rest.iter().any(|&byte| byte != 0).then_some(Err(Malformed("NAL unit length")));
            };
            let len = prefix.iter().fold(0usize, |len, &byte| len << 8 | usize::from(byte));
            let Some((nal, after)) = after.split_at_checked(len) else {
                return Some(Err(Malformed("NAL unit length")));
            };
            self.rest = after;
            if !nal.is_empty() {
                return Some(Ok(nal));
            }
        }
        None
    }
}

/// The NAL units between the start codes of an Annex B stream, without start codes and trailing zeros.
pub fn annex_b(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(stream).unwrap_or_default();
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = rest.windows(3).position(|three| three == [0, 0, 1]).unwrap_or(rest.len());
            let (nal, after) = rest.split_at(end);
            rest = after.get(3..).unwrap_or_default();
            let zeros = nal.iter().rev().take_while(|&&byte| byte == 0).count();
            let nal = &nal[..nal.len() - zeros];
            if !nal.is_empty() {
                return Some(nal);
            }
        }
        None
    })
}

fn after_start_code(stream: &[u8]) -> Option<&[u8]> {
    let at = stream.windows(3).position(|three| three == [0, 0, 1])?;
    stream.get(at + 3..)
}

/// Puts those units that `keep` says into one payload with 4-byte lengths: `bytes` themselves when nothing has to go.
///
/// `may_share` says that the lengths in `bytes` are of that size.
pub(super) fn keep<'a>(
    bytes: &Bytes,
    nals: impl Iterator<Item = Result<&'a [u8], Malformed>>,
    may_share: bool,
    mut keep: impl FnMut(&[u8]) -> bool,
) -> Result<Bytes, Malformed> {
    let mut kept = Vec::with_capacity(8);
    for nal in nals {
        let nal = nal?;
        if keep(nal) {
            kept.push(nal);
        }
    }
    let len = kept.iter().map(|nal| nal.len() + 4).sum();
    if may_share && len == bytes.len() {
        return Ok(bytes.clone());
    }
    let mut payload = BytesMut::with_capacity(len);
    for nal in kept {
        payload.put_u32(nal.len() as u32);
        payload.put_slice(nal);
    }
    Ok(payload.freeze())
}
