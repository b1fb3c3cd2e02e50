use ff::codec::threading;
use ff::{Dictionary, Packet, Rational, codec, decoder, frame};
use ffmpeg_next as ff;
use media::{Frame, Time};
use transcode::protocol::pictures::{Coding, Input};

use crate::Error;

/// No picture is larger: 8K.
const MOST_PIXELS: u32 = 8192 * 4352;

/// Decodes one source of pictures.
pub struct Decoder {
    decoder: decoder::Video,
    input: Input,
}

impl Decoder {
    /// A decoder for that source.
    pub fn open(input: &Input) -> Result<Self, Error> {
        let names: &[&str] = match input.coding {
            Coding::H264 => &["h264"],
            Coding::Hevc => &["hevc"],
            Coding::Vp8 => &["vp8", "libvpx"],
            Coding::Vp9 => &["vp9", "libvpx-vp9"],
            Coding::Av1 => &["libdav1d", "libaom-av1"],
        };
        let found = names.iter().find_map(|name| decoder::find_by_name(name));
        let found = found.ok_or_else(|| Error(format!("there is no decoder for {:?}", input.coding)))?;
        let mut context = codec::Context::new_with_codec(found);
        // More threads would keep frames back, one each.
        context.set_threading(threading::Config { kind: threading::Type::Slice, ..threading::Config::count(1) });
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(Rational(1, 1_000_000_000));
        let mut options = Dictionary::new();
        options.set("max_pixels", &MOST_PIXELS.to_string());
        if input.coding == Coding::Av1 {
            options.set("max_frame_delay", "1");
            options.set("framethreads", "1");
        }
        let decoder = decoder.open_as_with(found, options)?.video()?;
        Ok(Self { decoder, input: input.clone() })
    }

    /// Decodes a frame; what comes out, in the order in which it is shown, has its time of showing.
    pub fn decode(
        &mut self,
        frame: &Frame,
        each: impl FnMut(Time, frame::Video) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let unit = self.input.access_unit(&frame.payload, frame.is_sync);
        let mut packet = Packet::copy(&unit);
        packet.set_pts(Some(frame.pts().0));
        packet.set_dts(Some(frame.dts.0));
        // What it has to say it says before it takes more.
        let sent = self.decoder.send_packet(&packet);
        self.drain(each)?;
        Ok(sent?)
    }

    /// Brings out what is kept back: the next frame has nothing to do with it.
    pub fn finish(&mut self, each: impl FnMut(Time, frame::Video) -> Result<(), Error>) -> Result<(), Error> {
        let ended = self.decoder.send_eof().is_ok();
        let drained = if ended { self.drain(each) } else { Ok(()) };
        self.decoder.flush();
        drained
    }

    fn drain(&mut self, mut each: impl FnMut(Time, frame::Video) -> Result<(), Error>) -> Result<(), Error> {
        loop {
            let mut decoded = frame::Video::empty();
            if self.decoder.receive_frame(&mut decoded).is_err() {
                return Ok(());
            }
            // A picture without a time has no place.
            if let Some(at) = decoded.pts()
                && decoded.width() > 0
                && decoded.height() > 0
            {
                each(Time(at), decoded)?;
            }
        }
    }
}
