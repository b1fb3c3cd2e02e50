//! Tracks that nobody watches, one of each codec: what cutting their frames into packets costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::codec::{Av1, Avc, Opus, Picture, Vp8, Vp9};
use media::{Codec, Frame, Span, Time, Track, TrackId};
use onair_proto::webrtc::send::Writer;

use crate::house::{FRAME_BYTES, PPS, SPS};

const SOUND_BYTES: usize = 160;
const FPS: i64 = 30;
const GOP: i64 = 60;

/// A track whose frames are all alike.
pub(crate) struct Lone {
    now: Instant,
    frames: i64,
    payload: Bytes,
    writer: Writer,
}

impl Lone {
    /// By name.
    pub(crate) fn of_each_codec() -> [(&'static str, Self); 5] {
        let picture = Picture { width: 1280, height: 720, pixel_aspect: (1, 1), frame_rate: None, colour: None };
        let avc = Avc::from_parameter_sets([Bytes::from_static(&SPS)], [Bytes::from_static(&PPS)]).expect("parameters");
        let vp9 = Vp9 { profile: 0, level: 31, depth: 8, chroma: 1, picture: picture.clone() };
        let config = Bytes::from_static(&[0x81, 0, 0, 0]);
        let av1 = Av1 { config, profile: 0, level: 5, high_tier: false, depth: 8, picture: picture.clone() };
        let mut nal = vec![0x41; FRAME_BYTES];
        nal[..4].copy_from_slice(&(FRAME_BYTES as u32 - 4).to_be_bytes());
        // A temporal delimiter, and a frame with its size in three bytes of LEB128.
        let size = FRAME_BYTES as u32 - 6;
        let mut units = vec![0x55; FRAME_BYTES];
        units[..6].copy_from_slice(&[0x12, 0, 0x32, size as u8 | 0x80, (size >> 7) as u8 | 0x80, (size >> 14) as u8]);
        [
            ("h264", Self::new(Codec::Avc(avc), nal)),
            ("vp8", Self::new(Codec::Vp8(Vp8 { profile: 0, picture }), vec![0x55; FRAME_BYTES])),
            ("vp9", Self::new(Codec::Vp9(vp9), vec![0x55; FRAME_BYTES])),
            ("av1", Self::new(Codec::Av1(av1), units)),
            ("opus", Self::new(Codec::Opus(Opus::plain(2)), vec![0xfc; SOUND_BYTES])),
        ]
    }

    fn new(codec: Codec, payload: Vec<u8>) -> Self {
        let now = Instant::now();
        let writer = Writer::new(Arc::new(Track::source(TrackId(0), codec)), now).expect("a codec we send");
        let mut track = Self { now, frames: 0, payload: payload.into(), writer };
        assert!(track.append() > 0, "a keyframe in packets");
        assert!(track.append() >= track.frame_bytes() / 1300, "and another frame");
        track
    }

    pub(crate) fn frame_bytes(&self) -> usize {
        self.payload.len()
    }

    /// One frame more; the number of its packets.
    pub(crate) fn append(&mut self) -> usize {
        self.now += Duration::from_secs(1) / FPS as u32;
        let dts = Time::ZERO + Span::from_ticks(self.frames, FPS as u32);
        let frame = Frame {
            dts,
            reorder: Span::ZERO,
            is_sync: self.frames % GOP == 0,
            payload: self.payload.clone(),
            temporal: media::Temporal::BASE,
        };
        self.frames += 1;
        self.writer.append(&frame, self.now);
        self.writer.log().last().map_or(0, |run| run.packets())
    }
}
