use bytes::Bytes;
use media::{Frame, Time};
use transcode::protocol::sound::{Input, Output};
use transcode::protocol::{Report, Sound, Unit};

use super::pace::{Pace, Step, stretch};
use super::{Decoder, Encoder, Mixer, RATE};
use crate::Error;

/// A source of sound being worked on.
pub struct Bench {
    input: Input,
    decoder: Decoder,
    mixer: Mixer,
    pace: Pace,
    epoch: u32,
    lines: Vec<Line>,
}

/// One output.
struct Line {
    output: Output,
    encoder: Option<Encoder>,
    /// What waits for the rest of a frame, interleaved.
    waiting: Vec<f32>,
    /// Where that begins.
    at: i64,
}

impl Bench {
    /// Begins that job.
    pub fn new(job: Sound) -> Result<Self, Error> {
        let lines = job.outputs.into_iter().map(Line::new).collect();
        let decoder = Decoder::open(&job.input)?;
        let (mixer, pace) = (Mixer::default(), Pace::default());
        Ok(Self { input: job.input, decoder, mixer, pace, epoch: 0, lines })
    }

    /// Takes a frame in. What cannot be decoded leaves a hole, and an error.
    pub fn take(&mut self, unit: Unit, reports: &mut Vec<Report>) -> Result<(), Error> {
        if unit.epoch != self.epoch {
            self.end(reports);
            self.epoch = unit.epoch;
        }
        let Self { decoder, mixer, pace, lines, epoch, .. } = self;
        let outcome = decoder.decode(unit.frame.dts, &unit.frame.payload, |at, piece| {
            let kept = mixer.delay();
            let mut sound = Vec::new();
            mixer.mix(piece, &mut sound)?;
            match pace.place(at.to_ticks(RATE), kept, sound.len() / 2) {
                Step::Begin(at) => lines.iter_mut().for_each(|line| line.begin(at, *epoch, reports)),
                Step::Stretch(by) => stretch(&mut sound, by),
                Step::Silence(samples) => drop(sound.splice(0..0, std::iter::repeat_n(0.0, 2 * samples))),
                Step::Drop(samples) => drop(sound.drain(..(2 * samples).min(sound.len()))),
            }
            pace.advance(sound.len() / 2);
            lines.iter_mut().try_for_each(|line| line.take(&sound, *epoch, reports))
        });
        if outcome.is_err() {
            // Some decoders never come to themselves after what was too bad.
            self.decoder = Decoder::open(&self.input)?;
        }
        outcome
    }

    /// What follows has nothing to do with what was.
    pub fn end(&mut self, reports: &mut Vec<Report>) {
        for line in &mut self.lines {
            line.end(true, self.epoch, reports);
        }
        self.decoder.reset();
        self.mixer.reset();
        self.pace.reset();
    }
}

impl Line {
    fn new(output: Output) -> Self {
        Self { output, encoder: None, waiting: Vec::new(), at: 0 }
    }

    /// The next sample stands there.
    fn begin(&mut self, at: i64, epoch: u32, reports: &mut Vec<Report>) {
        // A last frame is filled up with silence, where there is room for it.
        let frame_len = self.encoder.as_ref().map_or(0, Encoder::frame_len);
        let has_room = self.at.saturating_add(i64::try_from(frame_len).unwrap_or(0)) <= at;
        self.end(has_room, epoch, reports);
        self.at = at;
    }

    fn take(&mut self, sound: &[f32], epoch: u32, reports: &mut Vec<Report>) -> Result<(), Error> {
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder::open(&self.output)?),
        };
        self.waiting.extend_from_slice(sound);
        let len = encoder.frame_len();
        let mut made = Vec::new();
        while self.waiting.len() >= 2 * len {
            let frame: Vec<f32> = self.waiting.drain(..2 * len).collect();
            encoder.encode(self.at, &frame, &mut made)?;
            self.at = self.at.saturating_add(i64::try_from(len).unwrap_or(0));
        }
        self.report(made, epoch, reports);
        Ok(())
    }

    /// Brings out what is there; the next sample begins anew.
    fn end(&mut self, fill_up: bool, epoch: u32, reports: &mut Vec<Report>) {
        let waiting = std::mem::take(&mut self.waiting);
        let Some(mut encoder) = self.encoder.take() else { return };
        let mut made = Vec::new();
        // What fails here is a moment of sound before a hole.
        if fill_up && !waiting.is_empty() && encoder.encode(self.at, &waiting, &mut made).is_err() {
            return;
        }
        encoder.finish(&mut made);
        self.report(made, epoch, reports);
    }

    fn report(&self, made: Vec<(i64, Bytes)>, epoch: u32, reports: &mut Vec<Report>) {
        reports.extend(made.into_iter().map(|(at, payload)| {
            let dts = Time::from_ticks(at, RATE);
            let frame = Frame::alone(dts, payload);
            Report::Frame(Unit { output: self.output.id, epoch, frame })
        }));
    }
}
