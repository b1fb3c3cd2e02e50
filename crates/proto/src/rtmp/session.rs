use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use media::{Frame, Kind, Language, Path, Track, TrackId};
use wire::amf::Value;
use wire::flv::Takes;
use wire::rtmp::{Control, PeerLimit, UserControl, kind};

use super::capabilities::Capabilities;
use super::chunks::{Message, Reader, Writer};
use super::commands::{self, Command, without_amf3_prefix};
use super::error::{Error, Fault, Odd};
use super::handshake::Handshake;
use super::identity::{self, Identity, Secret, Wish};
use super::limits::Limits;
use super::play::Playing;
use super::publish::Publication;

/// After how many bytes the peer is to acknowledge, and how many it may have under way.
const WINDOW_BYTES: u32 = 2_500_000;
/// Chunks to the peer: commands fit into one.
const CHUNK_BYTES: u32 = 4096;
/// A player has nothing to say of itself: it may be silent for so many times as long as a publisher.
const PLAYERS_PATIENCE: u32 = 3;
/// How often we acknowledge unless told otherwise, and the bounds of what we let ourselves be told (R5).
const ACK_BYTES: u32 = 1_000_000;
const MIN_ACK_BYTES: u32 = 16 << 10;

/// Chunk streams by habit: control, connection, message streams.
const CONTROL_CSID: u32 = 2;
const CONNECTION_CSID: u32 = 3;
pub(super) const STREAM_CSID: u32 = 5;

/// One connection, seen from the server: a machine without socket and clock.
///
/// A publisher is let in or not by whoever drives it: after [`Event::WantsToPublish`] nothing more is read until
/// [`Session::accept`] or [`Session::refuse`] is called. A player likewise: [`Event::WantsToPlay`], and then
/// [`Session::accept`] or [`Session::deny`].
pub struct Session {
    limits: Limits,
    pub(super) state: State,
    reader: Reader,
    pub(super) writer: Writer,
    pub(super) outbox: VecDeque<Output>,
    /// Bytes to send behind what is in the outbox.
    pub(super) out: BytesMut,
    /// What came while a verdict was awaited.
    held: BytesMut,
    received_bytes: u64,
    acknowledged_bytes: u64,
    ack_bytes: u32,
    pub(super) last_input: Instant,
    pub(super) publish_by: Instant,
    identity: Option<(Box<str>, Box<str>)>,
    /// Of the audio tracks of who wants to publish.
    languages: Vec<Language>,
    pub(super) capabilities: Capabilities,
    last_stream: u32,
    announced: bool,
}

pub(super) enum State {
    Handshake(Handshake),
    /// Commands go to and fro.
    Open,
    /// Somebody wants to publish on that message stream; a verdict is awaited.
    Asking(u32),
    /// Somebody wants to play on that message stream; a verdict is awaited.
    AskingToPlay(u32),
    /// Somebody plays.
    Playing(Playing),
    /// Somebody publishes on that message stream.
    Publishing(u32, Box<Publication>),
    /// All is said.
    Closed,
}

/// What happened. Not to be shown: what arrives may hold a key.
pub enum Input<'a> {
    /// These bytes arrived.
    Bytes(&'a [u8]),
    /// The time that [`Output::WaitUntil`] named has come.
    Timeout,
}

/// What the machine wants done.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Send these bytes.
    Send(Bytes),
    /// Something for the house.
    Event(Event),
    /// All is said: see the bytes off and close the connection.
    Close,
    /// Nothing else is pending: wait for bytes until then.
    WaitUntil(Instant),
}

/// What a publisher or a player means for the house.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Call [`Session::accept`] or [`Session::refuse`].
    WantsToPublish {
        /// Which broadcast.
        path: Path,
        /// The key shown.
        secret: Option<Secret>,
    },
    /// The machine refused a publisher by itself; the connection closes.
    Refused(Refusal),
    /// Call [`Session::accept`] or [`Session::deny`].
    WantsToPlay {
        /// Which broadcast.
        path: Path,
        /// The key shown.
        secret: Option<Secret>,
        /// What of it.
        wish: Wish,
        /// Codecs that it said it takes.
        takes: Takes,
    },
    /// The player wants nothing for now, or no longer so.
    Paused(bool),
    /// The player wants pictures or sound, or not.
    Receive(Kind, bool),
    /// A track begins, or its parameters change; its next frame is the first under them.
    Track(Track),
    /// A track has ended or was lost, while others of its kind go on. It may be announced again.
    TrackEnded(TrackId),
    /// A frame of a track that was announced. `dts` is on the publisher's clock, in order as far as the publisher's is.
    Frame(TrackId, Frame),
    /// Something was passed over.
    Odd(Odd),
    /// The publisher said that this publication is over, or the player that it has seen enough. Said once (R8); the
    /// connection may begin another.
    Ended,
}

/// Why a publisher is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody else is publishing there (R10).
    Busy,
    /// A key is needed and none was shown.
    NeedsKey,
    /// The key shown opens nothing here.
    WrongKey,
    /// No broadcast can have that name.
    BadName,
    /// The server has all it can take.
    Full,
    /// The server's people ended the broadcast.
    Ended,
    /// Nothing was of a codec that we take.
    Codecs,
}

impl Refusal {
    /// The code of the status that the publisher gets. `BadName` is what encoders know as "that name is taken".
    pub fn code(self) -> &'static str {
        match self {
            Self::Busy | Self::BadName => "NetStream.Publish.BadName",
            Self::NeedsKey | Self::WrongKey => "NetStream.Publish.Denied",
            Self::Full | Self::Ended | Self::Codecs => "NetStream.Publish.Rejected",
        }
    }

    /// A short word for counters.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::NeedsKey => "needs_key",
            Self::WrongKey => "wrong_key",
            Self::BadName => "bad_name",
            Self::Full => "full",
            Self::Ended => "ended",
            Self::Codecs => "codecs",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "Somebody is already publishing under this name.",
            Self::NeedsKey => "Publishing here needs a key: add ?key=… to the stream name.",
            Self::WrongKey => "This key does not allow publishing here.",
            Self::BadName => "A stream name may hold only letters, digits and - _ . ~, in up to eight parts.",
            Self::Full => "The server cannot take another stream now.",
            Self::Ended => "The broadcast was ended by the server.",
            Self::Codecs => {
                "None of these codecs is supported: H.264, HEVC, AV1, VP9, VP8, AAC, Opus, FLAC, AC-3, E-AC-3 are."
            }
        })
    }
}

impl Session {
    /// The server's end of a connection that was accepted at `now`. `nonce` should differ between connections.
    pub fn server(limits: Limits, nonce: u64, now: Instant) -> Self {
        let reader = Reader::new(limits.for_strangers());
        Self {
            state: State::Handshake(Handshake::server(nonce)),
            reader,
            writer: Writer::new(),
            outbox: VecDeque::new(),
            out: BytesMut::new(),
            held: BytesMut::new(),
            received_bytes: 0,
            acknowledged_bytes: 0,
            ack_bytes: ACK_BYTES,
            last_input: now,
            publish_by: now + limits.handshake_timeout,
            identity: None,
            languages: Vec::new(),
            capabilities: Capabilities::default(),
            last_stream: 0,
            announced: false,
            limits,
        }
    }

    /// Tells the machine what happened. Drain [`Session::poll_output`] after every call, and after an error too:
    /// there may be bytes that say to the peer what was wrong.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) -> Result<(), Error> {
        match input {
            Input::Bytes(bytes) => {
                self.received_bytes += bytes.len() as u64;
                self.last_input = now;
                self.on_bytes(now, bytes)
            }
            Input::Timeout if self.idle_deadline() <= now => Err(Error::Idle),
            Input::Timeout if self.is_too_slow(now) => Err(Error::TooSlow),
            Input::Timeout => {
                self.ping(now);
                Ok(())
            }
        }
    }

    /// Says what the machine wants done. `WaitUntil` comes last: nothing else is pending.
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outbox.pop_front() {
            return output;
        }
        if !self.out.is_empty() {
            return Output::Send(self.out.split().freeze());
        }
        Output::WaitUntil(match &self.state {
            State::Publishing(..) | State::Asking(_) | State::AskingToPlay(_) | State::Closed => self.idle_deadline(),
            State::Playing(playing) => self.idle_deadline().min(playing.next_ping),
            _ => self.idle_deadline().min(self.publish_by),
        })
    }

    /// Lets the publisher or player in that asked to. Without one, does nothing.
    pub fn accept(&mut self, now: Instant) -> Result<(), Error> {
        if let State::AskingToPlay(stream) = self.state {
            self.begin_to_play(stream, now);
            return self.go_on(now);
        }
        let State::Asking(stream) = self.state else { return Ok(()) };
        self.reader.set_limits(self.limits.for_publishers());
        let languages = std::mem::take(&mut self.languages);
        self.state = State::Publishing(stream, Box::new(Publication::speaking(languages)));
        self.control(Control::User(UserControl::StreamBegin(stream)));
        if self.announced {
            let info = Value::object([("code", "NetStream.Publish.Start".into())]);
            self.command(0, "onFCPublish", 0.0, &[Value::Null, info]);
        }
        self.status(stream, "status", "NetStream.Publish.Start", "Publishing.");
        self.go_on(now)
    }

    /// Reads what came while a verdict was awaited.
    fn go_on(&mut self, now: Instant) -> Result<(), Error> {
        // Time spent on the verdict is not the peer's silence.
        self.last_input = now;
        let held = std::mem::take(&mut self.held);
        self.on_bytes(now, &held)
    }

    /// Tells the publisher why it is not let in, or no longer, then closes (R10, R11). Without one, does nothing.
    pub fn refuse(&mut self, refusal: Refusal) {
        if let State::Asking(stream) | State::Publishing(stream, _) = self.state {
            self.status(stream, "error", refusal.code(), &refusal.to_string());
            self.close();
        }
    }

    /// What the client said that it can do beyond RTMP 1.0.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// How many bytes arrived so far.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// After how much silence the peer is asked whether it is there, or given up.
    pub(super) fn idle_timeout(&self) -> std::time::Duration {
        self.limits.idle_timeout
    }

    /// How long the peer may take for what comes first.
    pub(super) fn handshake_timeout(&self) -> std::time::Duration {
        self.limits.handshake_timeout
    }

    fn idle_deadline(&self) -> Instant {
        let times = if let State::Playing(_) = self.state { PLAYERS_PATIENCE } else { 1 };
        self.last_input + self.limits.idle_timeout * times
    }

    fn is_too_slow(&self, now: Instant) -> bool {
        matches!(self.state, State::Handshake(_) | State::Open) && now >= self.publish_by
    }

    fn on_bytes(&mut self, now: Instant, mut src: &[u8]) -> Result<(), Error> {
        let result = self.read(now, &mut src);
        if let State::Asking(_) | State::AskingToPlay(_) = self.state {
            // Whoever drives us should not read on now; should it, there is a bound.
            if self.held.len() + src.len() > self.limits.stranger_bytes * 2 {
                return Err(Error::OverLimit {
                    what: "bytes before the verdict",
                    limit: self.limits.stranger_bytes * 2,
                });
            }
            self.held.extend_from_slice(src);
        }
        result.map_err(|fault| fault.at(self.received_bytes.saturating_sub(src.len() as u64)))?;
        if self.received_bytes - self.acknowledged_bytes >= u64::from(self.ack_bytes) {
            self.acknowledged_bytes = self.received_bytes;
            self.control(Control::Acknowledgement(self.received_bytes as u32));
        }
        // A peer that sends a byte now and then is not silent, yet too slow.
        if self.is_too_slow(now) { Err(Error::TooSlow) } else { Ok(()) }
    }

    fn read(&mut self, now: Instant, src: &mut &[u8]) -> Result<(), Fault> {
        if let State::Handshake(handshake) = &mut self.state {
            if !handshake.feed(src, &mut self.out)? {
                return Ok(());
            }
            self.state = State::Open;
        }
        while let State::Open | State::Publishing(..) | State::Playing(_) = self.state {
            let Some(message) = self.reader.next(src)? else { return Ok(()) };
            self.on_message(now, message)?;
        }
        Ok(())
    }

    fn on_message(&mut self, now: Instant, message: Message) -> Result<(), Fault> {
        match message.kind {
            kind::COMMAND => self.on_command(now, message.stream, &message.payload),
            kind::COMMAND_AMF3 => self.on_command(now, message.stream, without_amf3_prefix(&message.payload)),
            _ => {
                if let Some(control) = Control::parse(message.kind, &message.payload)? {
                    return self.on_control(control);
                }
                // Media before publish, or for another stream than the one published, is nobody's. Some encoders
                // send theirs on the connection itself.
                if let State::Publishing(stream, publication) = &mut self.state
                    && (message.stream == *stream || message.stream == 0)
                {
                    flush(&mut self.out, &mut self.outbox);
                    let mut left_out = Vec::new();
                    publication.on_message(message, &mut |event| {
                        if let Event::Odd(odd @ Odd::Codec(_)) = &event {
                            left_out.push(odd.to_string());
                        }
                        self.outbox.push_back(Output::Event(event));
                    });
                    let (stream, is_useless) = (*stream, publication.is_useless());
                    for text in left_out {
                        self.status(stream, "warning", "NetStream.Publish.UnsupportedCodec", &text);
                    }
                    if is_useless {
                        self.event(Event::Refused(Refusal::Codecs));
                        self.refuse(Refusal::Codecs);
                    }
                }
                Ok(())
            }
        }
    }

    fn on_control(&mut self, control: Control) -> Result<(), Fault> {
        match control {
            Control::SetChunkSize(size) => self.reader.set_chunk_size(size)?,
            Control::Abort { csid } => self.reader.abort(csid),
            Control::WindowAckSize(bytes) => self.ack_bytes = bytes.clamp(MIN_ACK_BYTES, WINDOW_BYTES),
            Control::User(UserControl::PingRequest(time)) => {
                self.control(Control::User(UserControl::PingResponse(time)));
            }
            _ => {}
        }
        Ok(())
    }

    fn on_command(&mut self, now: Instant, stream: u32, body: &[u8]) -> Result<(), Fault> {
        let Some(command) = Command::parse(body)? else { return Ok(()) };
        match &*command.name {
            "connect" => self.on_connect(&command),
            "createStream" => {
                self.last_stream = self.last_stream.saturating_add(1);
                let id = f64::from(self.last_stream);
                self.command(0, "_result", command.transaction, &[Value::Null, id.into()]);
            }
            "publish" => return self.on_publish(stream, &command),
            "play" | "play2" => return self.on_play(now, stream, &command),
            "pause" | "pauseRaw" => self.on_pause(stream, &command),
            "seek" => self.on_seek(stream),
            "receiveVideo" => self.on_receive(Kind::Video, &command),
            "receiveAudio" => self.on_receive(Kind::Audio, &command),
            "FCSubscribe" => self.on_subscribe(&command),
            "FCPublish" => {
                self.announced = true;
                self.answer(&command, Value::Undefined);
            }
            "FCUnpublish" => {
                self.answer(&command, Value::Undefined);
                self.on_unpublish(now, None);
            }
            "closeStream" => self.on_close(now, Some(stream)),
            "deleteStream" => {
                let named = command.arguments.get(1).and_then(Value::as_number);
                self.on_close(now, named.map(|id| id as u32));
            }
            "getStreamLength" => self.answer(&command, 0.0.into()),
            // Answers to what we sent ask for nothing.
            "_result" | "_error" | "onStatus" => {}
            // releaseStream, _checkbw and what else there is: granted, and forgotten (R7).
            _ => self.answer(&command, Value::Undefined),
        }
        Ok(())
    }

    fn on_connect(&mut self, command: &Command) {
        self.identity = Some((command.field("app").into(), command.field("tcUrl").into()));
        self.capabilities = command.arguments.first().map(Capabilities::of_client).unwrap_or_default();
        self.control(Control::WindowAckSize(WINDOW_BYTES));
        self.control(Control::SetPeerBandwidth { bytes: WINDOW_BYTES, limit: PeerLimit::Dynamic });
        self.control(Control::SetChunkSize(CHUNK_BYTES));
        self.writer.set_chunk_size(CHUNK_BYTES);
        let arguments = [commands::server_properties(), commands::connected()];
        self.command(0, "_result", command.transaction, &arguments);
    }

    fn on_publish(&mut self, stream: u32, command: &Command) -> Result<(), Fault> {
        let Some((app, tc_url)) = &self.identity else {
            return Err(Fault::Misbehaved("publish before connect"));
        };
        if let State::Publishing(..) | State::Playing(_) = self.state {
            let text = "This connection is in use already.";
            self.status(stream, "error", Refusal::Busy.code(), text);
            return Ok(());
        }
        let identity = identity::identify(app, tc_url, command.text());
        self.state = State::Asking(stream);
        match identity {
            Ok(Identity { path, secret, languages, .. }) => {
                self.languages = languages;
                self.event(Event::WantsToPublish { path, secret });
            }
            Err(_) => {
                self.event(Event::Refused(Refusal::BadName));
                self.refuse(Refusal::BadName);
            }
        }
        Ok(())
    }

    /// Which broadcast is meant by a name.
    pub(super) fn identify(&self, name: &str) -> Result<Option<Identity>, Fault> {
        let Some((app, tc_url)) = &self.identity else { return Err(Fault::Misbehaved("play before connect")) };
        Ok(identity::identify(app, tc_url, name).ok())
    }

    fn on_close(&mut self, now: Instant, named: Option<u32>) {
        match &self.state {
            State::Playing(playing) if named.is_none_or(|named| named == playing.stream) => self.on_stop(now),
            _ => self.on_unpublish(now, named),
        }
    }

    /// The publication is over, if it is the one on that message stream; `None` names whichever there is.
    fn on_unpublish(&mut self, now: Instant, named: Option<u32>) {
        let State::Publishing(stream, _) = self.state else { return };
        if named.is_some_and(|named| named != stream) {
            return;
        }
        self.state = State::Open;
        self.publish_by = now + self.limits.handshake_timeout;
        self.event(Event::Ended);
        if self.announced {
            let info = Value::object([("code", "NetStream.Unpublish.Success".into())]);
            self.command(0, "onFCUnpublish", 0.0, &[Value::Null, info]);
        }
        self.status(stream, "status", "NetStream.Unpublish.Success", "No longer publishing.");
    }

    pub(super) fn answer(&mut self, command: &Command, value: Value) {
        if command.transaction != 0.0 {
            self.command(0, "_result", command.transaction, &[Value::Null, value]);
        }
    }

    pub(super) fn status(&mut self, stream: u32, level: &str, code: &str, description: &str) {
        let info = commands::info(level, code, description);
        self.command(stream, "onStatus", 0.0, &[Value::Null, info]);
    }

    pub(super) fn command(&mut self, stream: u32, name: &str, transaction: f64, arguments: &[Value]) {
        let csid = if stream == 0 { CONNECTION_CSID } else { STREAM_CSID };
        let payload = commands::body(name, transaction, arguments);
        self.writer.write(csid, &Message { kind: kind::COMMAND, stream, timestamp: 0, payload }, &mut self.out);
    }

    pub(super) fn control(&mut self, control: Control) {
        let mut payload = BytesMut::with_capacity(8);
        control.write(&mut payload);
        let message = Message { kind: control.kind(), stream: 0, timestamp: 0, payload: payload.freeze() };
        self.writer.write(CONTROL_CSID, &message, &mut self.out);
    }

    pub(super) fn event(&mut self, event: Event) {
        flush(&mut self.out, &mut self.outbox);
        self.outbox.push_back(Output::Event(event));
    }

    pub(super) fn close(&mut self) {
        flush(&mut self.out, &mut self.outbox);
        self.outbox.push_back(Output::Close);
        self.state = State::Closed;
    }
}

/// Bytes written so far go before whatever is put into the outbox next.
pub(super) fn flush(out: &mut BytesMut, outbox: &mut VecDeque<Output>) {
    if !out.is_empty() {
        outbox.push_back(Output::Send(out.split().freeze()));
    }
}
