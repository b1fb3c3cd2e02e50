//! The threads that serve connections: as few of them as do.
//!
//! Threads that share light work wake each other for single requests, and waking costs more than many an answer. So a
//! connection goes to the first thread that has time for it, further threads begin when those before have enough to do,
//! and once all have, connections are dealt out evenly.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::warn;

/// A thread with this part of its time taken in the long run gets no more while another has less to do. A quarter,
/// because players of one stream come in crowds: a thread that is a quarter busy answers the crowd of one part of 0.3 s
/// within 80 ms.
const ENOUGH: f32 = 0.25;
/// Nor does one that is this busy at the moment. Players that begin fetch much at once and little after, so less is no
/// reason.
const BUSY: f32 = 0.7;
/// A thread that is this busy lets connections go while another has half as much to do.
const CROWDED: f32 = 0.8;
/// What a connection is thought to take before it is seen in a thread's time.
const EXPECTED: f32 = 0.0001;
/// What the last look counts for in the long run: that is some ten seconds.
const NEWS: f32 = 0.05;
/// How often the threads' time is read.
pub(crate) const LOOK: Duration = Duration::from_millis(500);

/// The threads, of which those that were never needed do not run.
#[derive(Debug)]
pub(crate) struct Desks {
    desks: Vec<Desk>,
    looked: Instant,
}

#[derive(Debug, Default)]
struct Desk {
    thread: Option<Thread>,
    load: Load,
    /// Time spent working, ever.
    busy: Duration,
    crowded: Arc<AtomicBool>,
}

/// The part of its time that a thread spends working, and what is expected of those who came since it was looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    /// Between the last two looks.
    now: f32,
    /// In the long run.
    usual: f32,
}

impl Load {
    fn expect(&mut self) {
        self.now += EXPECTED;
        self.usual += EXPECTED;
    }

    fn see(&mut self, part: f32) {
        self.now = part;
        self.usual += NEWS * (part - self.usual);
    }
}

/// Ends when dropped, with all that runs there.
#[derive(Debug)]
struct Thread {
    runtime: Handle,
    _end: oneshot::Sender<()>,
}

/// Where a connection is served.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) runtime: Handle,
    crowded: Arc<AtomicBool>,
}

impl Seat {
    /// One where it is asked for.
    pub(crate) fn here(crowded: bool) -> Self {
        Self { runtime: Handle::current(), crowded: Arc::new(crowded.into()) }
    }

    /// Whether another thread would have more time for this connection.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }
}

impl Desks {
    /// As many threads as that at most; with none, everything runs where [`Desks::seat`] is called.
    pub(crate) fn new(threads: usize) -> Self {
        Self { desks: (0..threads).map(|_| Desk::default()).collect(), looked: Instant::now() }
    }

    /// Where the next connection goes.
    pub(crate) fn seat(&mut self) -> Seat {
        let loads: Vec<Load> = self.desks.iter().map(|desk| desk.load).collect();
        let number = choose(&loads);
        match self.desks.get_mut(number) {
            Some(desk) => desk.seat(number),
            None => Seat::here(false),
        }
    }

    /// Reads how busy the threads are; to be called every [`LOOK`].
    pub(crate) fn look(&mut self) {
        let passed = self.looked.elapsed().max(Duration::from_millis(1));
        self.looked = Instant::now();
        for desk in &mut self.desks {
            desk.look(passed);
        }
        let least = self.desks.iter().map(|desk| desk.load.now).fold(f32::INFINITY, f32::min);
        for desk in &self.desks {
            desk.crowded.store(is_crowded(desk.load.now, least), Ordering::Relaxed);
        }
    }
}

impl Desk {
    fn seat(&mut self, number: usize) -> Seat {
        self.load.expect();
        if self.thread.is_none() {
            match Thread::begin(number) {
                Ok(thread) => self.thread = Some(thread),
                Err(error) => warn!(proto = "http", %error, "no further thread: connections share those there are"),
            }
        }
        let runtime = self.thread.as_ref().map_or_else(Handle::current, |thread| thread.runtime.clone());
        Seat { runtime, crowded: self.crowded.clone() }
    }

    fn look(&mut self, passed: Duration) {
        let Some(thread) = &self.thread else { return };
        let busy = thread.runtime.metrics().worker_total_busy_duration(0);
        self.load.see(busy.saturating_sub(self.busy).as_secs_f32() / passed.as_secs_f32());
        self.busy = busy;
    }
}

impl Thread {
    fn begin(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name(format!("http-{number}")).spawn(move || {
            // An error is the other end dropped: the end as well.
            let _ = runtime.block_on(ended);
            // What blocks there, if anything does, is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, _end: end })
    }
}

/// The first that has time; where none has, the one with the most.
fn choose(loads: &[Load]) -> usize {
    if let Some(first) = loads.iter().position(|load| load.usual < ENOUGH && load.now < BUSY) {
        return first;
    }
    let least = loads.iter().enumerate().min_by(|(_, a), (_, b)| (a.now + a.usual).total_cmp(&(b.now + b.usual)));
    least.map_or(0, |(number, _)| number)
}

fn is_crowded(load: f32, least: f32) -> bool {
    load > CROWDED && least < load / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(part: f32) -> Load {
        Load { now: part, usual: part }
    }

    #[test]
    fn light_work_stays_on_one_thread() {
        assert_eq!(choose(&[0.2, 0.0, 0.0].map(steady)), 0);
        assert_eq!(choose(&[0.3, 0.2, 0.0].map(steady)), 1);
    }

    #[test]
    fn a_crowd_that_begins_is_no_reason_for_another_thread_and_one_that_is_too_much_is() {
        let mut loads = [Load::default(); 2];
        for _ in 0..10 {
            loads[0].see(0.4);
        }
        assert_eq!(choose(&loads), 0);
        loads[0].see(0.8);
        assert_eq!(choose(&loads), 1);
        for _ in 0..30 {
            loads[0].see(0.4);
        }
        assert_eq!(choose(&loads), 1);
    }

    #[test]
    fn heavy_work_is_dealt_out_evenly() {
        assert_eq!(choose(&[0.9, 0.6, 0.7].map(steady)), 1);
        let mut loads = [Load::default(); 4];
        for _ in 0..40_000 {
            loads[choose(&loads)].expect();
        }
        assert!(loads.iter().all(|load| (0.99..1.01).contains(&load.usual)), "{loads:?}");
    }

    #[test]
    fn a_thread_is_crowded_only_beside_one_that_has_time() {
        assert!(is_crowded(0.95, 0.3));
        assert!(!is_crowded(0.95, 0.6));
        assert!(!is_crowded(0.5, 0.0));
    }

    #[tokio::test]
    async fn a_thread_begins_when_it_is_needed_and_is_seen_working() {
        let mut desks = Desks::new(2);
        assert!(desks.desks.iter().all(|desk| desk.thread.is_none()));
        let seat = desks.seat();
        let work = seat.runtime.spawn(async {
            let begin = std::time::Instant::now();
            while begin.elapsed() < Duration::from_millis(50) {
                std::hint::spin_loop();
            }
            std::thread::current().name().map(str::to_owned)
        });
        assert_eq!(work.await.unwrap().as_deref(), Some("http-0"));
        // Its time is booked when it goes to sleep.
        let seen = async {
            while desks.desks[0].load.now == 0.0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                desks.look();
            }
        };
        tokio::time::timeout(Duration::from_secs(10), seen).await.unwrap();
        assert!(desks.desks[1].thread.is_none());
    }

    #[tokio::test]
    async fn without_threads_everything_runs_where_it_is_asked_for() {
        let here = std::thread::current().id();
        let there = Desks::new(0).seat().runtime.spawn(async { std::thread::current().id() });
        assert_eq!(there.await.unwrap(), here);
    }
}
