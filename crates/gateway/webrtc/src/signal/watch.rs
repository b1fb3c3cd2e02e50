//! What a viewer's POST needs beside its offer: a broadcast that is live, and what of it can be sent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use hub::{Broadcast, State};
use media::{Kind, Path, Track};
use proto::webrtc::negotiate::{Available, is_sendable};
use tokio::time::timeout;
use wire::sdp::{Description, MediaKind};

use super::answer::Problem;
use crate::gateway::Gateway;
use crate::room;

/// A publisher that has just come may not have shown all its tracks: sound needs no keyframe.
const SETTLING: Duration = Duration::from_secs(2);
/// When a player may look again for a stream that is known and not live, seconds (E4).
const RETRY_SECS: u32 = 2;

/// The broadcast, once it has what the offer asks for or had the time to show it.
pub(crate) async fn live(gateway: &Gateway, path: &Path, wanted: &[Kind]) -> Result<Broadcast, Problem> {
    let broadcast = gateway.hub().broadcast(path).filter(|broadcast| broadcast.state() != State::Ended);
    let broadcast = broadcast.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such stream"))?;
    let offline = || Problem::new(StatusCode::CONFLICT, "this stream is not live now").retry_after(RETRY_SECS);
    if broadcast.state() == State::Away {
        return Err(offline());
    }
    let since = broadcast.stats(std::time::Instant::now()).since;
    let age = SystemTime::now().duration_since(since).unwrap_or(SETTLING);
    let has = |kind: &Kind| broadcast.catalog().of_kind(*kind).next().is_some();
    let complete = async {
        let mut changes = broadcast.changes();
        while !wanted.iter().all(has) && changes.next().await == State::Live {}
    };
    // Late is no reason to refuse: what is there is sent.
    let _ = timeout(SETTLING.saturating_sub(age), complete).await;
    if broadcast.state() != State::Live || broadcast.catalog().tracks.is_empty() {
        return Err(offline());
    }
    Ok(broadcast)
}

/// The kinds that an offer asks for.
pub(crate) fn wanted(offer: &Description) -> Vec<Kind> {
    let kinds = offer.sections.iter().filter_map(|section| match section.kind {
        MediaKind::Audio => Some(Kind::Audio),
        MediaKind::Video => Some(Kind::Video),
        MediaKind::Other(_) => None,
    });
    kinds.collect()
}

/// What viewers by WHEP get of a broadcast, by the names of its codecs; what is made for them included. A kind that is
/// empty does not reach them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Codecs of pictures.
    pub video: Vec<&'static str>,
    /// Codecs of sound.
    pub audio: Vec<&'static str>,
}

impl Carried {
    pub(crate) fn of(gateway: &Gateway, broadcast: &Broadcast) -> Self {
        let published = Published::of(broadcast);
        let mut carried = Self::default();
        for available in published.available().iter().filter(|available| is_sendable(available)) {
            let names = match available.track.kind() {
                Kind::Video => &mut carried.video,
                Kind::Audio => &mut carried.audio,
            };
            let name = available.track.codec.name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        // For whoever takes nothing else of what there is.
        if !carried.video.contains(&"h264") && room::can_have_pictures(gateway, broadcast) {
            carried.video.push("h264");
        }
        if carried.audio.is_empty() && room::can_have_opus(gateway, broadcast) {
            carried.audio.push("opus");
        }
        carried
    }
}

/// What is published, with what its bitstream does not say of itself.
pub(crate) struct Published(Vec<(Arc<Track>, bool)>);

impl Published {
    pub(crate) fn of(broadcast: &Broadcast) -> Self {
        let catalog = broadcast.catalog();
        let tracks = catalog.tracks.iter().map(|track| {
            let has_b_frames = track.kind() == Kind::Video && room::has_b_frames(broadcast, track.id);
            (track.clone(), has_b_frames)
        });
        Self(tracks.collect())
    }

    pub(crate) fn available(&self) -> Vec<Available<'_>> {
        self.0.iter().map(|(track, has_b_frames)| Available { track, has_b_frames: *has_b_frames }).collect()
    }
}
