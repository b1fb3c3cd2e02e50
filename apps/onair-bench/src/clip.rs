//! A recorded stream to publish over and over: IVF with VP8, VP9 or AV1, or H.264 behind start codes (Annex B).

use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use media::Codec;
use media::codec::avc::AccessUnit;
use media::codec::{Av1, Avc, Malformed, Vp8, Vp9, av1, nal, vp8, vp9};

/// Pictures from a file, beginning with a keyframe.
#[derive(Clone, Debug)]
pub struct Clip {
    codec: Codec,
    pictures: Vec<Picture>,
    length: Duration,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// When it is shown, from the first one on.
    pub at: Duration,
    /// A decoder may start here.
    pub is_sync: bool,
    /// As a [`media::Frame`] has it.
    pub payload: Bytes,
}

/// Why a file cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum BadClip {
    /// The system does not give it.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// Another container, or none.
    #[error("it is neither IVF nor H.264 behind start codes")]
    Unknown,
    /// IVF of something else.
    #[error("it holds {0}, where VP80, VP90 or AV01 is taken")]
    Codec(String),
    /// No place to begin.
    #[error("it holds no keyframe")]
    NoKeyframe,
    /// Parameters that make no sense.
    #[error("its {0} is malformed")]
    Malformed(&'static str),
    /// Frames that are shown later than decoded.
    #[error("it has B-frames, whose times the file does not say")]
    Reordered,
}

impl From<Malformed> for BadClip {
    fn from(Malformed(what): Malformed) -> Self {
        Self::Malformed(what)
    }
}

const IVF: &[u8; 4] = b"DKIF";
const IVF_HEADER: usize = 32;
const IVF_FRAME: usize = 12;

impl Clip {
    /// Reads a file; one without times is shown at so many frames a second.
    pub fn read(path: &Path, fps: u32) -> Result<Self, BadClip> {
        Self::parse(&std::fs::read(path)?.into(), fps)
    }

    /// The same from its bytes.
    pub fn parse(file: &Bytes, fps: u32) -> Result<Self, BadClip> {
        if file.starts_with(IVF) { Self::from_ivf(file) } else { Self::from_annex_b(file, fps) }
    }

    /// What it is encoded with, and how.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// The n-th picture, the first following the last; `at` goes on.
    pub fn picture(&self, n: u64) -> Picture {
        let count = self.pictures.len().max(1) as u64;
        let rounds = u32::try_from(n / count).unwrap_or(u32::MAX);
        // There is one at least.
        let picture = self.pictures.get((n % count) as usize).or(self.pictures.first());
        let at = picture.map_or(Duration::ZERO, |picture| picture.at);
        let at = self.length.saturating_mul(rounds).saturating_add(at);
        let (is_sync, payload) = picture.map(|picture| (picture.is_sync, picture.payload.clone())).unwrap_or_default();
        Picture { at, is_sync, payload }
    }

    fn new(codec: Codec, mut pictures: Vec<Picture>) -> Result<Self, BadClip> {
        let first = pictures.iter().position(|picture| picture.is_sync).ok_or(BadClip::NoKeyframe)?;
        pictures.drain(..first);
        let began = pictures.first().map_or(Duration::ZERO, |picture| picture.at);
        pictures.iter_mut().for_each(|picture| picture.at = picture.at.saturating_sub(began));
        let last = pictures.last().map_or(Duration::ZERO, |picture| picture.at);
        // The last one is shown for as long as the others are.
        let steps = u32::try_from(pictures.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let step = last.checked_div(steps).filter(|step| !step.is_zero()).unwrap_or(Duration::from_millis(33));
        Ok(Self { codec, pictures, length: last + step })
    }

    fn from_ivf(file: &Bytes) -> Result<Self, BadClip> {
        let word = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
        let (Some(fourcc), Some(rate), Some(scale)) = (file.get(8..12), word(16), word(20)) else {
            return Err(BadClip::Malformed("IVF header"));
        };
        let header = file.get(6..8).map_or(IVF_HEADER, |len| usize::from(u16::from_le_bytes([len[0], len[1]])));
        let is_key = match fourcc {
            b"VP80" => vp8::is_keyframe,
            b"VP90" => vp9::is_keyframe,
            b"AV01" => av1::is_keyframe,
            other => return Err(BadClip::Codec(String::from_utf8_lossy(other).into_owned())),
        };
        let (mut pictures, mut at) = (Vec::new(), header.max(IVF_HEADER));
        while let (Some(size), Some(stamp)) = (word(at), word(at + 4)) {
            let Some(payload) = file.get(at + IVF_FRAME..at + IVF_FRAME + size as usize) else { break };
            let shown = f64::from(stamp) * f64::from(scale) / f64::from(rate.max(1));
            let shown = Duration::try_from_secs_f64(shown).map_err(|_| BadClip::Malformed("time"))?;
            pictures.push(Picture { at: shown, is_sync: is_key(payload), payload: file.slice_ref(payload) });
            at += IVF_FRAME + size as usize;
        }
        let first = pictures.iter().find(|picture| picture.is_sync).ok_or(BadClip::NoKeyframe)?;
        let codec = match fourcc {
            b"VP80" => Codec::Vp8(Vp8::from_keyframe(&first.payload)?),
            b"VP90" => Codec::Vp9(Vp9::from_keyframe(&first.payload)?),
            _ => Codec::Av1(Av1::from_unit(&first.payload)?),
        };
        if fourcc == b"AV01" {
            pictures.iter_mut().for_each(|one| one.payload = av1::without_delimiters(std::mem::take(&mut one.payload)));
        }
        Self::new(codec, pictures)
    }

    fn from_annex_b(file: &Bytes, fps: u32) -> Result<Self, BadClip> {
        let (mut units, mut open, mut has_slice) = (Vec::new(), BytesMut::new(), false);
        let mut close = |open: &mut BytesMut| units.push(AccessUnit::from_annex_b(&open.split().freeze()));
        for nal in nal::annex_b(file) {
            let (kind, second) = (nal.first().map_or(0, |head| head & 0x1f), nal.get(1).copied().unwrap_or(0));
            let is_slice = matches!(kind, 1..=5);
            // H.264 §7.4.1.2.3: what may only stand before a picture, or the first slice of one (`first_mb_in_slice` is 0).
            let begins = matches!(kind, 6..=9 | 14..=18) || matches!(kind, 1 | 2 | 5) && second & 0x80 != 0;
            if begins && has_slice {
                close(&mut open);
                has_slice = false;
            }
            has_slice |= is_slice;
            open.extend_from_slice(&[0, 0, 1]);
            open.extend_from_slice(nal);
        }
        if has_slice {
            close(&mut open);
        }
        if units.is_empty() {
            return Err(BadClip::Unknown);
        }
        let sps = units.iter().flat_map(|unit| unit.sps.clone());
        let avc = Avc::from_parameter_sets(sps, units.iter().flat_map(|unit| unit.pps.clone()))?;
        if avc.reorder_frames.is_some_and(|frames| frames > 0) {
            return Err(BadClip::Reordered);
        }
        let at = |n: usize| Duration::from_secs(1) * n as u32 / fps.max(1);
        let picture =
            |(n, unit): (usize, AccessUnit)| Picture { at: at(n), is_sync: unit.is_sync, payload: unit.payload };
        Self::new(Codec::Avc(avc), units.into_iter().enumerate().map(picture).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::generate::{PPS, SPS};

    /// Pictures of VP8 with two ticks of 1/60 s between them, keyframes where said.
    fn ivf(keys: &[bool]) -> Bytes {
        let mut file = b"DKIF\0\0\x20\0VP80\x40\x01\xf0\0".to_vec();
        for word in [60u32, 1, keys.len() as u32, 0] {
            file.extend(word.to_le_bytes());
        }
        for (n, is_key) in keys.iter().enumerate() {
            let frame: &[u8] =
                if *is_key { &[0x10, 0, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xf0, 0, 7] } else { &[0x11, 0, 0, 9] };
            file.extend((frame.len() as u32).to_le_bytes());
            file.extend((1000 + 2 * n as u64).to_le_bytes());
            file.extend(frame);
        }
        file.into()
    }

    fn annex_b() -> Bytes {
        let mut file = Vec::new();
        // A delimiter, sets, a keyframe in two slices; two more pictures of one slice each.
        for nal in [&[9, 0xf0][..], SPS, PPS, &[0x65, 0x88, 1], &[0x65, 0x40, 2], &[0x41, 0x9a, 3], &[0x41, 0x9a, 4]] {
            file.extend([0, 0, 0, 1]);
            file.extend(nal);
        }
        file.into()
    }

    #[test]
    fn ivf_is_shown_by_its_times_from_its_first_keyframe_on_and_goes_round() {
        let clip = Clip::parse(&ivf(&[false, true, false, false]), 1).unwrap();
        assert!(matches!(clip.codec(), Codec::Vp8(vp8) if vp8.picture.width == 320), "{:?}", clip.codec());
        let shown: Vec<_> = (0..5).map(|n| clip.picture(n)).map(|one| (one.at.as_millis(), one.is_sync)).collect();
        assert_eq!(shown, [(0, true), (33, false), (66, false), (100, true), (133, false)]);
    }

    #[test]
    fn h264_behind_start_codes_is_cut_into_pictures() {
        let clip = Clip::parse(&annex_b(), 25).unwrap();
        let shown: Vec<_> = (0..4).map(|n| clip.picture(n)).map(|one| (one.at.as_millis(), one.is_sync)).collect();
        assert_eq!(shown, [(0, true), (40, false), (80, false), (120, true)]);
        assert_eq!(clip.picture(0).payload[..], [0, 0, 0, 3, 0x65, 0x88, 1, 0, 0, 0, 3, 0x65, 0x40, 2]);
    }

    #[test]
    fn what_cannot_be_published_is_said() {
        let why = |file: &[u8]| Clip::parse(&Bytes::copy_from_slice(file), 30).unwrap_err().to_string();
        assert_eq!(why(b"RIFF"), "it is neither IVF nor H.264 behind start codes");
        assert_eq!(why(&ivf(&[false])), "it holds no keyframe");
        let mut other = ivf(&[true]).to_vec();
        other[8..12].copy_from_slice(b"HEVC");
        assert_eq!(why(&other), "it holds HEVC, where VP80, VP90 or AV01 is taken");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), at in 0usize..100, av1 in any::<bool>()) {
            for file in [ivf(&[true, false]), annex_b()] {
                let mut file = file.to_vec();
                let at = at.min(file.len());
                file.splice(at..at, bytes.clone());
                if av1 && file.len() > 12 && file.starts_with(IVF) {
                    file[8..12].copy_from_slice(b"AV01");
                }
                if let Ok(clip) = Clip::parse(&file.into(), 0) {
                    clip.picture(u64::MAX);
                }
            }
        }
    }
}
