use bytes::{Bytes, BytesMut};
use media::codec::Malformed;
use wire::amf::{self, Value};

use super::capabilities;

/// What a client asked for by a command message (RTMP 1.0 §7.2). Not to be shown: it may hold a key.
pub(super) struct Command {
    pub(super) name: Box<str>,
    /// Answers carry the same number; 0 wants no answer.
    pub(super) transaction: f64,
    /// The command object and the arguments behind it.
    pub(super) arguments: Vec<Value>,
}

impl Command {
    /// Reads the body of a command message; `None` when it is empty.
    pub(super) fn parse(body: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut values = amf::parse_all(body)?.into_iter();
        let name = match values.next() {
            None => return Ok(None),
            Some(Value::String(name)) => name,
            Some(_) => return Err(Malformed("a command without a name")),
        };
        let transaction = values.next().and_then(|value| value.as_number()).unwrap_or(0.0);
        Ok(Some(Self { name, transaction, arguments: values.collect() }))
    }

    /// A text of the command object.
    pub(super) fn field(&self, name: &str) -> &str {
        self.arguments.first().and_then(|object| object.field(name)).and_then(Value::as_str).unwrap_or("")
    }

    /// The text behind the command object: the stream name, mostly.
    pub(super) fn text(&self) -> &str {
        self.arguments.get(1).and_then(Value::as_str).unwrap_or("")
    }
}

/// The body of an AMF3 message (type 15 or 17) as AMF0: they open with a zero byte, and go on in AMF0, which
/// switches to AMF3 by a marker wherever it is used.
pub(super) fn without_amf3_prefix(body: &[u8]) -> &[u8] {
    body.strip_prefix(&[0]).unwrap_or(body)
}

/// The body of a command to the peer.
pub(super) fn body(name: &str, transaction: f64, arguments: &[Value]) -> Bytes {
    let mut out = BytesMut::with_capacity(256);
    amf::write(&name.into(), &mut out);
    amf::write(&transaction.into(), &mut out);
    arguments.iter().for_each(|argument| amf::write(argument, &mut out));
    out.freeze()
}

/// The information object of an answer or status.
pub(super) fn info(level: &str, code: &str, description: &str) -> Value {
    Value::object([("level", level.into()), ("code", code.into()), ("description", description.into())])
}

/// What we are, in words that encoders know: some go by the version of a server that has long gone. What we can do
/// beyond that server stands beside it (R16).
pub(super) fn server_properties() -> Value {
    let old = [("fmsVer", "FMS/3,5,7,7009".into()), ("capabilities", 31.0.into()), ("mode", 1.0.into())];
    Value::object(old.into_iter().chain(capabilities::ours()))
}

/// The information object of a granted connect.
pub(super) fn connected() -> Value {
    Value::object([
        ("level", "status".into()),
        ("code", "NetConnection.Connect.Success".into()),
        ("description", "Connection succeeded.".into()),
        // Whatever was asked for: we read both versions and write AMF0.
        ("objectEncoding", 0.0.into()),
    ])
}
