//! A test card: a clock, a moving pattern, a lamp that is lit and a beep that sounds as each second begins. It is made of
//! the time of day alone, so picture and sound belong together by construction (conformance A4).

mod canvas;
mod drawing;
mod font;

use bytes::Bytes;
use ff::format::Pixel;
use ff::{Dictionary, Packet, Rational, codec, color, encoder, frame, picture};
use ffmpeg_next as ff;
use media::{Frame, Span, Time};
use transcode::protocol::sound::{Coding, Output};
use transcode::protocol::{Card, Report, Unit};

use crate::Error;
use crate::sound::{Encoder, RATE};
use canvas::Canvas;
pub use drawing::{FLASH_NS, Picture};

const SECOND: i64 = 1_000_000_000;
/// Bits a second of the sound.
const SOUND_BPS: u32 = 128_000;
/// Cycles a second of the beep, and of the one that begins a minute.
const BEEP_HZ: [i64; 2] = [1000, 1500];
/// Samples over which a beep swells and fades.
const SOFT: i64 = 48;

/// One card being shown.
pub struct Bench {
    card: Card,
    picture: Picture,
    number: u64,
    /// That of the last picture.
    second: Option<i64>,
    video: encoder::video::Encoder,
    sound: Encoder,
    /// What waits for the rest of a frame of sound, interleaved.
    waiting: Vec<f32>,
    /// Where that begins; `None` before the first tick.
    at: Option<i64>,
}

impl Bench {
    /// Begins a card.
    pub fn new(card: Card) -> Result<Self, Error> {
        let Card { width, height, rate, .. } = card;
        if !(64..=1920).contains(&width)
            || !width.is_multiple_of(16)
            || !(64..=1080).contains(&height)
            || !height.is_multiple_of(2)
        {
            return Err(Error(format!("there is no card of {width} × {height}")));
        }
        if !(1..=60).contains(&rate) {
            return Err(Error(format!("there is no card of {rate} pictures a second")));
        }
        let output = Output { id: Card::SOUND, coding: Coding::Aac, bitrate_bps: SOUND_BPS };
        Ok(Self {
            card,
            picture: Picture::new(width, height, rate),
            number: 0,
            second: None,
            video: open(&card)?,
            sound: Encoder::open(&output)?,
            waiting: Vec::new(),
            at: None,
        })
    }

    /// Makes the picture of a tick, and the sound until the next one.
    pub fn take(&mut self, unit: &Unit, reports: &mut Vec<Report>) -> Result<(), Error> {
        let wall_ns = Card::wall_ns(unit).map_err(|malformed| Error(malformed.to_string()))?;
        let dts = unit.frame.dts;
        self.show(dts, wall_ns, reports)?;
        self.sound(dts, wall_ns, reports)
    }

    fn show(&mut self, dts: Time, wall_ns: i64, reports: &mut Vec<Report>) -> Result<(), Error> {
        let canvas = self.picture.at(wall_ns, self.number);
        self.number += 1;
        let mut picture = to_frame(canvas, &self.card);
        picture.set_pts(Some(dts.to_ticks(self.card.rate.into())));
        // Who comes in waits a second at most, and segments are whole seconds.
        let second = Some(wall_ns.div_euclid(SECOND));
        if self.second != second {
            self.second = second;
            picture.set_kind(picture::Type::I);
        }
        self.video.send_frame(&picture)?;
        let mut packet = Packet::empty();
        while self.video.receive_packet(&mut packet).is_ok() {
            // None is kept back: it is the one that went in.
            let Some(data) = packet.data() else { continue };
            reports.push(made(Card::PICTURE, dts, packet.is_key(), data));
        }
        Ok(())
    }

    fn sound(&mut self, dts: Time, wall_ns: i64, reports: &mut Vec<Report>) -> Result<(), Error> {
        let here = dts.to_ticks(RATE);
        let mut at = *self.at.get_or_insert(here);
        let next = (dts + Span::from_ticks(1, self.card.rate.into())).to_ticks(RATE);
        let first = at + i64::try_from(self.waiting.len() / 2).unwrap_or(0);
        let wall = Time(wall_ns).to_ticks(RATE);
        // A tick that never came leaves its sound to this one; the server never asks for more than that.
        for sample in first..next.min(first + i64::from(RATE)) {
            let value = beep(wall + sample - here);
            self.waiting.extend([value, value]);
        }
        let len = self.sound.frame_len();
        let mut out = Vec::new();
        while self.waiting.len() >= 2 * len {
            let piece: Vec<f32> = self.waiting.drain(..2 * len).collect();
            self.sound.encode(at, &piece, &mut out)?;
            at += i64::try_from(len).unwrap_or(0);
        }
        self.at = Some(at);
        // What an encoder puts before the first sample is silence before the card began.
        let out = out.into_iter().map(|(at, data)| made(Card::SOUND, Time::from_ticks(at, RATE), true, &data));
        reports.extend(out);
        Ok(())
    }
}

/// The sound at that sample since 1970.
fn beep(sample: i64) -> f32 {
    let rate = i64::from(RATE);
    let within = sample.rem_euclid(rate);
    let length = FLASH_NS * rate / SECOND;
    if within >= length {
        return 0.0;
    }
    let hz = BEEP_HZ[usize::from(sample.div_euclid(rate).rem_euclid(60) == 0)];
    let swell = within.min(length - within).min(SOFT) as f32 / SOFT as f32;
    let phase = (within * hz % rate) as f32 / rate as f32 * std::f32::consts::TAU;
    0.4 * swell * phase.sin()
}

fn made(output: u8, dts: Time, is_sync: bool, data: &[u8]) -> Report {
    let payload = Bytes::copy_from_slice(data);
    Report::Frame(Unit {
        output,
        epoch: 0,
        frame: Frame { dts, reorder: Span::ZERO, is_sync, payload, temporal: media::Temporal::BASE },
    })
}

fn to_frame(canvas: &Canvas, card: &Card) -> frame::Video {
    let mut picture = frame::Video::new(Pixel::YUV420P, card.width.into(), card.height.into());
    picture.set_color_space(color::Space::BT709);
    picture.set_color_range(color::Range::MPEG);
    for index in 0..3 {
        let (rows, width) = canvas.plane(index);
        let stride = picture.stride(index);
        for (to, from) in picture.data_mut(index).chunks_mut(stride.max(1)).zip(rows.chunks(width.max(1))) {
            if let Some(to) = to.get_mut(..width) {
                to.copy_from_slice(from);
            }
        }
    }
    picture
}

/// H.264 that everything plays: Constrained Baseline, a keyframe each second, none kept back.
fn open(card: &Card) -> Result<encoder::video::Encoder, Error> {
    let found = encoder::find_by_name("libx264").ok_or_else(|| Error("there is no encoder libx264".into()))?;
    let rate: i32 = card.rate.into();
    let mut context = codec::Context::new_with_codec(found);
    context.set_threading(codec::threading::Config::count(1));
    let mut encoder = context.encoder().video()?;
    encoder.set_width(card.width.into());
    encoder.set_height(card.height.into());
    encoder.set_format(Pixel::YUV420P);
    encoder.set_time_base(Rational(1, rate));
    encoder.set_frame_rate(Some(Rational(rate, 1)));
    encoder.set_gop(rate.unsigned_abs());
    encoder.set_max_b_frames(0);
    encoder.set_colorspace(color::Space::BT709);
    encoder.set_color_range(color::Range::MPEG);
    encoder.set_color_primaries(color::Primaries::BT709);
    encoder.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
    let mut options = Dictionary::new();
    options.set("preset", "superfast");
    options.set("tune", "zerolatency");
    options.set("profile", "baseline");
    options.set("crf", "20");
    options.set("maxrate", &card.bitrate_bps.to_string());
    options.set("bufsize", &card.bitrate_bps.to_string());
    options.set("sc_threshold", "0");
    options.set("forced-idr", "1");
    Ok(encoder.open_as_with(found, options)?)
}
