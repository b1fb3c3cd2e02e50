use ff::format::Pixel;
use ff::software::scaling;
use ff::{color, frame};
use ffmpeg_next as ff;
use transcode::protocol::pictures::Effort;

use crate::Error;

/// What encoders take.
pub(crate) const FORMAT: Pixel = Pixel::YUV420P;

/// Scales the pictures of one rung.
pub(crate) struct Scaler {
    context: Option<scaling::Context>,
    format: Pixel,
}

impl Scaler {
    /// One that makes pictures of that format.
    pub(crate) fn new(format: Pixel) -> Self {
        Self { context: None, format }
    }

    /// That picture in that size.
    pub(crate) fn scale(
        &mut self,
        from: &frame::Video,
        (width, height): (u32, u32),
        effort: Effort,
    ) -> Result<frame::Video, Error> {
        let is_same = |context: &scaling::Context| {
            let (input, output) = (context.input(), context.output());
            (input.format, input.width, input.height) == (from.format(), from.width(), from.height())
                && (output.width, output.height) == (width, height)
        };
        if !self.context.as_ref().is_some_and(is_same) {
            let flags = match effort {
                Effort::Standard => scaling::Flags::BICUBIC,
                Effort::Low if width < from.width() => scaling::Flags::FAST_BILINEAR,
                // The fast one would write a program of its own for that, which cannot be run within the walls.
                Effort::Low => scaling::Flags::BILINEAR,
            };
            let (format, old) = (from.format(), (from.width(), from.height()));
            let made = scaling::Context::get(format, old.0, old.1, self.format, width, height, flags)?;
            self.context = Some(made);
        }
        let mut to = frame::Video::new(self.format, width, height);
        if to.planes() < 2 {
            return Err(Error("there is no memory for a picture".into()));
        }
        if let Some(context) = &mut self.context {
            context.run(from, &mut to)?;
        }
        // The formats that have J in their name are of full range, and become limited on the way.
        let is_full = matches!(from.format(), Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ444P | Pixel::YUVJ440P);
        to.set_color_range(if is_full { color::Range::MPEG } else { from.color_range() });
        to.set_color_space(from.color_space());
        to.set_color_primaries(from.color_primaries());
        to.set_color_transfer_characteristic(from.color_transfer_characteristic());
        Ok(to)
    }
}

/// Whether a decoded picture can be encoded as it is.
pub(crate) fn is_fit(picture: &frame::Video, (width, height): (u32, u32)) -> bool {
    picture.format() == FORMAT && (picture.width(), picture.height()) == (width, height)
}
