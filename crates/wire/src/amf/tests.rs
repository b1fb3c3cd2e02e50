use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::Malformed;

fn written(value: &Value) -> BytesMut {
    let mut out = BytesMut::new();
    write(value, &mut out);
    out
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Undefined),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        prop::num::f64::NORMAL.prop_map(Value::Number),
        (-300_000_000_i32..300_000_000).prop_map(|number| Value::Number(number.into())),
        ".{0,40}".prop_map(|text| Value::String(text.into())),
        prop::num::f64::NORMAL.prop_map(Value::Date),
        ".{0,40}".prop_map(|text| Value::Xml(text.into())),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Value::Bytes(bytes.into())),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 40, 8, |inner| {
        let fields = || prop::collection::vec((".{1,20}".prop_map(|name| name.into_boxed_str()), inner.clone()), 1..6);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            fields().prop_map(Value::Object),
            fields().prop_map(Value::Ecma),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_as_amf0_reads_back_the_same(values in prop::collection::vec(any_value(), 0..4)) {
        let mut out = BytesMut::new();
        values.iter().for_each(|value| write(value, &mut out));
        prop_assert_eq!(parse_all(&out), Ok(values));
    }

    #[test]
    fn what_is_written_as_amf3_reads_back_the_same(value in any_value()) {
        let mut out = BytesMut::from(&[0x11][..]);
        amf3::write(&value, &mut out);
        prop_assert_eq!(parse(&mut &out[..]), Ok(value));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_all(&bytes);
        let _ = parse_all(&[&[0x11], &bytes[..]].concat());
    }
}

#[test]
fn a_cut_value_is_malformed_wherever_it_is_cut() {
    let value = Value::object([("app", "live".into()), ("n", 7.0.into()), ("list", Value::Array(vec![Value::Null]))]);
    let whole = written(&value);
    for len in 0..whole.len() {
        assert!(parse(&mut &whole[..len]).is_err(), "cut at {len}");
    }
}

/// F4.
#[test]
fn counts_that_lie_allocate_nothing() {
    let huge_array = [0x0a, 0xff, 0xff, 0xff, 0xff, 0x05];
    assert_eq!(parse(&mut &huge_array[..]), Err(Malformed("AMF0 marker")));
    let huge_string = [0x0c, 0xff, 0xff, 0xff, 0xff, b'x'];
    assert_eq!(parse(&mut &huge_string[..]), Err(Malformed("AMF0 string")));
    let endless_nulls = [&[0x0a, 0xff, 0xff, 0xff, 0xff][..], &[0x05; 100_000]].concat();
    assert_eq!(parse(&mut &endless_nulls[..]), Err(Malformed("AMF: too many values")));
}

/// F4.
#[test]
fn deep_nesting_is_refused_in_both_versions() {
    let amf0 = [0x0a, 0, 0, 0, 1].repeat(50_000);
    assert_eq!(parse(&mut &amf0[..]), Err(Malformed("AMF: nested too deep")));
    let amf3 = [&[0x11][..], &[0x09, 0x03, 0x01].repeat(50_000)].concat();
    assert_eq!(parse(&mut &amf3[..]), Err(Malformed("AMF: nested too deep")));
}

/// F4: an object that holds itself, and a few bytes that would repeat a long string for ever.
#[test]
fn references_neither_loop_nor_grow() {
    assert_eq!(parse(&mut &[0x03, 0, 1, b'a', 0x07, 0, 0][..]), Err(Malformed("AMF0: reference to another value")));
    assert_eq!(
        parse(&mut &[0x11, 0x09, 0x03, 0x01, 0x09, 0x00][..]),
        Err(Malformed("AMF3: reference to another value"))
    );

    let mut bomb = BytesMut::from(&[0x11, 0x09, 0xff, 0xff, 0x03, 0x01][..]);
    amf3::write(&Value::String("x".repeat(4000).into()), &mut bomb);
    bomb.extend([0x06, 0x00].repeat(4000));
    assert_eq!(parse(&mut &bomb[..]), Err(Malformed("AMF: too much text")));
}

/// R12.
#[test]
fn an_ecma_array_ends_at_its_end_marker_whatever_its_count_says() {
    for count in [0, 1, 7, u32::MAX] {
        let bytes = [&[0x08][..], &count.to_be_bytes(), &[0, 1, b'w', 0x05, 0, 0, 9]].concat();
        assert_eq!(parse(&mut &bytes[..]), Ok(Value::Ecma(vec![("w".into(), Value::Null)])));
    }
}

#[test]
fn latin_1_text_does_not_fail_a_message() {
    let text = parse(&mut &[0x02, 0, 3, b'c', 0xe9, b'a'][..]);
    assert_eq!(text, Ok("c\u{fffd}a".into()));
}

#[test]
fn amf3_objects_with_sealed_members_and_shared_traits_are_read() {
    // Two objects of one class {a, b}; the second names traits 0, its text string 2.
    let bytes = [
        0x11, 0x09, 0x05, 0x01, // array of two
        0x0a, 0x23, 0x01, 0x03, b'a', 0x03, b'b', 0x04, 0x05, 0x06, 0x03, b'x', // {a: 5, b: "x"}
        0x0a, 0x01, 0x04, 0xff, 0xff, 0xff, 0xff, 0x06, 0x04, // {a: -1, b: "x"}
    ];
    let object = |number: f64| Value::object([("a", number.into()), ("b", "x".into())]);
    assert_eq!(parse(&mut &bytes[..]), Ok(Value::Array(vec![object(5.0), object(-1.0)])));
}

#[test]
fn raw_bytes_survive_inside_amf0() {
    let value = Value::Array(vec![Value::Bytes(Bytes::from_static(b"\0\x01\xff"))]);
    assert_eq!(parse(&mut &written(&value)[..]), Ok(value));
}
