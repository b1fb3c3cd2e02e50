//! Tracks and frames that tests are made of.

use bytes::Bytes;
use media::codec::{Aac, Avc};
use media::{Codec, Frame, Span, Time, Track, TrackId};

pub(crate) const VIDEO: TrackId = TrackId(0);
pub(crate) const AUDIO: TrackId = TrackId(1);

/// 1920x1080, main profile, made by x264.
const SPS: [u8; 28] = [
    0x67, 0x4d, 0x40, 0x28, 0xec, 0xa0, 0x3c, 0x01, 0x13, 0xf2, 0xe0, 0x2d, 0x40, 0x40, 0x40, 0x50, 0x00, 0x00, 0x3e,
    0x90, 0x00, 0x0e, 0xa6, 0x00, 0xf1, 0x83, 0x19, 0x60,
];
const PPS: [u8; 4] = [0x68, 0xce, 0x0f, 0xc8];

/// A video track whose bitstream claims that frame rate.
pub(crate) fn video(frame_rate: Option<(u32, u32)>) -> Track {
    let mut avc = Avc::from_parameter_sets([Bytes::from_static(&SPS)], [Bytes::from_static(&PPS)]).unwrap();
    avc.picture.frame_rate = frame_rate;
    Track::source(VIDEO, Codec::Avc(avc))
}

/// A stereo AAC-LC track of 44.1 or 48 kHz.
pub(crate) fn audio(rate: u32) -> Track {
    let config = if rate == 48_000 { [0x11, 0x90] } else { [0x12, 0x10] };
    Track::source(AUDIO, Codec::Aac(Aac::from_config(&config).unwrap()))
}

/// A frame of 100 bytes stamped with `ms` milliseconds.
pub(crate) fn frame(ms: i64, is_sync: bool) -> Frame {
    let dts = Time::ZERO + Span::from_millis(ms);
    Frame { dts, reorder: Span::ZERO, is_sync, payload: Bytes::from_static(&[7; 100]), temporal: media::Temporal::BASE }
}
