//! One RTMP connection as the client has it, without a socket.

use bytes::{BufMut, BytesMut};
use wire::amf::{self, Value};
use wire::rtmp::{Control, UserControl, kind};

use super::RtmpUrl;
use super::chunks::{self, Message, OUR_CHUNK, Reader};

/// C1 and S1.
const PACKET: usize = 1536;

/// What the client is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// It watches.
    Play,
    /// It gives.
    Publish,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// So many bytes of S0, S1 and S2 are still to come.
    Handshake(usize),
    Connecting,
    Creating,
    Asked,
    /// Playing, or allowed to publish.
    Open,
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    url: RtmpUrl,
    aim: Aim,
    stage: Stage,
    answer: Vec<u8>,
    reader: Reader,
    received: u64,
    acknowledged: u64,
    window: u64,
    refused: Option<String>,
}

impl Client {
    /// Begins: what to send first is in `out`.
    pub fn new(url: &RtmpUrl, aim: Aim, out: &mut BytesMut) -> Self {
        out.put_u8(3);
        out.put_bytes(0, 8);
        out.put_bytes(0x5a, PACKET - 8);
        Self {
            url: url.clone(),
            aim,
            stage: Stage::Handshake(1 + 2 * PACKET),
            answer: Vec::new(),
            reader: Reader::default(),
            received: 0,
            acknowledged: 0,
            window: u64::MAX,
            refused: None,
        }
    }

    /// A publisher may send media.
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Takes in bytes; what to answer is in `out`, and `media` hears of every message of pictures or sound.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        out: &mut BytesMut,
        mut media: impl FnMut(&Message<'_>),
    ) -> Result<(), String> {
        self.received += bytes.len() as u64;
        if let Stage::Handshake(left) = &mut self.stage {
            let take = (*left).min(bytes.len());
            let (handshake, rest) = bytes.split_at(take);
            self.answer.extend_from_slice(handshake);
            *left -= take;
            bytes = rest;
            if *left > 0 {
                return Ok(());
            }
            // C2 is S1 said back.
            out.put_slice(self.answer.get(1..=PACKET).unwrap_or_default());
            self.answer = Vec::new();
            self.stage = Stage::Connecting;
            chunks::write(2, kind::SET_CHUNK_SIZE, 0, 0, &(OUR_CHUNK as u32).to_be_bytes(), 128, out);
            self.connect(out);
        }
        let mut commands: Vec<(u8, Vec<u8>)> = Vec::new();
        self.reader.feed(bytes, |message| match message.kind {
            kind::AUDIO | kind::VIDEO | kind::AGGREGATE => media(message),
            kind::DATA => {}
            other => commands.push((other, message.body.to_vec())),
        })?;
        for (kind, body) in commands {
            self.on_message(kind, &body, out);
        }
        if self.received - self.acknowledged > self.window {
            self.acknowledged = self.received;
            control(&Control::Acknowledgement(self.received as u32), out);
        }
        self.refused.take().map_or(Ok(()), Err)
    }

    /// A message of media.
    pub fn send(kind: u8, timestamp: u32, body: &[u8], out: &mut BytesMut) {
        let csid = if kind == kind::AUDIO { 4 } else { 6 };
        chunks::write(csid, kind, 1, timestamp, body, OUR_CHUNK, out);
    }

    fn connect(&self, out: &mut BytesMut) {
        let text = |text: &str| Value::String(text.into());
        let mut fields = vec![
            ("app", text(&self.url.app)),
            ("tcUrl", text(&format!("rtmp://{}/{}", self.url.authority, self.url.app))),
            ("flashVer", text("FMLE/3.0 (compatible; onair-bench)")),
        ];
        if self.aim == Aim::Publish {
            fields.push(("type", text("nonprivate")));
        }
        command(0, &[text("connect"), Value::Number(1.0), Value::object(fields)], out);
    }

    fn on_message(&mut self, kind: u8, body: &[u8], out: &mut BytesMut) {
        match Control::parse(kind, body) {
            Ok(Some(Control::WindowAckSize(bytes))) => self.window = u64::from(bytes),
            Ok(Some(Control::User(UserControl::PingRequest(time)))) => {
                control(&Control::User(UserControl::PingResponse(time)), out);
            }
            _ => {}
        }
        if kind != kind::COMMAND {
            return;
        }
        let values = amf::parse_all(body).unwrap_or_default();
        let name = values.first().and_then(Value::as_str).unwrap_or_default();
        let text = |text: &str| Value::String(text.into());
        match (name, self.stage) {
            ("_error", _) => self.refused = Some("the server refused".to_owned()),
            ("_result", Stage::Connecting) => {
                self.stage = Stage::Creating;
                if self.aim == Aim::Publish {
                    for (at, name) in ["releaseStream", "FCPublish"].into_iter().enumerate() {
                        let number = Value::Number(2.0 + at as f64);
                        command(0, &[text(name), number, Value::Null, text(&self.url.stream)], out);
                    }
                }
                command(0, &[text("createStream"), Value::Number(4.0), Value::Null], out);
            }
            ("_result", Stage::Creating) if values.get(1).and_then(Value::as_number) == Some(4.0) => {
                self.stage = Stage::Asked;
                let stream = text(&self.url.stream);
                match self.aim {
                    Aim::Play => {
                        let length = UserControl::SetBufferLength { stream: 1, length_ms: 1000 };
                        control(&Control::User(length), out);
                        command(1, &[text("play"), Value::Number(0.0), Value::Null, stream], out);
                        self.stage = Stage::Open;
                    }
                    Aim::Publish => {
                        command(1, &[text("publish"), Value::Number(5.0), Value::Null, stream, text("live")], out);
                    }
                }
            }
            ("onStatus", _) => {
                let info = values.get(3);
                let field = |name: &str| info.and_then(|info| info.field(name)).and_then(Value::as_str);
                let code = field("code").unwrap_or_default();
                if field("level") == Some("error") {
                    self.refused = Some(code.to_owned());
                } else if code == "NetStream.Publish.Start" {
                    self.stage = Stage::Open;
                }
            }
            _ => {}
        }
    }
}

fn command(stream: u32, values: &[Value], out: &mut BytesMut) {
    let mut body = BytesMut::new();
    values.iter().for_each(|value| amf::write(value, &mut body));
    chunks::write(3, kind::COMMAND, stream, 0, &body, OUR_CHUNK, out);
}

fn control(control: &Control, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    control.write(&mut body);
    chunks::write(2, control.kind(), 0, 0, &body, OUR_CHUNK, out);
}
