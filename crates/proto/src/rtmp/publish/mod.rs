//! A publication: audio, video and data messages in, tracks and frames out.

mod audio;
mod hints;
mod rack;
mod video;

use bytes::Bytes;
use media::{Codec, Frame, Kind, Language, Span, Time, Track, TrackId};
use wire::flv;
use wire::rtmp::kind;

use super::chunks::Message;
use super::clock::Clock;
use super::commands::without_amf3_prefix;
use super::error::Odd;
use super::session::Event;
pub(super) use audio::OURS as AUDIO;

use audio::Audio;
use hints::Hints;
use rack::{News, Rack};
use video::Video;

/// What one publisher has sent so far, as far as later messages build on it.
pub(super) struct Publication {
    clock: Clock,
    hints: Hints,
    video: Rack<Video>,
    audio: Rack<Audio>,
    useless: Useless,
}

/// Whether anything came that somebody could watch.
#[derive(Default)]
enum Useless {
    #[default]
    No,
    /// Since then, all was of codecs that we do not take.
    Since(Time),
    /// And for so long that it will not change.
    Lastingly,
}

/// A publication none of whose codecs we take is useless after so long.
const USELESS: Span = Span::from_millis(5_000);

impl Publication {
    /// Nothing yet. `languages` are those of the audio tracks, in their order, where the publisher has named them.
    pub(super) fn speaking(languages: Vec<Language>) -> Self {
        Self {
            clock: Clock::default(),
            hints: Hints::speaking(languages),
            video: Rack::new(
                0,
                |codec| if let flv::Codec::FourCc(codec) = codec { Video::for_codec(codec) } else { None },
            ),
            audio: Rack::new(1, Audio::for_codec),
            useless: Useless::No,
        }
    }

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

    /// For some seconds all that came was of codecs that we do not take: nobody will ever see anything.
    pub(super) fn is_useless(&self) -> bool {
        matches!(self.useless, Useless::Lastingly)
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
        for flv::VideoTrack { id: number, codec, composition_ms, data } in message.tracks {
            let id = self.video.id(number);
            let Some((video, news)) = self.video.track(number, codec, emit) else { continue };
            let mut out = Out { id, number, hints: &self.hints, news, emit };
            match message.packet {
                flv::VideoPacket::SequenceStart => video.on_header(data, &mut out),
                flv::VideoPacket::CodedFrames => video.on_frame(time, composition_ms, data, &mut out),
                // If more comes, the next header says what.
                flv::VideoPacket::SequenceEnd => news.is_over = true,
                // What stands in the bitstream counts, and none of this is a frame (R19).
                flv::VideoPacket::Metadata | flv::VideoPacket::Mpeg2TsSequenceStart => {}
            }
        }
        if let Some(id) = self.video.sweep() {
            emit(Event::TrackEnded(id));
        }
        self.judge(time);
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
        for flv::AudioTrack { id: number, codec, data } in message.tracks {
            let id = self.audio.id(number);
            let Some((audio, news)) = self.audio.track(number, codec, emit) else { continue };
            let mut out = Out { id, number, hints: &self.hints, news, emit };
            match message.packet {
                flv::AudioPacket::SequenceStart => audio.on_header(data, &mut out),
                flv::AudioPacket::CodedFrames => audio.on_frame(time, data, &mut out),
                flv::AudioPacket::SequenceEnd => news.is_over = true,
                flv::AudioPacket::MultichannelConfig => {}
            }
        }
        if let Some(id) = self.audio.sweep() {
            emit(Event::TrackEnded(id));
        }
        self.judge(time);
    }

    /// Nobody is to wait for ever for a publisher none of whose codecs we take.
    fn judge(&mut self, time: Time) {
        let has_any = !self.video.is_empty() || !self.audio.is_empty();
        let is_foreign = has_any && self.video.is_foreign() && self.audio.is_foreign();
        self.useless = match self.useless {
            _ if !is_foreign => Useless::No,
            Useless::No => Useless::Since(time),
            Useless::Since(since) if time.since(since) > USELESS => Useless::Lastingly,
            Useless::Since(since) => Useless::Since(since.min(time)),
            Useless::Lastingly => Useless::Lastingly,
        };
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

/// Where one track's news goes.
struct Out<'a> {
    id: TrackId,
    /// In the messages.
    number: u8,
    hints: &'a Hints,
    news: &'a mut News,
    emit: &'a mut dyn FnMut(Event),
}

impl Out<'_> {
    fn track(&mut self, codec: Codec) {
        let mut track = Track::source(self.id, codec);
        match track.kind() {
            Kind::Video => track.bitrate_bps = self.hints.video_bps(self.number),
            Kind::Audio => {
                track.bitrate_bps = self.hints.audio_bps(self.number);
                track.language = self.hints.language(self.number);
            }
        }
        self.news.track = Some(track.clone());
        self.news.is_out = false;
        (self.emit)(Event::Track(track));
    }

    fn frame(&mut self, dts: Time, reorder: Span, is_sync: bool, payload: Bytes) {
        self.news.last = self.news.last.max(Some(dts));
        self.news.is_over = false;
        if self.news.is_out {
            // One that was taken out begins anew, where one may begin.
            let Some(track) = self.news.track.clone().filter(|_| is_sync) else { return };
            self.news.is_out = false;
            (self.emit)(Event::Track(track));
        }
        let frame = Frame { dts, reorder, is_sync, payload, temporal: media::Temporal::BASE };
        (self.emit)(Event::Frame(self.id, frame));
    }

    fn odd(&mut self, odd: impl Into<Odd>) {
        (self.emit)(Event::Odd(odd.into()));
    }
}
