use std::cmp::Reverse;
use std::sync::Arc;

use hub::{Broadcast, Demand, Derived, Lease, Wish};
use media::{Catalog, Kind, Origin, Track};
use wire::flv::{Coding, Takes};

use super::Wants;

/// Chooses tracks for one player, and has made what there is not.
pub(super) struct Chooser {
    pub(super) broadcast: Broadcast,
    pub(super) demand: Arc<dyn Demand>,
    pub(super) wants: Wants,
    video: Option<Lease>,
    audio: Option<Lease>,
}

/// What a player gets of one kind.
pub(super) enum Choice {
    /// This track, as long as its codec is one of those.
    Track(Arc<Track>, Takes),
    /// It is being made.
    Soon,
    /// There is none of that kind, or the player wants none.
    Nothing,
    /// There is none of that name.
    Unknown,
    /// There is only what it does not take: of that codec.
    Unfit(&'static str),
}

impl Chooser {
    pub(super) fn new(broadcast: Broadcast, demand: Arc<dyn Demand>, wants: Wants) -> Self {
        Self { broadcast, demand, wants, video: None, audio: None }
    }

    /// The picture: the best of the publisher's that the player takes, else the best rung, else one that is made for it.
    pub(super) fn video(&mut self) -> Choice {
        self.video = None;
        let catalog = self.broadcast.catalog();
        let takes = &self.wants.takes;
        let source = match self.look(&catalog, Kind::Video, takes) {
            Err(choice) => return choice,
            Ok(source) => source,
        };
        if self.wants.is_unsaid {
            return Choice::Track(source, Takes::all());
        }
        if !self.demand.promised(&self.broadcast).is_empty() {
            return Choice::Soon;
        }
        let lease = self.demand.want(&self.broadcast, source.id, Wish::Baseline);
        let choice = self.made(lease.as_ref(), &source);
        self.video = lease;
        choice
    }

    /// The sound: the first of the publisher's that the player takes, else one that is made for it (P19).
    ///
    /// A player that did not say what it takes, and is given pictures that not all take, takes sound of that kind too.
    pub(super) fn audio(&mut self, video: Option<&Track>) -> Choice {
        self.audio = None;
        let catalog = self.broadcast.catalog();
        let is_new = self.wants.is_unsaid
            && video.is_some_and(|video| Coding::of(&video.codec).is_some_and(|coding| !coding.is_classic()));
        let takes = if is_new { Takes::all() } else { self.wants.takes.clone() };
        let source = match self.look(&catalog, Kind::Audio, &takes) {
            Err(choice) => return choice,
            Ok(source) => source,
        };
        let lease = self.demand.want(&self.broadcast, source.id, Wish::Aac);
        let choice = self.made(lease.as_ref(), &source);
        self.audio = lease;
        match choice {
            // With no picture to show for it, silence would be nothing at all.
            Choice::Unfit(_) if self.wants.is_unsaid && video.is_none() => Choice::Track(source, Takes::all()),
            choice => choice,
        }
    }

    /// The track of that kind that is as wanted; or, for more to be done about it, the best one that is not taken.
    fn look(&self, catalog: &Catalog, kind: Kind, takes: &Takes) -> Result<Arc<Track>, Choice> {
        if !self.wants.any(kind) {
            return Err(Choice::Nothing);
        }
        let is_named = self.wants.named(kind).is_some();
        let meant = || catalog.of_kind(kind).filter(|track| self.wants.means(track) && (is_named || is_public(track)));
        let best = |track: &&Arc<Track>| {
            let pixels =
                track.codec.picture().map_or(0, |picture| u64::from(picture.width) * u64::from(picture.height));
            (track.origin != Origin::Transcoder, pixels, Reverse(track.id))
        };
        if let Some(track) = meant().filter(|track| takes.take(&track.codec)).max_by_key(best) {
            return Err(Choice::Track(track.clone(), takes.clone()));
        }
        match meant().max_by_key(best) {
            // Of a name that was asked for, nothing else is made.
            Some(track) if is_named && !self.wants.is_unsaid => Err(Choice::Unfit(track.codec.name())),
            Some(track) => Ok(track.clone()),
            None if is_named => Err(Choice::Unknown),
            None => Err(Choice::Nothing),
        }
    }

    fn made(&self, lease: Option<&Lease>, source: &Track) -> Choice {
        let Some(lease) = lease else { return Choice::Unfit(source.codec.name()) };
        match self.broadcast.catalog().track(lease.track()) {
            Some(track) => Choice::Track(track.clone(), self.wants.takes.clone()),
            None => Choice::Soon,
        }
    }
}

/// The publisher's, or a rung of its ladder: what is made for certain viewers comes and goes with them.
fn is_public(track: &Track) -> bool {
    let is_rung = track.kind() == Kind::Video && track.id >= Derived::RUNGS;
    track.origin != Origin::Transcoder || is_rung
}
