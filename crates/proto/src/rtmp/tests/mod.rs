//! The session, driven by a client made of the same chunks.

mod enhanced;
mod laws;
mod media_in;
mod play;
mod talk;

use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use media::{Frame, Track, TrackId};
use wire::amf::{self, Value};
use wire::flv;
use wire::rtmp::{Control, kind};

use super::chunks::{Message, Reader, Writer, reader};
use super::commands::{Command, body};
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const VIDEO: TrackId = TrackId(0);
const AUDIO: TrackId = TrackId(1);

/// x264, 640x360 and 320x180 at 25 frames a second.
const RECORD: &str = "01f4001effe1001967f4001e919680a02ff89c0440000003004000000c83c58ba801000568ce0f1920fff8f800";
const SMALL_RECORD: &str =
    "01f4000cffe1001a67f4000c919681419f8dc044000003000400000300c83c50aa8001000568ce0f1920fff8f800";
const STEREO_48000: &[u8] = &[0x11, 0x90];
const STEREO_44100: &[u8] = &[0x12, 0x10];

fn hex(text: &str) -> Bytes {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect::<Vec<_>>().into()
}

/// What a client sends, as bytes to be cut anywhere.
struct Script {
    writer: Writer,
    bytes: BytesMut,
    transaction: f64,
}

impl Script {
    /// The whole handshake, then nothing.
    fn handshake() -> Self {
        let mut bytes = BytesMut::from(&[3][..]);
        bytes.put_bytes(0, 2 * 1536);
        Self { writer: Writer::new(), bytes, transaction: 0.0 }
    }

    /// Connected to `live`, with a stream to publish on.
    fn connected() -> Self {
        let mut script = Self::handshake();
        script.connect("live", "rtmp://host/live").command(0, "createStream", &[Value::Null]);
        script
    }

    /// Publishing `live/alice`.
    fn publishing() -> Self {
        let mut script = Self::connected();
        script.publish("alice");
        script
    }

    fn connect(&mut self, app: &str, tc_url: &str) -> &mut Self {
        let object = Value::object([("app", app.into()), ("tcUrl", tc_url.into())]);
        self.command(0, "connect", &[object])
    }

    fn publish(&mut self, name: &str) -> &mut Self {
        self.command(1, "publish", &[Value::Null, name.into(), "live".into()])
    }

    fn command(&mut self, stream: u32, name: &str, arguments: &[Value]) -> &mut Self {
        self.transaction += 1.0;
        let payload = body(name, self.transaction, arguments);
        self.message(3, Message { kind: kind::COMMAND, stream, timestamp: 0, payload })
    }

    fn control(&mut self, control: Control) -> &mut Self {
        let mut payload = BytesMut::new();
        control.write(&mut payload);
        self.message(2, Message { kind: control.kind(), stream: 0, timestamp: 0, payload: payload.freeze() })
    }

    fn data(&mut self, values: &[Value]) -> &mut Self {
        let mut payload = BytesMut::new();
        values.iter().for_each(|value| amf::write(value, &mut payload));
        self.message(4, Message { kind: kind::DATA, stream: 1, timestamp: 0, payload: payload.freeze() })
    }

    fn video(&mut self, timestamp: u32, payload: impl Into<Bytes>) -> &mut Self {
        self.message(6, Message { kind: kind::VIDEO, stream: 1, timestamp, payload: payload.into() })
    }

    fn audio(&mut self, timestamp: u32, payload: impl Into<Bytes>) -> &mut Self {
        self.message(4, Message { kind: kind::AUDIO, stream: 1, timestamp, payload: payload.into() })
    }

    fn message(&mut self, csid: u32, message: Message) -> &mut Self {
        self.writer.write(csid, &message, &mut self.bytes);
        self
    }
}

fn avc(packet: flv::VideoPacket, composition_ms: i32, data: &[u8]) -> Bytes {
    let codec = flv::Codec::FourCc(flv::FourCc::AVC);
    let track = flv::VideoTrack { id: 0, codec, composition_ms, data: Bytes::copy_from_slice(data) };
    let mut out = BytesMut::new();
    flv::Video { frame: flv::FrameType::Inter, packet, nanos: 0, tracks: vec![track] }.write(&mut out);
    out.freeze()
}

fn avc_header(record: &str) -> Bytes {
    avc(flv::VideoPacket::SequenceStart, 0, &hex(record))
}

/// Length-prefixed NAL units.
fn nals(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes()[..], nal].concat()).collect()
}

fn avc_frame(composition_ms: i32, units: &[&[u8]]) -> Bytes {
    avc(flv::VideoPacket::CodedFrames, composition_ms, &nals(units))
}

fn aac_header(config: &[u8]) -> Bytes {
    [&[0xaf, 0], config].concat().into()
}

fn aac_frame(block: &[u8]) -> Bytes {
    [&[0xaf, 1], block].concat().into()
}

const IDR: &[u8] = &[0x65, 0x88, 0x84];
const SLICE: &[u8] = &[0x41, 0x9a, 0x02];

/// A session with what came out of it.
struct Server {
    session: Session,
    now: Instant,
    sent: BytesMut,
    events: Vec<Event>,
    /// What to say to whoever wants to publish; `None` says nothing.
    verdict: Option<Result<(), Refusal>>,
    closed: bool,
    wait_until: Instant,
}

impl Server {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            session: Session::server(Limits::default(), 7, now),
            now,
            sent: BytesMut::new(),
            events: Vec::new(),
            verdict: Some(Ok(())),
            closed: false,
            wait_until: now,
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let result = self.session.handle_input(self.now, Input::Bytes(bytes));
        self.settle(result)
    }

    /// Does what the machine wants done.
    fn settle(&mut self, mut result: Result<(), Error>) -> Result<(), Error> {
        loop {
            match self.session.poll_output() {
                Output::Send(bytes) => self.sent.extend_from_slice(&bytes),
                Output::Close => self.closed = true,
                Output::WaitUntil(at) => break self.wait_until = at,
                Output::Event(event) => {
                    let asks = matches!(event, Event::WantsToPublish { .. } | Event::WantsToPlay { .. });
                    self.events.push(event);
                    match self.verdict.filter(|_| asks) {
                        Some(Ok(())) => result = result.and(self.session.accept(self.now)),
                        Some(Err(refusal)) => self.session.refuse(refusal),
                        None => {}
                    }
                }
            }
        }
        result
    }

    /// Feeds all that the script has so far, in reads as a gateway makes them.
    fn hears(&mut self, script: &mut Script) -> &mut Self {
        for read in script.bytes.split().chunks(32 << 10) {
            self.feed(read).unwrap();
        }
        self
    }

    fn timeout(&mut self, at: Instant) -> Result<(), Error> {
        self.session.handle_input(at, Input::Timeout)
    }

    /// All messages sent so far, behind the handshake.
    fn messages(&self) -> Vec<Message> {
        let limits = reader::Limits { message_bytes: 1 << 20, pending_bytes: 1 << 20, chunk_streams: 64 };
        let (mut reader, mut messages) = (Reader::new(limits), Vec::new());
        let mut src = &self.sent[1 + 2 * 1536..];
        while let Some(message) = reader.next(&mut src).unwrap() {
            if let Some(Control::SetChunkSize(size)) = Control::parse(message.kind, &message.payload).unwrap() {
                reader.set_chunk_size(size).unwrap();
            }
            messages.push(message);
        }
        messages
    }

    fn controls(&self) -> Vec<Control> {
        self.messages().iter().filter_map(|message| Control::parse(message.kind, &message.payload).unwrap()).collect()
    }

    /// Commands sent so far: on which stream, and what.
    fn commands(&self) -> Vec<(u32, Command)> {
        let is_command = |message: &Message| message.kind == kind::COMMAND;
        let commands = self.messages().into_iter().filter(is_command);
        commands.map(|message| (message.stream, Command::parse(&message.payload).unwrap().unwrap())).collect()
    }

    /// Stream, level and code of every status sent so far.
    fn statuses(&self) -> Vec<(u32, String, String)> {
        let is_status = |(_, command): &(u32, Command)| &*command.name == "onStatus";
        let text = |command: &Command, name| command.arguments[1].field(name).unwrap().as_str().unwrap().to_owned();
        let statuses = self.commands().into_iter().filter(is_status);
        statuses.map(|(stream, command)| (stream, text(&command, "level"), text(&command, "code"))).collect()
    }

    fn frames(&self) -> Vec<(TrackId, &Frame)> {
        let frames = self.events.iter().filter_map(|event| match event {
            Event::Frame(id, frame) => Some((*id, frame)),
            _ => None,
        });
        frames.collect()
    }

    fn tracks(&self) -> Vec<&Track> {
        let tracks = self.events.iter().filter_map(|event| match event {
            Event::Track(track) => Some(track),
            _ => None,
        });
        tracks.collect()
    }

    fn odds(&self) -> Vec<String> {
        let odd = |event: &Event| if let Event::Odd(odd) = event { Some(odd.to_string()) } else { None };
        self.events.iter().filter_map(odd).collect()
    }

    fn count(&self, wanted: &Event) -> usize {
        self.events.iter().filter(|event| *event == wanted).count()
    }
}
