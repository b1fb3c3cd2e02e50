use std::sync::Arc;

use hub::{Broadcast, Cursor, Derived, From, GroupHead, State, Step};
use media::{Catalog, Codec, Frame, Kind, Origin, Time, Track, TrackId};

/// All tracks of a broadcast as one stream.
pub(crate) struct Feed {
    from: From,
    /// The broadcast's tracks as they were last.
    whole: Option<Arc<Catalog>>,
    /// Those of them that are packaged.
    catalog: Arc<Catalog>,
    tracks: Vec<Followed>,
}

/// What a packager is told.
pub(crate) enum Item {
    /// The tracks are these from now on.
    Catalog(Arc<Catalog>),
    /// The next frame of a track, and the group that it belongs to.
    Frame { head: Arc<GroupHead>, frame: Frame },
    /// Some of a track was gone before it could be read.
    Skipped { track: String, groups: u64 },
}

struct Followed {
    id: TrackId,
    /// `None` once it has ended; a track of that id may come again.
    cursor: Option<Cursor>,
    head: Option<Arc<GroupHead>>,
    last: Option<Time>,
}

impl Feed {
    pub(crate) fn new(from: From) -> Self {
        Self { from, whole: None, catalog: Arc::default(), tracks: Vec::new() }
    }

    /// Everything that came since last time: first the tracks, then their frames in the order of decoding.
    pub(crate) fn read(&mut self, broadcast: &Broadcast, state: State) -> Vec<Item> {
        let mut items = Vec::new();
        let whole = broadcast.catalog();
        if self.whole.as_ref().is_none_or(|before| !Arc::ptr_eq(before, &whole)) {
            let tracks = whole.tracks.iter().filter(|track| is_packaged(track)).cloned().collect();
            self.catalog = Arc::new(Catalog { tracks });
            items.push(Item::Catalog(self.catalog.clone()));
            self.whole = Some(whole);
        }
        let catalog = self.catalog.clone();
        if state != State::Ended {
            catalog.tracks.iter().for_each(|track| self.follow(broadcast, track.id));
        }
        let mut frames = Vec::new();
        for track in &mut self.tracks {
            track.read(&mut frames, &mut items);
        }
        frames.sort_by_key(|(_, frame)| frame.dts);
        items.extend(frames.into_iter().map(|(head, frame)| Item::Frame { head, frame }));
        items
    }

    fn follow(&mut self, broadcast: &Broadcast, id: TrackId) {
        match self.tracks.iter_mut().find(|track| track.id == id) {
            Some(Followed { cursor: Some(_), .. }) => {}
            Some(track) => track.cursor = broadcast.follow(id, From::Oldest),
            None => {
                let cursor = broadcast.follow(id, self.from);
                self.tracks.push(Followed { id, cursor, head: None, last: None });
            }
        }
    }
}

/// Opus and pictures that the transcoder made for WebRTC come and go with viewers there, and playlists must not: players
/// that read them have what these were made of.
fn is_packaged(track: &Track) -> bool {
    let is_passing = matches!(track.codec, Codec::Opus(_)) || track.kind() == Kind::Video && track.id < Derived::RUNGS;
    track.origin != Origin::Transcoder || !is_passing
}

impl Followed {
    fn read(&mut self, frames: &mut Vec<(Arc<GroupHead>, Frame)>, items: &mut Vec<Item>) {
        let Some(cursor) = &mut self.cursor else { return };
        loop {
            match cursor.try_next() {
                Step::Group(head) => self.head = Some(head),
                Step::Frame(frame) => {
                    // A track that ended with the broadcast may have been followed anew: it has nothing new.
                    let is_new = self.last.is_none_or(|last| frame.dts > last);
                    if let Some(head) = self.head.clone().filter(|_| is_new) {
                        self.last = Some(frame.dts);
                        frames.push((head, frame));
                    }
                }
                Step::Skipped { groups, .. } => {
                    let track = self.head.as_ref().map_or_else(String::new, |head| head.track.name().to_string());
                    items.push(Item::Skipped { track, groups });
                }
                Step::Pending => return,
                Step::Ended => {
                    self.cursor = None;
                    return;
                }
            }
        }
    }
}
