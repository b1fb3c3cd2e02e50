use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ff::{Rational, frame};
use ffmpeg_next as ff;
use media::{Frame, Span, Time};
use transcode::protocol::pictures::{Hardware, Rung};
use transcode::protocol::{Report, Unit};

use super::Devices;
use super::encode::{Encoder, Made, Place};
use crate::Error;
use crate::pipe::Mouth;

/// Pictures that may wait for a rung's encoder.
const MOST_WAITING: usize = 4;
/// The rate at which pictures really come is looked at over at least so long.
const LONG_ENOUGH: Span = Span::from_millis(900);

/// A picture on its way into an encoder.
pub(crate) struct Picture {
    pub(crate) frame: frame::Video,
    pub(crate) place: Place,
    pub(crate) is_sync: bool,
}

/// One rung: a queue and a thread that encodes what is in it.
pub(crate) struct Line {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Something came.
    bell: Condvar,
    /// Something was taken.
    room: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Picture>,
    /// Since when it works on a picture.
    busy: Option<Instant>,
    /// What encodes, and what was to but cannot.
    encoder: Option<(&'static str, Vec<String>)>,
    failed: Option<String>,
    /// The encoder shall be let go, with what it holds.
    rests: bool,
    is_over: bool,
}

impl Line {
    /// Begins to make that rung, of pictures that come at about that rate.
    pub(crate) fn start(rung: Rung, frame_rate: Rational, mouth: Mouth, devices: Devices) -> Result<Self, Error> {
        let shared = Arc::new(Shared { state: Mutex::default(), bell: Condvar::new(), room: Condvar::new() });
        let theirs = shared.clone();
        let run = move || {
            // What encodes is of the thread that it began in.
            Work { rung, frame_rate, mouth, devices, shared: theirs, encoder: None, pace: Pace::default() }.run();
        };
        let thread = std::thread::Builder::new().name(format!("rung {}", rung.height)).spawn(run)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Whether there is room for a picture, now or until then.
    pub(crate) fn has_room(&self, until: Instant) -> bool {
        let state = self.shared.lock();
        let most = until.saturating_duration_since(Instant::now());
        let is_full = |state: &mut State| state.waiting.len() >= MOST_WAITING && state.failed.is_none();
        let waited = self.shared.room.wait_timeout_while(state, most, is_full).unwrap_or_else(PoisonError::into_inner);
        waited.0.waiting.len() < MOST_WAITING
    }

    /// Takes a picture in. False if another had to be left out for it.
    pub(crate) fn give(&self, picture: Picture) -> bool {
        let mut state = self.shared.lock();
        let is_full = state.waiting.len() >= MOST_WAITING;
        if is_full {
            // Only keyframes come when it is full, and it is full of others but for hostile sources.
            state.waiting.pop_back();
        }
        state.waiting.push_back(picture);
        drop(state);
        self.shared.bell.notify_one();
        !is_full
    }

    /// Lets the encoder go: no picture comes for a while.
    pub(crate) fn rest(&self) {
        let mut state = self.shared.lock();
        state.waiting.clear();
        state.rests = true;
        drop(state);
        self.shared.bell.notify_one();
    }

    /// Since when it has been at one picture.
    pub(crate) fn busy_since(&self) -> Option<Instant> {
        self.shared.lock().busy
    }

    /// What encodes it, and what was to but cannot; once after every change.
    pub(crate) fn news(&self) -> Option<(&'static str, Vec<String>)> {
        self.shared.lock().encoder.take()
    }

    /// Why it has failed.
    pub(crate) fn failure(&self) -> Option<String> {
        self.shared.lock().failed.clone()
    }

    /// Works on what waits, and ends.
    pub(crate) fn finish(mut self) {
        self.end();
        if let Some(thread) = self.thread.take() {
            // An error is a panic, which has been told.
            let _ = thread.join();
        }
    }

    fn end(&self) {
        self.shared.lock().is_over = true;
        self.shared.bell.notify_one();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the thread does.
struct Work {
    /// It becomes one without hardware when that fails at work.
    rung: Rung,
    frame_rate: Rational,
    mouth: Mouth,
    devices: Devices,
    shared: Arc<Shared>,
    encoder: Option<Encoder>,
    pace: Pace,
}

enum Next {
    Picture(Picture),
    Rest,
    Over,
}

impl Work {
    fn run(mut self) {
        loop {
            let next = self.next();
            let outcome = match next {
                Next::Picture(picture) => self.encode(picture),
                Next::Rest => {
                    self.encoder = None;
                    self.pace = Pace::default();
                    Ok(())
                }
                Next::Over => {
                    let mut made = Vec::new();
                    if let Some(encoder) = self.encoder.take() {
                        encoder.finish(&mut made);
                    }
                    let _ = self.tell(made);
                    return;
                }
            };
            let mut state = self.shared.lock();
            state.busy = None;
            if let Err(error) = outcome {
                state.failed = Some(error.to_string());
                return;
            }
        }
    }

    fn next(&self) -> Next {
        let mut state = self.shared.lock();
        loop {
            if std::mem::take(&mut state.rests) {
                return Next::Rest;
            }
            if let Some(picture) = state.waiting.pop_front() {
                state.busy = Some(Instant::now());
                self.shared.room.notify_one();
                return Next::Picture(picture);
            }
            if state.is_over {
                return Next::Over;
            }
            state = self.shared.bell.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn encode(&mut self, picture: Picture) -> Result<(), Error> {
        let Picture { mut frame, place, is_sync } = picture;
        let mut made = Vec::new();
        let is_off = self.pace.count(place.at, is_sync, self.frame_rate);
        if is_off && let Some(encoder) = self.encoder.take() {
            encoder.finish(&mut made);
        }
        if self.encoder.is_none() {
            self.encoder = Some(self.open(&frame, Vec::new())?);
        }
        let Some(encoder) = &mut self.encoder else { return Ok(()) };
        if let Err(error) = encoder.encode(&mut frame, place, is_sync, &mut made) {
            if !self.rung.hardware.has(encoder.name()) {
                return Err(error);
            }
            // Some drivers promise what they cannot do, and devices go: the processor goes on with this very picture.
            let failure = format!("{}: at work: {error}", encoder.name());
            self.encoder = None;
            self.rung.hardware = Hardware::None;
            self.encoder.insert(self.open(&frame, vec![failure])?).encode(&mut frame, place, true, &mut made)?;
        }
        self.tell(made)
    }

    /// An encoder, after what has failed so far.
    fn open(&self, like: &frame::Video, mut failures: Vec<String>) -> Result<Encoder, Error> {
        // Encoders give each picture its share of a second as they were told: they are told the same rate for ever,
        // so that what players know of the stream stays true, and a share that fits.
        let bitrate = self.pace.share(self.rung.bitrate_bps);
        let encoder = Encoder::open(&self.rung, like, self.frame_rate, bitrate, &self.devices, &mut failures)?;
        self.shared.lock().encoder = Some((encoder.name(), failures));
        Ok(encoder)
    }

    fn tell(&self, made: Vec<Made>) -> Result<(), Error> {
        for Made { place: Place { at, epoch }, is_sync, payload } in made {
            let frame = Frame { dts: at, reorder: Span::ZERO, is_sync, payload, temporal: media::Temporal::BASE };
            self.mouth.say(&Report::Frame(Unit { output: self.rung.id, epoch, frame }))?;
        }
        Ok(())
    }
}

/// How fast pictures really come, beside the rate that the encoder was told.
#[derive(Default)]
struct Pace {
    /// The first picture of those counted, and how many there are.
    begun: Option<(Time, u32)>,
    /// The told rate by the real one; `None` until they were found to differ.
    ratio: Option<f64>,
}

impl Pace {
    /// True if the encoder should be opened anew, as pictures come at quite another rate than it believes.
    fn count(&mut self, at: Time, is_sync: bool, told: Rational) -> bool {
        let (first, count) = *self.begun.get_or_insert((at, 0));
        let span = at.since(first);
        self.begun = Some((first, count + 1));
        if !is_sync || span < LONG_ENOUGH {
            return false;
        }
        self.begun = Some((at, 1));
        let real = f64::from(count) / span.as_secs_f64();
        let ratio = (f64::from(told) / real.max(0.1)).clamp(0.1, 10.0);
        let before = self.ratio.unwrap_or(1.0);
        let is_off = !(0.75..=1.33).contains(&(ratio / before));
        if is_off {
            self.ratio = Some(ratio);
        }
        is_off
    }

    fn share(&self, bitrate_bps: u32) -> u32 {
        (f64::from(bitrate_bps) * self.ratio.unwrap_or(1.0)) as u32
    }
}

/// How long an encoder may be at one picture before it is taken to hang.
pub(crate) const HANGS: Duration = Duration::from_secs(3);
