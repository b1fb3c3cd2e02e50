//! A publication: audio, video and data messages in, tracks and frames out.

mod audio;
mod hints;
mod video;

use std::collections::BTreeMap;

use bytes::Bytes;
use media::{Codec, Frame, Span, Time, Track, TrackId};
use wire::flv::{self, MAX_TRACKS};
use wire::rtmp::kind;

use super::chunks::Message;
use super::clock::Clock;
use super::commands::without_amf3_prefix;
use super::error::Odd;
use super::session::Event;
use audio::Audio;
use hints::Hints;
use video::Video;

/// What one publisher has sent so far, as far as later messages build on it.
#[derive(Default)]
pub(super) struct Publication {
    clock: Clock,
    hints: Hints,
    video: BTreeMap<u8, Slot<Video>>,
    audio: BTreeMap<u8, Slot<Audio>>,
}

/// One track by its number in the messages.
enum Slot<T> {
    /// Of a codec that we do not take; said once.
    Unsupported(flv::Codec),
    Taken(T),
}

/// The hub's number for a publisher's n-th track of a kind: video even, audio odd, so that neither depends on
/// how many the other has, or on which came first.
fn video_id(track: u8) -> TrackId {
    TrackId(u16::from(track) * 2)
}

fn audio_id(track: u8) -> TrackId {
    TrackId(u16::from(track) * 2 + 1)
}

impl Publication {
    /// Takes one message; what came of it goes to `emit`. Nothing in it can end the session: what cannot be
    /// used is left out, and said to be [`Odd`].
    pub(super) fn on_message(&mut self, message: Message, emit: &mut dyn FnMut(Event)) {
        match message.kind {
            kind::VIDEO => self.on_video(message.timestamp, &message.payload, emit),
            kind::AUDIO => self.on_audio(message.timestamp, &message.payload, emit),
            kind::DATA => self.on_data(&message.payload, emit),
            kind::DATA_AMF3 => self.on_data(without_amf3_prefix(&message.payload), emit),
            kind::AGGREGATE => self.on_aggregate(message.timestamp, message.payload, emit),
            _ => {}
        }
    }

    fn on_video(&mut self, timestamp: u32, body: &Bytes, emit: &mut dyn FnMut(Event)) {
        if body.is_empty() {
            return;
        }
        let message = match flv::Video::parse(body) {
            Ok(message) => message,
            Err(malformed) => return emit(Event::Odd(malformed.into())),
        };
        let time = self.clock.unwrap(timestamp) + Span(i64::from(message.nanos));
        for track in message.tracks {
            let flv::VideoTrack { id, codec, composition_ms, data } = track;
            let is_known = codec == flv::Codec::FourCc(flv::FourCc::AVC);
            let Some(video) = slot(&mut self.video, id, codec, is_known, emit) else { continue };
            let mut out = Out { id: video_id(id), bitrate_bps: self.hints.video_bps.filter(|_| id == 0), emit };
            match message.packet {
                flv::VideoPacket::SequenceStart => video.on_header(data, &mut out),
                flv::VideoPacket::CodedFrames => video.on_frame(time, composition_ms, data, &mut out),
                // The next header says what comes next; until then nothing changes.
                flv::VideoPacket::SequenceEnd | flv::VideoPacket::Metadata => {}
                flv::VideoPacket::Mpeg2TsSequenceStart => {}
            }
        }
    }

    fn on_audio(&mut self, timestamp: u32, body: &Bytes, emit: &mut dyn FnMut(Event)) {
        if body.is_empty() {
            return;
        }
        let message = match flv::Audio::parse(body) {
            Ok(message) => message,
            Err(malformed) => return emit(Event::Odd(malformed.into())),
        };
        let time = self.clock.unwrap(timestamp) + Span(i64::from(message.nanos));
        for track in message.tracks {
            let flv::AudioTrack { id, codec, data } = track;
            let is_known = codec == flv::Codec::FourCc(flv::FourCc::AAC);
            let Some(audio) = slot(&mut self.audio, id, codec, is_known, emit) else { continue };
            let mut out = Out { id: audio_id(id), bitrate_bps: self.hints.audio_bps.filter(|_| id == 0), emit };
            match message.packet {
                flv::AudioPacket::SequenceStart => audio.on_header(data, &mut out),
                flv::AudioPacket::CodedFrames => audio.on_frame(time, data, &mut out),
                flv::AudioPacket::SequenceEnd | flv::AudioPacket::MultichannelConfig => {}
            }
        }
    }

    /// Metadata: no more than a hint, so that nothing in it can do harm (R13).
    fn on_data(&mut self, body: &[u8], emit: &mut dyn FnMut(Event)) {
        if let Err(malformed) = self.hints.on_data(body) {
            emit(Event::Odd(malformed.into()));
        }
    }

    /// FLV tags in a row, whose times count from the message's own (RTMP 1.0 §7.1.6, R12).
    fn on_aggregate(&mut self, timestamp: u32, mut rest: Bytes, emit: &mut dyn FnMut(Event)) {
        let mut first = None;
        while !rest.is_empty() {
            let tag = match flv::Tag::parse(&mut rest) {
                Ok(tag) => tag,
                Err(malformed) => return emit(Event::Odd(malformed.into())),
            };
            let since = tag.timestamp.wrapping_sub(*first.get_or_insert(tag.timestamp));
            let timestamp = timestamp.wrapping_add(since);
            match tag.kind {
                flv::TagKind::Video => self.on_video(timestamp, &tag.body, emit),
                flv::TagKind::Audio => self.on_audio(timestamp, &tag.body, emit),
                flv::TagKind::Script => self.on_data(&tag.body, emit),
                flv::TagKind::Other(_) => {}
            }
        }
    }
}

/// The track of that number, made if it is new. `None` if its codec is none of ours, which is said once.
fn slot<'a, T: Default>(
    slots: &'a mut BTreeMap<u8, Slot<T>>,
    id: u8,
    codec: flv::Codec,
    is_known: bool,
    emit: &mut dyn FnMut(Event),
) -> Option<&'a mut T> {
    if !slots.contains_key(&id) && slots.len() >= MAX_TRACKS {
        emit(Event::Odd(Odd::TooManyTracks(MAX_TRACKS)));
        return None;
    }
    if !is_known {
        let was = slots.insert(id, Slot::Unsupported(codec));
        if !matches!(was, Some(Slot::Unsupported(said)) if said == codec) {
            emit(Event::Odd(Odd::Codec(codec)));
        }
        return None;
    }
    let slot = slots.entry(id).or_insert_with(|| Slot::Taken(T::default()));
    if let Slot::Unsupported(_) = slot {
        *slot = Slot::Taken(T::default());
    }
    match slot {
        Slot::Taken(track) => Some(track),
        Slot::Unsupported(_) => None,
    }
}

/// Where one track's news goes.
struct Out<'a> {
    id: TrackId,
    bitrate_bps: Option<u32>,
    emit: &'a mut dyn FnMut(Event),
}

impl Out<'_> {
    fn track(&mut self, codec: Codec) {
        (self.emit)(Event::Track(Track { bitrate_bps: self.bitrate_bps, ..Track::source(self.id, codec) }));
    }

    fn frame(&mut self, dts: Time, reorder: Span, is_sync: bool, payload: Bytes) {
        (self.emit)(Event::Frame(self.id, Frame { dts, reorder, is_sync, payload }));
    }

    fn odd(&mut self, odd: impl Into<Odd>) {
        (self.emit)(Event::Odd(odd.into()));
    }
}
