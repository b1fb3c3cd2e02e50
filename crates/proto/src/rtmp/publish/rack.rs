use std::collections::BTreeMap;

use media::{Span, Time, Track, TrackId};
use wire::flv::{self, MAX_TRACKS};

use super::super::error::Odd;
use super::super::session::Event;

/// The tracks of one kind, by their numbers in the messages.
pub(super) struct Rack<T> {
    slots: BTreeMap<u8, Slot<T>>,
    /// The hub's number for the first of them.
    first_id: u16,
    make: fn(flv::Codec) -> Option<T>,
}

/// One track.
struct Slot<T> {
    codec: flv::Codec,
    /// `None` for a codec that we do not take.
    track: Option<T>,
    news: News,
}

/// What the house was told of a track.
#[derive(Default)]
pub(super) struct News {
    /// As it was last announced.
    pub(super) track: Option<Track>,
    /// It was taken out since: before its next frame it must be announced again.
    pub(super) is_out: bool,
    /// When its last frame was to be decoded.
    pub(super) last: Option<Time>,
    /// The publisher said that no frame follows, and none has.
    pub(super) is_over: bool,
}

/// A rendition that the publisher ended is kept for as long: when all end, it is the publication that ends.
const OVER: Span = Span::from_millis(1_000);
/// A rendition is given up when others of its kind go on for as long without it.
const LOST: Span = Span::from_millis(10_000);

impl<T> Rack<T> {
    /// The hub's numbers are `first_id` and every second one after it: video even, audio odd, so that neither depends
    /// on how many the other has, or on which came first.
    pub(super) fn new(first_id: u16, make: fn(flv::Codec) -> Option<T>) -> Self {
        Self { slots: BTreeMap::new(), first_id, make }
    }

    pub(super) fn id(&self, number: u8) -> TrackId {
        TrackId(self.first_id + 2 * u16::from(number))
    }

    /// The track of that number, made if it is new or of another codec than before. `None` if its codec is none of
    /// ours, which is said once (R17, R20).
    pub(super) fn track(
        &mut self,
        number: u8,
        codec: flv::Codec,
        emit: &mut dyn FnMut(Event),
    ) -> Option<(&mut T, &mut News)> {
        let is_new = self.slots.get(&number).is_none_or(|slot| slot.codec != codec);
        if is_new {
            if !self.slots.contains_key(&number) && self.slots.len() >= MAX_TRACKS {
                emit(Event::Odd(Odd::TooManyTracks(MAX_TRACKS)));
                return None;
            }
            let track = (self.make)(codec);
            if track.is_none() {
                emit(Event::Odd(Odd::Codec(codec)));
            }
            self.slots.insert(number, Slot { codec, track, news: News::default() });
        }
        let slot = self.slots.get_mut(&number)?;
        Some((slot.track.as_mut()?, &mut slot.news))
    }

    /// Finds a track that has ended, or was lost, while others of its kind go on: it is to be taken out.
    pub(super) fn sweep(&mut self) -> Option<TrackId> {
        if self.slots.len() < 2 {
            return None;
        }
        let newest = self.slots.values().filter_map(|slot| slot.news.last).max()?;
        let is_gone = |news: &News| {
            let patience = if news.is_over { OVER } else { LOST };
            !news.is_out && news.last.is_some_and(|last| newest.since(last) > patience)
        };
        let (&number, slot) = self.slots.iter_mut().find(|(_, slot)| is_gone(&slot.news))?;
        slot.news.is_out = true;
        Some(self.id(number))
    }

    /// None of the tracks is of a codec that we take, if there are any.
    pub(super) fn is_foreign(&self) -> bool {
        self.slots.values().all(|slot| slot.track.is_none())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}
