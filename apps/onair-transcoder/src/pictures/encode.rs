use std::collections::VecDeque;

use bytes::Bytes;
use ff::codec::threading;
use ff::{Dictionary, Packet, Rational, codec, encoder, frame, picture};
use ffmpeg_next as ff;
use hardware::Frames;
use media::Time;
use transcode::protocol::pictures::{Coding, Effort, Hardware, Rung};

use super::Devices;
use super::cascade::{FORMAT, Scaler};
use crate::Error;

/// Pictures that an encoder may keep back. None of ours should keep any.
const MOST_KEPT: usize = 64;
/// No keyframe comes but those that are asked for.
const NEVER: u32 = 1 << 29;
/// As near to that as hardware comes, which counts with 16 bits: Quick Sync would take the other for its own choice.
const SELDOM: u32 = 65_535;

/// Encodes one rung, for live: no frame waits for a later one, and keyframes are where they are asked for.
pub struct Encoder {
    encoder: encoder::video::Encoder,
    feed: Feed,
    name: &'static str,
    /// The next picture's number, which is its time as the encoder knows it.
    next: i64,
    /// Where the pictures that it has belong.
    places: VecDeque<(i64, Place)>,
}

/// How pictures get to an encoder.
enum Feed {
    /// As they are.
    Plain,
    /// In the one format that it takes.
    Converted(Scaler),
    /// The same, and in the memory of the device.
    Uploaded(Scaler, Frames),
}

/// Where a picture belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// On the broadcast's timeline.
    pub at: Time,
    /// The discontinuity of the source's group.
    pub epoch: u32,
}

/// An encoded picture.
#[derive(Clone, Debug)]
pub struct Made {
    /// Where it belongs.
    pub place: Place,
    /// A viewer may start here.
    pub is_sync: bool,
    /// As the encoder gave it.
    pub payload: Bytes,
}

impl Encoder {
    /// An encoder for pictures like that one. What was tried first and failed is in `failures`.
    pub fn open(
        rung: &Rung,
        like: &frame::Video,
        frame_rate: Rational,
        bitrate_bps: u32,
        devices: &Devices,
        failures: &mut Vec<String>,
    ) -> Result<Self, Error> {
        for &name in names(rung.coding, rung.hardware) {
            for way in ways(name) {
                match Self::open_as((name, way), rung, like, frame_rate, bitrate_bps, devices) {
                    Ok(encoder) => return Ok(encoder),
                    Err(error) => {
                        let failure = format!("{name}: {error}");
                        if !failures.contains(&failure) {
                            failures.push(failure);
                        }
                    }
                }
            }
        }
        Err(Error(format!("no encoder for {:?} works: {}", rung.coding, failures.join("; "))))
    }

    fn open_as(
        (name, way): (&'static str, Way),
        rung: &Rung,
        like: &frame::Video,
        frame_rate: Rational,
        bitrate_bps: u32,
        devices: &Devices,
    ) -> Result<Self, Error> {
        let found = encoder::find_by_name(name).ok_or_else(|| Error("it is not there".into()))?;
        let mut context = codec::Context::new_with_codec(found);
        let threads = threads(rung);
        context.set_threading(threading::Config { kind: threading::Type::Slice, ..threading::Config::count(threads) });
        let mut encoder = context.encoder().video()?;
        encoder.set_width(rung.width.into());
        encoder.set_height(rung.height.into());
        encoder.set_format(FORMAT);
        encoder.set_time_base(frame_rate.invert());
        encoder.set_frame_rate(Some(frame_rate));
        let aspect = like.aspect_ratio();
        if aspect.numerator() > 0 && aspect.denominator() > 0 {
            encoder.set_aspect_ratio(aspect);
        }
        encoder.set_colorspace(like.color_space());
        encoder.set_color_range(like.color_range());
        encoder.set_color_primaries(like.color_primaries());
        encoder.set_color_transfer_characteristic(like.color_transfer_characteristic());
        encoder.set_gop(if is_plain(name) { NEVER } else { SELDOM });
        encoder.set_max_b_frames(0);
        encoder.set_bit_rate(bitrate_bps as usize);
        let feed = if Hardware::Vaapi.has(name) {
            let frames = Frames::new(devices.vaapi()?, (rung.width.into(), rung.height.into()))?;
            frames.feed(&mut encoder)?;
            Feed::Uploaded(Scaler::new(Frames::FORMAT), frames)
        } else if is_plain(name) {
            Feed::Plain
        } else {
            encoder.set_format(Frames::FORMAT);
            Feed::Converted(Scaler::new(Frames::FORMAT))
        };
        let mut options = options(name, rung, bitrate_bps, threads);
        way.iter().for_each(|(key, value)| options.set(key, value));
        let encoder = encoder.open_as_with(found, options)?;
        Ok(Self { encoder, feed, name, next: 0, places: VecDeque::new() })
    }

    /// As FFmpeg calls it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Encodes a picture. After an error it is of no use.
    pub fn encode(
        &mut self,
        picture: &mut frame::Video,
        place: Place,
        is_sync: bool,
        out: &mut Vec<Made>,
    ) -> Result<(), Error> {
        picture.set_pts(Some(self.next));
        picture.set_kind(if is_sync { picture::Type::I } else { picture::Type::None });
        self.places.push_back((self.next, place));
        self.next += 1;
        if self.places.len() > MOST_KEPT {
            return Err(Error(format!("{} keeps pictures back", self.name)));
        }
        match &mut self.feed {
            Feed::Plain => self.encoder.send_frame(picture)?,
            Feed::Converted(scaler) => {
                let converted = converted(scaler, picture)?;
                self.encoder.send_frame(&converted)?;
            }
            Feed::Uploaded(scaler, frames) => {
                let uploaded = frames.upload(&converted(scaler, picture)?)?;
                self.encoder.send_frame(&uploaded)?;
            }
        }
        self.take(out);
        Ok(())
    }

    /// Brings out what is kept back. Nothing can follow.
    pub fn finish(mut self, out: &mut Vec<Made>) {
        if !self.places.is_empty() && self.encoder.send_eof().is_ok() {
            self.take(out);
        }
    }

    fn take(&mut self, out: &mut Vec<Made>) {
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            let (Some(number), Some(data)) = (packet.pts(), packet.data()) else { continue };
            // In the order in which they came, as there are no B-frames; one that an encoder left out has no frame.
            while let Some((of, place)) = self.places.pop_front() {
                if of == number {
                    out.push(Made { place, is_sync: packet.is_key(), payload: Bytes::copy_from_slice(data) });
                    break;
                }
            }
        }
    }
}

/// In the format that hardware takes, and otherwise as it is.
fn converted(scaler: &mut Scaler, picture: &frame::Video) -> Result<frame::Video, Error> {
    let mut converted = scaler.scale(picture, (picture.width(), picture.height()), Effort::Low)?;
    converted.set_pts(picture.pts());
    converted.set_kind(picture.kind());
    Ok(converted)
}

/// Whether an encoder takes pictures as they are.
fn is_plain(name: &str) -> bool {
    !Hardware::Qsv.has(name) && !Hardware::Vaapi.has(name)
}

/// Options that are tried one after the other.
type Way = &'static [(&'static str, &'static str)];

/// How to try it, in this order. Drivers of VAAPI have different ways to hold a rate, and some encode in their fixed part alone, which
/// has to be asked for. None is tried that holds no rate.
fn ways(name: &str) -> &'static [Way] {
    const VAAPI: [Way; 4] = [
        &[("rc_mode", "VBR")],
        &[("rc_mode", "CBR")],
        &[("rc_mode", "VBR"), ("low_power", "1")],
        &[("rc_mode", "CBR"), ("low_power", "1")],
    ];
    if Hardware::Vaapi.has(name) { &VAAPI } else { &[&[]] }
}

/// What to try, in this order.
fn names(coding: Coding, hardware: Hardware) -> &'static [&'static str] {
    match (coding, hardware) {
        (Coding::H264, Hardware::None) => &["libx264"],
        (Coding::H264, Hardware::Nvenc) => &["h264_nvenc", "libx264"],
        (Coding::H264, Hardware::Qsv) => &["h264_qsv", "libx264"],
        (Coding::H264, Hardware::Vaapi) => &["h264_vaapi", "libx264"],
        (Coding::Hevc, Hardware::None) => &["libx265"],
        (Coding::Hevc, Hardware::Nvenc) => &["hevc_nvenc", "libx265"],
        (Coding::Hevc, Hardware::Qsv) => &["hevc_qsv", "libx265"],
        (Coding::Hevc, Hardware::Vaapi) => &["hevc_vaapi", "libx265"],
        (Coding::Vp9, Hardware::Vaapi) => &["vp9_vaapi", "libvpx-vp9"],
        (Coding::Vp9, Hardware::Qsv) => &["vp9_qsv", "libvpx-vp9"],
        (Coding::Vp9, _) => &["libvpx-vp9"],
        // SVT-AV1 up to 1.8 makes no keyframe where it is told to, and takes longer to begin anew than a rung can wait.
        (Coding::Av1, Hardware::Nvenc) => &["av1_nvenc", "libaom-av1"],
        (Coding::Av1, Hardware::Qsv) => &["av1_qsv", "libaom-av1"],
        (Coding::Av1, Hardware::Vaapi) => &["av1_vaapi", "libaom-av1"],
        (Coding::Av1, Hardware::None) => &["libaom-av1"],
        (Coding::Vp8, _) => &[],
    }
}

/// Rungs are worked on side by side; only large ones are divided, as slices cost some quality.
fn threads(rung: &Rung) -> usize {
    match u32::from(rung.width) * u32::from(rung.height) {
        0..=1_000_000 => 1,
        1_000_001..=2_200_000 => 2,
        _ => 4,
    }
}

fn options(name: &str, rung: &Rung, bitrate_bps: u32, threads: usize) -> Dictionary<'static> {
    let is_low = rung.effort == Effort::Low;
    // A second of the rate, and hardly more in any second: what viewers on a narrow link can rely on.
    let (most, buffer) = ((u64::from(bitrate_bps) * 11 / 10).to_string(), bitrate_bps.to_string());
    let (rate, threads) = (bitrate_bps.to_string(), threads.to_string());
    let mut pairs: Vec<(&str, String)> = vec![("maxrate", most), ("bufsize", buffer), ("sc_threshold", "0".into())];
    let mut add = |key, value: &str| pairs.push((key, value.to_owned()));
    match name {
        "libx264" => {
            add("preset", if is_low { "ultrafast" } else { "veryfast" });
            add("tune", "zerolatency");
            add("profile", if rung.for_webrtc { "baseline" } else { "high" });
            add("forced-idr", "1");
        }
        "libx265" => {
            add("preset", if is_low { "ultrafast" } else { "superfast" });
            add("tune", "zerolatency");
            add("forced-idr", "1");
            let rest = "log-level=none:scenecut=0:repeat-headers=1:frame-threads=1:rc-lookahead=0:bframes=0:info=0";
            add("x265-params", &format!("{rest}:pools={threads}"));
        }
        "libvpx-vp9" => {
            add("deadline", "realtime");
            add("cpu-used", if is_low { "8" } else { "7" });
            add("lag-in-frames", "0");
            add("auto-alt-ref", "0");
            add("row-mt", "1");
            add("minrate", &rate);
            add("maxrate", &rate);
            add("error-resilient", "0");
        }
        "libaom-av1" => {
            add("usage", "realtime");
            add("cpu-used", if is_low { "8" } else { "7" });
            add("lag-in-frames", "0");
            add("row-mt", "1");
            add("minrate", &rate);
            add("maxrate", &rate);
        }
        "h264_nvenc" | "hevc_nvenc" | "av1_nvenc" => {
            add("preset", if is_low { "p1" } else { "p4" });
            add("tune", "ull");
            add("rc", "cbr");
            add("zerolatency", "1");
            add("delay", "0");
            add("no-scenecut", "1");
            add("forced-idr", "1");
        }
        _ if Hardware::Vaapi.has(name) => {
            // Without it one picture waits for the next.
            add("async_depth", "1");
            // What the driver is called is nobody's business.
            add("sei", "0");
            if name == "h264_vaapi" && rung.for_webrtc {
                add("profile", "constrained_baseline");
            }
        }
        _ => {
            add("preset", if is_low { "veryfast" } else { "medium" });
            add("async_depth", "1");
            add("look_ahead", "0");
            add("forced_idr", "1");
        }
    }
    let mut options = Dictionary::new();
    for (key, value) in &pairs {
        options.set(key, value);
    }
    options
}
