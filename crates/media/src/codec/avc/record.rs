use bytes::{BufMut, Bytes, BytesMut};

use super::super::Malformed;
use super::Avc;

const PART: &str = "AVCDecoderConfigurationRecord";

impl Avc {
    /// Reads an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1), as FLV and MP4 carry it.
    ///
    /// Profile and level are taken from the SPS itself, for some encoders fill the record's own bytes wrongly.
    pub fn from_record(record: &[u8]) -> Result<Self, Malformed> {
        let mut rest = record.strip_prefix(&[1]).ok_or(Malformed(PART))?;
        // Profile, constraints, level and the size of lengths.
        take(&mut rest, 4)?;
        let [count] = take(&mut rest, 1)? else { return Err(Malformed(PART)) };
        let sps = take_sets(&mut rest, count & 0x1f)?;
        let [count] = take(&mut rest, 1)? else { return Err(Malformed(PART)) };
        let pps = take_sets(&mut rest, *count)?;
        Self::from_parameter_sets(sps, pps)
    }

    /// The record for an `avcC` box or an FLV sequence header, with 4-byte lengths (conformance C8).
    pub fn to_record(&self) -> Bytes {
        let sets = self.sps.iter().chain(&self.pps);
        let mut record = BytesMut::with_capacity(16 + sets.map(|set| set.len() + 2).sum::<usize>());
        record.put_slice(&[1, self.profile, self.constraints, self.level, 0xff]);
        record.put_u8(0xe0 | self.sps.len().min(31) as u8);
        put_sets(&mut record, self.sps.iter().take(31));
        record.put_u8(self.pps.len().min(255) as u8);
        put_sets(&mut record, self.pps.iter().take(255));
        // Baseline, Main and Extended end here; all others say how their samples are made.
        if !matches!(self.profile, 66 | 77 | 88) {
            record.put_u8(0xfc | self.chroma_format);
            record.put_u8(0xf8 | self.luma_depth.saturating_sub(8));
            record.put_u8(0xf8 | self.chroma_depth.saturating_sub(8));
            record.put_u8(0); // no SPS extensions
        }
        record.freeze()
    }
}

/// How many bytes the lengths before each NAL unit have by this record: 1, 2 or 4.
pub fn length_size(record: &[u8]) -> Result<usize, Malformed> {
    match record.get(4).map(|byte| byte & 3) {
        Some(0) => Ok(1),
        Some(1) => Ok(2),
        Some(3) => Ok(4),
        _ => Err(Malformed(PART)),
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], Malformed> {
    let (taken, after) = rest.split_at_checked(len).ok_or(Malformed(PART))?;
    *rest = after;
    Ok(taken)
}

fn take_sets(rest: &mut &[u8], count: u8) -> Result<Vec<Bytes>, Malformed> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let [high, low] = take(rest, 2)? else { return Err(Malformed(PART)) };
        let set = take(rest, usize::from(u16::from_be_bytes([*high, *low])))?;
        // Empty sets are the padding of some encoders.
        if !set.is_empty() {
            sets.push(Bytes::copy_from_slice(set));
        }
    }
    Ok(sets)
}

fn put_sets<'a>(record: &mut BytesMut, sets: impl Iterator<Item = &'a Bytes>) {
    for set in sets {
        record.put_u16(set.len() as u16);
        record.put_slice(set);
    }
}
