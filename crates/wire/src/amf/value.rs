use bytes::Bytes;

/// One AMF value, whichever version it was written in.
///
/// Class names, time zones and AMF3's integer type are not kept: nothing in RTMP means anything by them.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value at all.
    Undefined,
    /// The absence of an object.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// The one kind of number.
    Number(f64),
    /// Text.
    String(Box<str>),
    /// Milliseconds since 1970, UTC.
    Date(f64),
    /// A document.
    Xml(Box<str>),
    /// Raw bytes; only AMF3 has them.
    Bytes(Bytes),
    /// Values in order.
    Array(Vec<Value>),
    /// Named values, in the order they came.
    Object(Vec<(Box<str>, Value)>),
    /// Named values too, written as an "ECMA array": what `onMetaData` mostly is.
    Ecma(Vec<(Box<str>, Value)>),
}

impl Value {
    /// An object of these fields.
    pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Self::Object(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The field of that name in an object or ECMA array.
    pub fn field(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(fields) | Self::Ecma(fields) => {
                fields.iter().find(|(key, _)| &**key == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}
