use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hub::{Claim, Hub, Now, Publisher};
use media::codec::avc::AccessUnit;
use media::codec::{Aac, Avc};
use media::{Codec, Frame, Span, Time, Track, TrackId};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, info_span, warn};

use crate::backoff::Backoff;
use crate::process::{Event, Grant, Process};
use crate::protocol::{Card, Job, Order, Report, Unit};
use crate::watchdog::Watchdog;

const PICTURE: TrackId = TrackId(0);
const SOUND: TrackId = TrackId(1);
/// 720p30: what everything plays, and no machine groans under.
const CARD: Card = Card { width: 1280, height: 720, rate: 30, bitrate_bps: 2_500_000 };
/// The publisher's clock at its first picture: encoders of sound have something to say from before that.
const FIRST: Time = Time(Span::from_millis(1000).0);
/// Pictures that a slow machine leaves out rather than makes late.
const MOST_LATE: Duration = Duration::from_millis(150);
/// A worker that is ready takes so long to set its card up: the first picture shall not be late for ever.
const SET_UP: Duration = Duration::from_millis(150);
/// How long to wait for whoever else publishes there.
const TAKEN: Duration = Duration::from_secs(1);
/// How long a worker may work on a picture before it is given up, and how many it may have before it.
const CHEW: Duration = Duration::from_secs(3);
const MOST_OWED: u64 = 4;
const SECOND: Duration = Duration::from_secs(1);

/// A publisher that needs no other program: a test card, drawn and encoded by a worker.
pub struct Demo {
    worker: PathBuf,
    path: media::Path,
}

/// How a worker ended.
enum End {
    /// Told to stop, or the broadcast was ended.
    Over,
    Died(String),
}

/// Where the card's clock and the wall's meet: both at a whole second.
#[derive(Clone, Copy)]
struct Anchor {
    at: Instant,
    wall_ns: i64,
    /// On the publisher's clock.
    dts: Time,
}

impl Anchor {
    /// The last whole second of the wall. The publisher's clock began with `began`.
    fn last(now: Instant, wall: SystemTime, began: Instant) -> Self {
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ago = Span(since.subsec_nanos().into());
        let at = now.checked_sub(ago.to_duration()).unwrap_or(now);
        let whole = i64::try_from(since.as_secs()).unwrap_or(0);
        let passed = Span(i64::try_from(now.duration_since(began).as_nanos()).unwrap_or(0));
        // Its first picture comes after now, so that none lies before `FIRST`.
        Self { at, wall_ns: whole.saturating_mul(1_000_000_000), dts: FIRST + passed + -ago }
    }

    /// How long after it picture `n` is to be shown.
    fn after(n: i64) -> Span {
        Span::from_ticks(n, CARD.rate.into())
    }
}

impl Demo {
    /// Will publish there.
    pub fn new(worker: &Path, path: media::Path) -> Self {
        Self { worker: worker.into(), path }
    }

    /// Publishes until told to stop.
    pub async fn run(self, hub: Hub, stop: CancellationToken) {
        let span = info_span!("demo", stream = %self.path);
        let work = async {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.publish(&hub) => {}
            }
        };
        work.instrument(span).await;
    }

    async fn publish(&self, hub: &Hub) {
        let claim = Claim { proto: "demo", peer: None };
        loop {
            match hub.publish(&self.path, claim.clone(), Now::from_clocks()) {
                Ok(publisher) => {
                    info!("a test card is on the air");
                    self.show(&publisher).await;
                }
                Err(refusal) => debug!(%refusal, "not yet"),
            }
            sleep(TAKEN).await;
        }
    }

    /// Shows the card, with one worker after the other.
    async fn show(&self, publisher: &Publisher) {
        let mut backoff = Backoff::default();
        let first = Instant::now();
        loop {
            let began = Instant::now();
            let mut process = match Process::start(&self.worker, Grant::SMALL) {
                Ok(process) => process,
                Err(error) => {
                    warn!(worker = %self.worker.display(), %error, "the worker does not start");
                    sleep(backoff.died(Duration::ZERO)).await;
                    continue;
                }
            };
            let end = self.attend(&mut process, publisher, first).await;
            let status = process.end().await;
            let why = match end {
                End::Over => return,
                End::Died(why) if why.is_empty() => status.map_or(why, |status| status.to_string()),
                End::Died(why) => why,
            };
            let wait = backoff.died(began.elapsed());
            metrics::counter!("onair_transcoder_restarts_total").increment(1);
            warn!(why, failures = backoff.failures(), ?wait, "the worker is gone, another follows");
            sleep(wait).await;
        }
    }

    async fn attend(&self, process: &mut Process, publisher: &Publisher, first: Instant) -> End {
        let began = Instant::now();
        let mut dog = Watchdog::new(CHEW, began.into_std());
        let mut grants = interval(SECOND);
        grants.set_missed_tick_behavior(MissedTickBehavior::Delay);
        process.send(&Order::Configure(Job::Card(CARD)));
        let anchor = Anchor::last(began, SystemTime::now(), first);
        let mut due = 0;
        // What is due before is left out.
        let mut earliest = began;
        let mut desk = Desk { publisher, codec: None };
        loop {
            let at = anchor.at + Anchor::after(due).to_duration();
            let may_give = process.is_flushed() && dog.may_give() && dog.owed() < MOST_OWED;
            let given_up = dog.deadline();
            tokio::select! {
                event = process.next() => match event {
                    Ok(Event::Report(Report::Ready { .. })) => {
                        dog.ready(Instant::now().into_std());
                        earliest = Instant::now() + SET_UP;
                    }
                    Ok(Event::Report(Report::Progress { taken, .. })) => dog.took(taken, Instant::now().into_std()),
                    Ok(Event::Report(Report::Frame(unit))) => match desk.take(unit) {
                        Ok(()) => {}
                        Err(end) => return end,
                    },
                    Ok(Event::Report(Report::Failed { what })) => return End::Died(what),
                    Ok(Event::Report(Report::Standing { .. }) | Event::Flushed) => {}
                    Ok(Event::Closed) => return End::Died(String::new()),
                    Err(failure) => return End::Died(failure.to_string()),
                },
                () = sleep_until(at), if may_give => {
                    if at > earliest && at.elapsed() < MOST_LATE {
                        let span = Anchor::after(due);
                        let tick = Card::tick(anchor.dts + span, anchor.wall_ns.saturating_add(span.0));
                        process.send(&Order::Frame(tick));
                        dog.gave(Instant::now().into_std());
                    }
                    due += 1;
                }
                () = until(given_up) => return End::Died("hangs".into()),
                _ = grants.tick() => process.grant(began.elapsed()),
            }
        }
    }
}

/// Hands on what the worker made.
struct Desk<'a> {
    publisher: &'a Publisher,
    /// The picture's, as declared last.
    codec: Option<Codec>,
}

impl Desk<'_> {
    fn take(&mut self, unit: Unit) -> Result<(), End> {
        let (id, frame) = match unit.output {
            Card::PICTURE => (PICTURE, self.picture(unit.frame)?),
            Card::SOUND => (SOUND, unit.frame),
            _ => return Err(End::Died("sends what was not asked for".into())),
        };
        // Sound waits for the picture: they are declared together.
        if self.codec.is_none() {
            return Ok(());
        }
        self.publisher.append(id, frame, Instant::now().into_std()).map(drop).map_err(|_| End::Over)
    }

    /// Length-prefixed, and its parameters declared.
    fn picture(&mut self, frame: Frame) -> Result<Frame, End> {
        let unit = AccessUnit::from_annex_b(&frame.payload);
        if unit.is_sync && !unit.sps.is_empty() {
            let avc = Avc::from_parameter_sets(unit.sps, unit.pps).map_err(|error| End::Died(error.to_string()))?;
            self.declare(Codec::Avc(avc))?;
        }
        Ok(Frame { payload: unit.payload, is_sync: unit.is_sync, ..frame })
    }

    fn declare(&mut self, codec: Codec) -> Result<(), End> {
        if self.codec.as_ref() == Some(&codec) {
            return Ok(());
        }
        // LC, 48 kHz, stereo.
        let sound = Aac::from_config(&[0x11, 0x90]).map_err(|error| End::Died(error.to_string()))?;
        let tracks = [Track::source(PICTURE, codec.clone()), Track::source(SOUND, Codec::Aac(sound))];
        for track in tracks {
            self.publisher.declare(track).map_err(|_| End::Over)?;
        }
        self.codec = Some(codec);
        Ok(())
    }
}

async fn until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
