use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use media::{Path, Track, TrackId};

use crate::broadcast::Broadcast;

/// Makes renditions that a publisher does not send, for as long as somebody needs them.
///
/// For gateways whose viewers cannot play what there is: they ask, keep the [`Lease`] as long as such a
/// viewer is there, and follow the lease's track like any other.
pub trait Demand: Send + Sync {
    /// A rendition of that track. Sound is in the broadcast's catalog when this returns and its frames follow soon; pictures
    /// come into it with their first keyframe, as only then it is known what they look like.
    ///
    /// `None` if it cannot be had: nobody transcodes here, the track is not there, or is not of that kind.
    /// Cheap when the rendition is there already, whoever asked for it first.
    fn want(&self, broadcast: &Broadcast, source: TrackId, wish: Wish) -> Option<Lease>;

    /// Whether [`Demand::want`] would give it, without beginning anything: for those who tell what can be had.
    fn can(&self, broadcast: &Broadcast, source: TrackId, wish: Wish) -> bool {
        let _ = (broadcast, source, wish);
        false
    }

    /// Every rendition that is being made, and how it does.
    fn renditions(&self) -> Vec<Rendition> {
        Vec::new()
    }

    /// Somebody watches that broadcast, in whatever way; to be said again at least every ten seconds. Renditions that are
    /// made for viewers, and only while there are any, are made from now on. Cheap.
    fn watched(&self, broadcast: &Broadcast) {
        let _ = broadcast;
    }

    /// Renditions that begin just now without having been asked for: who has to say at once what there is may wait some
    /// seconds for them.
    fn promised(&self, broadcast: &Broadcast) -> Vec<TrackId> {
        let _ = broadcast;
        Vec::new()
    }
}

/// A rendition and how it does.
#[derive(Clone, Debug)]
pub struct Rendition {
    /// Of which broadcast.
    pub path: Path,
    /// Of which track.
    pub source: TrackId,
    /// The rendition.
    pub track: Arc<Track>,
    /// What is being done for it now.
    pub making: Making,
    /// Frames made so far.
    pub frames: u64,
    /// Frames left out so far, as they could not be decoded or there was no time for them.
    pub dropped: u64,
    /// How often what makes it failed and was begun again.
    pub restarts: u64,
    /// Why, the last time: a sentence that names no place of this machine.
    pub last_failure: Option<String>,
    /// What encodes it, where that is known: `libx264`.
    pub encoder: Option<String>,
    /// The hardware that was to encode it but cannot on this machine.
    pub fallback_from: Option<&'static str>,
    /// How long after its source's frame a frame of it is there: 95 of 100 are sooner. Of late, where that is known.
    pub delay: Option<Duration>,
}

/// What is being done for a rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// It is being made.
    Running,
    /// Whoever will make it is being started.
    Starting,
    /// It is not made for now: the machine has not the time.
    Shed,
    /// It failed so often that the next attempt waits until then.
    BackingOff(Instant),
}

/// What a rendition shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wish {
    /// Sound as Opus: stereo, 48 kHz, 20 ms a packet.
    Opus,
    /// Sound as AAC: LC, stereo, 48 kHz.
    Aac,
    /// Pictures that are decoded in the order in which they are shown, by any decoder: H.264, Constrained Baseline profile.
    Baseline,
}

/// Keeps a rendition going. It stops some seconds after the last lease was dropped.
#[must_use = "dropping it says that the rendition is no longer needed"]
pub struct Lease {
    track: TrackId,
    _held: Box<dyn Any + Send + Sync>,
}

impl Lease {
    /// For those who implement [`Demand`]: `held` is dropped with the lease.
    pub fn new(track: TrackId, held: impl Any + Send + Sync) -> Self {
        Self { track, _held: Box::new(held) }
    }

    /// Which track the rendition is. Should it go from the catalog, its source went: ask again when there is another.
    pub fn track(&self) -> TrackId {
        self.track
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("track", &self.track).finish_non_exhaustive()
    }
}

/// Nobody transcodes here.
impl Demand for () {
    fn want(&self, _: &Broadcast, _: TrackId, _: Wish) -> Option<Lease> {
        None
    }
}
