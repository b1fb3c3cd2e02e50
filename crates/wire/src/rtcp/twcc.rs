use bytes::{BufMut, BytesMut};

use crate::take::Take;

/// Transport-wide feedback: when each packet arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Twcc {
    /// Transport-wide number of the first packet told of.
    pub base_sequence: u16,
    /// Counts these messages; wraps.
    pub count: u8,
    /// Where the receiver's clock stood, in units of 64 ms; 24 bits, wraps.
    pub reference_64ms: u32,
    /// One packet after another from `base_sequence` on.
    pub arrivals: Vec<Arrival>,
}

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It has not come.
    Lost,
    /// It came so many units of 250 µs after the one before it (the first: after the reference).
    After(i16),
}

impl Twcc {
    /// The most packets that one message is believed about.
    const MAX_PACKETS: usize = 8192;

    pub(super) fn parse(src: &mut &[u8]) -> Option<Self> {
        let base_sequence = src.u16()?;
        let packets = usize::from(src.u16()?);
        let reference_64ms = src.u24()?;
        let count = src.u8()?;
        if packets > Self::MAX_PACKETS {
            return None;
        }
        let mut symbols = Vec::with_capacity(packets);
        while symbols.len() < packets {
            let chunk = src.u16()?;
            let left = packets - symbols.len();
            match (chunk >> 15, chunk >> 14 & 1) {
                (0, _) => {
                    let run = usize::from(chunk & 0x1fff).min(left);
                    if run == 0 {
                        return None;
                    }
                    symbols.resize(symbols.len() + run, (chunk >> 13 & 3) as u8);
                }
                (_, 0) => symbols.extend((0..14.min(left)).map(|at| (chunk >> (13 - at) & 1) as u8)),
                _ => symbols.extend((0..7.min(left)).map(|at| (chunk >> (12 - 2 * at) & 3) as u8)),
            }
        }
        let mut arrival = |symbol: u8| match symbol {
            0 => Some(Arrival::Lost),
            1 => Some(Arrival::After(src.u8()?.into())),
            2 => Some(Arrival::After(i16::from_be_bytes(src.array()?))),
            _ => None,
        };
        let mut arrivals = Vec::with_capacity(symbols.len());
        for symbol in symbols {
            arrivals.push(arrival(symbol)?);
        }
        Some(Self { base_sequence, count, reference_64ms, arrivals })
    }

    /// Without the padding to a whole word, which the packet's writer adds.
    pub(super) fn write(&self, out: &mut BytesMut) {
        out.put_u16(self.base_sequence);
        out.put_u16(self.arrivals.len() as u16);
        out.put_u32(self.reference_64ms << 8 | u32::from(self.count));
        let symbol = |arrival: &Arrival| match arrival {
            Arrival::Lost => 0u16,
            Arrival::After(0..=255) => 1,
            Arrival::After(_) => 2,
        };
        let mut rest = &self.arrivals[..];
        while let Some(first) = rest.first().map(symbol) {
            let run = rest.iter().take(0x1fff).take_while(|arrival| symbol(arrival) == first).count();
            let taken = if run >= 7 {
                out.put_u16(first << 13 | run as u16);
                run
            } else {
                let vector = rest.iter().take(7);
                let taken = vector.len();
                let bits = vector.enumerate().fold(0, |bits, (at, arrival)| bits | symbol(arrival) << (12 - 2 * at));
                out.put_u16(0xc000 | bits);
                taken
            };
            rest = rest.get(taken..).unwrap_or_default();
        }
        for arrival in &self.arrivals {
            match arrival {
                Arrival::Lost => {}
                Arrival::After(delta @ 0..=255) => out.put_u8(*delta as u8),
                Arrival::After(delta) => out.put_i16(*delta),
            }
        }
    }
}
