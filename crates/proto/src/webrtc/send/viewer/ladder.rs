use std::time::{Duration, Instant};

use media::TrackId;

/// A track that is too dear is left after this long.
const PATIENCE: Duration = Duration::from_millis(400);
/// One that is much too dear, sooner: as soon as the next message says so, too.
const HASTE: Duration = Duration::from_millis(40);
const MUCH: f64 = 0.75;
/// A dearer one is entered when it could have been carried for this long, with this much to spare.
const PROOF: Duration = Duration::from_secs(2);
const SPARE: f64 = 1.2;
/// And not sooner after the last change than this, longer each time that going up was a mistake.
const HOLD: Duration = Duration::from_millis(2500);
const MAX_HOLD: Duration = Duration::from_secs(60);
/// Going up was a mistake if it had to be undone within this long.
const MISTAKE: Duration = Duration::from_secs(12);
/// Where nothing is known yet, but will be, a viewer begins with no more than this; where the first pictures tell, with
/// what nearly every link carries.
const BEGIN_BPS: f64 = 3_000_000.0;
const CAREFUL_BPS: f64 = 800_000.0;
/// If they tell nothing in this time, they never will.
const TELLING: Duration = Duration::from_secs(2);

/// A rung as it looks now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rung {
    pub(super) id: TrackId,
    pub(super) rate_bps: u64,
    /// Frames come.
    pub(super) is_live: bool,
}

/// How what the link carries will be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Not at all, or only by what is lost.
    None,
    /// The receiver says so, sooner or later.
    Receiver,
    /// By the first pictures that cross it.
    Packets,
}

/// What is known of the link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Bits per second that are left for pictures.
    pub(super) bps: Option<u64>,
    /// Packets in a row have crossed it.
    pub(super) is_proven: bool,
    /// It has become too narrow, and no mistake.
    pub(super) is_certain: bool,
}

/// Chooses which track of a ladder a viewer is sent (P9, P10, E18).
#[derive(Debug)]
pub(super) struct Ladder {
    /// What the user chose.
    choice: Option<TrackId>,
    dear_since: Option<Instant>,
    much_since: Option<Instant>,
    cheap_since: Option<Instant>,
    /// No going up before.
    held_until: Option<Instant>,
    last_up: Option<Instant>,
    hold: Duration,
    measure: Measure,
    /// Began with care, at that time; until the link is known.
    careful_since: Option<Instant>,
    /// So many of the best are kept from this viewer.
    pub(super) spared: usize,
}

impl Ladder {
    pub(super) fn new(measure: Measure) -> Self {
        Self {
            choice: None,
            dear_since: None,
            much_since: None,
            cheap_since: None,
            held_until: None,
            last_up: None,
            hold: HOLD,
            measure,
            careful_since: None,
            spared: 0,
        }
    }

    /// The rungs without those that are kept from this viewer: as if they were silent. The last that is live stays.
    pub(super) fn allowed(&self, rungs: &[Rung]) -> Vec<Rung> {
        let live = rungs.iter().filter(|rung| rung.is_live).count();
        let mut kept = self.spared.min(live.saturating_sub(1));
        let rung = |rung: &Rung| {
            let is_kept = rung.is_live && kept > 0;
            kept -= usize::from(is_kept);
            Rung { is_live: rung.is_live && !is_kept, ..*rung }
        };
        rungs.iter().map(rung).collect()
    }

    /// It began with care, and does not know more yet.
    pub(super) fn is_careful(&self) -> bool {
        self.careful_since.is_some()
    }

    pub(super) fn choose(&mut self, choice: Option<TrackId>) {
        self.choice = choice;
    }

    /// The track to send, from rungs in falling order.
    pub(super) fn decide(
        &mut self,
        now: Instant,
        rungs: &[Rung],
        current: Option<TrackId>,
        known: Known,
    ) -> Option<TrackId> {
        let find = |id: Option<TrackId>| rungs.iter().find(|rung| Some(rung.id) == id && rung.is_live);
        if let Some(chosen) = find(self.choice) {
            return Some(chosen.id);
        }
        let live = || rungs.iter().filter(|rung| rung.is_live);
        let affordable = |bps: f64| live().find(|rung| rung.rate_bps as f64 <= bps).or(live().next_back());
        let Some(here) = find(current) else {
            // Where it was is gone or silent: that needs no proof.
            let bps = match (known.bps, self.measure) {
                (Some(bps), _) => bps as f64 / SPARE,
                (None, Measure::Packets) if rungs.len() > 1 => {
                    self.careful_since = Some(now);
                    CAREFUL_BPS
                }
                (None, Measure::Packets | Measure::Receiver) => BEGIN_BPS,
                (None, Measure::None) => f64::INFINITY,
            };
            self.change(now, PROOF);
            return affordable(bps).map(|rung| rung.id).or(current);
        };
        if let Some(since) = self.careful_since {
            let is_silent = known.bps.is_none() && now.saturating_duration_since(since) >= TELLING;
            let bps = known.bps.filter(|_| known.is_proven).map(|bps| bps as f64 / SPARE);
            if let Some(bps) = bps.or(is_silent.then_some(BEGIN_BPS)) {
                self.careful_since = None;
                self.change(now, PROOF);
                // Where it is may cost what there is to spare.
                let is_fit = known.bps.is_none_or(|all| here.rate_bps <= all);
                let best = affordable(bps).filter(|best| best.rate_bps > here.rate_bps || !is_fit);
                return Some(best.map_or(here.id, |best| best.id));
            }
        }
        let Some(estimate) = known.bps else { return Some(here.id) };
        let lasted = |since: &mut Option<Instant>, is_so: bool, long: Duration| {
            let begun = is_so.then(|| *since.get_or_insert(now));
            *since = begun;
            begun.is_some_and(|since| now.saturating_duration_since(since) >= long)
        };
        let is_dear = here.rate_bps > estimate;
        let cheaper = affordable(estimate as f64 * 0.9).filter(|rung| rung.rate_bps < here.rate_bps);
        let is_much = (estimate as f64) < MUCH * here.rate_bps as f64;
        let hurts = lasted(&mut self.much_since, is_much, if known.is_certain { Duration::ZERO } else { HASTE });
        if (lasted(&mut self.dear_since, is_dear, PATIENCE) || hurts)
            && let Some(cheaper) = cheaper
        {
            let was_mistake = self.last_up.take().is_some_and(|at| now.saturating_duration_since(at) < MISTAKE);
            self.hold = if was_mistake { (self.hold * 2).min(MAX_HOLD) } else { HOLD };
            self.change(now, self.hold);
            return Some(cheaper.id);
        }
        let better = affordable(estimate as f64 / SPARE).filter(|rung| rung.rate_bps > here.rate_bps);
        let may_change = self.held_until.is_none_or(|until| now >= until);
        if lasted(&mut self.cheap_since, better.is_some(), PROOF)
            && may_change
            && let Some(better) = better
        {
            self.change(now, PROOF);
            self.last_up = Some(now);
            return Some(better.id);
        }
        Some(here.id)
    }

    /// The next rung above is beyond what is known of the link: worth a probe.
    pub(super) fn wants_probe(&self, now: Instant, rungs: &[Rung], current: Option<TrackId>, estimate: u64) -> bool {
        let here = rungs.iter().position(|rung| Some(rung.id) == current);
        let above = here.and_then(|at| rungs.get(..at)?.iter().rev().find(|rung| rung.is_live));
        let is_due = self.held_until.is_none_or(|until| now + PROOF >= until);
        self.choice.is_none() && is_due && above.is_some_and(|above| above.rate_bps as f64 * SPARE > estimate as f64)
    }

    /// Nor will it go up within `hold`.
    fn change(&mut self, now: Instant, hold: Duration) {
        (self.dear_since, self.much_since, self.cheap_since) = (None, None, None);
        self.held_until = Some(now + hold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGH: TrackId = TrackId(0);
    const MIDDLE: TrackId = TrackId(2);
    const LOW: TrackId = TrackId(4);

    fn rungs(is_live: [bool; 3]) -> [Rung; 3] {
        let rung = |id, rate_bps, is_live| Rung { id, rate_bps, is_live };
        let [high, middle, low] = is_live;
        [rung(HIGH, 2_500_000, high), rung(MIDDLE, 800_000, middle), rung(LOW, 200_000, low)]
    }

    const UNKNOWN: Known = Known { bps: None, is_proven: false, is_certain: false };

    fn known(bps: u64) -> Known {
        Known { bps: Some(bps), ..UNKNOWN }
    }

    const ALL: [bool; 3] = [true; 3];

    /// Asks four times a second for as long as it stays; returns when it changed and to what.
    fn watch(ladder: &mut Ladder, mut now: Instant, current: TrackId, estimate: u64) -> Option<(Duration, TrackId)> {
        let begin = now;
        for _ in 0..480 {
            let decided = ladder.decide(now, &rungs(ALL), Some(current), known(estimate)).unwrap();
            if decided != current {
                return Some((now - begin, decided));
            }
            now += Duration::from_millis(250);
        }
        None
    }

    #[test]
    fn down_is_quick_and_up_takes_proof() {
        let now = Instant::now();
        let mut ladder = Ladder::new(Measure::Receiver);
        assert_eq!(ladder.decide(now, &rungs(ALL), None, UNKNOWN), Some(HIGH));
        let (after, to) = watch(&mut ladder, now, HIGH, 1_000_000).unwrap();
        assert!(after <= Duration::from_millis(500) && to == MIDDLE);
        let now = now + after;
        let (after, to) = watch(&mut ladder, now, MIDDLE, 4_000_000).unwrap();
        assert!(after >= HOLD && after <= HOLD * 2 && to == HIGH);
    }

    #[test]
    fn what_is_kept_from_a_viewer_is_as_if_it_were_not_there() {
        let now = Instant::now();
        let mut ladder = Ladder::new(Measure::Receiver);
        ladder.spared = 1;
        let allowed = ladder.allowed(&rungs(ALL));
        assert_eq!(allowed.iter().map(|rung| rung.is_live).collect::<Vec<_>>(), [false, true, true]);
        ladder.choose(Some(HIGH));
        assert_eq!(ladder.decide(now, &allowed, Some(HIGH), known(9_000_000)), Some(MIDDLE));
        ladder.spared = 9;
        assert_eq!(ladder.allowed(&rungs(ALL)).iter().filter(|rung| rung.is_live).count(), 1);
        assert!(ladder.allowed(&rungs([false; 3])).iter().all(|rung| !rung.is_live));
    }

    #[test]
    fn an_estimate_in_between_changes_nothing() {
        let now = Instant::now();
        assert_eq!(watch(&mut Ladder::new(Measure::Receiver), now, HIGH, 2_600_000), None);
        assert_eq!(watch(&mut Ladder::new(Measure::Receiver), now, MIDDLE, 2_600_000), None, "not enough to spare");
    }

    #[test]
    fn who_went_up_in_vain_waits_longer_each_time() {
        let mut now = Instant::now();
        let mut ladder = Ladder::new(Measure::Receiver);
        let mut waits = Vec::new();
        for _ in 0..4 {
            let (down, _) = watch(&mut ladder, now, HIGH, 1_000_000).unwrap();
            now += down;
            let (up, _) = watch(&mut ladder, now, MIDDLE, 4_000_000).unwrap();
            now += up;
            waits.push(up);
        }
        assert!(waits.windows(2).all(|pair| pair[1] > pair[0]), "{waits:?}");
    }

    /// P10, E18.
    #[test]
    fn a_choice_holds_for_as_long_as_it_is_alive() {
        let now = Instant::now();
        let mut ladder = Ladder::new(Measure::Receiver);
        ladder.choose(Some(LOW));
        assert_eq!(ladder.decide(now, &rungs(ALL), Some(HIGH), known(9_000_000)), Some(LOW));
        assert_eq!(ladder.decide(now, &rungs([true, true, false]), Some(LOW), known(1_000_000)), Some(MIDDLE));
        ladder.choose(None);
        assert_eq!(ladder.decide(now, &rungs([false; 3]), Some(HIGH), UNKNOWN), Some(HIGH), "better than nothing");
    }
}
