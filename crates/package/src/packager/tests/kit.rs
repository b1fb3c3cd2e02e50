//! A publisher, a clock and a reader who never blinks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use media::codec::{Aac, Avc};
use media::{Catalog, Codec, Frame, Kind, Span, Time, Track, TrackId};

use super::super::{Packager, Settings};
use super::laws;
use crate::{Rendition, Segment, Window};

pub(super) const MS: i64 = 1_000_000;
/// 2026-11-21T03:15:00Z.
pub(super) const BEGAN: u64 = 1_795_230_900;

/// Main profile with 30000/1001 frames a second, as x264 makes it; the rate is replaced.
const RECORD: &[u8] = &[
    0x01, 0x4d, 0x40, 0x28, 0xff, 0xe1, 0x00, 0x1c, 0x67, 0x4d, 0x40, 0x28, 0xec, 0xa0, 0x3c, 0x01, 0x13, 0xf2, 0xe0,
    0x2d, 0x40, 0x40, 0x40, 0x50, 0x00, 0x00, 0x3e, 0x90, 0x00, 0x0e, 0xa6, 0x00, 0xf1, 0x83, 0x19, 0x60, 0x01, 0x00,
    0x04, 0x68, 0xce, 0x0f, 0xc8,
];

pub(super) fn avc(rate: Option<(u32, u32)>) -> Codec {
    let mut avc = Avc::from_record(RECORD).unwrap();
    avc.picture.frame_rate = rate;
    Codec::Avc(avc)
}

pub(super) fn aac(config: &[u8]) -> Codec {
    Codec::Aac(Aac::from_config(config).unwrap())
}

/// 48 kHz stereo.
pub(super) const LC_48K: &[u8] = &[0x11, 0x90];
/// 44.1 kHz stereo.
pub(super) const LC_44K: &[u8] = &[0x12, 0x10];

pub(super) fn track(id: u16, codec: Codec) -> Arc<Track> {
    Arc::new(Track::source(TrackId(id), codec))
}

pub(super) fn secs(seconds: f64) -> Time {
    Time((seconds * 1e9).round() as i64)
}

/// What one frame is, beyond its time.
#[derive(Clone)]
pub(super) struct Shot {
    pub(super) track: Arc<Track>,
    pub(super) epoch: u32,
    pub(super) frame: Frame,
}

/// Pictures of a constant rate.
pub(super) struct Pictures {
    pub(super) track: Arc<Track>,
    pub(super) rate: (u32, u32),
    /// Frames from keyframe to keyframe.
    pub(super) gop: u64,
    /// x264's word on it, in the first frame.
    pub(super) keyint: Option<u32>,
    /// Two B-frames between the others.
    pub(super) b_frames: bool,
    pub(super) epoch: u32,
}

impl Pictures {
    pub(super) fn new(rate: (u32, u32), gop: u64) -> Self {
        Self { track: track(0, avc(Some(rate))), rate, gop, keyint: None, b_frames: false, epoch: 0 }
    }

    /// Frames that decode from `from` up to `to`, the first a keyframe.
    pub(super) fn shots(&self, from: Time, to: Time) -> Vec<Shot> {
        let (num, den) = (i64::from(self.rate.0), i64::from(self.rate.1));
        let period = |n: i64| Span::from_ticks(n * den, self.rate.0);
        let count = (to.since(from).0 as i128 * i128::from(num) / (i128::from(den) * 1_000_000_000)) as i64 + 1;
        (0..count)
            .filter(|&n| from + period(n) < to)
            .map(|n| {
                let in_gop = n as u64 % self.gop;
                // Decode order I P B B P B B: everything is shown one frame later, P three after that.
                let reorder = match (self.b_frames, in_gop) {
                    (false, _) => 0,
                    (true, 0) => 1,
                    (true, n) if n % 3 == 1 => 3,
                    (true, _) => 0,
                };
                let mut payload = vec![0, 0, 0, 1, if in_gop == 0 { 0x65 } else { 0x41 }];
                if let (0, Some(keyint)) = (n, self.keyint) {
                    payload = sei(keyint).into_iter().chain(payload).collect();
                }
                payload.resize(if in_gop == 0 { 30_000 } else { 6_000 }, n as u8);
                let frame = Frame {
                    dts: from + period(n),
                    reorder: period(reorder),
                    is_sync: in_gop == 0,
                    payload: payload.into(),
                    temporal: media::Temporal::BASE,
                };
                Shot { track: self.track.clone(), epoch: self.epoch, frame }
            })
            .collect()
    }
}

fn sei(keyint: u32) -> Vec<u8> {
    let text = format!("x264 - core 164 - options: keyint={keyint} x");
    let uuid = [0xdc, 0x45, 0xe9, 0xbd, 0xe6, 0xd9, 0x48, 0xb7, 0x96, 0x2c, 0xd8, 0x20, 0xd9, 0x23, 0xee, 0xef];
    let mut nal = vec![6, 5, 16 + text.len() as u8];
    nal.extend(uuid);
    nal.extend(text.bytes());
    nal.push(0x80);
    let mut unit = (nal.len() as u32).to_be_bytes().to_vec();
    unit.extend(nal);
    unit
}

/// Sound from `from` up to `to`, counted in samples.
pub(super) fn sound(track: &Arc<Track>, epoch: u32, from: Time, to: Time) -> Vec<Shot> {
    let Codec::Aac(aac) = &track.codec else { panic!("sound is AAC here") };
    let first = from.to_ticks(aac.core_rate);
    (0..)
        .map(|n| Time::from_ticks(first + n * i64::from(aac.frame_samples), aac.core_rate))
        .take_while(|&dts| dts < to)
        .map(|dts| {
            let frame = Frame::alone(dts, Bytes::from_static(&[0x21; 340]));
            Shot { track: track.clone(), epoch, frame }
        })
        .collect()
}

/// All in the order of decoding.
pub(super) fn mixed(mut shots: Vec<Shot>, more: Vec<Shot>) -> Vec<Shot> {
    shots.extend(more);
    shots.sort_by_key(|shot| (shot.frame.dts, shot.track.id));
    shots
}

/// A packager, the clock that drives it, and all that a reader saw.
pub(super) struct Studio {
    pub(super) packager: Packager,
    pub(super) start: Instant,
    pub(super) now: Instant,
    /// Every rendition that ever was shown, a name that came again with a mark.
    renditions: Vec<(String, Arc<Rendition>)>,
    /// By rendition and sequence number: every complete segment that ever was listed.
    pub(super) seen: BTreeMap<String, BTreeMap<u64, Arc<Segment>>>,
    pub(super) windows: BTreeMap<String, Arc<Window>>,
    /// When there was first something to see.
    pub(super) shown_at: Option<Instant>,
}

impl Studio {
    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let began = UNIX_EPOCH + Duration::from_secs(BEGAN);
        let start = Instant::now();
        Self {
            packager: Packager::new("live/alice".parse().unwrap(), began, settings, None),
            start,
            now: start,
            renditions: Vec::new(),
            seen: BTreeMap::new(),
            windows: BTreeMap::new(),
            shown_at: None,
        }
    }

    pub(super) fn catalog(&mut self, tracks: &[&Arc<Track>]) {
        let catalog = Catalog { tracks: tracks.iter().map(|&track| track.clone()).collect() };
        self.packager.catalog(self.now, &catalog);
        self.look();
    }

    /// Frames arrive at their own time.
    pub(super) fn play(&mut self, shots: Vec<Shot>) {
        for shot in shots {
            self.wait_until(shot.frame.dts);
            self.arrive(shot);
        }
    }

    /// A frame arrives now.
    pub(super) fn arrive(&mut self, Shot { track, epoch, frame }: Shot) {
        self.packager.frame(self.now, &track, epoch, frame);
        self.look();
    }

    /// The clock goes on and nothing comes.
    pub(super) fn wait_until(&mut self, time: Time) {
        let until = self.start + Duration::from_nanos(time.0.max(0) as u64);
        while let Some(deadline) = self.packager.deadline().filter(|&deadline| deadline <= until) {
            assert!(deadline > self.now, "a deadline lies ahead");
            self.now = deadline;
            self.packager.timeout(self.now);
            self.look();
        }
        self.now = self.now.max(until);
    }

    /// The clock goes on by so many milliseconds.
    pub(super) fn skip(&mut self, ms: i64) {
        let elapsed = Span::from(self.now.duration_since(self.start));
        self.wait_until(Time::ZERO + elapsed + Span::from_millis(ms));
    }

    pub(super) fn away(&mut self) {
        self.packager.away(self.now);
        self.look();
    }

    pub(super) fn end(&mut self) {
        self.packager.ended(self.now);
        self.look();
    }

    /// Looks at every window as a reader would, and keeps what is complete.
    fn look(&mut self) {
        let renditions = self.packager.presentation().renditions.borrow().clone();
        if !renditions.is_empty() {
            self.shown_at.get_or_insert(self.now);
        }
        for rendition in renditions.iter() {
            if !self.renditions.iter().any(|(_, known)| Arc::ptr_eq(known, rendition)) {
                let times = self.renditions.iter().filter(|(_, known)| known.name == rendition.name).count();
                self.renditions.push((format!("{}{}", rendition.name, "+".repeat(times)), rendition.clone()));
            }
        }
        for (name, rendition) in &self.renditions {
            let window = rendition.window.borrow().clone();
            if let Some(before) = self.windows.get(name) {
                laws::follows(before, &window);
            }
            let seen = self.seen.entry(name.clone()).or_default();
            for segment in &window.segments {
                let kept = seen.entry(segment.msn).or_insert_with(|| segment.clone());
                assert!(Arc::ptr_eq(kept, segment), "{name}: a listed segment never changes: {kept:?}, {segment:?}");
            }
            self.windows.insert(name.clone(), window);
        }
    }

    /// Ends the broadcast and holds everything seen to the laws.
    pub(super) fn finish(&mut self) {
        self.end();
        laws::hold(&self.seen, &self.windows);
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.windows.keys().map(String::as_str).collect()
    }

    pub(super) fn window(&self, name: &str) -> &Window {
        &self.windows[name]
    }

    pub(super) fn segments(&self, name: &str) -> Vec<Arc<Segment>> {
        self.seen[name].values().cloned().collect()
    }

    /// Durations of all segments of a rendition, in milliseconds.
    pub(super) fn lengths_ms(&self, name: &str) -> Vec<i64> {
        self.seen[name].values().map(|segment| (segment.duration.0 + MS / 2) / MS).collect()
    }

    pub(super) fn shown_after(&self) -> Duration {
        self.shown_at.expect("something was shown").duration_since(self.start)
    }
}

pub(super) fn kind_of(name: &str) -> Kind {
    if name.starts_with('v') { Kind::Video } else { Kind::Audio }
}

pub(super) fn unix(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap()
}
