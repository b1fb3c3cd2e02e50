use std::collections::BTreeMap;

use media::Language;
use media::codec::Malformed;
use wire::amf::{self, Value};

/// What the publisher says of itself in `onMetaData`. Codecs, sizes and rates are read from the bitstream instead
/// (conformance R13); bit rates are nowhere else.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hints {
    /// By the number of the track: the first is described by the fields of the metadata itself, the others by the
    /// maps that Enhanced RTMP adds.
    video: BTreeMap<u8, Hint>,
    audio: BTreeMap<u8, Hint>,
    /// Languages of the audio tracks by their numbers, from the address; they go before what the metadata say.
    spoken: Vec<Language>,
}

/// What is said of one track.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hint {
    rate_bps: Option<u32>,
    language: Option<Language>,
}

impl Hints {
    pub(super) fn speaking(spoken: Vec<Language>) -> Self {
        Self { spoken, ..Self::default() }
    }

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
            take(&mut self.video, fields, "videodatarate", "videoTrackIdInfoMap");
            take(&mut self.audio, fields, "audiodatarate", "audioTrackIdInfoMap");
        }
        Ok(())
    }

    /// Bits a second of a video track.
    pub(super) fn video_bps(&self, number: u8) -> Option<u32> {
        self.video.get(&number)?.rate_bps
    }

    /// Bits a second of an audio track.
    pub(super) fn audio_bps(&self, number: u8) -> Option<u32> {
        self.audio.get(&number)?.rate_bps
    }

    /// What is spoken in an audio track.
    pub(super) fn language(&self, number: u8) -> Option<Language> {
        let said = || self.audio.get(&number)?.language.as_ref();
        self.spoken.get(usize::from(number)).or_else(said).cloned()
    }
}

/// Takes what is said of the tracks of one kind. What is not said again stays.
fn take(hints: &mut BTreeMap<u8, Hint>, fields: &Value, rate: &str, map: &str) {
    let mut note = |number: u8, fields: &Value, language: &str| {
        let rate_bps = rate_bps(fields, rate);
        let language = fields.field(language).and_then(Value::as_str).and_then(Language::try_from_tag);
        if rate_bps.is_some() || language.is_some() {
            let hint = hints.entry(number).or_default();
            hint.rate_bps = rate_bps.or(hint.rate_bps);
            hint.language = language.or(hint.language.take());
        }
    };
    // Which of the first tracks a plain `language` means is clear: pictures speak none.
    note(0, fields, "language");
    if let Some(Value::Object(tracks) | Value::Ecma(tracks)) = fields.field(map) {
        for (number, fields) in tracks {
            if let Ok(number) = number.parse() {
                note(number, fields, "language");
            }
        }
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
        let plain = hints(&["onMetaData".into(), Value::Object(fields())]);
        assert_eq!((plain.video_bps(0), plain.audio_bps(0)), (Some(2_500_000), Some(128_000)));
        assert_eq!(hints(&["@setDataFrame".into(), "onMetaData".into(), Value::Ecma(fields())]), plain);
    }

    /// R20.
    #[test]
    fn further_tracks_are_described_in_maps() {
        let german = Value::object([("audiodatarate", 96.0.into()), ("language", "de".into())]);
        let broken = Value::object([("audiodatarate", Value::Null), ("language", "d\r\ne".into())]);
        let sound = Value::object([("1", german), ("2", broken), ("x", 7.0.into()), ("300", Value::Null)]);
        let picture = Value::object([("1", Value::object([("videodatarate", 800.0.into())]))]);
        let fields = [("videoTrackIdInfoMap", picture), ("audioTrackIdInfoMap", sound), ("language", "en".into())];
        let hints = hints(&["onMetaData".into(), Value::object(fields)]);
        assert_eq!((hints.video_bps(0), hints.video_bps(1)), (None, Some(800_000)));
        assert_eq!(hints.audio_bps(1), Some(96_000));
        let languages = [0, 1, 2].map(|number| hints.language(number));
        assert_eq!(languages, [Language::try_from_tag("en"), Language::try_from_tag("de"), None]);
        let french = Hints { spoken: Language::try_from_tag("fr").into_iter().collect(), ..hints };
        assert_eq!([0, 1].map(|n| french.language(n).unwrap().as_str().to_owned()), ["fr", "de"], "the address first");
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
