use std::ptr::NonNull;

use ffmpeg_next::ffi;

use crate::Error;

/// One of the references to a hardware context, which FFmpeg counts: the context lives as long as any of them.
#[derive(Debug)]
pub(crate) struct Buffer(NonNull<ffi::AVBufferRef>);

// SAFETY: FFmpeg counts references atomically and frees with the last one, on whichever thread that is; a reference is of no
// thread.
unsafe impl Send for Buffer {}
// SAFETY: through a shared reference only `another` changes anything, and that only the count, atomically.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// Takes a reference over.
    ///
    /// # Safety
    /// It is null, or a reference that nobody else will free.
    pub(crate) unsafe fn own(reference: *mut ffi::AVBufferRef) -> Result<Self, Error> {
        NonNull::new(reference).map(Self).ok_or_else(Error::no_memory)
    }

    /// Another reference to the same.
    pub(crate) fn another(&self) -> Result<Self, Error> {
        // SAFETY: ours is valid as long as we are.
        let reference = unsafe { ffi::av_buffer_ref(self.0.as_ptr()) };
        // SAFETY: it was made for us, or is null.
        unsafe { Self::own(reference) }
    }

    /// For calls that leave the reference to us.
    pub(crate) fn as_ptr(&self) -> *mut ffi::AVBufferRef {
        self.0.as_ptr()
    }

    /// What it refers to.
    pub(crate) fn data(&self) -> *mut u8 {
        // SAFETY: a reference is valid as long as we are, and its `data` never changes.
        unsafe { (*self.0.as_ptr()).data }
    }

    /// Gives the reference away: whoever takes it frees it.
    pub(crate) fn into_raw(self) -> *mut ffi::AVBufferRef {
        let reference = self.0.as_ptr();
        std::mem::forget(self);
        reference
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut reference = self.0.as_ptr();
        // SAFETY: it is ours, and nobody uses it after us.
        unsafe { ffi::av_buffer_unref(&mut reference) };
    }
}
