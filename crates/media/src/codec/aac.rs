use bytes::Bytes;

use super::Sound;

/// AAC parameters, from the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aac {
    /// The publisher's AudioSpecificConfig, byte for byte.
    pub config: Bytes,
    /// Audio object type for the CODECS string: 2 LC, 5 HE (SBR), 29 HE v2 (SBR and PS).
    pub object_type: u8,
    /// Samples a second of the core coder, which counts `frame_samples`. Half of `sound.rate` with SBR.
    pub core_rate: u32,
    /// Samples of one raw data block at `core_rate`: 1024 or 960.
    pub frame_samples: u32,
    /// What comes out of the decoder.
    pub sound: Sound,
}
