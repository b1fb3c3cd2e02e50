use bytes::Bytes;

use super::Picture;

/// H.264 parameters: the sets a decoder needs, and what the first SPS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avc {
    /// Sequence parameter sets, each one NAL unit without start code.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets, each one NAL unit without start code.
    pub pps: Vec<Bytes>,
    /// `profile_idc`.
    pub profile: u8,
    /// The byte of constraint flags between profile and level.
    pub constraints: u8,
    /// `level_idc`.
    pub level: u8,
    /// What the pictures look like.
    pub picture: Picture,
}
