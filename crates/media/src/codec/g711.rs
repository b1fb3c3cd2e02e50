//! G.711: eight bits a sample, 8000 times a second, without any header.

use bytes::Bytes;

use super::Sound;

/// G.711 parameters. Telephones and cameras speak it; no file of ours carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct G711 {
    /// How samples are compressed.
    pub law: Law,
    /// Interleaved channels, at least 1.
    pub channels: u8,
}

/// How a sample is compressed into eight bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Law {
    /// PCMA, as in Europe.
    A,
    /// PCMU, as in North America and Japan.
    Mu,
}

/// Samples a second.
pub(super) const RATE: u32 = 8_000;

impl G711 {
    /// What comes out of the decoder.
    pub fn sound(&self) -> Sound {
        Sound { rate: RATE, channels: self.channels.into() }
    }

    /// 20 ms of silence.
    pub(super) fn silence(&self) -> Bytes {
        let zero = match self.law {
            Law::A => 0xd5,
            Law::Mu => 0xff,
        };
        vec![zero; 160 * usize::from(self.channels)].into()
    }

    /// Samples of each channel in a packet.
    pub(super) fn samples(&self, packet: &[u8]) -> Option<u32> {
        let samples = packet.len() / usize::from(self.channels.max(1));
        u32::try_from(samples).ok().filter(|&samples| samples > 0)
    }
}
