use bytes::{BufMut, BytesMut};

use crate::take::Take;

/// What a sender says of its stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock of the sender, NTP format: seconds since 1900 in the upper 32 bits, fractions in the lower.
    pub ntp: u64,
    /// The same moment on the stream's RTP clock.
    pub rtp_timestamp: u32,
    /// Packets sent so far; wraps.
    pub packets: u32,
    /// Payload bytes sent so far; wraps.
    pub octets: u32,
}

impl SenderInfo {
    pub(super) fn parse(src: &mut &[u8]) -> Option<Self> {
        let ntp = u64::from_be_bytes(src.array()?);
        Some(Self { ntp, rtp_timestamp: src.u32()?, packets: src.u32()?, octets: src.u32()? })
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_u64(self.ntp);
        out.put_u32(self.rtp_timestamp);
        out.put_u32(self.packets);
        out.put_u32(self.octets);
    }

    /// The middle 32 bits of `ntp`, which a receiver's report names as the last one seen.
    pub fn compact_ntp(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

/// What a receiver says of one source (RFC 3550 §6.4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The source.
    pub ssrc: u32,
    /// Share of packets lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost so far, duplicates counting against it; 24 bits, signed.
    pub lost: i32,
    /// Highest sequence number seen, wraps counted in the upper 16 bits.
    pub highest_sequence: u32,
    /// Interarrival jitter in ticks of the RTP clock.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time; 0 without one.
    pub last_sr: u32,
    /// Time since then in 65 536ths of a second.
    pub delay_since_sr: u32,
}

impl Block {
    pub(super) fn parse(src: &mut &[u8]) -> Option<Self> {
        let ssrc = src.u32()?;
        let fraction_lost = src.u8()?;
        let lost = ((src.u24()? << 8) as i32) >> 8;
        let (highest_sequence, jitter) = (src.u32()?, src.u32()?);
        Some(Self {
            ssrc,
            fraction_lost,
            lost,
            highest_sequence,
            jitter,
            last_sr: src.u32()?,
            delay_since_sr: src.u32()?,
        })
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        let lost = self.lost.clamp(-0x80_0000, 0x7f_ffff) & 0xff_ffff;
        out.put_u32(self.ssrc);
        out.put_u32(u32::from(self.fraction_lost) << 24 | lost as u32);
        out.put_u32(self.highest_sequence);
        out.put_u32(self.jitter);
        out.put_u32(self.last_sr);
        out.put_u32(self.delay_since_sr);
    }
}
