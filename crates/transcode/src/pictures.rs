use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use hub::{Broadcast, Derived, From, Rejected};
use media::codec::{Av1, Avc, Hevc, Malformed, Vp9, av1, avc, hevc};
use media::{Codec, Frame, Origin, Span, Time, Track};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::attend::{End, Work, is_made_up};
use crate::delay::Awaited;
use crate::process::Grant;
use crate::protocol::pictures::{Coding, Input};
use crate::protocol::{Job, Pictures as PicturesJob, Unit};
use crate::room::Room;
use crate::rungs::{Plan, Planned};

/// Frames a second of a source that does not say, until it is measured.
const USUAL_RATE: (u32, u32) = (30, 1);

/// The rungs made of one track of pictures.
pub(crate) struct Pictures {
    broadcast: Broadcast,
    plan: Plan,
    room: Arc<Room>,
    first: From,
    /// The source as it was when the rungs were planned, and its rate as it was then taken to be.
    source: Option<(Codec, (u32, u32))>,
    rungs: Vec<Planned>,
    /// Every output that was ever asked for.
    asked: BTreeSet<u8>,
    made: BTreeMap<u8, Rung>,
    /// When the newest frame of any rung is shown.
    newest: Option<Time>,
    /// When the latest frame is shown that the worker was given.
    heard: Time,
    awaited: Awaited,
}

/// A rung that has been made.
struct Rung {
    derived: Derived,
    track: Arc<Track>,
    newest: Time,
    /// What comes next builds on a frame that is not there.
    waits: bool,
}

impl Pictures {
    pub(crate) fn new(broadcast: Broadcast, plan: Plan, first: From, room: Arc<Room>) -> Self {
        let (rungs, asked, made, awaited) = (Vec::new(), BTreeSet::new(), BTreeMap::new(), Awaited::default());
        let (newest, heard) = (None, Time(i64::MIN));
        Self { broadcast, plan, room, first, source: None, rungs, asked, made, newest, heard, awaited }
    }

    /// What pictures come at: as they say, or as they came so far. Never another for the same source, or a new worker's
    /// pictures would not fit those of the one before.
    fn rate_of(&self, source: &Track) -> (u32, u32) {
        if let Some((codec, rate)) = &self.source
            && *codec == source.codec
        {
            return *rate;
        }
        let said = source.codec.picture().and_then(|picture| picture.frame_rate);
        let is_sound = |&(frames, seconds): &(u32, u32)| {
            seconds > 0 && (1.0..=240.0).contains(&(f64::from(frames) / f64::from(seconds)))
        };
        let stats = self.broadcast.stats(Instant::now().into_std());
        let measured = stats.tracks.iter().find(|track| track.track.id == source.id);
        let measured = measured.filter(|track| track.frames > 60).map(|track| (track.frame_rate.round() as u32, 1));
        said.filter(is_sound).or(measured.filter(is_sound)).unwrap_or(USUAL_RATE)
    }

    fn take(&mut self, output: u8, planned: &Planned, frame: Frame, epoch: u32) -> Result<(), End> {
        let now = Instant::now().into_std();
        let malformed = |what: Malformed| End::Died(format!("sends a picture with a {what}"));
        let Shaped { payload, is_sync, codec } =
            shape(planned.rung.coding, &frame.payload, frame.is_sync).map_err(malformed)?;
        if let Some(codec) = codec {
            self.declare(output, planned, codec)?;
        }
        let Some(rung) = self.made.get_mut(&output) else { return Ok(()) };
        if frame.dts <= rung.newest || rung.waits && !is_sync {
            rung.waits = true;
            return Ok(());
        }
        rung.waits = false;
        rung.newest = frame.dts;
        self.newest = self.newest.max(Some(frame.dts));
        let delay = self.awaited.came(frame.dts, now);
        let frame = Frame { payload, is_sync, reorder: Span::ZERO, ..frame };
        rung.derived.append(frame, epoch, now).map_err(|_| End::Over)?;
        self.room.note_rendition(planned.id, |condition| {
            condition.frames += 1;
            delay.into_iter().for_each(|delay| condition.delays.note(delay));
        });
        Ok(())
    }

    /// The rung has these parameters from now on.
    fn declare(&mut self, output: u8, planned: &Planned, codec: Codec) -> Result<(), End> {
        let bitrate_bps = Some(planned.rung.bitrate_bps);
        let track = Track { id: planned.id, codec, language: None, origin: Origin::Transcoder, bitrate_bps };
        match self.made.get_mut(&output) {
            Some(rung) if *rung.track == track => {}
            Some(rung) => {
                debug!(track = %track.name(), "the rung has new parameters");
                rung.derived.declare(track.clone()).map_err(|_| End::Over)?;
                rung.track = Arc::new(track);
                self.room.add(rung.track.clone());
            }
            None => match self.broadcast.derive(track.clone()) {
                Ok(derived) => {
                    let track = Arc::new(track);
                    self.room.add(track.clone());
                    // Whatever an earlier one had, its like was taken away with it.
                    let rung = Rung { derived, track, newest: Time(i64::MIN), waits: false };
                    self.made.insert(output, rung);
                }
                Err(Rejected::Ended) => return Err(End::Over),
                Err(why) => warn!(%why, "no rung"),
            },
        }
        Ok(())
    }

    /// What belongs to an earlier job may still be on its way.
    fn was_asked_for(&self, output: u8) -> Result<(), End> {
        if self.asked.contains(&output) { Ok(()) } else { Err(End::Died("sends what was not asked for".into())) }
    }

    fn drop_rung(&mut self, output: u8) {
        if let Some(rung) = self.made.remove(&output) {
            self.room.remove(rung.track.id);
        }
    }
}

impl Work for Pictures {
    fn grant(&self) -> Grant {
        let source = self.broadcast.catalog();
        let source = source.tracks.iter().filter_map(|track| track.codec.picture());
        let pixels = source.map(|picture| u64::from(picture.width) * u64::from(picture.height)).max().unwrap_or(0);
        self.plan.grant(pixels)
    }

    fn from(&self) -> From {
        self.newest.map_or(self.first, From::At)
    }

    fn job(&mut self, source: &Track) -> Option<Job> {
        self.awaited.begin(Instant::now().into_std());
        let frame_rate = self.rate_of(source);
        self.source = Some((source.codec.clone(), frame_rate));
        self.rungs = self.plan.rungs(source);
        self.asked.extend(self.rungs.iter().map(|planned| planned.rung.id));
        let is_planned = |output: &u8| self.rungs.iter().any(|planned| planned.rung.id == *output);
        let gone: Vec<u8> = self.made.keys().filter(|output| !is_planned(output)).copied().collect();
        gone.into_iter().for_each(|output| self.drop_rung(output));
        if self.rungs.is_empty() {
            return None;
        }
        let rungs = self.rungs.iter().map(|planned| planned.rung).collect();
        let begin = self.newest.map_or(Time(i64::MIN), |newest| Time(newest.0.saturating_add(1)));
        Some(Job::Pictures(PicturesJob { input: Input::of(&source.codec)?, begin, frame_rate, rungs }))
    }

    fn gave(&mut self, frame: &Frame) {
        self.heard = self.heard.max(frame.pts());
        self.awaited.gave(frame, Instant::now().into_std());
    }

    fn made(&mut self, unit: Unit) -> Result<(), End> {
        let Unit { output, epoch, frame } = unit;
        let planned = self.rungs.iter().find(|planned| planned.rung.id == output).copied();
        let Some(planned) = planned else { return self.was_asked_for(output) };
        // What was on its way when its rung was shed.
        if self.room.note_rendition(planned.id, |condition| condition.is_shed) {
            return Ok(());
        }
        if is_made_up(frame.dts, self.heard) {
            return Err(End::Died("makes up what it has not seen".into()));
        }
        self.take(output, &planned, frame, epoch)
    }

    fn standing(&mut self, output: u8, is_shed: bool, left_out: u64, encoder: String) -> Result<(), End> {
        let planned = self.rungs.iter().find(|planned| planned.rung.id == output).copied();
        let Some(planned) = planned else { return self.was_asked_for(output) };
        let was_shed = self.room.note_rendition(planned.id, |condition| {
            let was_shed = std::mem::replace(&mut condition.is_shed, is_shed);
            let more = left_out.saturating_sub(condition.left_out_by_worker);
            condition.left_out += more;
            condition.left_out_by_worker = left_out;
            metrics::counter!("onair_transcoder_left_out_frames_total").increment(more);
            if condition.encoder != encoder {
                let hardware = planned.rung.hardware;
                condition.fallback_from = hardware.name().filter(|_| !hardware.has(&encoder));
                match condition.fallback_from {
                    Some(hardware) => {
                        let said = "the hardware cannot encode this rung on this machine: the processor does";
                        warn!(track = %planned.id.0, hardware, encoder, "{said}");
                    }
                    None => info!(track = %planned.id.0, encoder, "pictures are encoded by"),
                }
                condition.encoder = encoder;
            }
            was_shed
        });
        if is_shed && !was_shed {
            warn!(height = planned.rung.height, "there is no time for this rung: it is left out for a while");
            metrics::counter!("onair_transcoder_shed_total").increment(1);
            // Players shall go to another one, not wait for it.
            self.made.remove(&output);
        } else if was_shed && !is_shed {
            info!(height = planned.rung.height, "there is time for this rung again");
        }
        Ok(())
    }
}

/// A picture as the hub has it.
struct Shaped {
    payload: Bytes,
    is_sync: bool,
    /// What it is made by, of a keyframe.
    codec: Option<Codec>,
}

/// Turns what an encoder wrote into the payload of a frame. The worker may be anybody's by now: nothing is believed.
fn shape(coding: Coding, written: &Bytes, is_sync: bool) -> Result<Shaped, Malformed> {
    match coding {
        Coding::H264 => {
            let avc::AccessUnit { payload, is_sync, sps, pps } = avc::AccessUnit::from_annex_b(written);
            let codec = if is_sync { Some(Codec::Avc(Avc::from_parameter_sets(sps, pps)?)) } else { None };
            Ok(Shaped { payload, is_sync, codec })
        }
        Coding::Hevc => {
            let hevc::AccessUnit { payload, is_sync, vps, sps, pps } = hevc::AccessUnit::from_annex_b(written);
            let codec = if is_sync { Some(Codec::Hevc(Hevc::from_parameter_sets(vps, sps, pps)?)) } else { None };
            Ok(Shaped { payload, is_sync, codec })
        }
        Coding::Vp9 => {
            let codec = if is_sync { Some(Codec::Vp9(Vp9::from_keyframe(written)?)) } else { None };
            Ok(Shaped { payload: written.clone(), is_sync, codec })
        }
        Coding::Av1 => {
            let codec = if is_sync { Some(Codec::Av1(Av1::from_unit(written)?)) } else { None };
            Ok(Shaped { payload: av1::without_delimiters(written.clone()), is_sync, codec })
        }
        Coding::Vp8 => Err(Malformed("codec")),
    }
}
