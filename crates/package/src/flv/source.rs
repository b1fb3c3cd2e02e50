use std::sync::Arc;

use bytes::Bytes;
use hub::{Broadcast, Cursor, From, GroupHead, Step};
use media::{Frame, Kind, Time, Track};
use wire::flv::{Coding, Takes};

/// One track on its way to one player.
pub(super) struct Source {
    cursor: Cursor,
    kind: Kind,
    takes: Takes,
    /// How the group is encoded that it is in.
    form: Option<Form>,
    /// The player has not been told yet.
    pub(super) is_new: bool,
    next: Option<Frame>,
    /// What begins before is not for this player.
    not_before: Option<Time>,
    /// Something was missed since this was last asked.
    has_skipped: bool,
}

/// How a track's frames go.
#[derive(Clone)]
pub(super) struct Form {
    pub(super) track: Arc<Track>,
    pub(super) coding: Coding,
    /// The message that tells of the decoder's parameters.
    pub(super) header: Option<Bytes>,
}

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fill {
    /// A frame, decoded at that time.
    Frame(Time),
    /// Nothing yet.
    Empty,
    /// Nothing any more, or only what the player does not take.
    Gone,
}

impl Source {
    pub(super) fn follow(
        broadcast: &Broadcast,
        track: &Track,
        takes: Takes,
        from: From,
        not_before: Option<Time>,
    ) -> Option<Self> {
        Some(Self {
            cursor: broadcast.follow(track.id, from)?,
            kind: track.kind(),
            takes,
            form: None,
            is_new: true,
            next: None,
            not_before,
            has_skipped: false,
        })
    }

    /// Looks what comes next; never waits.
    pub(super) fn fill(&mut self) -> Fill {
        loop {
            if let Some(next) = &self.next {
                return Fill::Frame(next.dts);
            }
            self.cursor.listen();
            match self.cursor.try_next() {
                Step::Group(head) if self.enter(&head) => {}
                Step::Group(_) | Step::Ended => return Fill::Gone,
                Step::Skipped { .. } => self.has_skipped = true,
                Step::Frame(frame) => self.next = self.admits(&frame).then_some(frame),
                Step::Pending => return Fill::Empty,
            }
        }
    }

    /// Takes the frame that [`Source::fill`] found.
    pub(super) fn take(&mut self) -> Option<(Frame, &Form)> {
        Some((self.next.take()?, self.form.as_ref()?))
    }

    pub(super) fn form(&self) -> Option<&Form> {
        self.form.as_ref()
    }

    /// Whether it was too slow since this was last asked, and groups are missing.
    pub(super) fn has_skipped(&mut self) -> bool {
        std::mem::take(&mut self.has_skipped)
    }

    /// Goes on no earlier than at that time.
    pub(super) fn skip_to(&mut self, time: Time) {
        if self.next.as_ref().is_some_and(|next| next.dts < time) {
            self.next = None;
        }
        self.not_before = Some(time);
    }

    /// Goes on with the newest group, unless it is in that already, behind `last`. Says when that group begins.
    pub(super) fn rejoin(&mut self, broadcast: &Broadcast, last: Option<Time>) -> Option<Time> {
        let mut cursor = broadcast.follow(self.cursor.id(), From::Newest)?;
        let Step::Group(head) = cursor.try_next() else { return None };
        if last.is_some_and(|last| head.start <= last) || !self.enter(&head) {
            return None;
        }
        (self.cursor, self.next) = (cursor, None);
        Some(head.start)
    }

    /// Waits until there may be more than [`Source::fill`] found.
    pub(super) async fn wait(&mut self) {
        self.cursor.rung().await;
    }

    /// Whether the player takes what this group is encoded with.
    fn enter(&mut self, head: &GroupHead) -> bool {
        if self.form.as_ref().is_some_and(|form| form.track == head.track) {
            return true;
        }
        let codec = &head.track.codec;
        let Some(coding) = Coding::of(codec).filter(|_| self.takes.take(codec)) else { return false };
        self.is_new |= self.form.as_ref().is_none_or(|form| form.track.codec != *codec);
        self.form = Some(Form { track: head.track.clone(), coding, header: coding.sequence_start(codec) });
        true
    }

    fn admits(&mut self, frame: &Frame) -> bool {
        let Some(time) = self.not_before else { return true };
        let is_start = frame.dts >= time && (self.kind == Kind::Audio || frame.is_sync);
        if is_start {
            self.not_before = None;
        }
        is_start
    }
}
