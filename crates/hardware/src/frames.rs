use ff::format::Pixel;
use ff::{encoder, ffi, frame};
use ffmpeg_next as ff;

use crate::buffer::Buffer;
use crate::{Device, Error};

/// Memory of a device for pictures of one size, of which it takes as much as is in use at the same time.
#[derive(Debug)]
pub struct Frames {
    context: Buffer,
    format: ffi::AVPixelFormat,
    size: (u32, u32),
}

impl Frames {
    /// What pictures are before they are uploaded.
    pub const FORMAT: Pixel = Pixel::NV12;

    /// For pictures of so many pixels.
    pub fn new(device: &Device, size: (u32, u32)) -> Result<Self, Error> {
        let number = |pixels: u32| i32::try_from(pixels).map_err(|_| Error("no picture is so large".into()));
        let (width, height) = (number(size.0)?, number(size.1)?);
        // SAFETY: the reference is one to a device's context.
        let context = unsafe { ffi::av_hwframe_ctx_alloc(device.context().as_ptr()) };
        // SAFETY: it was made for us, or is null.
        let context = unsafe { Buffer::own(context) }?;
        // SAFETY: the data of a reference to a frames' context is that, aligned as it is; nobody else has this one yet.
        let frames = unsafe { &mut *context.data().cast::<ffi::AVHWFramesContext>() };
        frames.format = device.format();
        frames.sw_format = Self::FORMAT.into();
        (frames.width, frames.height) = (width, height);
        // SAFETY: the reference is one to a frames' context that was not initialised before.
        let code = unsafe { ffi::av_hwframe_ctx_init(context.as_ptr()) };
        if code < 0 {
            return Err(Error::of("the device has no memory for pictures", code));
        }
        Ok(Self { context, format: device.format(), size })
    }

    /// Lets an encoder that is not open yet take its pictures from here.
    pub fn feed(&self, encoder: &mut encoder::video::Video) -> Result<(), Error> {
        let reference = self.context.another()?.into_raw();
        encoder.set_format(self.format.into());
        // SAFETY: the encoder's context is valid as long as it is.
        let context = unsafe { encoder.as_mut_ptr() };
        // SAFETY: the context is valid, its field is null or a reference of its own, and it frees what is put there.
        let field = unsafe { &mut (*context).hw_frames_ctx };
        // SAFETY: as above; null is passed over.
        unsafe { ffi::av_buffer_unref(field) };
        *field = reference;
        Ok(())
    }

    /// A picture in the memory of the device, with all that is known of it but the pixels themselves; an error of a picture of
    /// another format or size.
    pub fn upload(&self, picture: &frame::Video) -> Result<frame::Video, Error> {
        if picture.format() != Self::FORMAT || (picture.width(), picture.height()) != self.size || picture.planes() < 2
        {
            return Err(Error("the picture is not of the size that was said".into()));
        }
        let mut to = self.blank()?;
        transfer(picture, &mut to, "the picture cannot be uploaded")?;
        Ok(to)
    }

    /// A picture as it is in the memory of the device. For tests: nothing of ours needs that.
    pub fn download(&self, picture: &frame::Video) -> Result<frame::Video, Error> {
        if ffi::AVPixelFormat::from(picture.format()) != self.format {
            return Err(Error("the picture is not in the device".into()));
        }
        let mut to = frame::Video::new(Self::FORMAT, self.size.0, self.size.1);
        transfer(picture, &mut to, "the picture cannot be downloaded")?;
        Ok(to)
    }

    fn blank(&self) -> Result<frame::Video, Error> {
        let mut blank = frame::Video::empty();
        // SAFETY: the frame is ours.
        let frame = unsafe { blank.as_mut_ptr() };
        if frame.is_null() {
            return Err(Error::no_memory());
        }
        // SAFETY: the frame is valid and empty, the reference is one to a frames' context that is initialised.
        let code = unsafe { ffi::av_hwframe_get_buffer(self.context.as_ptr(), frame, 0) };
        if code < 0 { Err(Error::of("the device has no memory for a picture", code)) } else { Ok(blank) }
    }
}

fn transfer(from: &frame::Video, to: &mut frame::Video, what: &str) -> Result<(), Error> {
    // SAFETY: both frames are valid as long as they are borrowed.
    let from = unsafe { from.as_ptr() };
    // SAFETY: as above.
    let to = unsafe { to.as_mut_ptr() };
    // SAFETY: both are valid and have their pixels; that one is in a device and that they are alike it looks at itself.
    let code = unsafe { ffi::av_hwframe_transfer_data(to, from, 0) };
    if code < 0 {
        return Err(Error::of(what, code));
    }
    // SAFETY: both are valid.
    let code = unsafe { ffi::av_frame_copy_props(to, from) };
    if code < 0 { Err(Error::of(what, code)) } else { Ok(()) }
}
