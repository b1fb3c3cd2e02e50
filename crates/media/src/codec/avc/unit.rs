use bytes::{BufMut, Bytes, BytesMut};

use super::super::Malformed;

// `nal_unit_type` (H.264 table 7-1).
const IDR: u8 = 5;
pub(super) const SEI: u8 = 6;
pub(super) const SPS: u8 = 7;
pub(super) const PPS: u8 = 8;

/// An access unit made ready to be the payload of a [`crate::Frame`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// NAL units with 4-byte lengths; no parameter sets, delimiters or filler. Empty when nothing else was there.
    pub payload: Bytes,
    /// Holds an IDR picture: a viewer may start here.
    pub is_sync: bool,
    /// Sequence parameter sets that stood in it.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets that stood in it.
    pub pps: Vec<Bytes>,
}

impl AccessUnit {
    /// From NAL units with lengths of `length_size` bytes (1, 2 or 4), as FLV and MP4 carry them.
    ///
    /// Shares `bytes` when nothing has to go, which is the usual case. Zero bytes at the end are padding.
    pub fn from_length_prefixed(bytes: Bytes, length_size: usize) -> Result<Self, Malformed> {
        let nals = || Nals { rest: &bytes, length_size };
        let mut unit = Self { payload: Bytes::new(), is_sync: false, sps: Vec::new(), pps: Vec::new() };
        let (mut kept, mut kept_len) = (0usize, 0usize);
        for nal in nals() {
            let nal = nal?;
            if unit.notice(nal, || bytes.slice_ref(nal)) {
                kept += 1;
                kept_len += nal.len();
            }
        }
        unit.payload = if length_size == 4 && kept * 4 + kept_len == bytes.len() {
            bytes.clone()
        } else {
            let mut payload = BytesMut::with_capacity(kept * 4 + kept_len);
            for nal in nals().map_while(Result::ok).filter(|nal| is_kept(nal)) {
                put_nal(&mut payload, nal);
            }
            payload.freeze()
        };
        Ok(unit)
    }

    /// From NAL units behind start codes (Annex B), as MPEG-TS and some encoders carry them.
    pub fn from_annex_b(bytes: &Bytes) -> Self {
        let mut unit = Self { payload: Bytes::new(), is_sync: false, sps: Vec::new(), pps: Vec::new() };
        let mut payload = BytesMut::with_capacity(bytes.len() + 16);
        for nal in annex_b(bytes) {
            if unit.notice(nal, || bytes.slice_ref(nal)) {
                put_nal(&mut payload, nal);
            }
        }
        unit.payload = payload.freeze();
        unit
    }

    /// Takes note of one NAL unit; true if it belongs into the payload.
    fn notice(&mut self, nal: &[u8], shared: impl FnOnce() -> Bytes) -> bool {
        match nal.first().map(|header| header & 0x1f) {
            Some(SPS) if self.sps.len() < 32 => self.sps.push(shared()),
            Some(PPS) if self.pps.len() < 256 => self.pps.push(shared()),
            Some(IDR) => self.is_sync = true,
            _ => {}
        }
        is_kept(nal)
    }
}

/// Everything but parameter sets (7, 8, 13, 15), delimiters (9), ends (10, 11) and filler (12).
fn is_kept(nal: &[u8]) -> bool {
    nal.first().is_some_and(|header| !matches!(header & 0x1f, 7..=13 | 15))
}

fn put_nal(payload: &mut BytesMut, nal: &[u8]) {
    payload.put_u32(nal.len() as u32);
    payload.put_slice(nal);
}

/// The NAL units of a payload with 4-byte lengths, without the lengths.
pub fn nals(payload: &[u8]) -> Nals<'_> {
    Nals { rest: payload, length_size: 4 }
}

/// Iterates over length-prefixed NAL units. A length that lies is an error, and the end. Empty units are passed over.
#[derive(Clone, Debug)]
pub struct Nals<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> Iterator for Nals<'a> {
    type Item = Result<&'a [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            let Some((prefix, after)) = rest.split_at_checked(self.length_size.clamp(1, 4)) else {
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
