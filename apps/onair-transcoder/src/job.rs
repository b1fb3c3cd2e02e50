use bytes::Bytes;
use media::{Frame, Span, Time};
use transcode::protocol::{Input, Job, Order, Output, Report, Unit};

use crate::pace::{Pace, Step, stretch};
use crate::{Decoder, Encoder, Error, Mixer, RATE};

/// Does what the server orders.
#[derive(Default)]
pub struct Worker {
    bench: Option<Bench>,
    taken: u64,
    damaged: u64,
}

/// A source being worked on.
struct Bench {
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

impl Worker {
    /// Carries an order out. An error is the end: this worker is of no use.
    pub fn handle(&mut self, order: Order, reports: &mut Vec<Report>) -> Result<(), Error> {
        match order {
            Order::Configure(job) => self.configure(job, reports),
            Order::Frame(unit) => {
                let Some(bench) = &mut self.bench else { return Err(Error("a frame of nothing".into())) };
                let outcome = bench.take(unit, reports);
                self.taken += 1;
                self.damaged += u64::from(outcome.is_err());
                reports.push(Report::Progress { taken: self.taken, damaged: self.damaged });
                Ok(())
            }
            // Sound can be begun at any frame.
            Order::Keyframe { .. } => Ok(()),
        }
    }

    fn configure(&mut self, job: Job, reports: &mut Vec<Report>) -> Result<(), Error> {
        if let Some(mut before) = self.bench.take() {
            before.end(reports);
        }
        let lines = job.outputs.into_iter().map(Line::new).collect();
        let decoder = Decoder::open(&job.input)?;
        let (mixer, pace) = (Mixer::default(), Pace::default());
        self.bench = Some(Bench { input: job.input, decoder, mixer, pace, epoch: 0, lines });
        Ok(())
    }
}

impl Bench {
    /// Takes a frame in. What cannot be decoded leaves a hole, and an error.
    fn take(&mut self, unit: Unit, reports: &mut Vec<Report>) -> Result<(), Error> {
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
    fn end(&mut self, reports: &mut Vec<Report>) {
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
            let frame = Frame { dts, reorder: Span::ZERO, is_sync: true, payload };
            Report::Frame(Unit { output: self.output.id, epoch, frame })
        }));
    }
}
