use media::codec::Malformed;
use wire::amf::{self, Value};

/// What the publisher says of itself in `onMetaData`. Codecs, sizes and rates are read from the bitstream instead
/// (conformance R13); bit rates are nowhere else.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hints {
    pub(super) video_bps: Option<u32>,
    pub(super) audio_bps: Option<u32>,
}

impl Hints {
    /// Takes a data message: `onMetaData` and its fields, `@setDataFrame` before it or not (R12). Others, such as
    /// timecodes and cue points, are read past.
    pub(super) fn on_data(&mut self, body: &[u8]) -> Result<(), Malformed> {
        let values = amf::parse_all(body)?;
        let mut values = &values[..];
        if let [name, rest @ ..] = values
            && name.as_str() == Some("@setDataFrame")
        {
            values = rest;
        }
        let [name, fields, ..] = values else { return Ok(()) };
        if name.as_str() == Some("onMetaData") {
            self.video_bps = rate_bps(fields, "videodatarate").or(self.video_bps);
            self.audio_bps = rate_bps(fields, "audiodatarate").or(self.audio_bps);
        }
        Ok(())
    }
}

/// Kilobits a second, as a whole number of bits.
fn rate_bps(fields: &Value, name: &str) -> Option<u32> {
    let kbps = fields.field(name)?.as_number()?;
    (1.0..1_000_000.0).contains(&kbps).then_some((kbps * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;

    fn hints(values: &[Value]) -> Hints {
        let mut body = BytesMut::new();
        values.iter().for_each(|value| amf::write(value, &mut body));
        let mut hints = Hints::default();
        hints.on_data(&body).unwrap();
        hints
    }

    /// R12.
    #[test]
    fn metadata_is_read_in_every_form() {
        let fields = || vec![("videodatarate".into(), 2500.0.into()), ("audiodatarate".into(), 128.0.into())];
        let expected = Hints { video_bps: Some(2_500_000), audio_bps: Some(128_000) };
        assert_eq!(hints(&["onMetaData".into(), Value::Object(fields())]), expected);
        assert_eq!(hints(&["@setDataFrame".into(), "onMetaData".into(), Value::Ecma(fields())]), expected);
    }

    /// R13.
    #[test]
    fn wrong_metadata_says_nothing() {
        let nothing = Hints::default();
        for rate in [f64::NAN, -1.0, 0.0, 1e300, f64::INFINITY] {
            assert_eq!(hints(&["onMetaData".into(), Value::object([("videodatarate", rate.into())])]), nothing);
        }
        assert_eq!(hints(&["onMetaData".into()]), nothing);
        assert_eq!(hints(&["@setDataFrame".into(), "onTextData".into(), Value::Null]), nothing);
        assert_eq!(hints(&[7.0.into(), Value::Null]), nothing);
        assert_eq!(hints(&[]), nothing);
    }
}
