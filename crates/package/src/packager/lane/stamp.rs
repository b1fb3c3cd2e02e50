use std::sync::Arc;

use bytes::Bytes;
use media::{Codec, Kind, Span, Time, Track};
use wire::mp4::Sample;

use super::super::prelude::Arrival;

/// A frame with its times in ticks.
#[derive(Clone, Debug)]
pub(in crate::packager) struct Unit {
    pub(in crate::packager) at: i64,
    pub(super) scale: u32,
    /// From its decode time in the file to its composition.
    pub(super) composition: i64,
    /// By how much it is shown before its composition.
    pub(super) delay: i64,
    /// How long it lasts unless the next frame says otherwise.
    pub(super) nominal: i64,
    pub(super) is_sync: bool,
    pub(super) payload: Bytes,
    pub(super) track: Arc<Track>,
    pub(in crate::packager) epoch: u32,
}

impl Unit {
    pub(super) fn time(&self) -> Time {
        Time::from_ticks(self.at, self.scale)
    }

    /// Decodes it at another time and shows it when it was to be shown all the same (C5).
    pub(super) fn decode_at(&mut self, at: i64) {
        self.composition = self.composition.saturating_add(self.at.saturating_sub(at));
        self.at = at;
    }

    pub(super) fn half(&self) -> Span {
        Span::from_ticks(self.nominal / 2, self.scale)
    }

    pub(super) fn sample(self, duration: i64) -> Sample {
        Sample {
            duration: u32::try_from(duration.max(1)).unwrap_or(u32::MAX),
            composition: i32::try_from(self.composition).unwrap_or_default(),
            is_sync: self.is_sync,
            payload: self.payload,
        }
    }
}

/// Turns frames into units. Their times are exact: the hub has taken the rounding of the publisher's clock out (C7).
#[derive(Debug, Default)]
pub(super) struct Stamper {
    run: Option<(u32, Arc<Track>)>,
    /// Composition offset of a run's first sync frame. All decode times of the run move by it, so that segments begin
    /// at the time at which their first picture is shown, and sound can be cut there; the init takes it back (C5).
    delay: i64,
    last: Option<i64>,
}

/// No decoder reorders over more.
const LONGEST_REORDER: Span = Span::from_millis(10_000);

impl Stamper {
    pub(super) fn stamp(&mut self, arrival: Arrival) -> Unit {
        let Arrival { track, epoch, frame, .. } = arrival;
        let codec = &track.codec;
        let scale = codec.timescale();
        if let Some(ticks) = codec.frame_ticks(&frame.payload) {
            let (at, nominal) = (frame.dts.to_ticks(scale), i64::from(ticks.max(1)));
            let payload = frame.payload;
            return Unit { at, scale, composition: 0, delay: 0, nominal, is_sync: true, payload, track, epoch };
        }
        let is_sync = frame.is_sync || track.kind() == Kind::Audio;
        let dts = frame.dts.to_ticks(scale);
        let pts = (frame.dts + frame.reorder.max(Span::ZERO).min(LONGEST_REORDER)).to_ticks(scale);
        let is_new = self.run.as_ref().is_none_or(|(run, before)| *run != epoch || before.codec != *codec);
        if is_new && is_sync {
            *self = Self { run: Some((epoch, track.clone())), delay: pts.saturating_sub(dts), last: None };
        }
        let at = dts.saturating_add(self.delay);
        let nominal = self.nominal(at, codec);
        self.last = Some(at);
        let (composition, delay) = (pts.saturating_sub(dts), self.delay);
        Unit { at, scale, composition, delay, nominal, is_sync, payload: frame.payload, track, epoch }
    }

    /// The delay of the newest run.
    pub(super) fn delay(&self) -> i64 {
        self.delay
    }

    /// How long a picture lasts as far as one knows: by the claimed rate, unless the last step contradicts it.
    fn nominal(&self, at: i64, codec: &Codec) -> i64 {
        let scale = i64::from(codec.timescale());
        let step = self.last.map(|last| at.saturating_sub(last)).filter(|&step| step > 0);
        let rate = codec.picture().and_then(|picture| picture.frame_rate);
        let claimed = rate.map(|(num, den)| scale * i64::from(den) / i64::from(num.max(1))).filter(|&ticks| ticks > 0);
        let fits = |claimed: &i64| step.is_none_or(|step| (step - claimed).abs() <= claimed / 4);
        claimed.filter(fits).or(step).unwrap_or(scale / 30).clamp(1, scale)
    }
}
