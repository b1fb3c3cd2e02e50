use ff::format::sample::{Sample, Type};
use ff::software::resampling;
use ff::{ChannelLayout, frame};
use ffmpeg_next as ff;

use crate::Error;

/// Samples a second of everything that the worker makes.
pub const RATE: u32 = 48_000;

/// Turns decoded sound of any rate and layout into stereo at [`RATE`].
#[derive(Default)]
pub struct Mixer {
    context: Option<resampling::Context>,
}

impl Mixer {
    /// Appends what that piece sounds like, interleaved. Some of it may be kept back: see [`Mixer::delay`].
    pub fn mix(&mut self, piece: &frame::Audio, out: &mut Vec<f32>) -> Result<(), Error> {
        if piece.samples() == 0 || piece.rate() == 0 {
            return Ok(());
        }
        let layout = match piece.channel_layout() {
            said if said.channels() > 0 => said,
            _ => ChannelLayout::default(i32::from(piece.channels().max(1))),
        };
        let is_same = |context: &resampling::Context| {
            let input = context.input();
            input.format == piece.format() && input.channel_layout == layout && input.rate == piece.rate()
        };
        if !self.context.as_ref().is_some_and(is_same) {
            let stereo = (Sample::F32(Type::Packed), ChannelLayout::STEREO, RATE);
            let made = resampling::Context::get(piece.format(), layout, piece.rate(), stereo.0, stereo.1, stereo.2)?;
            self.context = Some(made);
        }
        let Some(context) = &mut self.context else { return Ok(()) };
        let room = piece.samples() as u64 * u64::from(RATE) / u64::from(piece.rate()) + 256;
        let room = usize::try_from(room).unwrap_or(0).saturating_add(usize::try_from(delay_of(context)).unwrap_or(0));
        let mut mixed = frame::Audio::new(Sample::F32(Type::Packed), room, ChannelLayout::STEREO);
        context.run(piece, &mut mixed)?;
        if mixed.samples() > 0 {
            out.extend_from_slice(mixed.plane::<f32>(0));
        }
        Ok(())
    }

    /// Samples that are kept back until more comes.
    pub fn delay(&self) -> i64 {
        self.context.as_ref().map_or(0, delay_of)
    }

    /// Forgets what was kept back.
    pub fn reset(&mut self) {
        self.context = None;
    }
}

fn delay_of(context: &resampling::Context) -> i64 {
    context.delay().map_or(0, |delay| delay.output)
}
