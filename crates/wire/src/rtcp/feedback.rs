use bytes::{BufMut, BytesMut};

use crate::take::Take;

/// Sequence numbers that a receiver misses (RFC 4585 §6.2.1), in the order in which they were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nacks(pub Vec<u16>);

impl Nacks {
    pub(super) fn parse(src: &mut &[u8]) -> Option<Self> {
        let mut missing = Vec::new();
        while !src.is_empty() {
            let (first, mask) = (src.u16()?, src.u16()?);
            missing.push(first);
            missing.extend((0..16).filter(|bit| mask >> bit & 1 == 1).map(|bit| first.wrapping_add(bit + 1)));
        }
        Some(Self(missing))
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        let mut rest = &self.0[..];
        while let Some((&first, tail)) = rest.split_first() {
            let mut mask = 0;
            let covered = tail.iter().take_while(|sequence| {
                let distance = sequence.wrapping_sub(first);
                let fits = (1..=16).contains(&distance);
                if fits {
                    mask |= 1 << (distance - 1);
                }
                fits
            });
            let covered = covered.count();
            out.put_u16(first);
            out.put_u16(mask);
            rest = tail.get(covered..).unwrap_or_default();
        }
    }
}

/// One entry of a full intra request (RFC 5104 §4.3.1): a keyframe is wanted; a new number asks anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fir {
    /// Which source shall send it.
    pub ssrc: u32,
    /// Counts requests; a repeated number is the same request.
    pub sequence: u8,
}

impl Fir {
    pub(super) fn parse_all(src: &mut &[u8]) -> Option<Vec<Self>> {
        let mut entries = Vec::new();
        while !src.is_empty() {
            let ssrc = src.u32()?;
            let [sequence, ..] = src.array::<4>()?;
            entries.push(Self { ssrc, sequence });
        }
        Some(entries)
    }

    pub(super) fn write(self, out: &mut BytesMut) {
        out.put_u32(self.ssrc);
        out.put_slice(&[self.sequence, 0, 0, 0]);
    }
}

/// What a receiver believes it can take in all (draft-alvestrand-rmcat-remb-03).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remb {
    /// Bits a second.
    pub bitrate_bps: u64,
    /// The sources it is about.
    pub ssrcs: Vec<u32>,
}

impl Remb {
    pub(super) fn parse(src: &mut &[u8]) -> Option<Self> {
        if src.array()? != *b"REMB" {
            return None;
        }
        let count = usize::from(src.u8()?);
        let packed = src.u24()?;
        let (exponent, mantissa) = (packed >> 18, u64::from(packed & 0x3_ffff));
        let bitrate_bps =
            mantissa.checked_shl(exponent).filter(|rate| rate >> exponent == mantissa).unwrap_or(u64::MAX);
        let ssrcs = (0..count).map(|_| src.u32()).collect::<Option<_>>()?;
        Some(Self { bitrate_bps, ssrcs })
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        let exponent = (64 - self.bitrate_bps.leading_zeros()).saturating_sub(18);
        let ssrcs = self.ssrcs.get(..255).unwrap_or(&self.ssrcs);
        out.put_slice(b"REMB");
        out.put_u32((ssrcs.len() as u32) << 24 | exponent << 18 | (self.bitrate_bps >> exponent) as u32);
        ssrcs.iter().for_each(|&ssrc| out.put_u32(ssrc));
    }
}
