use bytes::{BufMut, Bytes, BytesMut};

use super::super::Malformed;
use super::{Hevc, unit};

const PART: &str = "HEVCDecoderConfigurationRecord";

impl Hevc {
    /// Reads an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 §8.3.3.1), as FLV and MP4 carry it.
    ///
    /// Profile and level are taken from the SPS itself.
    pub fn from_record(record: &[u8]) -> Result<Self, Malformed> {
        let mut rest = record.get(22..).filter(|_| record.first() == Some(&1)).ok_or(Malformed(PART))?;
        let (mut vps, mut sps, mut pps) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..take::<1>(&mut rest)?[0] {
            let [kind, high, low] = take::<3>(&mut rest)?;
            for _ in 0..u16::from_be_bytes([high, low]) {
                let len = usize::from(u16::from_be_bytes(take::<2>(&mut rest)?));
                let (set, after) = rest.split_at_checked(len).ok_or(Malformed(PART))?;
                rest = after;
                let list = match kind & 0x3f {
                    unit::VPS => &mut vps,
                    unit::SPS => &mut sps,
                    unit::PPS => &mut pps,
                    _ => continue,
                };
                list.push(Bytes::copy_from_slice(set));
            }
        }
        Self::from_parameter_sets(vps, sps, pps)
    }

    /// The record for an `hvcC` box or an FLV sequence header, with 4-byte lengths and complete arrays of all three
    /// kinds, as `hvc1` asks for (conformance C9).
    pub fn to_record(&self) -> Bytes {
        let lists = [(unit::VPS, &self.vps), (unit::SPS, &self.sps), (unit::PPS, &self.pps)];
        let sets = lists.iter().flat_map(|(_, sets)| sets.iter());
        let mut record = BytesMut::with_capacity(32 + sets.map(|set| set.len() + 2).sum::<usize>());
        let profile = &self.profile;
        record.put_u8(1);
        record.put_u8(profile.space << 6 | u8::from(profile.high_tier) << 5 | profile.idc & 0x1f);
        record.put_u32(profile.compatibility);
        record.put_slice(&profile.constraints);
        record.put_u8(profile.level);
        record.put_u16(0xf000); // no minimum of spatial segmentation
        record.put_u8(0xfc); // kind of parallelism unknown
        record.put_u8(0xfc | self.chroma_format);
        record.put_u8(0xf8 | self.luma_depth.saturating_sub(8));
        record.put_u8(0xf8 | self.chroma_depth.saturating_sub(8));
        record.put_u16(0); // average frame rate unknown
        record.put_u8((self.temporal_layers & 7) << 3 | u8::from(self.temporal_nesting) << 2 | 3);
        record.put_u8(lists.len() as u8);
        for (kind, sets) in lists {
            record.put_u8(0x80 | kind);
            record.put_u16(sets.len() as u16);
            for set in sets {
                record.put_u16(set.len() as u16);
                record.put_slice(set);
            }
        }
        record.freeze()
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or(Malformed(PART))?;
    *rest = after;
    Ok(*taken)
}
