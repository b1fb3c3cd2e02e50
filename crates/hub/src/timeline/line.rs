use media::{Codec, Kind, Span, Time};

use super::cadence::Cadence;
use super::sound::Sound;
use super::{LAG_MAX, STEP_MIN, Stamp};

/// A stamp may go back by this much and still belong to what came before.
const BACK: Span = Span::from_millis(-100);
/// A stamp may go forward by this much more than what passed on the arrival clock, or by two frames.
const STEP: Span = Span::from_millis(250);
const STEP_MAX: Span = Span::from_millis(2500);
/// Early by no more than this against the arrival clock, a stamp is believed however far it jumped.
const EARLY: Span = Span::from_millis(500);
/// A track that begins within this of another shares its clock.
const NEAR: Span = Span::from_millis(10_000);
/// So many stamps that agree with each other are no strays (A6).
const AGREED: u32 = 3;

/// One track on the timeline.
pub(super) struct Line {
    /// Where its last frame stands, by the present publisher's clock.
    position: Option<Position>,
    suspect: Option<Suspect>,
    /// The usual distance of two frames.
    step: Span,
    kept: Option<Time>,
    finish: Finish,
}

enum Finish {
    Picture(Cadence),
    Sound(Sound),
}

struct Position {
    /// What this track adds to its stamps: the broadcast's offset, or an earlier one until it jumps too.
    offset: Span,
    raw: Time,
    arrival: Time,
}

/// A run of stamps that do not go on from the last good one.
struct Suspect {
    /// The last of them.
    stamp: Time,
    arrival: Time,
    run: u32,
    /// What the first of them should have added to be where it was put.
    offset: Span,
}

/// What a line must know to judge a stamp.
#[derive(Clone, Copy)]
pub(super) struct Sight {
    /// Arrival of this frame.
    pub(super) now: Time,
    /// Where a frame that is neither early nor late stands.
    pub(super) on_time: Time,
    /// The broadcast's offset.
    pub(super) offset: Span,
    /// How far the other tracks are.
    pub(super) others: Option<Time>,
}

/// A stamp, judged.
pub(super) struct Seen {
    /// Where it puts the frame, before finishing.
    pub(super) raw: Time,
    /// The broadcast's offset from now on.
    pub(super) offset: Span,
    pub(super) restamped: bool,
    pub(super) broke: bool,
    /// By how much time may have moved since the track's last frame.
    passed: Span,
}

impl Line {
    pub(super) fn new(codec: &Codec) -> Self {
        let finish = match codec.kind() {
            Kind::Video => Finish::Picture(Cadence::default()),
            Kind::Audio => Finish::Sound(Sound::default()),
        };
        let mut line = Self { position: None, suspect: None, step: Span::from_millis(33), kept: None, finish };
        line.describe(codec);
        line
    }

    pub(super) fn describe(&mut self, codec: &Codec) {
        match &mut self.finish {
            Finish::Picture(cadence) => cadence.hint(codec.picture().and_then(|picture| picture.frame_rate)),
            Finish::Sound(sound) => sound.describe(codec.timescale()),
        }
    }

    /// The next frame is of another publisher.
    pub(super) fn restart(&mut self) {
        self.position = None;
        self.suspect = None;
        match &mut self.finish {
            Finish::Picture(cadence) => cadence.restart(),
            Finish::Sound(sound) => sound.restart(),
        }
    }

    /// Decode time of the last frame that was kept.
    pub(super) fn newest(&self) -> Option<Time> {
        self.kept
    }

    pub(super) fn keep(&mut self, dts: Time) {
        self.kept = Some(dts);
    }

    /// How far its stamps have come under the present publisher.
    pub(super) fn raw(&self) -> Option<Time> {
        self.position.as_ref().map(|position| position.raw)
    }

    pub(super) fn step(&self) -> Span {
        match &self.finish {
            Finish::Picture(cadence) => cadence.period().unwrap_or(self.step),
            Finish::Sound(_) => self.step,
        }
    }

    /// How much farther a stamp may go than the arrival clock.
    fn reach(&self) -> Span {
        let two = self.step() + self.step();
        two.clamp(STEP, STEP_MAX)
    }

    /// Judges where a stamp stands, and remembers it.
    pub(super) fn see(&mut self, stamp: Stamp, sight: Sight) -> Seen {
        let elapsed = self.position.as_ref().map_or(Span::ZERO, |position| sight.now.since(position.arrival));
        let own = self.position.as_ref().map_or(sight.offset, |position| position.offset);
        let fitting = [own, sight.offset].into_iter().find(|&offset| self.fits(stamp.dts + offset, elapsed, sight));
        if let Some(offset) = fitting {
            self.suspect = None;
            let raw = stamp.dts + offset;
            if let Some(position) = &self.position {
                let step = raw.since(position.raw).0.clamp(STEP_MIN.0, 1_000_000_000);
                self.step = Span(self.step.0 + (step - self.step.0) / 8);
            }
            return self.stand(raw, offset, elapsed, sight, Judgement { offset: sight.offset, ..Judgement::GOOD });
        }
        self.suspect(stamp, elapsed, sight)
    }

    /// Whether a frame may stand there.
    fn fits(&self, raw: Time, elapsed: Span, sight: Sight) -> bool {
        let lead = raw.since(sight.on_time);
        if lead < -LAG_MAX {
            return false;
        }
        let is_near = |reach: Span| sight.others.is_some_and(|others| raw.since(others).abs() <= reach);
        match &self.position {
            Some(position) => {
                let step = raw.since(position.raw);
                step >= BACK && (step <= elapsed + self.reach() || lead <= EARLY || is_near(STEP))
            }
            None => is_near(NEAR) || (lead <= EARLY && lead >= -NEAR) || sight.others.is_none(),
        }
    }

    /// A stamp that does not go on from the last: puts it where it should have been, and believes it
    /// when it is the third of a kind.
    fn suspect(&mut self, stamp: Stamp, elapsed: Span, sight: Sight) -> Seen {
        let reach = self.reach();
        let follows = |last: &Suspect| {
            let step = stamp.dts.since(last.stamp);
            step > Span::ZERO && step <= sight.now.since(last.arrival) + reach
        };
        let on_time = sight.on_time;
        let expected = match &self.position {
            // It stood still for so long that the rest of the world went on.
            Some(position) if on_time.since(position.raw) > LAG_MAX => {
                let offset = on_time.since(stamp.dts);
                let judgement = Judgement { offset, restamped: false, broke: true };
                self.suspect = None;
                return self.stand(on_time, offset, elapsed, sight, judgement);
            }
            Some(position) => {
                let step = self.step();
                position.raw + if elapsed > step + STEP { elapsed } else { step }
            }
            None => on_time,
        };
        let (run, offset) = match self.suspect.take() {
            Some(last) if follows(&last) => (last.run + 1, last.offset),
            _ => (1, expected.since(stamp.dts)),
        };
        if run >= AGREED {
            let judgement = Judgement { offset, restamped: false, broke: true };
            return self.stand(stamp.dts + offset, offset, elapsed, sight, judgement);
        }
        self.suspect = Some(Suspect { stamp: stamp.dts, arrival: sight.now, run, offset });
        let own = self.position.as_ref().map_or(sight.offset, |position| position.offset);
        let judgement = Judgement { offset: sight.offset, restamped: true, broke: false };
        self.stand(expected, own, elapsed, sight, judgement)
    }

    fn stand(&mut self, raw: Time, own: Span, elapsed: Span, sight: Sight, judgement: Judgement) -> Seen {
        let last = self.position.replace(Position { offset: own, raw, arrival: sight.now });
        // By another offset it moves as far as it does.
        let passed = if last.is_some_and(|last| last.offset != own) { Span(i64::MAX) } else { elapsed };
        let Judgement { offset, restamped, broke } = judgement;
        Seen { raw, offset, restamped, broke, passed }
    }

    /// Decode time and reorder of a judged frame; `None` where it overlaps what is there.
    pub(super) fn finish(&mut self, seen: &Seen, stamp: Stamp) -> Option<(Time, Span)> {
        let (dts, reorder) = match (&mut self.finish, stamp.ticks) {
            (Finish::Picture(cadence), _) => cadence.place(seen.raw, stamp.reorder),
            (Finish::Sound(sound), Some(ticks)) => {
                self.step = sound.length(ticks);
                (sound.place(seen.raw, ticks, seen.passed)?, stamp.reorder)
            }
            (Finish::Sound(_), None) => (seen.raw, stamp.reorder),
        };
        match self.kept {
            // Shown when it would have been, as far as possible.
            Some(kept) if dts <= kept => {
                let risen = kept + STEP_MIN;
                Some((risen, Span((dts + reorder).since(risen).0.max(0))))
            }
            _ => Some((dts, reorder)),
        }
    }
}

struct Judgement {
    offset: Span,
    restamped: bool,
    broke: bool,
}

impl Judgement {
    const GOOD: Self = Self { offset: Span::ZERO, restamped: false, broke: false };
}
