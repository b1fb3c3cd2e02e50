//! How frames are put into packets: what stands before and between the pieces of them, per codec.

pub mod av1;
pub mod h264;
pub mod hevc;
pub mod vp8;
pub mod vp9;

#[cfg(test)]
mod tests;

/// What a packet holds of a NAL unit, whose header has `N` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a, const N: usize> {
    /// All of it, header included.
    Whole(&'a [u8]),
    /// Some of it.
    Part {
        /// The unit's header, which stands in no part.
        header: [u8; N],
        /// The first part.
        is_first: bool,
        /// The last part.
        is_last: bool,
        /// What comes after the header, or after the part before.
        data: &'a [u8],
    },
}
