use std::collections::VecDeque;
use std::time::SystemTime;

use media::{Span, Time};

use super::Settings;
use super::plan::Plan;

/// Where all renditions are cut. The leader makes the cuts, the others follow them.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) plan: Plan,
    pub(super) settings: Settings,
    /// Wall clock of [`Time::ZERO`].
    pub(super) began: SystemTime,
    /// How far the leader has come: no cut will be made before it.
    pub(super) clock: Time,
    /// The hub's count of breaks at the newest cut.
    pub(super) epoch: u32,
    /// A follower has new parameters: the next cut is to be a discontinuity (H15).
    pub(super) wants_break: bool,
    /// All segments are closed since the publisher left: the next cut is a discontinuity, whatever it comes back with.
    pub(super) rests: bool,
    cuts: VecDeque<Cut>,
    next_msn: u64,
    /// Number of the newest discontinuity.
    breaks: u64,
}

/// The beginning of a segment in every rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Sequence number of the segment that begins.
    pub(super) msn: u64,
    /// When it begins.
    pub(super) at: Time,
    /// When the one before ended; earlier than `at` only where the timeline breaks.
    pub(super) end_before: Time,
    /// The timeline breaks here.
    pub(super) discontinuity: bool,
    /// Number of the newest discontinuity, this one included.
    pub(super) breaks: u64,
    /// The hub's count of breaks.
    pub(super) epoch: u32,
}

/// What kind of cut to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Make {
    /// Content goes on.
    Segment,
    /// Content goes on behind a break.
    Break,
}

/// So many cuts are remembered for renditions that lag; who lags more is moved on.
const MOST_CUTS: usize = 256;

impl Grid {
    /// A grid whose first segment has the number `base`, and the first break the one after `breaks`.
    pub(super) fn new(plan: Plan, settings: Settings, began: SystemTime, base: u64, breaks: u64) -> Self {
        Self {
            plan,
            settings,
            began,
            clock: Time(i64::MIN),
            epoch: 0,
            wants_break: false,
            rests: false,
            cuts: VecDeque::new(),
            next_msn: base,
            breaks,
        }
    }

    /// Makes the next cut.
    pub(super) fn cut(&mut self, at: Time, end_before: Time, make: Make) -> Cut {
        let discontinuity = make == Make::Break;
        if discontinuity {
            self.breaks += 1;
            self.wants_break = false;
            self.rests = false;
        }
        let cut = Cut { msn: self.next_msn, at, end_before, discontinuity, breaks: self.breaks, epoch: self.epoch };
        self.next_msn += 1;
        self.cuts.push_back(cut);
        if self.cuts.len() > MOST_CUTS {
            self.cuts.pop_front();
        }
        cut
    }

    /// The cut that follows segment `msn`.
    pub(super) fn after(&self, msn: u64) -> Option<Cut> {
        self.cuts.iter().find(|cut| cut.msn > msn).copied()
    }

    /// A break comes after segment `msn`.
    pub(super) fn breaks_after(&self, msn: u64) -> bool {
        self.cuts.iter().any(|cut| cut.msn > msn && cut.discontinuity)
    }

    /// The newest cut.
    pub(super) fn newest(&self) -> Option<Cut> {
        self.cuts.back().copied()
    }

    /// The leader is there with a frame at `time`.
    pub(super) fn advance(&mut self, time: Time) {
        self.clock = self.clock.max(time);
    }

    /// Whether to cut before a frame that starts `elapsed` after the segment's start.
    ///
    /// `period` is how long a frame lasts at least, `gop` how long until the next sync frame at most. Pictures are cut
    /// before sync frames, unless the group is longer than any segment may be.
    pub(super) fn should_cut(&self, elapsed: Span, is_sync: bool, period: Span, gop: Span) -> bool {
        let wanted = self.plan.segment - Span(period.0 / 2);
        let longest = self.plan.longest_segment();
        // A frame may come a little late.
        let bursts = elapsed + period + Span(period.0 / 4) > longest;
        bursts || is_sync && (elapsed >= wanted || elapsed + gop > longest)
    }
}
