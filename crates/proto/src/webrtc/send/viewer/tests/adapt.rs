//! What a viewer of a ladder sees while its link narrows and widens, in virtual time.

use std::time::{Duration, Instant};

use media::TrackId;

use super::super::super::fixtures::MS;
use super::layers::{HIGH, LOW, Ladder, MIDDLE, is_seamless, switches};
use super::stage::Stage;

const SECOND: Duration = Duration::from_secs(1);

/// When each picture could be shown: whole, and with all since a keyframe.
fn pictures(stage: &Stage) -> Vec<Instant> {
    let mut shown: Vec<Instant> = Vec::new();
    let mut frame: Option<(Instant, bool)> = None;
    let (mut last, mut is_whole) = (None, false);
    for (&number, got) in &stage.receiver.video {
        let goes_on = last.is_some_and(|last| last + 1 == number);
        last = Some(number);
        is_whole &= goes_on;
        if got.payload[0] & 0x10 != 0 {
            frame = Some((got.at, got.payload[5] == 1));
        } else if let Some((at, _)) = frame.as_mut().filter(|_| goes_on) {
            *at = got.at.max(*at);
        } else {
            frame = None;
        }
        if let Some((at, is_sync)) = frame.filter(|_| got.marker) {
            is_whole |= is_sync;
            if is_whole {
                let before = shown.last().copied().filter(|_| !is_sync);
                shown.push(before.map_or(at, |before| before.max(at)));
            }
        }
    }
    shown
}

/// The longest time that one picture stood, between two moments.
fn freeze(stage: &Stage, from: Instant, to: Instant) -> Duration {
    let shown = pictures(stage);
    let mut times: Vec<_> = shown.into_iter().filter(|at| (from..to).contains(at)).collect();
    times.extend([from, to]);
    times.sort();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

fn since(stage: &Stage, from: Instant) -> Vec<(u128, TrackId)> {
    let before = (from - stage.begin).as_millis();
    switches(stage).into_iter().filter(|(at, _)| *at >= before).map(|(at, to)| (at - before, to)).collect()
}

/// A publisher, and a link that is or becomes narrow.
struct Case {
    /// Of a frame of each rung, and how much larger a keyframe is.
    bytes: [usize; 3],
    key: usize,
    /// Frames from one keyframe to the next, besides those that are asked for, if the publisher answers.
    gop: i64,
    answers: bool,
    queue_ms: u32,
    delay_ms: u32,
    width_bps: u64,
    /// So long after a whole number of seconds.
    lead_ms: u64,
}

/// 2.5, 0.75 and 0.17 Mbit/s; 3, 1.2 and 0.4; 1.8, 0.5 and 0.12.
const LADDERS: [[usize; 3]; 3] = [[10_000, 3_000, 700], [12_500, 5_000, 1_667], [7_500, 2_000, 500]];

impl Case {
    /// As browsers publish (keyframes when asked), as encoders do that answer, and as those that do not; over links with a
    /// third of a second of queue, and with much.
    fn all() -> Vec<Self> {
        let publishers = [(3, 3_000, true), (6, 60, true), (3, 60, false)];
        let links = [(300, 10, 1_000_000, 0), (300, 40, 1_000_000, 530), (1_000, 20, 1_700_000, 270)];
        let mut cases = Vec::new();
        for bytes in LADDERS {
            for (key, gop, answers) in publishers {
                for (queue_ms, delay_ms, width_bps, lead_ms) in links {
                    cases.push(Self { bytes, key, gop, answers, queue_ms, delay_ms, width_bps, lead_ms });
                }
            }
        }
        // Where the best rung costs more than the link has.
        cases.retain(|case| case.rate(0) as f64 > 1.1 * case.width_bps as f64);
        cases
    }

    fn rate(&self, rung: usize) -> u64 {
        self.bytes[rung] as u64 * 240
    }

    fn ladder(&self) -> Ladder {
        let &Self { bytes, key, gop, answers, .. } = self;
        Ladder { bytes, key, gop, answers, ..Ladder::new() }
    }

    /// A viewer that joins after `before` over a link so wide.
    fn join(&self, width_bps: u64, before_ms: i64) -> (Ladder, Stage) {
        let mut ladder = self.ladder();
        let mut stage = ladder.join(Some(width_bps), before_ms);
        (stage.network.queue, stage.network.delay) = (self.queue_ms * MS, self.delay_ms * MS);
        (ladder, stage)
    }

    /// The best rung that the link carries, with some to spare for keyframes; only then it is sure to be taken.
    fn fits(&self, track: Option<TrackId>) -> bool {
        let at = [HIGH, MIDDLE, LOW].iter().position(|id| Some(*id) == track).unwrap();
        let has_room =
            |rung: usize| self.rate(rung) as f64 * if self.key > 3 { 1.5 } else { 1.3 } < self.width_bps as f64;
        self.rate(at) < self.width_bps && (0..at).all(|better| !has_room(better))
    }

    fn describe(&self) -> String {
        let &Self { bytes, key, gop, answers, queue_ms, delay_ms, width_bps, lead_ms } = self;
        format!("{bytes:?} × {key} / {gop} {answers}, {queue_ms} + {delay_ms} ms, {width_bps}, {lead_ms}")
    }
}

/// A viewer on a wide link that becomes a narrow one, for half a minute, and wide again.
#[test]
fn a_link_that_narrows_costs_no_freeze_and_the_best_comes_back_soon_after_it_widens() {
    for case in Case::all() {
        let (mut ladder, mut stage) = case.join(20_000_000, 0);
        ladder.run(&mut stage, 8_000 + case.lead_ms);
        assert_eq!(stage.viewer.stats().track, Some(HIGH));
        let narrowed = stage.now;
        stage.network.width_bps = Some(case.width_bps);
        ladder.run(&mut stage, 30_000);
        let moves = since(&stage, narrowed);
        let what = format!("{}: {moves:?}", case.describe());
        assert!(moves[0].0 < 1_000 && moves[0].1 != HIGH, "{what}");
        assert!(case.fits(stage.viewer.stats().track), "{what}");
        assert!(moves.len() <= 2, "{what}");
        let still = freeze(&stage, narrowed, stage.now);
        assert!(still < 500 * MS, "{what}: {still:?}");
        let widened = stage.now;
        stage.network.width_bps = Some(20_000_000);
        ladder.run(&mut stage, 10_000);
        let moves = since(&stage, widened);
        assert!(moves.last().is_some_and(|&(at, to)| to == HIGH && at < 9_000), "{what}: back {moves:?}");
        assert!(freeze(&stage, widened, stage.now) < 500 * MS);
    }
}

/// What a viewer begins with is what nearly every link carries, and it is not asked for more before it has been measured.
#[test]
fn a_viewer_that_begins_on_a_narrow_link_sees_no_freeze_and_is_where_it_belongs_in_four_seconds() {
    for case in Case::all() {
        let (mut ladder, mut stage) = case.join(case.width_bps, 5_000 + case.lead_ms as i64);
        let joined = stage.now;
        ladder.run(&mut stage, 20_000);
        let (moves, shown) = (since(&stage, joined), pictures(&stage));
        let what = format!("{}: {moves:?}", case.describe());
        assert!(shown[0] - joined < 300 * MS, "{what}: {:?}", shown[0] - joined);
        let still = freeze(&stage, shown[0], stage.now);
        assert!(still < 500 * MS, "{what}: {still:?}");
        assert!(moves.len() <= 2 && moves.last().is_some_and(|&(at, _)| at < 4_000), "{what}");
        assert!(case.fits(stage.viewer.stats().track), "{what}");
    }
}

/// The first pictures tell how wide the link is: nobody waits for proof of that.
#[test]
fn a_viewer_that_begins_on_a_wide_link_has_the_best_rung_as_soon_as_it_is_known_to_be_wide() {
    for case in Case::all() {
        let (mut ladder, mut stage) = case.join(20_000_000, 5_000 + case.lead_ms as i64);
        let joined = stage.now;
        ladder.run(&mut stage, 6_000);
        is_seamless(&stage);
        let (moves, shown) = (since(&stage, joined), pictures(&stage));
        let what = format!("{}: {moves:?}", case.describe());
        assert!(shown[0] - joined < 100 * MS, "{what}: {:?}", shown[0] - joined);
        assert!(moves.len() == 2 && moves[1].1 == HIGH && moves[1].0 < 2_500, "{what}");
        assert!(freeze(&stage, shown[0], stage.now) < 300 * MS, "{what}");
        assert!(stage.now - *shown.last().unwrap() < 100 * MS, "{what}: live");
    }
}

/// Somebody who agreed to tell, and never does, is not kept waiting for the better rungs for ever.
#[test]
fn a_viewer_that_never_tells_anything_gets_the_rung_that_was_given_without_knowing() {
    let mut ladder = Ladder::new();
    let mut stage = ladder.join(None, 5_000);
    stage.peer.feeds_back = false;
    ladder.run(&mut stage, 6_000);
    assert_eq!(stage.viewer.stats().track, Some(HIGH), "{:?}", switches(&stage));
}

#[test]
fn losses_alone_do_not_cost_the_best_rung() {
    for random in [1, 2, 3] {
        let (mut ladder, mut stage) = Ladder::stage(Some(20_000_000), 0);
        ladder.answers = true;
        (stage.network.random, stage.network.loss, stage.network.delay) = (random, 5, 25 * MS);
        ladder.run(&mut stage, 30_000);
        let moves = switches(&stage);
        assert!(moves.iter().all(|&(at, to)| to == HIGH || at < 2_000), "{moves:?}");
        assert!(freeze(&stage, stage.begin + 3 * SECOND, stage.now) < 500 * MS);
    }
}
