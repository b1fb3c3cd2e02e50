//! Which rungs a source gets. No clock, no IO.

use std::path::PathBuf;
use std::sync::Arc;

use config::{Encode, Ladder, Preset, RungCodec};
use hub::Derived;
use media::{Track, TrackId};

use crate::process::Grant;
use crate::protocol::pictures::{Coding, Effort, Hardware, Pictures, Rung};
use crate::watchdog::CHEW_PICTURES;

/// What to make of pictures.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// A ladder as it is configured.
    Ladder(Arc<Ladder>),
    /// The same picture as WebRTC carries it.
    Webrtc,
}

/// A rung and the track that it becomes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) id: TrackId,
    pub(crate) rung: Rung,
}

/// Where the next rung of the same height has its number.
const NEXT: u16 = 10_000;
/// WebRTC viewers get no more than this many lines, nor bits a pixel and second.
const WEBRTC_LINES: u32 = 1080;
const WEBRTC_BITS: u32 = 3;

impl Plan {
    /// The rungs of that source, none larger than it is.
    pub(crate) fn rungs(&self, source: &Track) -> Vec<Planned> {
        let (Some(picture), Some(coding)) = (source.codec.picture(), Coding::of(&source.codec)) else {
            return Vec::new();
        };
        let size = (picture.width, picture.height);
        match self {
            Self::Ladder(ladder) => ladder_of(ladder, coding, size),
            Self::Webrtc => {
                let lines = size.0.min(size.1).min(WEBRTC_LINES);
                let Some((width, height)) = scaled(size, lines) else { return Vec::new() };
                let bitrate_bps = (u32::from(width) * u32::from(height)).saturating_mul(WEBRTC_BITS).max(300_000);
                let rung = Rung {
                    id: 1,
                    coding: Coding::H264,
                    width,
                    height,
                    bitrate_bps,
                    most_fps: 0,
                    effort: Effort::Standard,
                    for_webrtc: true,
                    hardware: Hardware::None,
                };
                vec![Planned { id: webrtc_id(source.id), rung }]
            }
        }
    }

    /// What a worker may use that makes this of pictures of so many pixels.
    pub(crate) fn grant(&self, pixels: u64) -> Grant {
        let rungs = match self {
            Self::Ladder(ladder) => specs(ladder).len(),
            Self::Webrtc => 1,
        };
        let rungs = u64::try_from(rungs).unwrap_or(u64::MAX).min(Pictures::RUNGS as u64);
        let (hardware, device) = match self {
            Self::Ladder(ladder) => (hardware(ladder), ladder.device.clone()),
            Self::Webrtc => (Hardware::None, PathBuf::new()),
        };
        // References of decoder and encoders, and what threads reserve without using it.
        let memory_bytes = (1024 << 20) + rungs * (128 << 20) + pixels.min(8192 * 4352) * 128;
        // One decodes, and each rung has a processor or a few.
        let percent = 100 + 300 * rungs as u32;
        Grant { memory_bytes, percent, hardware, device, chew: CHEW_PICTURES, kind: "pictures" }
    }
}

/// `v100` is `v0` for WebRTC.
pub(crate) fn webrtc_id(source: TrackId) -> TrackId {
    TrackId(Derived::FIRST.0.saturating_add(source.0))
}

fn hardware(ladder: &Ladder) -> Hardware {
    match ladder.encode {
        Encode::Software => Hardware::None,
        Encode::Nvenc => Hardware::Nvenc,
        Encode::Qsv => Hardware::Qsv,
        Encode::Vaapi => Hardware::Vaapi,
    }
}

/// A rung as it is configured.
struct Spec {
    lines: u16,
    kbps: u32,
    most_fps: u16,
    coding: Coding,
}

fn specs(ladder: &Ladder) -> Vec<Spec> {
    let plain = |&(lines, kbps): &(u16, u32)| Spec { lines, kbps, most_fps: 0, coding: Coding::H264 };
    if !ladder.rungs.is_empty() {
        let spec = |rung: &config::Rung| Spec {
            lines: rung.height,
            kbps: rung.kbps,
            most_fps: rung.fps,
            coding: match rung.codec {
                RungCodec::H264 => Coding::H264,
                RungCodec::Hevc => Coding::Hevc,
                RungCodec::Vp9 => Coding::Vp9,
                RungCodec::Av1 => Coding::Av1,
            },
        };
        return ladder.rungs.iter().map(spec).collect();
    }
    match ladder.preset {
        Preset::Standard => [(1080, 5000), (720, 2800), (480, 1200), (360, 700)].iter().map(plain).collect(),
        Preset::LowPower => [(720, 2500), (360, 800)].iter().map(plain).collect(),
    }
}

fn ladder_of(ladder: &Ladder, source: Coding, size: (u32, u32)) -> Vec<Planned> {
    let specs = specs(ladder);
    let effort = match ladder.preset {
        Preset::Standard => Effort::Standard,
        Preset::LowPower => Effort::Low,
    };
    let hardware = hardware(ladder);
    let lines = size.0.min(size.1);
    let mut planned = Vec::new();
    for (index, spec) in specs.iter().enumerate().take(Pictures::RUNGS) {
        // Never larger than the source, nor what the source is already.
        let is_source = u32::from(spec.lines) == lines && spec.coding == source;
        let Some((width, height)) = scaled(size, spec.lines.into()).filter(|_| !is_source) else { continue };
        let twins = specs.iter().take(index).filter(|other| other.lines == spec.lines).count();
        let id = TrackId(spec.lines.saturating_add(NEXT.saturating_mul(u16::try_from(twins).unwrap_or(u16::MAX))));
        let rung = Rung {
            id: u8::try_from(index + 1).unwrap_or(u8::MAX),
            coding: spec.coding,
            width,
            height,
            bitrate_bps: spec.kbps.saturating_mul(1000),
            most_fps: spec.most_fps,
            effort,
            for_webrtc: false,
            hardware,
        };
        planned.push(Planned { id, rung });
    }
    planned
}

/// That size with so many lines, or columns where there are fewer of those; even, in the same shape. `None` if it would be
/// larger.
fn scaled((width, height): (u32, u32), lines: u32) -> Option<(u16, u16)> {
    let short = width.min(height);
    if lines == 0 || short < lines {
        return None;
    }
    let even = |of: u32| {
        let (pixels, twice) = (u64::from(of) * u64::from(lines), 2 * u64::from(short));
        u16::try_from((pixels + u64::from(short)) / twice * 2).ok().map(|even| even.max(16))
    };
    // An odd source would grow by a line.
    let size = (even(width)?, even(height)?);
    Some((size.0.min((width & !1) as u16).max(2), size.1.min((height & !1) as u16).max(2)))
}

/// The tracks that viewers of that source can count on.
pub(crate) fn promised(ladder: &Ladder, source: &Track) -> Vec<TrackId> {
    Plan::Ladder(Arc::new(ladder.clone())).rungs(source).iter().map(|planned| planned.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heights(size: (u32, u32), coding: Coding) -> Vec<(u16, u16, u16)> {
        let ladder: Ladder = toml::from_str("path = \"**\"").unwrap();
        ladder_of(&ladder, coding, size).iter().map(|it| (it.id.0, it.rung.width, it.rung.height)).collect()
    }

    #[test]
    fn no_rung_is_larger_than_its_source_or_the_same() {
        assert_eq!(heights((1920, 1080), Coding::H264), [(720, 1280, 720), (480, 854, 480), (360, 640, 360)]);
        assert_eq!(heights((854, 480), Coding::H264), [(360, 640, 360)]);
        assert_eq!(heights((640, 360), Coding::H264), []);
        // In another codec it is another.
        assert_eq!(heights((640, 360), Coding::Vp8), [(360, 640, 360)]);
    }

    #[test]
    fn the_shape_stays_and_sizes_are_even() {
        assert_eq!(heights((1080, 1920), Coding::H264)[0], (720, 720, 1280));
        assert_eq!(heights((1440, 1080), Coding::H264)[1], (480, 640, 480));
        assert_eq!(scaled((639, 361), 361), Some((638, 360)));
        assert_eq!(scaled((1, 1), 1), Some((2, 2)));
    }

    #[test]
    fn twins_have_names_of_their_own() {
        let text = "path = \"**\"\nrungs = [{ height = 480, kbps = 900 }, { height = 480, kbps = 500, codec = \"av1\", fps = 15 }]";
        let ladder: Ladder = toml::from_str(text).unwrap();
        let planned = ladder_of(&ladder, Coding::H264, (1920, 1080));
        assert_eq!(planned.iter().map(|it| (it.id.0, it.rung.id)).collect::<Vec<_>>(), [(480, 1), (10_480, 2)]);
        assert_eq!((planned[1].rung.coding, planned[1].rung.most_fps), (Coding::Av1, 15));
    }
}
