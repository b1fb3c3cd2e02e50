use bytes::{BufMut, BytesMut};

use super::{Budget, Value, amf3};
use crate::Malformed;
use crate::take::{Take, need};

const NUMBER: u8 = 0x00;
const BOOLEAN: u8 = 0x01;
const STRING: u8 = 0x02;
const OBJECT: u8 = 0x03;
const NULL: u8 = 0x05;
const UNDEFINED: u8 = 0x06;
const REFERENCE: u8 = 0x07;
const ECMA_ARRAY: u8 = 0x08;
const OBJECT_END: u8 = 0x09;
const STRICT_ARRAY: u8 = 0x0a;
const DATE: u8 = 0x0b;
const LONG_STRING: u8 = 0x0c;
const UNSUPPORTED: u8 = 0x0d;
const XML_DOCUMENT: u8 = 0x0f;
const TYPED_OBJECT: u8 = 0x10;
const AVM_PLUS: u8 = 0x11;

/// Reads one AMF0 value off the front of `src` (which may switch to AMF3 inside).
pub fn parse(src: &mut &[u8]) -> Result<Value, Malformed> {
    value(src, &mut Budget::new(), 0)
}

/// Reads AMF0 values to the end of `src`: the body of a command or data message.
pub fn parse_all(mut src: &[u8]) -> Result<Vec<Value>, Malformed> {
    let mut budget = Budget::new();
    let mut values = Vec::new();
    while !src.is_empty() {
        values.push(value(&mut src, &mut budget, 0)?);
    }
    Ok(values)
}

fn value(src: &mut &[u8], budget: &mut Budget, depth: usize) -> Result<Value, Malformed> {
    budget.spend_value(depth)?;
    Ok(match need(src.u8(), "AMF0 marker")? {
        NUMBER => Value::Number(need(src.f64(), "AMF0 number")?),
        BOOLEAN => Value::Boolean(need(src.u8(), "AMF0 boolean")? != 0),
        STRING => Value::String(short_text(src, budget)?),
        LONG_STRING => Value::String(long_text(src, budget)?),
        XML_DOCUMENT => Value::Xml(long_text(src, budget)?),
        NULL => Value::Null,
        UNDEFINED | UNSUPPORTED => Value::Undefined,
        DATE => {
            let date = need(src.f64(), "AMF0 date")?;
            need(src.u16(), "AMF0 time zone")?;
            Value::Date(date)
        }
        OBJECT => Value::Object(fields(src, budget, depth)?),
        TYPED_OBJECT => {
            short_text(src, budget)?;
            Value::Object(fields(src, budget, depth)?)
        }
        ECMA_ARRAY => {
            // The count is a hint and often wrong (R12); the end marker decides.
            need(src.u32(), "AMF0 array count")?;
            Value::Ecma(fields(src, budget, depth)?)
        }
        STRICT_ARRAY => {
            let count = need(src.u32(), "AMF0 array count")?;
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(value(src, budget, depth + 1)?);
            }
            Value::Array(items)
        }
        AVM_PLUS => amf3::Reader::new(budget).value(src, depth + 1)?,
        REFERENCE => return Err(Malformed("AMF0: reference to another value")),
        _ => return Err(Malformed("AMF0 marker")),
    })
}

/// Named values up to the end marker: an empty name followed by `OBJECT_END`.
fn fields(src: &mut &[u8], budget: &mut Budget, depth: usize) -> Result<Vec<(Box<str>, Value)>, Malformed> {
    let mut fields = Vec::new();
    loop {
        if let [0, 0, OBJECT_END, rest @ ..] = *src {
            *src = rest;
            return Ok(fields);
        }
        let name = short_text(src, budget)?;
        fields.push((name, value(src, budget, depth + 1)?));
    }
}

fn short_text(src: &mut &[u8], budget: &mut Budget) -> Result<Box<str>, Malformed> {
    let len = need(src.u16(), "AMF0 string length")?;
    budget.text(need(src.run(usize::from(len)), "AMF0 string")?)
}

fn long_text(src: &mut &[u8], budget: &mut Budget) -> Result<Box<str>, Malformed> {
    let len = need(src.u32(), "AMF0 string length")?;
    budget.text(need(src.run(len as usize), "AMF0 string")?)
}

/// Writes one value as AMF0; raw bytes, which AMF0 has not, as AMF3 inside.
pub fn write(value: &Value, out: &mut BytesMut) {
    match value {
        Value::Undefined => out.put_u8(UNDEFINED),
        Value::Null => out.put_u8(NULL),
        Value::Boolean(yes) => out.put_slice(&[BOOLEAN, u8::from(*yes)]),
        Value::Number(number) => {
            out.put_u8(NUMBER);
            out.put_f64(*number);
        }
        Value::String(text) => match u16::try_from(text.len()) {
            Ok(len) => {
                out.put_u8(STRING);
                out.put_u16(len);
                out.put_slice(text.as_bytes());
            }
            Err(_) => write_long(LONG_STRING, text, out),
        },
        Value::Date(date) => {
            out.put_u8(DATE);
            out.put_f64(*date);
            out.put_u16(0);
        }
        Value::Xml(text) => write_long(XML_DOCUMENT, text, out),
        Value::Bytes(_) => {
            out.put_u8(AVM_PLUS);
            amf3::write(value, out);
        }
        Value::Array(items) => {
            out.put_u8(STRICT_ARRAY);
            out.put_u32(u32::try_from(items.len()).unwrap_or(u32::MAX));
            for item in items {
                write(item, out);
            }
        }
        Value::Object(fields) => {
            out.put_u8(OBJECT);
            write_fields(fields, out);
        }
        Value::Ecma(fields) => {
            out.put_u8(ECMA_ARRAY);
            out.put_u32(u32::try_from(fields.len()).unwrap_or(u32::MAX));
            write_fields(fields, out);
        }
    }
}

fn write_fields(fields: &[(Box<str>, Value)], out: &mut BytesMut) {
    for (name, value) in fields {
        // A name of 64 KiB or more cannot be written; nothing here makes one.
        let Ok(len) = u16::try_from(name.len()) else { continue };
        out.put_u16(len);
        out.put_slice(name.as_bytes());
        write(value, out);
    }
    out.put_slice(&[0, 0, OBJECT_END]);
}

fn write_long(marker: u8, text: &str, out: &mut BytesMut) {
    out.put_u8(marker);
    out.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    out.put_slice(text.as_bytes());
}
