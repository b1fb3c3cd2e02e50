use std::ffi::{CStr, CString};
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use ffmpeg_next::ffi;

use crate::Error;
use crate::buffer::Buffer;

/// A device that is open, until it is dropped and all that was made with it.
///
/// May be used by several threads, as FFmpeg's own program does with one device and many encoders: VA-API asks that of drivers.
#[derive(Debug)]
pub struct Device {
    context: Buffer,
    /// As a picture in its memory is called.
    format: ffi::AVPixelFormat,
}

impl Device {
    /// Opens the device of VAAPI that has that node, such as `/dev/dri/renderD128`.
    pub fn vaapi(node: &Path) -> Result<Self, Error> {
        // SAFETY: FFmpeg copies pictures into surfaces that it has mapped, and unmaps them before it comes back.
        unsafe { Self::open("vaapi", Some(node)) }
    }

    /// Opens a device of that kind, as FFmpeg calls it; by its node, or whichever is the first.
    ///
    /// # Safety
    /// What is uploaded to devices of that kind is read no more when the upload is over, or else is kept until it has been
    /// downloaded again: FFmpeg 5.1 lets Vulkan read on.
    pub unsafe fn open(kind: &str, node: Option<&Path>) -> Result<Self, Error> {
        let name = CString::new(kind).map_err(|_| Error(format!("{kind:?} is no kind of device")))?;
        // SAFETY: `name` ends with a zero and outlives the call.
        let number = unsafe { ffi::av_hwdevice_find_type_by_name(name.as_ptr()) };
        if number == ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_NONE {
            return Err(Error(format!("FFmpeg here knows no {kind}")));
        }
        let path = node.map(|node| CString::new(node.as_os_str().as_bytes())).transpose();
        let path = path.map_err(|_| Error("no file has such a name".into()))?;
        if let Some(node) = node {
            // FFmpeg would only say that it cannot.
            let opened = OpenOptions::new().read(true).write(true).open(node);
            opened.map_err(|error| Error(format!("{}: {error}", node.display())))?;
        }
        let mut context = ptr::null_mut();
        let path = path.as_deref().map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: `context` is ours to be written to, `path` is null or ends with a zero and outlives the call, and no options
        // are null.
        let code = unsafe { ffi::av_hwdevice_ctx_create(&mut context, number, path, ptr::null_mut(), 0) };
        if code < 0 {
            return Err(Error::of(&format!("{kind} cannot be opened"), code));
        }
        // SAFETY: a call that succeeds leaves a reference for us.
        let context = unsafe { Buffer::own(context) }?;
        let format = format(&context)?;
        Ok(Self { context, format })
    }

    pub(crate) fn context(&self) -> &Buffer {
        &self.context
    }

    pub(crate) fn format(&self) -> ffi::AVPixelFormat {
        self.format
    }
}

/// As pictures in the memory of that device are called.
fn format(device: &Buffer) -> Result<ffi::AVPixelFormat, Error> {
    let none = || Error("the device has no pictures".into());
    // SAFETY: the reference is one to a device's context, and without a configuration all formats are meant.
    let constraints = unsafe { ffi::av_hwdevice_get_hwframe_constraints(device.as_ptr(), ptr::null()) };
    let mut constraints = ptr::NonNull::new(constraints).ok_or_else(none)?.as_ptr();
    // SAFETY: it is not null, was made for us, and is freed below.
    let formats = unsafe { (*constraints).valid_hw_formats };
    let format = match formats.is_null() {
        true => ffi::AVPixelFormat::AV_PIX_FMT_NONE,
        // SAFETY: the list is not null, and has an end at least, which is a format too.
        false => unsafe { *formats },
    };
    // SAFETY: it was made for us; nothing of it is used any more.
    unsafe { ffi::av_hwframe_constraints_free(&mut constraints) };
    if format == ffi::AVPixelFormat::AV_PIX_FMT_NONE { Err(none()) } else { Ok(format) }
}

/// The first device of the machine that renders without a screen.
pub fn first_render_node() -> Option<PathBuf> {
    let nodes = std::fs::read_dir("/dev/dri").ok()?.filter_map(Result::ok).map(|entry| entry.path());
    // Their numbers have three digits.
    nodes.filter(|node| node.to_string_lossy().contains("/renderD")).min()
}

/// Loads a library of a driver's and keeps it as long as the process lives: what asks for it later finds it loaded, where no
/// file can be opened any more.
pub fn keep_library(name: &CStr) -> Result<(), Error> {
    // SAFETY: `name` ends with a zero and outlives the call. Loading runs what the library wants to run first, which is what the
    // encoder that needs it would do.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_NODELETE) };
    if handle.is_null() { Err(Error(format!("there is no {}", name.to_string_lossy()))) } else { Ok(()) }
}
