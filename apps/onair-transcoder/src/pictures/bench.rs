use std::collections::VecDeque;
use std::time::{Duration, Instant};

use ff::{Rational, frame};
use ffmpeg_next as ff;
use media::{Span, Time};
use transcode::protocol::pictures::Rung;
use transcode::protocol::{Pictures, Report, Unit};

use super::cascade::{FORMAT, Scaler, is_fit};
use super::encode::Place;
use super::line::{HANGS, Line, Picture};
use super::load::Load;
use super::{Decoder, Devices, Encoder};
use crate::Error;
use crate::pipe::Mouth;

/// Keyframes whose pictures have not come out of the decoder yet.
const MOST_SYNCS: usize = 64;
/// Without a pause for this long, pictures are left out rather than waited for: it is not a burst, it is too much.
const PATIENCE: Duration = Duration::from_millis(1500);
/// The same, when some were left out lately.
const LITTLE_PATIENCE: Duration = Duration::from_millis(250);
const LATELY: Duration = Duration::from_secs(10);
/// How long a picture waits for its encoders. The server must hear of progress far more often than it takes for a hang.
const WAIT: Duration = Duration::from_millis(200);
/// How often the server is told how many pictures were left out.
const TELL: Duration = Duration::from_secs(1);
/// What pictures come at where nobody knows.
const USUAL_RATE: Rational = Rational(30, 1);

/// A source of pictures being worked on.
pub struct Bench {
    job: Pictures,
    decoder: Decoder,
    is_broken: bool,
    /// When the frames are shown that are keyframes and still on their way.
    syncs: VecDeque<Time>,
    epoch: u32,
    rungs: Vec<Step>,
    load: Load,
    /// Since when there was no pause.
    at_work: Instant,
    left_out: Option<Instant>,
    mouth: Mouth,
    told: Instant,
}

/// One rung, as the cascade sees it.
struct Step {
    rung: Rung,
    line: Line,
    scaler: Scaler,
    /// When the next picture is due, of a rung that has fewer than its source.
    due: Option<Time>,
    /// It begins with the next picture, which becomes a keyframe.
    wants_sync: bool,
    is_shed: bool,
    left_out: u64,
    told: Option<(bool, u64)>,
    encoder: &'static str,
}

impl Bench {
    /// Begins that job.
    pub fn new(mut job: Pictures, mouth: Mouth, devices: &Devices) -> Result<Self, Error> {
        job.rungs.sort_by_key(|rung| std::cmp::Reverse(u32::from(rung.width) * u32::from(rung.height)));
        let start = |rung: &Rung| Step::start(*rung, rate(&job, rung), mouth.clone(), devices.clone());
        let rungs: Result<Vec<_>, Error> = job.rungs.iter().map(start).collect();
        let (rungs, now) = (rungs?, Instant::now());
        Ok(Self {
            decoder: Decoder::open(&job.input)?,
            is_broken: false,
            syncs: VecDeque::new(),
            epoch: 0,
            load: Load::new(rungs.len(), now),
            at_work: now,
            left_out: None,
            rungs,
            mouth,
            told: now,
            job,
        })
    }

    /// There is nothing to do just now.
    pub fn rested(&mut self) {
        self.at_work = Instant::now();
    }

    /// Takes a frame in. What cannot be decoded is left out, and an error.
    pub fn take(&mut self, unit: &Unit) -> Result<(), Error> {
        let now = Instant::now();
        if unit.epoch != self.epoch {
            self.end();
            self.epoch = unit.epoch;
        }
        if unit.frame.is_sync {
            if self.syncs.len() >= MOST_SYNCS {
                self.syncs.pop_front();
            }
            self.syncs.push_back(unit.frame.pts());
            if std::mem::take(&mut self.is_broken) {
                self.decoder = Decoder::open(&self.job.input)?;
            }
            if self.load.keyframe(now) {
                self.apply_load();
                // The server must know before the rung's first picture comes.
                self.look_after()?;
            }
        }
        let Self { decoder, .. } = self;
        let mut decoded = Vec::new();
        let outcome = decoder.decode(&unit.frame, |at, picture| {
            decoded.push((at, picture));
            Ok(())
        });
        self.is_broken |= outcome.is_err();
        decoded.into_iter().try_for_each(|(at, picture)| self.cascade(at, picture))?;
        outcome
    }

    /// Sees to the lines. An error is the end: the worker is of no use.
    pub fn look_after(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        let tells_all = now.saturating_duration_since(self.told) >= TELL;
        if tells_all {
            self.told = now;
        }
        for step in &mut self.rungs {
            if let Some(failure) = step.line.failure() {
                return Err(Error(failure));
            }
            if step.line.busy_since().is_some_and(|since| now.saturating_duration_since(since) > HANGS) {
                return Err(Error(format!("the encoder of {} lines hangs", step.rung.height)));
            }
            if let Some((name, failures)) = step.line.news() {
                failures.iter().for_each(|failure| eprintln!("an encoder is passed over: {failure}"));
                step.encoder = name;
                step.told = None;
            }
            let is_new = step
                .told
                .is_none_or(|(was_shed, left_out)| was_shed != step.is_shed || tells_all && left_out != step.left_out);
            if is_new && !step.encoder.is_empty() {
                step.told = Some((step.is_shed, step.left_out));
                let (output, encoder) = (step.rung.id, step.encoder.to_owned());
                let standing = Report::Standing { output, is_shed: step.is_shed, left_out: step.left_out, encoder };
                self.mouth.say(&standing)?;
            }
        }
        Ok(())
    }

    /// That rung shall begin anew.
    pub fn keyframe(&mut self, output: u8) {
        self.rungs.iter_mut().filter(|step| step.rung.id == output).for_each(|step| step.wants_sync = true);
    }

    /// What follows has nothing to do with what was.
    pub fn end(&mut self) {
        let mut decoded = Vec::new();
        // What fails here are the last moments before a break.
        let _ = self.decoder.finish(|at, picture| {
            decoded.push((at, picture));
            Ok(())
        });
        let _ = decoded.into_iter().try_for_each(|(at, picture)| self.cascade(at, picture));
        self.syncs.clear();
        for step in &mut self.rungs {
            (step.wants_sync, step.due) = (true, None);
        }
    }

    /// Waits until all that was given has been made.
    pub fn finish(mut self) {
        self.end();
        self.rungs.into_iter().for_each(|step| step.line.finish());
    }

    /// Gives a picture to every rung that takes it, each in its size.
    fn cascade(&mut self, at: Time, picture: frame::Video) -> Result<(), Error> {
        while self.syncs.front().is_some_and(|sync| *sync < at) {
            self.syncs.pop_front();
        }
        let is_sync = self.syncs.front() == Some(&at);
        if is_sync {
            self.syncs.pop_front();
        }
        if at < self.job.begin {
            return Ok(());
        }
        let place = Place { at, epoch: self.epoch };
        let mut made: Vec<(usize, frame::Video)> = Vec::with_capacity(self.rungs.len());
        let mut whole = None;
        let mut is_overloaded = false;
        let now = Instant::now();
        let is_strict = self.left_out.is_some_and(|last| now.saturating_duration_since(last) < LATELY);
        let patience = if is_strict { LITTLE_PATIENCE } else { PATIENCE };
        let is_patient = now.saturating_duration_since(self.at_work) < patience;
        for (index, step) in self.rungs.iter_mut().enumerate() {
            if step.is_shed || !step.is_due(at, is_sync) {
                continue;
            }
            // Keyframes are never left out: all rungs have theirs at the same places.
            let has_room = step.line.has_room(if is_patient { now + WAIT } else { now });
            if !is_sync && !step.wants_sync && !has_room {
                step.left_out += 1;
                is_overloaded = true;
                continue;
            }
            let size = (step.rung.width.into(), step.rung.height.into());
            if whole.is_none() && is_fit(&picture, size) {
                whole = Some(index);
                continue;
            }
            let from = made.last().map_or(&picture, |(_, larger)| larger);
            let scaled = step.scaler.scale(from, size, step.rung.effort)?;
            made.push((index, scaled));
        }
        made.extend(whole.map(|index| (index, picture)));
        for (index, frame) in made {
            let Some(step) = self.rungs.get_mut(index) else { continue };
            let is_sync = is_sync || std::mem::take(&mut step.wants_sync);
            step.wants_sync = false;
            if !step.line.give(Picture { frame, place, is_sync }) {
                step.left_out += 1;
                is_overloaded = true;
            }
        }
        if is_overloaded {
            self.left_out = Some(now);
            if self.load.left_out(now) {
                self.apply_load();
            }
        }
        Ok(())
    }

    /// Sheds rungs, or takes them back.
    fn apply_load(&mut self) {
        for (index, step) in self.rungs.iter_mut().enumerate() {
            let is_shed = index < self.load.shed();
            if is_shed && !step.is_shed {
                step.line.rest();
            }
            if is_shed != step.is_shed {
                step.is_shed = is_shed;
                (step.wants_sync, step.due) = (true, None);
            }
        }
    }
}

impl Step {
    fn start(rung: Rung, rate: Rational, mouth: Mouth, devices: Devices) -> Result<Self, Error> {
        let line = Line::start(rung, rate, mouth, devices)?;
        let scaler = Scaler::new(FORMAT);
        let (due, told, encoder) = (None, None, "");
        Ok(Self { rung, line, scaler, due, wants_sync: true, is_shed: false, left_out: 0, told, encoder })
    }

    /// Whether this picture is one of those that a slower rung has.
    fn is_due(&mut self, at: Time, is_sync: bool) -> bool {
        if self.rung.most_fps == 0 {
            return true;
        }
        let period = Span(1_000_000_000 / i64::from(self.rung.most_fps));
        let due = self.due.unwrap_or(at);
        if !is_sync && at + Span(period.0 / 4) < due {
            return false;
        }
        // On the grid, unless the source is slower than that.
        self.due = Some((if is_sync { at } else { due } + period).max(at + Span(period.0 / 2)));
        true
    }
}

/// The rate that an encoder is told.
fn rate(job: &Pictures, rung: &Rung) -> Rational {
    let (frames, seconds) = job.frame_rate;
    let known = i32::try_from(frames).ok().zip(i32::try_from(seconds).ok());
    let known = known
        .filter(|&(frames, seconds)| seconds > 0 && (1.0..=240.0).contains(&(f64::from(frames) / f64::from(seconds))));
    let rate = known.map_or(USUAL_RATE, |(frames, seconds)| Rational(frames, seconds));
    match rung.most_fps {
        0 => rate,
        most if f64::from(rate) > f64::from(most) => Rational(most.into(), 1),
        _ => rate,
    }
}

/// Opens what pictures are usually made with, so that whatever it loads is loaded before the files are shut.
pub fn warm_up() -> Result<(), Error> {
    ff::log::set_level(ff::log::Level::Fatal);
    let rung = Rung {
        id: 1,
        coding: transcode::protocol::pictures::Coding::H264,
        width: 64,
        height: 64,
        bitrate_bps: 100_000,
        most_fps: 0,
        effort: transcode::protocol::pictures::Effort::Low,
        for_webrtc: false,
        hardware: transcode::protocol::pictures::Hardware::None,
    };
    let mut picture = frame::Video::new(FORMAT, 64, 64);
    let devices = Devices::default();
    let mut encoder = Encoder::open(&rung, &picture, USUAL_RATE, rung.bitrate_bps, &devices, &mut Vec::new())?;
    let place = Place { at: Time::ZERO, epoch: 0 };
    encoder.encode(&mut picture, place, true, &mut Vec::new())
}
