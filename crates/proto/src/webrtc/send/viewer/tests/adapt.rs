//! What a viewer sees while its link narrows and widens: a ladder of 2.5, 0.75 and 0.17 Mbit/s, in virtual time.

use std::time::{Duration, Instant};

use media::TrackId;

use super::super::super::fixtures::MS;
use super::layers::{HIGH, Ladder, MIDDLE, switches};
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

/// A viewer on a wide link that becomes one of a megabit, for half a minute, and wide again.
#[test]
fn a_link_that_narrows_costs_less_than_a_second_and_the_best_comes_back_soon_after_it_widens() {
    for (queue_ms, answers, lead_ms) in [(300, true, 0), (300, true, 700), (300, false, 0), (1_000, true, 400)] {
        let (mut ladder, mut stage) = Ladder::stage(Some(20_000_000), 0);
        ladder.answers = answers;
        stage.network.queue = queue_ms * MS;
        ladder.run(&mut stage, 6_000 + lead_ms);
        assert_eq!(stage.viewer.stats().track, Some(HIGH));
        let narrowed = stage.now;
        stage.network.width_bps = Some(1_000_000);
        ladder.run(&mut stage, 30_000);
        let moves = since(&stage, narrowed);
        let what = format!("queue {queue_ms} ms, {answers} {lead_ms}: {moves:?}");
        assert!(moves[0].0 < 3_000 && moves[0].1 != HIGH, "{what}");
        assert_eq!(stage.viewer.stats().track, Some(MIDDLE), "{what}");
        assert!(moves.len() == 1, "{what}");
        let still = [(narrowed, 5 * SECOND), (narrowed + 5 * SECOND, 25 * SECOND)]
            .map(|(at, long)| freeze(&stage, at, at + long));
        assert!(still[0] < 700 * MS && still[1] < 500 * MS, "{what}: {still:?}");
        let widened = stage.now;
        stage.network.width_bps = Some(20_000_000);
        ladder.run(&mut stage, 12_000);
        let moves = since(&stage, widened);
        assert!(moves.last().is_some_and(|&(at, to)| to == HIGH && at < 10_000), "{what}: back {moves:?}");
        assert!(freeze(&stage, widened, stage.now) < 500 * MS);
    }
}

#[test]
fn a_viewer_that_begins_on_a_narrow_link_is_where_it_belongs_in_three_seconds() {
    for queue_ms in [200, 600] {
        let (mut ladder, mut stage) = Ladder::stage(Some(1_000_000), 0);
        ladder.answers = true;
        stage.network.queue = queue_ms * MS;
        ladder.run(&mut stage, 20_000);
        let moves = switches(&stage);
        assert!(moves.last().is_some_and(|&(at, to)| to == MIDDLE && at < 3_000), "{moves:?}");
    }
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
