use bytes::Bytes;
use ff::format::sample::{Sample, Type};
use ff::{ChannelLayout, Dictionary, Packet, Rational, codec, encoder, frame};
use ffmpeg_next as ff;
use transcode::protocol::sound::{Coding, Output};

use super::RATE;
use crate::Error;

/// Encodes stereo at [`RATE`].
pub struct Encoder {
    encoder: encoder::audio::Encoder,
    format: Sample,
}

impl Encoder {
    /// An encoder for that output.
    pub fn open(output: &Output) -> Result<Self, Error> {
        let (name, format) = match output.coding {
            Coding::Opus => ("libopus", Sample::F32(Type::Packed)),
            Coding::Aac => ("aac", Sample::F32(Type::Planar)),
            other => return Err(Error(format!("{other:?} is not made here"))),
        };
        let found = encoder::find_by_name(name).ok_or_else(|| Error(format!("there is no encoder {name}")))?;
        let mut encoder = codec::Context::new_with_codec(found).encoder().audio()?;
        encoder.set_rate(RATE.cast_signed());
        encoder.set_format(format);
        encoder.set_channel_layout(ChannelLayout::STEREO);
        encoder.set_time_base(Rational(1, RATE.cast_signed()));
        encoder.set_bit_rate(output.bitrate_bps.clamp(16_000, 510_000) as usize);
        let mut options = Dictionary::new();
        if output.coding == Coding::Opus {
            options.set("frame_duration", "20");
        }
        Ok(Self { encoder: encoder.open_as_with(found, options)?, format })
    }

    /// Has every encoder work once, so that whatever it loads is loaded before the files are shut.
    pub fn warm_up() -> Result<(), Error> {
        ff::log::set_level(ff::log::Level::Fatal);
        for coding in [Coding::Opus, Coding::Aac] {
            let mut encoder = Self::open(&Output { id: 1, coding, bitrate_bps: 96_000 })?;
            let silence = vec![0.0; 2 * encoder.frame_len()];
            for n in 0..3 {
                encoder.encode(n * 1024, &silence, &mut Vec::new())?;
            }
        }
        Ok(())
    }

    /// Samples of each channel in one frame.
    pub fn frame_len(&self) -> usize {
        (self.encoder.frame_size() as usize).clamp(1, 1 << 16)
    }

    /// Encodes one frame that begins at the sample `at`; what comes out has the sample at which it begins to sound.
    pub fn encode(&mut self, at: i64, samples: &[f32], out: &mut Vec<(i64, Bytes)>) -> Result<(), Error> {
        let mut piece = frame::Audio::new(self.format, self.frame_len(), ChannelLayout::STEREO);
        piece.set_rate(RATE);
        piece.set_pts(Some(at));
        if self.format.is_packed() {
            for (to, from) in piece.plane_mut::<f32>(0).iter_mut().zip(samples) {
                *to = from.clamp(-1.0, 1.0);
            }
        } else {
            for channel in 0..2 {
                let from = samples.iter().skip(channel).step_by(2);
                for (to, from) in piece.plane_mut::<f32>(channel).iter_mut().zip(from) {
                    *to = from.clamp(-1.0, 1.0);
                }
            }
        }
        self.encoder.send_frame(&piece)?;
        self.take(out);
        Ok(())
    }

    /// Brings out what is kept back. Nothing can follow.
    pub fn finish(mut self, out: &mut Vec<(i64, Bytes)>) {
        if self.encoder.send_eof().is_ok() {
            self.take(out);
        }
    }

    fn take(&mut self, out: &mut Vec<(i64, Bytes)>) {
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            if let (Some(at), Some(data)) = (packet.pts(), packet.data()) {
                out.push((at, Bytes::copy_from_slice(data)));
            }
        }
    }
}
