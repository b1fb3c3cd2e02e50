use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hub::{Broadcast, From, NoStill, State, Step, StillFuture};
use media::{Frame, Kind, Origin, Time, Track};
use tokio::sync::{OwnedMutexGuard, Semaphore};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, debug, info_span};

use crate::process::{Event, Grant, Process};
use crate::protocol::pictures::Input;
use crate::protocol::{Job, Order, Report, Still, Unit};

/// A still of a stream is made at most once in so long, whoever asks.
const EVERY: Duration = Duration::from_secs(5);
/// Pixels that it is wide at most.
const WIDTH: u16 = 640;
/// So many are made at the same time.
const WORKERS: usize = 2;
/// How long one may wait for its turn, and a worker may take, which begins with loading its codecs.
const TURN: Duration = Duration::from_secs(5);
const WORK: Duration = Duration::from_secs(10);
/// No still is larger.
const MOST_BYTES: usize = 1 << 20;
/// A stream that nobody asked for in so long is forgotten.
const FORGET: Duration = Duration::from_secs(60);

/// Makes stills of what is live, each by a worker of its own. Cheap to clone.
#[derive(Clone)]
pub struct Stills {
    inner: Arc<Inner>,
}

struct Inner {
    worker: PathBuf,
    workers: Arc<Semaphore>,
    shelf: Mutex<HashMap<media::Path, Place>>,
}

/// Where all who ask for one stream meet: who has the lock makes the still, the others wait for it.
struct Place {
    asked: Instant,
    latest: Arc<tokio::sync::Mutex<Option<Latest>>>,
}

/// What came of the last attempt.
struct Latest {
    tried: Instant,
    broadcast: Broadcast,
    /// Decode time of the frame that it was made of.
    of: Option<Time>,
    outcome: Result<Arc<hub::Still>, NoStill>,
}

impl Stills {
    /// Workers are started from that program.
    pub fn new(worker: &Path) -> Self {
        metrics::describe_counter!("onair_stills_total", "Stills made of streams, by what came of it.");
        let workers = Arc::new(Semaphore::new(WORKERS));
        Self { inner: Arc::new(Inner { worker: worker.into(), workers, shelf: Mutex::default() }) }
    }

    async fn ask(&self, broadcast: &Broadcast) -> Result<Arc<hub::Still>, NoStill> {
        let latest = self.place(broadcast.path()).lock_owned().await;
        let known = latest.as_ref().filter(|latest| latest.broadcast.is_same(broadcast));
        if let Some(known) = known.filter(|known| known.tried.elapsed() < EVERY) {
            return known.outcome.clone();
        }
        // Goes on when who asked goes away: it counts as an attempt, and others wait for it.
        let span = info_span!("still", stream = %broadcast.path());
        let made = tokio::spawn(self.clone().renew(latest, broadcast.clone()).instrument(span));
        made.await.unwrap_or(Err(NoStill::Failed))
    }

    async fn renew(
        self,
        mut latest: OwnedMutexGuard<Option<Latest>>,
        broadcast: Broadcast,
    ) -> Result<Arc<hub::Still>, NoStill> {
        let tried = Instant::now();
        let newest = newest_keyframe(&broadcast);
        let of = newest.as_ref().ok().map(|(_, frame)| frame.dts);
        let known = latest.as_ref().filter(|latest| latest.broadcast.is_same(&broadcast));
        let outcome = match (newest, known) {
            (Err(why), _) => Err(why),
            // There is no newer keyframe than that one.
            (Ok(_), Some(known)) if known.of == of && known.outcome.is_ok() => known.outcome.clone(),
            (Ok((track, frame)), _) => self.make(&broadcast, &track, frame).await,
        };
        *latest = Some(Latest { tried, broadcast, of, outcome: outcome.clone() });
        outcome
    }

    async fn make(&self, broadcast: &Broadcast, track: &Track, frame: Frame) -> Result<Arc<hub::Still>, NoStill> {
        let turn = timeout(TURN, self.inner.workers.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(NoStill::Busy) };
        let at = frame.pts();
        let made = timeout(WORK, self.work(track, frame)).await.unwrap_or_else(|_| Err("hangs".into()));
        let outcome = if made.is_ok() { "made" } else { "failed" };
        metrics::counter!("onair_stills_total", "outcome" => outcome).increment(1);
        let jpeg = made.map_err(|why| {
            debug!(why, "no still");
            NoStill::Failed
        })?;
        let since = u64::try_from(at.since(Time::ZERO).0).unwrap_or(0);
        let taken = broadcast.began().checked_add(Duration::from_nanos(since)).unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Arc::new(hub::Still { jpeg, taken }))
    }

    /// Has a worker make it.
    async fn work(&self, track: &Track, frame: Frame) -> Result<bytes::Bytes, String> {
        let input = Input::of(&track.codec).ok_or("no pictures")?;
        let pixel_aspect = track.codec.picture().map_or((1, 1), |picture| picture.pixel_aspect);
        let mut process = Process::start(&self.inner.worker, Grant::SMALL).map_err(|error| error.to_string())?;
        process.send(&Order::Configure(Job::Still(Still { input, pixel_aspect, width: WIDTH })));
        process.send(&Order::Frame(Unit { output: 0, epoch: 0, frame }));
        let made = loop {
            match process.next().await {
                Ok(Event::Report(Report::Frame(unit))) if unit.output == Still::OUTPUT => break Ok(unit.frame.payload),
                Ok(Event::Report(Report::Failed { what })) => break Err(what),
                // All that it was given is taken, and nothing came of it.
                Ok(Event::Report(Report::Progress { .. })) => break Err("it cannot be decoded".into()),
                Ok(Event::Report(_) | Event::Flushed) => {}
                Ok(Event::Closed) => break Err("the worker died".into()),
                Err(failure) => break Err(failure.to_string()),
            }
        };
        process.end().await;
        // What a worker says is no more to be believed than what it was given.
        made.filter_jpeg()
    }

    fn place(&self, path: &media::Path) -> Arc<tokio::sync::Mutex<Option<Latest>>> {
        let now = Instant::now();
        let mut shelf = self.inner.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.retain(|_, place| now.duration_since(place.asked) < FORGET);
        let place = shelf.entry(path.clone()).or_insert_with(|| Place { asked: now, latest: Arc::default() });
        place.asked = now;
        place.latest.clone()
    }
}

impl hub::Stills for Stills {
    fn still<'a>(&'a self, broadcast: &'a Broadcast) -> StillFuture<'a> {
        Box::pin(self.ask(broadcast))
    }

    fn can(&self, broadcast: &Broadcast) -> bool {
        broadcast.catalog().of_kind(Kind::Video).any(|track| track.origin != Origin::Transcoder)
    }
}

/// Keeps what begins as a JPEG does and is no larger than one may be.
trait FilterJpeg {
    fn filter_jpeg(self) -> Self;
}

impl FilterJpeg for Result<bytes::Bytes, String> {
    fn filter_jpeg(self) -> Self {
        self.and_then(|jpeg| {
            let is_one = jpeg.starts_with(&[0xff, 0xd8, 0xff]) && jpeg.len() <= MOST_BYTES;
            if is_one { Ok(jpeg) } else { Err("what came is no JPEG".into()) }
        })
    }
}

/// The newest frame at which one may start, of the smallest picture that is large enough.
fn newest_keyframe(broadcast: &Broadcast) -> Result<(Arc<Track>, Frame), NoStill> {
    if broadcast.state() == State::Ended {
        return Err(NoStill::NotYet);
    }
    let catalog = broadcast.catalog();
    let width = |track: &Track| track.codec.picture().map_or(0, |picture| picture.width);
    let mut tracks: Vec<_> = catalog.of_kind(Kind::Video).filter(|track| track.origin != Origin::Transcoder).collect();
    tracks.sort_by_key(|track| width(track));
    let large = tracks.iter().find(|track| width(track) >= u32::from(WIDTH)).or(tracks.last());
    let track = large.ok_or(NoStill::NoPicture)?;
    let mut cursor = broadcast.follow(track.id, From::Newest).ok_or(NoStill::NotYet)?;
    let mut of = (*track).clone();
    loop {
        match cursor.try_next() {
            Step::Group(head) => of = head.track.clone(),
            Step::Frame(frame) => return Ok((of, frame)),
            Step::Skipped { .. } => {}
            Step::Pending | Step::Ended => return Err(NoStill::NotYet),
        }
    }
}
