use std::sync::Arc;
use std::sync::atomic::Ordering;

use media::{Frame, Span, Time, Track, TrackId};
use tokio::sync::watch;

use crate::group::{Group, GroupHead};
use crate::lane::{Entry, Lane};

/// What a reader meets next on a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A group begins; its frames follow.
    Group(Arc<GroupHead>),
    /// The next frame of the group.
    Frame(Frame),
    /// The reader was too slow: what it wanted is gone, and the newest group follows.
    Skipped {
        /// Groups that it has not seen, or not to their end.
        groups: u64,
        /// Media time that it has not seen.
        span: Span,
    },
    /// Nothing yet.
    Pending,
    /// Nothing any more: the track was retracted or the broadcast ended.
    Ended,
}

/// A reader's place in one track. Keeps at most one group alive.
pub struct Cursor {
    lane: Arc<Lane>,
    bell: watch::Receiver<()>,
    group: Option<Arc<Group>>,
    /// The group was entered, but its head not yet shown.
    is_new: bool,
    /// Index of the next frame in the group.
    index: usize,
    /// Sequence of the group to enter after this one.
    wanted: u64,
    /// Decode time of the last frame read.
    last: Option<Time>,
}

impl Cursor {
    pub(crate) fn new(lane: Arc<Lane>, wanted: u64) -> Self {
        lane.readers.fetch_add(1, Ordering::Relaxed);
        let bell = lane.listen();
        Self { lane, bell, group: None, is_new: false, index: 0, wanted, last: None }
    }

    /// Which track it reads.
    pub fn id(&self) -> TrackId {
        self.lane.id
    }

    /// The parameters of the group that it is in.
    pub fn track(&self) -> Option<&Arc<Track>> {
        self.group.as_ref().map(|group| &group.head.track)
    }

    /// What is there now; never waits.
    pub fn try_next(&mut self) -> Step {
        let Some(group) = &self.group else { return self.enter(false) };
        if self.is_new {
            self.is_new = false;
            return Step::Group(group.head.clone());
        }
        if group.is_evicted() {
            return self.enter(true);
        }
        // Closed is looked at first: then a frame that is not there will never be.
        let is_closed = group.is_closed();
        match group.frame(self.index) {
            Some(frame) => {
                self.index += 1;
                self.last = Some(frame.dts);
                Step::Frame(frame.clone())
            }
            None if is_closed => self.enter(false),
            None => Step::Pending,
        }
    }

    /// Waits until there is something; never [`Step::Pending`]. May be dropped and called again.
    pub async fn next(&mut self) -> Step {
        loop {
            self.bell.mark_unchanged();
            match self.try_next() {
                Step::Pending => {}
                step => return step,
            }
            if self.bell.changed().await.is_err() {
                return Step::Ended;
            }
        }
    }

    /// What is appended from now on rings. For who reads several tracks: say this before [`Cursor::try_next`], and wait
    /// for [`Cursor::rung`] where nothing was there.
    pub fn listen(&mut self) {
        self.bell.mark_unchanged();
    }

    /// Waits until something happened since [`Cursor::listen`]. May be dropped and called again.
    pub async fn rung(&mut self) {
        // The bell goes with its track only, and this cursor keeps that.
        let _ = self.bell.changed().await;
    }

    fn enter(&mut self, catch_up: bool) -> Step {
        // A group that was left half read counts as missed.
        let missed_from = self.wanted - u64::from(catch_up);
        let (group, is_behind) = match self.lane.enter(self.wanted, catch_up) {
            Entry::Next(group) => (group, false),
            Entry::Newest(group) => (group, true),
            Entry::NotYet => return Step::Pending,
            Entry::Never => {
                self.group = None;
                return Step::Ended;
            }
        };
        let head = group.head.clone();
        self.wanted = head.sequence + 1;
        self.group = Some(group);
        self.index = 0;
        self.is_new = is_behind;
        if !is_behind {
            return Step::Group(head);
        }
        let span = self.last.map_or(Span::ZERO, |last| head.start.since(last));
        Step::Skipped { groups: head.sequence.saturating_sub(missed_from), span }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.lane.readers.fetch_sub(1, Ordering::Relaxed);
    }
}
