use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hub::{Broadcast, From, Step};
use media::{Codec, Frame, Time, Track, TrackId};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tracing::{debug, warn};

use crate::backoff::Backoff;
use crate::process::{Event, Grant, Process};
use crate::protocol::{Job, Order, Report, Unit};
use crate::room::Room;
use crate::watchdog::Watchdog;

const SECOND: Duration = Duration::from_secs(1);

/// What one kind of worker is for.
pub(crate) trait Work: Send {
    /// What a worker may use.
    fn grant(&self) -> Grant;

    /// Where the next worker begins to read.
    fn from(&self) -> From;

    /// What to tell a worker about a source like that; `None` if there is nothing to make of it.
    fn job(&mut self, source: &Track) -> Option<Job>;

    /// The worker is being given that frame.
    fn gave(&mut self, frame: &Frame);

    /// The worker has made something.
    fn made(&mut self, unit: Unit) -> Result<(), End>;

    /// The worker says how it stands with an output.
    fn standing(&mut self, output: u8, is_shed: bool, left_out: u64, encoder: String) -> Result<(), End>;
}

/// How it ended with a worker.
pub(crate) enum End {
    /// There is nothing more to make.
    Over,
    /// It shall be replaced.
    Died(String),
}

/// Keeps workers at one source, one after the other.
pub(crate) struct Attendant {
    pub(crate) worker: PathBuf,
    pub(crate) broadcast: Broadcast,
    pub(crate) source: TrackId,
    pub(crate) room: Arc<Room>,
}

impl Attendant {
    /// Has it done until the source or the broadcast is gone.
    pub(crate) async fn attend(&self, work: &mut impl Work) {
        let mut backoff = Backoff::default();
        loop {
            let began = Instant::now();
            let why = match self.with_worker(work).await {
                End::Over => return,
                End::Died(why) => why,
            };
            let wait = backoff.died(began.elapsed());
            metrics::counter!("onair_transcoder_restarts_total").increment(1);
            warn!(why, failures = backoff.failures(), ?wait, "the worker is gone, another follows");
            self.room.note(|standing| {
                standing.process = None;
                standing.restarts += 1;
                standing.last_failure = Some(why);
                standing.next_at = Some((Instant::now() + wait).into_std());
            });
            sleep(wait).await;
        }
    }

    /// Starts a worker, works with it and sees it off.
    async fn with_worker(&self, work: &mut impl Work) -> End {
        let mut process = match Process::start(&self.worker, work.grant()) {
            Ok(process) => process,
            Err(error) => {
                warn!(worker = %self.worker.display(), %error, "the worker does not start");
                return End::Died(format!("the worker does not start: {error}"));
            }
        };
        self.room.note(|standing| {
            standing.process = process.id();
            standing.next_at = None;
        });
        let end = self.work(&mut process, work).await;
        let status = process.end().await;
        self.room.note(|standing| standing.process = None);
        match (end, status) {
            (End::Died(why), Some(status)) if why.is_empty() => End::Died(status.to_string()),
            (end, _) => end,
        }
    }

    async fn work(&self, process: &mut Process, work: &mut impl Work) -> End {
        let Some(mut cursor) = self.broadcast.follow(self.source, work.from()) else { return End::Over };
        let began = Instant::now();
        let mut watchdog = Watchdog::new(work.grant().chew, began.into_std());
        let mut configured: Option<Codec> = None;
        let mut epoch = 0;
        let mut grants = interval(SECOND);
        grants.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let may_give = process.is_flushed() && watchdog.may_give();
            let given_up = watchdog.deadline();
            tokio::select! {
                event = process.next() => match event {
                    Ok(Event::Report(report)) => {
                        if let Err(end) = self.on_report(report, work, &mut watchdog) {
                            return end;
                        }
                    }
                    Ok(Event::Flushed) => {}
                    // How it died is known when it is reaped.
                    Ok(Event::Closed) => return End::Died(String::new()),
                    Err(failure) => return End::Died(failure.to_string()),
                },
                step = cursor.next(), if may_give => match step {
                    Step::Group(head) => {
                        epoch = head.discontinuity;
                        if configured.as_ref() != Some(&head.track.codec) {
                            let Some(job) = work.job(&head.track) else { return End::Over };
                            process.send(&Order::Configure(job));
                            configured = Some(head.track.codec.clone());
                        }
                    }
                    Step::Frame(frame) => {
                        work.gave(&frame);
                        process.send(&Order::Frame(Unit { output: 0, epoch, frame }));
                        watchdog.gave(Instant::now().into_std());
                    }
                    Step::Skipped { groups, .. } => debug!(groups, "too slow: some is left out"),
                    Step::Pending => {}
                    Step::Ended => return End::Over,
                },
                () = until(given_up) => return End::Died("hangs".into()),
                _ = grants.tick() => process.grant(began.elapsed()),
            }
        }
    }

    fn on_report(&self, report: Report, work: &mut impl Work, dog: &mut Watchdog) -> Result<(), End> {
        let now = Instant::now().into_std();
        match report {
            Report::Ready { has_landlock } => {
                debug!(has_landlock, "the worker is ready");
                dog.ready(now);
                Ok(())
            }
            Report::Frame(unit) => work.made(unit),
            Report::Standing { output, is_shed, left_out, encoder } => {
                work.standing(output, is_shed, left_out, encoder)
            }
            Report::Progress { taken, damaged } => {
                dog.took(taken, now);
                self.room.damaged(damaged);
                Ok(())
            }
            Report::Failed { what } => Err(End::Died(what)),
        }
    }
}

/// How far what was made may lie behind the newest of its source, and not be made up.
pub(crate) fn is_made_up(at: Time, heard: Time) -> bool {
    at.since(heard) > media::Span::from_millis(1000)
}

async fn until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
