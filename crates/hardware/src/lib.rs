//! Pictures in the memory of graphics devices, for encoders that take them from there: safe words around what FFmpeg's
//! hardware contexts do, which `ffmpeg-next` has none for.
//!
//! The only place of the house that is `unsafe`; nothing else belongs here.

mod buffer;
mod device;
mod frames;

pub use device::{Device, first_render_node, keep_library};
pub use frames::Frames;

/// What could not be done with a device, and why.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    /// That, as FFmpeg says by a negative number why it could not.
    fn of(what: &str, code: i32) -> Self {
        Self(format!("{what}: {}", ffmpeg_next::Error::from(code)))
    }

    fn no_memory() -> Self {
        Self("there is no memory".into())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
