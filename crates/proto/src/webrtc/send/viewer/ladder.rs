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

/// What of a ladder is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    pub(super) id: TrackId,
    /// The highest temporal layer; all of them where it is [`WHOLE`](super::walk::WHOLE).
    pub(super) top: u8,
}

/// A rung as it looks now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rung {
    pub(super) aim: Aim,
    /// The same track with fewer pictures than it has or was chosen to have.
    pub(super) is_thin: bool,
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

/// What the user chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) track: Option<TrackId>,
    /// The highest temporal layer, of whatever track.
    pub(super) top: Option<u8>,
}

/// Chooses which track of a ladder a viewer is sent (P9, P10, E18).
#[derive(Debug)]
pub(super) struct Ladder {
    pub(super) choice: Choice,
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
            choice: Choice::default(),
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
        let mut kept: Vec<_> = rungs.iter().filter(|rung| rung.is_live).map(|rung| rung.aim.id).collect();
        kept.dedup();
        kept.truncate(self.spared.min(kept.len().saturating_sub(1)));
        let rung = |rung: &Rung| Rung { is_live: rung.is_live && !kept.contains(&rung.aim.id), ..*rung };
        rungs.iter().map(rung).collect()
    }

    /// It began with care, and does not know more yet.
    pub(super) fn is_careful(&self) -> bool {
        self.careful_since.is_some()
    }

    pub(super) fn choose(&mut self, choice: Choice) {
        self.choice = choice;
    }

    /// What to send, from rungs in falling order.
    pub(super) fn decide(&mut self, now: Instant, rungs: &[Rung], current: Option<Aim>, known: Known) -> Option<Aim> {
        let live = || rungs.iter().filter(|rung| rung.is_live);
        if let Some(chosen) = live().find(|rung| Some(rung.aim.id) == self.choice.track) {
            return Some(chosen.aim);
        }
        // As it was, or, where the layers are others now, as it is.
        let find = |aim: Aim| live().find(|rung| rung.aim == aim).or(live().find(|rung| rung.aim.id == aim.id));
        let affordable = |bps: f64| live().find(|rung| rung.rate_bps as f64 <= bps).or(live().next_back());
        let Some(here) = current.and_then(find) else {
            // Where it was is gone or silent: that needs no proof.
            let bps = match (known.bps, self.measure) {
                (Some(bps), _) => bps as f64 / SPARE,
                (None, Measure::Packets) if rungs.iter().filter(|rung| !rung.is_thin).count() > 1 => {
                    self.careful_since = Some(now);
                    CAREFUL_BPS
                }
                (None, Measure::Packets | Measure::Receiver) => BEGIN_BPS,
                (None, Measure::None) => f64::INFINITY,
            };
            self.change(now, PROOF);
            // Nobody is sent fewer pictures without need.
            let whole = || live().filter(|rung| !rung.is_thin);
            let begin = || whole().find(|rung| rung.rate_bps as f64 <= bps).or(whole().next_back());
            return if known.bps.is_some() { affordable(bps) } else { begin() }.map(|rung| rung.aim).or(current);
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
                return Some(best.unwrap_or(here).aim);
            }
        }
        let Some(estimate) = known.bps else { return Some(here.aim) };
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
            return Some(cheaper.aim);
        }
        let better = affordable(estimate as f64 / SPARE).filter(|rung| rung.rate_bps > here.rate_bps);
        let may_change = self.held_until.is_none_or(|until| now >= until);
        if lasted(&mut self.cheap_since, better.is_some(), PROOF)
            && may_change
            && let Some(better) = better
        {
            self.change(now, PROOF);
            self.last_up = Some(now);
            return Some(better.aim);
        }
        Some(here.aim)
    }

    /// The next rung above is beyond what is known of the link: worth a probe.
    pub(super) fn wants_probe(&self, now: Instant, rungs: &[Rung], current: Option<Aim>, estimate: u64) -> bool {
        let here = rungs.iter().position(|rung| Some(rung.aim) == current);
        let above = here.and_then(|at| rungs.get(..at)?.iter().rev().find(|rung| rung.is_live));
        let is_due = self.held_until.is_none_or(|until| now + PROOF >= until);
        self.choice.track.is_none()
            && is_due
            && above.is_some_and(|above| above.rate_bps as f64 * SPARE > estimate as f64)
    }

    /// Nor will it go up within `hold`.
    fn change(&mut self, now: Instant, hold: Duration) {
        (self.dear_since, self.much_since, self.cheap_since) = (None, None, None);
        self.held_until = Some(now + hold);
    }
}

#[cfg(test)]
mod tests {
    use super::super::walk::WHOLE;
    use super::*;

    const HIGH: TrackId = TrackId(0);
    const MIDDLE: TrackId = TrackId(2);
    const LOW: TrackId = TrackId(4);

    fn whole(id: TrackId) -> Aim {
        Aim { id, top: WHOLE }
    }

    fn chosen(track: TrackId) -> Choice {
        Choice { track: Some(track), top: None }
    }

    fn rungs(is_live: [bool; 3]) -> [Rung; 3] {
        let rung = |id, rate_bps, is_live| Rung { aim: whole(id), is_thin: false, rate_bps, is_live };
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
            let decided = ladder.decide(now, &rungs(ALL), Some(whole(current)), known(estimate)).unwrap();
            if decided != whole(current) {
                return Some((now - begin, decided.id));
            }
            now += Duration::from_millis(250);
        }
        None
    }

    #[test]
    fn down_is_quick_and_up_takes_proof() {
        let now = Instant::now();
        let mut ladder = Ladder::new(Measure::Receiver);
        assert_eq!(ladder.decide(now, &rungs(ALL), None, UNKNOWN), Some(whole(HIGH)));
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
        ladder.choose(chosen(HIGH));
        assert_eq!(ladder.decide(now, &allowed, Some(whole(HIGH)), known(9_000_000)), Some(whole(MIDDLE)));
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
        ladder.choose(chosen(LOW));
        assert_eq!(ladder.decide(now, &rungs(ALL), Some(whole(HIGH)), known(9_000_000)), Some(whole(LOW)));
        assert_eq!(
            ladder.decide(now, &rungs([true, true, false]), Some(whole(LOW)), known(1_000_000)),
            Some(whole(MIDDLE))
        );
        ladder.choose(Choice::default());
        assert_eq!(
            ladder.decide(now, &rungs([false; 3]), Some(whole(HIGH)), UNKNOWN),
            Some(whole(HIGH)),
            "better than nothing"
        );
    }
}
