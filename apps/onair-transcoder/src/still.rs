//! A still of a keyframe, for people who have not begun to watch.

use bytes::Bytes;
use ff::format::Pixel;
use ff::software::scaling;
use ff::{Dictionary, Packet, Rational, codec, decoder, encoder, frame};
use ffmpeg_next as ff;
use media::Frame;
use transcode::protocol::pictures::Coding;
use transcode::protocol::{Report, Still, Unit};

use crate::Error;

/// How fine it is, from 2 to 31: the quantizer of all coefficients.
const QUALITY: &str = "4";

/// One source of stills.
pub struct Bench {
    job: Still,
    decoder: decoder::Video,
}

impl Bench {
    /// Begins a job.
    pub fn new(job: Still) -> Result<Self, Error> {
        let decoder = open(job.input.coding)?;
        Ok(Self { job, decoder })
    }

    /// Makes a still of that frame.
    pub fn take(&mut self, unit: &Unit, reports: &mut Vec<Report>) -> Result<(), Error> {
        let Frame { dts, payload, is_sync, .. } = &unit.frame;
        let picture = self.decode(payload, *is_sync);
        // Behind the end of what it was given, a decoder takes no more.
        self.decoder.flush();
        let payload = self.encode(&picture?)?;
        let frame = Frame::alone(*dts, payload);
        reports.push(Report::Frame(Unit { output: Still::OUTPUT, epoch: unit.epoch, frame }));
        Ok(())
    }

    fn decode(&mut self, payload: &[u8], is_sync: bool) -> Result<frame::Video, Error> {
        let mut packet = Packet::copy(&self.job.input.access_unit(payload, is_sync));
        packet.set_pts(Some(0));
        self.decoder.send_packet(&packet)?;
        // It waits for nothing that might be shown before.
        self.decoder.send_eof()?;
        let mut picture = frame::Video::empty();
        self.decoder.receive_frame(&mut picture)?;
        Ok(picture)
    }

    fn encode(&self, picture: &frame::Video) -> Result<Bytes, Error> {
        let (width, height) = size(picture.width(), picture.height(), self.job.pixel_aspect, self.job.width.into());
        let (from, to) = (picture.format(), Pixel::YUVJ420P);
        let flags = scaling::Flags::AREA;
        let mut scaler = scaling::Context::get(from, picture.width(), picture.height(), to, width, height, flags)?;
        let mut scaled = frame::Video::empty();
        scaler.run(picture, &mut scaled)?;
        scaled.set_pts(Some(0));

        let found = encoder::find_by_name("mjpeg").ok_or_else(|| Error("there is no encoder mjpeg".into()))?;
        let mut encoder = codec::Context::new_with_codec(found).encoder().video()?;
        encoder.set_width(width);
        encoder.set_height(height);
        encoder.set_format(to);
        encoder.set_time_base(Rational(1, 25));
        let mut options = Dictionary::new();
        options.set("qmin", QUALITY);
        options.set("qmax", QUALITY);
        options.set("threads", "1");
        let mut encoder = encoder.open_as_with(found, options)?;
        encoder.send_frame(&scaled)?;
        encoder.send_eof()?;
        let mut packet = Packet::empty();
        encoder.receive_packet(&mut packet)?;
        packet.data().map(Bytes::copy_from_slice).ok_or_else(|| Error("no still came out".into()))
    }
}

fn open(coding: Coding) -> Result<decoder::Video, Error> {
    let names: &[&str] = match coding {
        Coding::H264 => &["h264"],
        Coding::Hevc => &["hevc"],
        Coding::Vp8 => &["vp8", "libvpx"],
        Coding::Vp9 => &["vp9", "libvpx-vp9"],
        // FFmpeg's own needs hardware.
        Coding::Av1 => &["libdav1d", "libaom-av1"],
    };
    let found = names.iter().find_map(|name| decoder::find_by_name(name));
    let found = found.ok_or_else(|| Error(format!("there is no decoder for {coding:?}")))?;
    let mut context = codec::Context::new_with_codec(found);
    context.set_threading(codec::threading::Config::count(1));
    Ok(context.decoder().open_as(found)?.video()?)
}

/// What a picture of square pixels measures that is so wide at most: even, and as high as it should be.
fn size(width: u32, height: u32, pixel_aspect: (u32, u32), most: u32) -> (u32, u32) {
    let (across, up) = (u64::from(pixel_aspect.0.max(1)), u64::from(pixel_aspect.1.max(1)));
    let (shown, height) = ((u64::from(width) * across / up).max(1), u64::from(height.max(1)));
    let wide = shown.min(u64::from(most)).max(2);
    let high = (height * wide / shown).clamp(2, 4 * u64::from(most.max(2)));
    let even = |size: u64| u32::try_from(size).unwrap_or(2) & !1;
    (even(wide), even(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_keeps_its_shape_and_is_never_larger() {
        assert_eq!(size(1920, 1080, (1, 1), 640), (640, 360));
        assert_eq!(size(320, 180, (1, 1), 640), (320, 180));
        // Anamorphic PAL, a phone held upright, nonsense.
        assert_eq!(size(720, 576, (64, 45), 640), (640, 360));
        assert_eq!(size(720, 1280, (1, 1), 640), (640, 1136));
        assert_eq!(size(0, 0, (0, 0), 640), (2, 2));
        let (width, height) = size(2, 65_535, (1, u32::MAX), 640);
        assert!(width >= 2 && height <= 2560);
    }
}
