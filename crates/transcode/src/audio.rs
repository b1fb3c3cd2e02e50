use std::sync::Arc;

use hub::{Derived, From, Wish};
use media::{Frame, Time, Track, TrackId};
use tokio::time::Instant;

use crate::attend::{End, Work, is_made_up};
use crate::process::Grant;
use crate::protocol::sound::{Coding, Input, Output};
use crate::protocol::{Job, Sound as SoundJob, Unit};
use crate::room::Room;
use crate::transcoder::{AAC_BPS, OPUS_BPS, can_become};

/// The one output of a job for sound.
const OUTPUT: u8 = 1;

/// One track of sound made of another.
pub(crate) struct Sound {
    wish: Wish,
    derived: Derived,
    room: Arc<Room>,
    track: TrackId,
    /// Where the first worker begins to read.
    first: From,
    /// Decode time of the newest frame made: the next worker goes on from there.
    newest: Option<Time>,
    /// Decode time of the newest frame that the worker was given.
    heard: Time,
}

impl Sound {
    pub(crate) fn new(wish: Wish, track: TrackId, derived: Derived, first: From, room: Arc<Room>) -> Self {
        Self { wish, derived, room, track, first, newest: None, heard: Time(i64::MIN) }
    }
}

impl Work for Sound {
    fn grant(&self) -> Grant {
        Grant::SMALL
    }

    fn from(&self) -> From {
        // What comes out twice is dropped by the hub.
        self.newest.map_or(self.first, From::At)
    }

    fn job(&mut self, source: &Track) -> Option<Job> {
        if !can_become(&source.codec, self.wish) {
            return None;
        }
        let (coding, bitrate_bps) = match self.wish {
            Wish::Aac => (Coding::Aac, AAC_BPS),
            _ => (Coding::Opus, OPUS_BPS),
        };
        let outputs = vec![Output { id: OUTPUT, coding, bitrate_bps }];
        Some(Job::Sound(SoundJob { input: Input::of(&source.codec)?, outputs }))
    }

    fn gave(&mut self, frame: &Frame) {
        self.heard = frame.dts;
    }

    fn made(&mut self, unit: Unit) -> Result<(), End> {
        if unit.output != OUTPUT {
            return Err(End::Died("sends what was not asked for".into()));
        }
        let dts = unit.frame.dts;
        // Nobody who only listens is ahead of what is said, but for the end of a long frame.
        if is_made_up(dts, self.heard) {
            return Err(End::Died("makes up what it has not heard".into()));
        }
        let appended = self.derived.append(unit.frame, unit.epoch, Instant::now().into_std());
        appended.map_err(|_| End::Over)?;
        self.newest = self.newest.max(Some(dts));
        self.room.note_rendition(self.track, |condition| condition.frames += 1);
        Ok(())
    }

    fn standing(&mut self, _: u8, _: bool, _: u64, _: String) -> Result<(), End> {
        Err(End::Died("sends what was not asked for".into()))
    }
}
