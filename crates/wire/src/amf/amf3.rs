use bytes::{BufMut, Bytes, BytesMut};

use super::{Budget, Value};
use crate::Malformed;
use crate::take::{Take, need};

const UNDEFINED: u8 = 0x00;
const NULL: u8 = 0x01;
const FALSE: u8 = 0x02;
const TRUE: u8 = 0x03;
const INTEGER: u8 = 0x04;
const DOUBLE: u8 = 0x05;
const STRING: u8 = 0x06;
const XML_DOCUMENT: u8 = 0x07;
const DATE: u8 = 0x08;
const ARRAY: u8 = 0x09;
const OBJECT: u8 = 0x0a;
const XML: u8 = 0x0b;
const BYTE_ARRAY: u8 = 0x0c;

/// Reads one AMF3 value with the tables of strings and traits that it builds up.
pub(super) struct Reader<'b> {
    budget: &'b mut Budget,
    strings: Vec<Box<str>>,
    traits: Vec<Traits>,
}

/// The shape of a class: its sealed members, and whether more may follow by name.
#[derive(Clone)]
struct Traits {
    members: Vec<Box<str>>,
    dynamic: bool,
}

impl<'b> Reader<'b> {
    pub(super) fn new(budget: &'b mut Budget) -> Self {
        Self { budget, strings: Vec::new(), traits: Vec::new() }
    }

    pub(super) fn value(&mut self, src: &mut &[u8], depth: usize) -> Result<Value, Malformed> {
        self.budget.spend_value(depth)?;
        Ok(match need(src.u8(), "AMF3 marker")? {
            UNDEFINED => Value::Undefined,
            NULL => Value::Null,
            FALSE => Value::Boolean(false),
            TRUE => Value::Boolean(true),
            INTEGER => Value::Number(f64::from(sign_29(u29(src)?))),
            DOUBLE => Value::Number(need(src.f64(), "AMF3 double")?),
            STRING => Value::String(self.string(src)?),
            XML_DOCUMENT | XML => {
                let len = inline(u29(src)?)?;
                Value::Xml(self.budget.text(need(src.run(len), "AMF3 XML")?)?)
            }
            DATE => {
                inline(u29(src)?)?;
                Value::Date(need(src.f64(), "AMF3 date")?)
            }
            ARRAY => self.array(src, depth)?,
            OBJECT => self.object(src, depth)?,
            BYTE_ARRAY => {
                let len = inline(u29(src)?)?;
                Value::Bytes(Bytes::copy_from_slice(need(src.run(len), "AMF3 byte array")?))
            }
            // Vectors and dictionaries (0x0d to 0x11) came after RTMP; nobody sends them here.
            _ => return Err(Malformed("AMF3 marker")),
        })
    }

    /// A string, or the number of one that came before.
    fn string(&mut self, src: &mut &[u8]) -> Result<Box<str>, Malformed> {
        let head = u29(src)?;
        let index = (head >> 1) as usize;
        if head & 1 == 0 {
            let known = self.strings.get(index).ok_or(Malformed("AMF3 string reference"))?;
            return self.budget.text(known.as_bytes());
        }
        let text = self.budget.text(need(src.run(index), "AMF3 string")?)?;
        if !text.is_empty() {
            // Kept once more for later references: charged like any other text.
            self.strings.push(self.budget.text(text.as_bytes())?);
        }
        Ok(text)
    }

    fn array(&mut self, src: &mut &[u8], depth: usize) -> Result<Value, Malformed> {
        let count = inline(u29(src)?)?;
        let mut named = self.named(src, depth)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(src, depth + 1)?);
        }
        if named.is_empty() {
            return Ok(Value::Array(items));
        }
        let numbered = items.into_iter().enumerate();
        named.extend(numbered.map(|(index, item)| (index.to_string().into_boxed_str(), item)));
        Ok(Value::Ecma(named))
    }

    fn object(&mut self, src: &mut &[u8], depth: usize) -> Result<Value, Malformed> {
        let head = inline_bits(u29(src)?)?;
        let traits = if head & 1 == 0 {
            self.traits.get((head >> 1) as usize).ok_or(Malformed("AMF3 traits reference"))?.clone()
        } else {
            if head & 2 != 0 {
                return Err(Malformed("AMF3: externalizable object"));
            }
            self.string(src)?;
            let mut members = Vec::new();
            for _ in 0..head >> 3 {
                self.budget.spend_value(depth)?;
                members.push(self.string(src)?);
            }
            let traits = Traits { members, dynamic: head & 4 != 0 };
            self.traits.push(traits.clone());
            traits
        };
        let mut fields = Vec::new();
        for name in traits.members {
            self.budget.text(name.as_bytes())?;
            fields.push((name, self.value(src, depth + 1)?));
        }
        if traits.dynamic {
            fields.extend(self.named(src, depth)?);
        }
        Ok(Value::Object(fields))
    }

    /// Named values up to an empty name.
    fn named(&mut self, src: &mut &[u8], depth: usize) -> Result<Vec<(Box<str>, Value)>, Malformed> {
        let mut named = Vec::new();
        loop {
            let name = self.string(src)?;
            if name.is_empty() {
                return Ok(named);
            }
            named.push((name, self.value(src, depth + 1)?));
        }
    }
}

/// AMF3's variable-length number: 7 bits a byte, the fourth byte holds 8.
fn u29(src: &mut &[u8]) -> Result<u32, Malformed> {
    let mut number = 0;
    for index in 0..4 {
        let byte = need(src.u8(), "AMF3 integer")?;
        if index == 3 {
            return Ok(number << 8 | u32::from(byte));
        }
        number = number << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(number)
}

fn sign_29(number: u32) -> i32 {
    (number << 3) as i32 >> 3
}

/// The rest of a head whose lowest bit says that the value follows here, not elsewhere.
fn inline_bits(head: u32) -> Result<u32, Malformed> {
    if head & 1 == 0 { Err(Malformed("AMF3: reference to another value")) } else { Ok(head >> 1) }
}

fn inline(head: u32) -> Result<usize, Malformed> {
    inline_bits(head).map(|bits| bits as usize)
}

/// Writes one value as AMF3, without the marker that switches to it, every string in full.
pub(super) fn write(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Undefined => out.put_u8(UNDEFINED),
        Value::Null => out.put_u8(NULL),
        Value::Boolean(false) => out.put_u8(FALSE),
        Value::Boolean(true) => out.put_u8(TRUE),
        Value::Number(number) => {
            out.put_u8(DOUBLE);
            out.put_f64(*number);
        }
        Value::String(text) => {
            out.put_u8(STRING);
            write_blob(text.as_bytes(), out);
        }
        Value::Xml(text) => {
            out.put_u8(XML);
            write_blob(text.as_bytes(), out);
        }
        Value::Bytes(bytes) => {
            out.put_u8(BYTE_ARRAY);
            write_blob(bytes, out);
        }
        Value::Date(date) => {
            out.put_slice(&[DATE, 1]);
            out.put_f64(*date);
        }
        Value::Array(items) => {
            out.put_u8(ARRAY);
            write_u29(items.len() << 1 | 1, out);
            write_blob(b"", out);
            for item in items {
                write(item, out);
            }
        }
        Value::Ecma(fields) => {
            out.put_slice(&[ARRAY, 1]);
            write_named(fields, out);
        }
        Value::Object(fields) => {
            // Traits follow, no sealed members, dynamic; no class name.
            out.put_slice(&[OBJECT, 0x0b, 1]);
            write_named(fields, out);
        }
    }
}

fn write_named(fields: &[(Box<str>, Value)], out: &mut BytesMut) {
    // An empty name would end the list.
    for (name, value) in fields.iter().filter(|(name, _)| !name.is_empty()) {
        write_blob(name.as_bytes(), out);
        write(value, out);
    }
    write_blob(b"", out);
}

fn write_blob(bytes: &[u8], out: &mut BytesMut) {
    write_u29(bytes.len() << 1 | 1, out);
    out.put_slice(bytes);
}

fn write_u29(number: usize, out: &mut BytesMut) {
    let number = u32::try_from(number).unwrap_or(u32::MAX) & 0x1fff_ffff;
    let seven = |shift: u32| (number >> shift) as u8 & 0x7f;
    match number {
        0..0x80 => out.put_u8(seven(0)),
        0x80..0x4000 => out.put_slice(&[seven(7) | 0x80, seven(0)]),
        0x4000..0x20_0000 => out.put_slice(&[seven(14) | 0x80, seven(7) | 0x80, seven(0)]),
        _ => out.put_slice(&[seven(22) | 0x80, seven(15) | 0x80, seven(8) | 0x80, number as u8]),
    }
}
