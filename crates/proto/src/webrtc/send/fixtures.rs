//! What tests of sending share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media::codec::{Avc, Hevc, Opus};
use media::{Codec, Frame, Span, Time, Track, TrackId};

use crate::webrtc::srtp::{Keys, Opener, Profile, Sealer};

pub(crate) const MS: Duration = Duration::from_millis(1);

/// 1920x1080 of x264's baseline: SPS and PPS.
pub(crate) const AVC: [&[u8]; 2] = [
    &[
        0x67, 0x42, 0xc0, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x97, 0x01, 0x10, 0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e,
        0xa6, 0x00, 0xf1, 0x83, 0x2a,
    ],
    &[0x68, 0xce, 0x0f, 0xc8],
];

pub(crate) fn avc() -> Codec {
    let [sps, pps] = AVC.map(Bytes::from_static);
    Codec::Avc(Avc::from_parameter_sets([sps], [pps]).expect("parameters"))
}

/// Main profile, level 4, as x265 writes it.
pub(crate) fn hevc() -> Codec {
    let profile = media::codec::hevc::Profile {
        space: 0,
        high_tier: false,
        idc: 1,
        compatibility: 0x6000_0000,
        constraints: [0x90, 0, 0, 0, 0, 0],
        level: 120,
    };
    let picture =
        media::codec::Picture { width: 1920, height: 1080, pixel_aspect: (1, 1), frame_rate: None, colour: None };
    Codec::Hevc(Hevc {
        vps: vec![Bytes::from_static(&[0x40, 1, 0x0c, 1])],
        sps: vec![Bytes::from_static(&[0x42, 1, 1, 2, 3])],
        pps: vec![Bytes::from_static(&[0x44, 1, 0xc1])],
        profile,
        chroma_format: 1,
        luma_depth: 8,
        chroma_depth: 8,
        temporal_layers: 1,
        temporal_nesting: true,
        picture,
    })
}

pub(crate) fn video(id: u16) -> Arc<Track> {
    Arc::new(Track::source(TrackId(id), avc()))
}

pub(crate) fn sound(id: u16) -> Arc<Track> {
    Arc::new(Track::source(TrackId(id), Codec::Opus(Opus::plain(2))))
}

/// One slice of `len` bytes, at so many milliseconds.
pub(crate) fn picture(at_ms: i64, is_sync: bool, len: usize) -> Frame {
    let mut payload = vec![0x55; len + 5];
    payload[..4].copy_from_slice(&(len as u32 + 1).to_be_bytes());
    payload[4] = if is_sync { 0x65 } else { 0x41 };
    payload[5..].fill((at_ms / 33) as u8 | 0x80);
    let dts = Time::ZERO + Span::from_millis(at_ms);
    Frame { dts, reorder: Span::ZERO, is_sync, payload: payload.into(), temporal: media::Temporal::BASE }
}

pub(crate) fn packet(at_ms: i64) -> Frame {
    let dts = Time::ZERO + Span::from_millis(at_ms);
    Frame::alone(dts, Bytes::from_static(&[0xfc; 120]))
}

/// One direction's two ends.
pub(crate) fn keys(profile: Profile) -> (Sealer, Opener) {
    let salt = if profile == Profile::Aes128CmSha1 { 14 } else { 12 };
    let keys = Keys::try_new(profile, &[7; 16], &vec![9; salt]).expect("keys");
    (Sealer::new(&keys).expect("a sealer"), Opener::new(&keys).expect("an opener"))
}
