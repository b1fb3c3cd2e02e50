//! The machine that cuts a broadcast: frames in, windows out.

mod grid;
mod lane;
mod plan;
mod prelude;
mod rates;
mod settings;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use media::{Catalog, Frame, Kind, Path, Time, Track, TrackId};

use crate::{Presentation, Shelf};
use grid::Grid;
use lane::{Front, Lane, Unit};
use plan::Plan;
use prelude::{Arrival, Prelude};
use writer::{Numbers, Writer};

pub use settings::Settings;

/// Packages one broadcast. Owns no clock: every input brings the time, and [`Packager::deadline`] says when to call
/// [`Packager::timeout`] though nothing came.
pub struct Packager {
    settings: Settings,
    began: SystemTime,
    shelf: Shelf,
    /// Number of the first segment.
    base: u64,
    /// Number of the discontinuity before the first.
    breaks: u64,
    catalog: Vec<Arc<Track>>,
    stage: Stage,
    is_shown: bool,
    /// When the last input came.
    now: Option<Instant>,
}

enum Stage {
    /// Until the plan is made.
    Learning(Prelude),
    Running(Box<Deck>),
}

/// All lanes and the grid by which they are cut.
struct Deck {
    grid: Grid,
    leader: TrackId,
    lanes: Vec<Lane>,
    /// Where a track that was taken back must count on, should it come again.
    left: Vec<(TrackId, Numbers)>,
}

/// Seconds from 1970 to 2024, where media sequence numbers begin to count (H8).
const EPOCH_2024: u64 = 1_704_067_200;
/// Discontinuities count from the day: hls.js keeps an array by their number and walks all of it, holes included, at every
/// reload, which takes it seconds for a number of seconds.
const DAY: u64 = 86_400;

impl Packager {
    /// For the broadcast of that path, whose time zero was at `began`. `after` is an earlier presentation of the same
    /// path, whose addresses and sequence numbers must not come again (H8).
    pub fn new(path: Path, began: SystemTime, settings: Settings, after: Option<&Presentation>) -> Self {
        let seconds = began.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (used_era, used_msn, used_breaks) = after.map_or((0, 0, 0), last_used);
        let era = seconds.max(used_era.saturating_add(1));
        let since_2024 = era.saturating_sub(EPOCH_2024);
        let base = since_2024.max(used_msn.saturating_add(1));
        let breaks = (since_2024 / DAY).max(used_breaks.saturating_add(1));
        Self {
            settings,
            began,
            shelf: Shelf::new(path, base36(era)),
            base,
            breaks,
            catalog: Vec::new(),
            stage: Stage::Learning(Prelude::default()),
            is_shown: false,
            now: None,
        }
    }

    /// What readers see.
    pub fn presentation(&self) -> &Arc<Presentation> {
        self.shelf.presentation()
    }

    /// Pictures came, but no keyframe among them: there is nothing to show yet (A11).
    pub fn lacks_keyframe(&self) -> bool {
        matches!(&self.stage, Stage::Learning(prelude) if prelude.without_keyframe && prelude.is_empty())
    }

    /// The tracks of the broadcast are these now. One that is no longer among them ends.
    pub fn catalog(&mut self, now: Instant, catalog: &Catalog) {
        self.catalog = catalog.tracks.iter().filter(|track| track.codec.fits_cmaf()).cloned().collect();
        if let Stage::Running(deck) = &mut self.stage {
            deck.keep_to(&self.catalog);
            deck.settle(now);
        }
        self.publish(now);
    }

    /// The next frame of a track. `epoch` is the hub's count of breaks of the timeline before the frame's group.
    pub fn frame(&mut self, now: Instant, track: &Arc<Track>, epoch: u32, frame: Frame) {
        // Before the beginning there is nothing to cut (C12).
        if frame.dts < Time::ZERO || !track.codec.fits_cmaf() {
            return;
        }
        let arrival = Arrival { at: now, track: track.clone(), epoch, frame };
        match &mut self.stage {
            Stage::Learning(prelude) => {
                prelude.push(arrival);
                self.learn(now, false);
            }
            Stage::Running(deck) => deck.take(arrival),
        }
        self.publish(now);
    }

    /// The publisher is gone, but may come back.
    pub fn away(&mut self, now: Instant) {
        self.learn(now, true);
        if let Stage::Running(deck) = &mut self.stage {
            deck.rest();
        }
        self.publish(now);
    }

    /// The broadcast is over.
    pub fn ended(&mut self, now: Instant) {
        self.away(now);
        if let Stage::Running(deck) = &mut self.stage {
            deck.lanes.iter_mut().for_each(Lane::end);
        }
        self.publish(now);
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Instant) {
        self.learn(now, false);
        if let Stage::Running(deck) = &mut self.stage {
            deck.settle(now);
        }
        self.publish(now);
    }

    /// When [`Packager::timeout`] wants to be called: always after the last input.
    pub fn deadline(&self) -> Option<Instant> {
        let now = self.now?;
        match &self.stage {
            Stage::Learning(prelude) => {
                let since = prelude.since()?;
                let first_gop = Duration::from_nanos(self.settings.segment.0.max(0).cast_unsigned() / 2 * 3);
                let moments = [since + plan::PATIENCE.to_duration(), since + first_gop];
                moments.into_iter().filter(|&moment| moment > now).min()
            }
            Stage::Running(deck) => {
                let waits = deck.lanes.iter().filter(|lane| lane.track.id != deck.leader);
                waits.filter_map(|lane| lane.waits_until(now, &deck.grid)).min()
            }
        }
    }

    /// Makes the plan, if enough is known, and cuts what came so far.
    fn learn(&mut self, now: Instant, at_once: bool) {
        let Stage::Learning(prelude) = &mut self.stage else { return };
        let at_once = at_once || prelude.is_full();
        let Some(plan) = Plan::learn(prelude, prelude.waited(now), &self.settings, at_once) else { return };
        let prelude = std::mem::take(prelude);
        let grid = Grid::new(plan, self.settings, self.began, self.base, self.breaks);
        let mut deck = Box::new(Deck { grid, leader: plan.leader, lanes: Vec::new(), left: Vec::new() });
        for track in self.catalog.iter().chain(&prelude.tracks()) {
            deck.lane(track);
        }
        deck.replay(prelude);
        deck.settle(now);
        self.stage = Stage::Running(deck);
    }

    /// Shows readers what has changed.
    fn publish(&mut self, now: Instant) {
        self.now = self.now.max(Some(now));
        let Stage::Running(deck) = &mut self.stage else { return };
        deck.writers().for_each(Writer::publish);
        self.is_shown = self.is_shown || deck.is_worth_showing();
        if self.is_shown {
            let mut joined: Vec<&Lane> = deck.lanes.iter().filter(|lane| lane.writer.is_some()).collect();
            joined.sort_by_key(|lane| (lane.kind(), lane.track.id));
            self.shelf.show(joined.into_iter().filter_map(|lane| lane.writer.as_ref()).map(Writer::slot));
        }
        // Only now: a playlist tells of the other renditions too (H29).
        deck.writers().for_each(Writer::ring);
    }
}

impl Deck {
    fn writers(&mut self) -> impl Iterator<Item = &mut Writer> {
        self.lanes.iter_mut().filter_map(|lane| lane.writer.as_mut())
    }

    /// The lane of a track, made when it is not there.
    fn lane(&mut self, track: &Arc<Track>) -> &mut Lane {
        let at = self.lanes.iter().position(|lane| lane.track.id == track.id).unwrap_or(self.lanes.len());
        if at == self.lanes.len() {
            let left = self.left.iter().find(|(id, _)| *id == track.id).map(|(_, numbers)| *numbers);
            self.lanes.push(Lane::new(track.clone(), self.grid.newest(), left.unwrap_or_default()));
        }
        &mut self.lanes[at]
    }

    /// Cuts the frames that came before the plan was made, each as if it came now.
    fn replay(&mut self, prelude: Prelude) {
        let arrivals = prelude.into_arrivals();
        // How far sound comes behind pictures must be known before the first hole is filled.
        let mut newest = Time(i64::MIN);
        for arrival in &arrivals {
            let is_leader = arrival.track.id == self.leader;
            let lane = self.lane(&arrival.track);
            lane.delivered = true;
            if is_leader {
                newest = arrival.frame.dts;
            } else if newest > Time(i64::MIN) {
                lane.lags(newest.since(arrival.frame.dts));
            }
        }
        for arrival in arrivals {
            self.take(arrival);
        }
    }

    fn take(&mut self, arrival: Arrival) {
        let (now, id) = (arrival.at, arrival.track.id);
        let leads = id == self.leader;
        let lane = self.lane(&arrival.track);
        let unit = lane.stamp(arrival);
        if leads {
            self.with_lane(id, |lane, grid, others| lane.lead(unit, grid, others));
        } else if self.is_led_by_sound() && self.kind_of(id) == Some(Kind::Video) {
            self.promote(id, unit);
        } else {
            self.with_lane(id, |lane, grid, _| lane.wait(unit, now, grid));
        }
        self.settle(now);
    }

    /// Pictures lead where there are any.
    fn promote(&mut self, id: TrackId, unit: Unit) {
        let mut is_promoted = false;
        self.with_lane(id, |lane, grid, others| {
            if grid.newest().is_none() {
                lane.lead(unit, grid, others);
                is_promoted = lane.writer.is_some();
            } else {
                is_promoted = lane.promote(unit, grid, others);
            }
        });
        if is_promoted {
            self.leader = id;
        }
    }

    /// Lets every lane go as far as the leader allows.
    fn settle(&mut self, now: Instant) {
        self.join_those_who_can();
        let ids: Vec<TrackId> = self.lanes.iter().map(|lane| lane.track.id).collect();
        for id in ids {
            if id != self.leader {
                self.drain(id, now);
            }
        }
    }

    fn drain(&mut self, id: TrackId, now: Instant) {
        loop {
            let Some(lane) = self.lanes.iter_mut().find(|lane| lane.track.id == id) else { return };
            match lane.front(now, &self.grid) {
                Front::Due => {
                    if let Some(unit) = lane.pop(now) {
                        lane.follow(unit, &mut self.grid);
                    }
                }
                Front::Leads => return self.take_over(id, now),
                Front::Waits(_) => return,
                Front::Empty => return lane.catch_up(&self.grid),
            }
        }
    }

    /// The leader has stood still for too long: this lane leads from its waiting frames on.
    fn take_over(&mut self, id: TrackId, now: Instant) {
        self.with_lane(self.leader, |lane, _, _| lane.step_down());
        self.leader = id;
        self.with_lane(id, |lane, grid, others| {
            lane.catch_up_at_once(grid);
            while let Some(unit) = lane.pop(now) {
                lane.lead(unit, grid, others);
            }
        });
    }

    /// A lane joins at the newest cut, if that was made after the lane (A10).
    fn join_those_who_can(&mut self) {
        let Some(cut) = self.grid.newest() else { return };
        let can =
            |lane: &Lane| lane.writer.is_none() && lane.can_join() && lane.made_at.is_none_or(|made| made < cut.msn);
        let ids: Vec<TrackId> = self.lanes.iter().filter(|lane| can(lane)).map(|lane| lane.track.id).collect();
        for id in ids {
            self.with_lane(id, |lane, grid, others| lane.join(cut, grid, others));
        }
    }

    /// Tracks that are gone end; new ones get a lane.
    fn keep_to(&mut self, catalog: &[Arc<Track>]) {
        for track in catalog {
            self.lane(track);
        }
        let is_kept = |lane: &Lane| catalog.iter().any(|track| track.id == lane.track.id);
        let until = self.grid.clock;
        for lane in self.lanes.iter_mut().filter(|lane| !is_kept(lane)) {
            lane.rest(until, &mut self.grid);
            lane.end();
            if let Some(writer) = &mut lane.writer {
                writer.publish();
                writer.ring();
                self.left.retain(|(id, _)| *id != lane.track.id);
                self.left.push((lane.track.id, writer.numbers()));
            }
        }
        self.lanes.retain(is_kept);
        if !self.lanes.iter().any(|lane| lane.track.id == self.leader) {
            let mut joined: Vec<&Lane> = self.lanes.iter().filter(|lane| lane.delivered).collect();
            joined.sort_by_key(|lane| (lane.kind(), lane.track.id));
            if let Some(id) = joined.first().map(|lane| lane.track.id) {
                self.leader = id;
                self.with_lane(id, |lane, grid, _| lane.catch_up_at_once(grid));
            }
        }
    }

    /// Closes all segments: no frame follows, for now or for ever.
    fn rest(&mut self) {
        let clock = self.grid.clock;
        self.with_lane(self.leader, |lane, grid, _| lane.rest(clock, grid));
        let until = self.lanes.iter().find(|lane| lane.track.id == self.leader).map_or(clock, Lane::reached);
        for lane in self.lanes.iter_mut().filter(|lane| lane.track.id != self.leader) {
            lane.rest(until, &mut self.grid);
        }
        self.grid.rests = self.grid.newest().is_some();
    }

    /// Every rendition has something to play, or the leader has had a whole segment to wait for the others.
    fn is_worth_showing(&self) -> bool {
        let leads = |lane: &&Lane| lane.track.id == self.leader;
        let leader = self.lanes.iter().find(leads).and_then(|lane| lane.writer.as_ref());
        let all = || self.lanes.iter().filter_map(|lane| lane.writer.as_ref()).all(Writer::has_parts);
        leader.is_some_and(|writer| writer.has_segments() || writer.has_parts() && all())
    }

    fn is_led_by_sound(&self) -> bool {
        self.kind_of(self.leader) != Some(Kind::Video)
    }

    fn kind_of(&self, id: TrackId) -> Option<Kind> {
        self.lanes.iter().find(|lane| lane.track.id == id).map(Lane::kind)
    }

    /// Works on one lane beside the grid and a rendition that has been there for longer, if there is one.
    fn with_lane(&mut self, id: TrackId, work: impl FnOnce(&mut Lane, &mut Grid, Option<&Writer>)) {
        let Some(at) = self.lanes.iter().position(|lane| lane.track.id == id) else { return };
        let mut lane = self.lanes.swap_remove(at);
        let others =
            self.lanes.iter().filter_map(|other| other.writer.as_ref()).max_by_key(|writer| writer.has_segments());
        work(&mut lane, &mut self.grid, others);
        self.lanes.push(lane);
    }
}

/// The wall-clock second and the highest numbers of a segment and a discontinuity that a presentation has used.
fn last_used(presentation: &Presentation) -> (u64, u64, u64) {
    let era = u64::from_str_radix(&presentation.era, 36).unwrap_or(0);
    let renditions = presentation.renditions.borrow();
    renditions.iter().fold((era, 0, 0), |(era, msn, breaks), rendition| {
        let window = rendition.window.borrow();
        let newest = window.open.as_ref().or(window.segments.last()).map_or(0, |segment| segment.msn);
        let listed = window.segments.iter().filter(|segment| segment.discontinuity).count() as u64;
        (era, msn.max(newest), breaks.max(window.discontinuity_sequence.saturating_add(listed)))
    })
}

/// Digits and lower-case letters.
fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
