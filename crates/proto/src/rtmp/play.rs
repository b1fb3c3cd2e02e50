//! Players: what they ask for, and what they are told and sent (conformance R22).

use std::fmt;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use media::Kind;
use wire::amf::{self, Value};
use wire::flv::{TagKind, Takes};
use wire::rtmp::{Control, UserControl, kind};

use super::chunks::Message;
use super::commands::{self, Command};
use super::error::Fault;
use super::session::{Event, Output, STREAM_CSID, Session, State, flush};

/// Chunks to a player: most frames fit into one, and every client in use takes as many bytes.
const CHUNK_BYTES: u32 = 65_536;
/// Chunk streams of their own, so that each kind's times go on from its own last one.
const AUDIO_CSID: u32 = 6;
const VIDEO_CSID: u32 = 7;

/// Somebody who plays.
pub(super) struct Playing {
    /// On that message stream.
    pub(super) stream: u32,
    /// When to ask whether it is still there.
    pub(super) next_ping: Instant,
}

/// Why a player gets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// There is no such stream.
    NotFound,
    /// A key is needed and none was shown.
    NeedsKey,
    /// The key shown opens nothing here.
    WrongKey,
    /// The server has all the players it can take.
    Full,
    /// Nobody plays here by RTMP.
    Off,
    /// Why, in a sentence: the stream is not live now.
    NotLive(String),
    /// Why, in a sentence: nothing of it can be sent to this player.
    Unplayable(String),
}

impl Denial {
    /// The code of the status that the player gets.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound | Self::NotLive(_) => "NetStream.Play.StreamNotFound",
            _ => "NetStream.Play.Failed",
        }
    }

    /// A short word for counters.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::NeedsKey => "needs_key",
            Self::WrongKey => "wrong_key",
            Self::Full => "full",
            Self::Off => "off",
            Self::NotLive(_) => "not_live",
            Self::Unplayable(_) => "unplayable",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "There is no such stream.",
            Self::NeedsKey => "Watching here needs a key: add ?key=… to the stream name.",
            Self::WrongKey => "This key does not allow watching here.",
            Self::Full => "The server cannot take another player now.",
            Self::Off => "This server does not play over RTMP.",
            Self::NotLive(why) | Self::Unplayable(why) => why,
        })
    }
}

impl Session {
    /// Tells the player why it gets nothing, then closes. Without one, does nothing.
    pub fn deny(&mut self, denial: &Denial) {
        if let State::AskingToPlay(stream) = self.state {
            self.status(stream, "error", denial.code(), &denial.to_string());
            self.close();
        }
    }

    /// One message for the player: audio, video or data, its payload `head` and then `body`, which is shared. Times are
    /// milliseconds that wrap. Without a player, does nothing.
    pub fn send(&mut self, tag: TagKind, timestamp: u32, head: &[u8], body: Bytes) {
        let State::Playing(Playing { stream, .. }) = self.state else { return };
        let csid = match tag {
            TagKind::Audio => AUDIO_CSID,
            TagKind::Video => VIDEO_CSID,
            _ => STREAM_CSID,
        };
        let Self { writer, out, outbox, .. } = self;
        let pieces = |piece| outbox.push_back(Output::Send(piece));
        writer.write_shared(csid, (tag.number(), stream, timestamp), head, body, out, pieces);
    }

    /// The broadcast is over: says so and closes. Without a player, does nothing.
    pub fn finish(&mut self) {
        let State::Playing(Playing { stream, .. }) = self.state else { return };
        self.status(stream, "status", "NetStream.Play.UnpublishNotify", "The stream is over.");
        self.control(Control::User(UserControl::StreamEof(stream)));
        self.status(stream, "status", "NetStream.Play.Stop", "The stream is over.");
        self.close();
    }

    /// The server goes: asks a player that knows how to come again (R21), and closes. Without one, does nothing.
    pub fn send_away(&mut self) {
        let State::Playing(_) = self.state else { return };
        if self.capabilities.can_reconnect() {
            self.status(0, "status", "NetConnection.Connect.ReconnectRequest", "The server restarts.");
            self.close();
        } else {
            self.finish();
        }
    }

    pub(super) fn on_play(&mut self, now: Instant, stream: u32, command: &Command) -> Result<(), Fault> {
        match &self.state {
            State::Playing(playing) if playing.stream == stream => self.on_stop(now),
            State::Playing(_) | State::Publishing(..) => {
                let text = "This connection is in use already.";
                self.status(stream, "error", "NetStream.Play.Failed", text);
                return Ok(());
            }
            _ => {}
        }
        let identity = self.identify(command.text())?;
        self.state = State::AskingToPlay(stream);
        let Some(identity) = identity else {
            self.deny(&Denial::NotFound);
            return Ok(());
        };
        let mut takes = self.capabilities.takes().clone();
        if let Some(codecs) = &identity.wish.codecs {
            takes.join(&Takes::list(codecs));
        }
        self.event(Event::WantsToPlay { path: identity.path, secret: identity.secret, wish: identity.wish, takes });
        Ok(())
    }

    pub(super) fn begin_to_play(&mut self, stream: u32, now: Instant) {
        self.control(Control::SetChunkSize(CHUNK_BYTES));
        self.writer.set_chunk_size(CHUNK_BYTES);
        self.control(Control::User(UserControl::StreamBegin(stream)));
        self.status(stream, "status", "NetStream.Play.Reset", "Playing from here on.");
        self.status(stream, "status", "NetStream.Play.Start", "Playing.");
        let mut payload = BytesMut::new();
        let values = ["|RtmpSampleAccess".into(), Value::Boolean(true), Value::Boolean(true)];
        values.iter().for_each(|value| amf::write(value, &mut payload));
        let message = Message { kind: kind::DATA, stream, timestamp: 0, payload: payload.freeze() };
        self.writer.write(STREAM_CSID, &message, &mut self.out);
        self.state = State::Playing(Playing { stream, next_ping: now + self.idle_timeout() });
    }

    pub(super) fn on_pause(&mut self, stream: u32, command: &Command) {
        let State::Playing(_) = self.state else { return };
        let is_paused = flag(command);
        let (code, text) = match is_paused {
            true => ("NetStream.Pause.Notify", "Paused."),
            false => ("NetStream.Unpause.Notify", "Playing on, with what is live now."),
        };
        self.event(Event::Paused(is_paused));
        self.status(stream, "status", code, text);
    }

    /// Live has no other place to go to.
    pub(super) fn on_seek(&mut self, stream: u32) {
        if let State::Playing(_) = self.state {
            self.status(stream, "status", "NetStream.Seek.Notify", "The stream is live.");
        }
    }

    pub(super) fn on_receive(&mut self, kind: Kind, command: &Command) {
        if let State::Playing(_) = self.state {
            self.event(Event::Receive(kind, flag(command)));
        }
        self.answer(command, Value::Undefined);
    }

    /// What some networks have clients ask before they play.
    pub(super) fn on_subscribe(&mut self, command: &Command) {
        self.answer(command, Value::Undefined);
        let info = commands::info("status", "NetStream.Play.Start", "Subscribed.");
        self.command(0, "onFCSubscribe", 0.0, &[Value::Null, info]);
    }

    /// The player has seen enough.
    pub(super) fn on_stop(&mut self, now: Instant) {
        self.state = State::Open;
        self.publish_by = now + self.handshake_timeout();
        self.event(Event::Ended);
    }

    /// Asks a player that has been silent whether it is there.
    pub(super) fn ping(&mut self, now: Instant) {
        let patience = self.idle_timeout();
        let (last_input, State::Playing(playing)) = (self.last_input, &mut self.state) else { return };
        if now < playing.next_ping {
            return;
        }
        playing.next_ping = now + patience;
        if now >= last_input + patience {
            // The peer gives it back as it is; what time it is does not matter to it.
            self.control(Control::User(UserControl::PingRequest(0)));
        }
        flush(&mut self.out, &mut self.outbox);
    }
}

/// The switch that a command has behind its command object.
fn flag(command: &Command) -> bool {
    matches!(command.arguments.get(1), Some(Value::Boolean(true)))
}
