use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hub::{Broadcast, Derived, From, Step, Wish};
use media::{Codec, Span, Time, TrackId};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tracing::{debug, warn};

use crate::backoff::Backoff;
use crate::process::{Event, Process};
use crate::protocol::sound::{Coding, Input, Output};
use crate::protocol::{Job, Order, Report, Sound, Unit};
use crate::room::Room;
use crate::transcoder::{AAC_BPS, OPUS_BPS, can_become};
use crate::watchdog::Watchdog;

/// The one output of a job for sound.
const OUTPUT: u8 = 1;
/// How far a rendition's frame may begin after the source's newest.
const AHEAD: Span = Span::from_millis(1000);
const SECOND: Duration = Duration::from_secs(1);

/// One track of sound made of another.
pub(crate) struct Rendition {
    pub(crate) worker: PathBuf,
    pub(crate) broadcast: Broadcast,
    pub(crate) source: TrackId,
    pub(crate) wish: Wish,
    /// Where the first worker begins to read.
    pub(crate) from: From,
    pub(crate) room: Arc<Room>,
}

/// How a worker ended.
enum End {
    /// There is nothing more to make.
    Over,
    /// It shall be replaced.
    Died(String),
}

impl Rendition {
    /// Makes it, with one worker after the other, until the source or the broadcast is gone.
    pub(crate) async fn make(&self, derived: &Derived) {
        let mut backoff = Backoff::default();
        // Decode time of the newest frame made: the next worker goes on from there.
        let newest = AtomicI64::new(i64::MIN);
        loop {
            let began = Instant::now();
            let why = match self.attend(derived, &newest).await {
                End::Over => return,
                End::Died(why) => why,
            };
            let wait = backoff.died(began.elapsed());
            metrics::counter!("onair_transcoder_restarts_total").increment(1);
            warn!(why, failures = backoff.failures(), ?wait, "the worker is gone, another follows");
            self.room.note(|condition| {
                condition.process = None;
                condition.restarts += 1;
                condition.last_failure = Some(why);
                condition.next_at = Some((Instant::now() + wait).into_std());
            });
            sleep(wait).await;
        }
    }

    /// Starts a worker, works with it and sees it off.
    async fn attend(&self, derived: &Derived, newest: &AtomicI64) -> End {
        let mut process = match Process::start(&self.worker) {
            Ok(process) => process,
            Err(error) => {
                warn!(worker = %self.worker.display(), %error, "the worker does not start");
                return End::Died(format!("the worker does not start: {error}"));
            }
        };
        self.room.note(|condition| {
            condition.process = process.id();
            condition.next_at = None;
            condition.worker_damaged = 0;
        });
        let end = self.work(&mut process, derived, newest).await;
        let status = process.end().await;
        self.room.note(|condition| condition.process = None);
        match (end, status) {
            (End::Died(why), Some(status)) if why.is_empty() => End::Died(status.to_string()),
            (end, _) => end,
        }
    }

    async fn work(&self, process: &mut Process, derived: &Derived, newest: &AtomicI64) -> End {
        let from = match newest.load(Ordering::Relaxed) {
            i64::MIN => self.from,
            // What comes out twice is dropped by the hub.
            newest => From::At(Time(newest)),
        };
        let Some(mut cursor) = self.broadcast.follow(self.source, from) else { return End::Over };
        let began = Instant::now();
        let mut watchdog = Watchdog::new(began.into_std());
        let mut configured = None;
        let mut epoch = 0;
        // Decode time of the newest frame that the worker was given.
        let mut heard = Time(i64::MIN);
        let mut grants = interval(SECOND);
        grants.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let may_give = process.is_flushed() && watchdog.may_give();
            let given_up = watchdog.deadline();
            tokio::select! {
                event = process.next() => match event {
                    Ok(Event::Report(report)) => {
                        if let Some(end) = self.on_report(report, heard, derived, &mut watchdog, newest) {
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
                            let Some(job) = self.job(&head.track.codec) else { return End::Over };
                            process.send(&Order::Configure(job));
                            configured = Some(head.track.codec.clone());
                        }
                    }
                    Step::Frame(frame) => {
                        heard = frame.dts;
                        process.send(&Order::Frame(Unit { output: 0, epoch, frame }));
                        watchdog.gave(Instant::now().into_std());
                    }
                    Step::Skipped { groups, .. } => debug!(groups, "too slow: some sound is left out"),
                    Step::Pending => {}
                    Step::Ended => return End::Over,
                },
                () = until(given_up) => return End::Died("hangs".into()),
                _ = grants.tick() => process.grant(began.elapsed()),
            }
        }
    }

    fn on_report(
        &self,
        report: Report,
        heard: Time,
        derived: &Derived,
        dog: &mut Watchdog,
        newest: &AtomicI64,
    ) -> Option<End> {
        let now = Instant::now().into_std();
        match report {
            Report::Ready { has_landlock } => {
                debug!(has_landlock, "the worker is ready");
                dog.ready(now);
            }
            Report::Frame(unit) if unit.output == OUTPUT => {
                let dts = unit.frame.dts;
                // Nobody who only listens is ahead of what is said, but for the end of a long frame.
                if dts.since(heard) > AHEAD {
                    return Some(End::Died("makes up what it has not heard".into()));
                }
                if derived.append(unit.frame, unit.epoch, now).is_err() {
                    return Some(End::Over);
                }
                newest.fetch_max(dts.0, Ordering::Relaxed);
                self.room.note(|condition| condition.frames += 1);
            }
            Report::Frame(_) | Report::Standing { .. } => {
                return Some(End::Died("sends what was not asked for".into()));
            }
            Report::Progress { taken, damaged } => {
                dog.took(taken, now);
                self.room.note(|condition| condition.damaged(damaged));
            }
            Report::Failed { what } => return Some(End::Died(what)),
        }
        None
    }

    /// What to tell a worker about a source of that codec.
    fn job(&self, codec: &Codec) -> Option<Job> {
        if !can_become(codec, self.wish) {
            return None;
        }
        let (coding, bitrate_bps) = match self.wish {
            Wish::Aac => (Coding::Aac, AAC_BPS),
            _ => (Coding::Opus, OPUS_BPS),
        };
        let outputs = vec![Output { id: OUTPUT, coding, bitrate_bps }];
        Some(Job::Sound(Sound { input: Input::of(codec)?, outputs }))
    }
}

async fn until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
