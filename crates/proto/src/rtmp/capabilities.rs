use wire::amf::Value;
use wire::flv::{FourCc, Takes};

/// What a client said at connect that it can do beyond RTMP 1.0 (conformance R16).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Codecs that it can decode or pass on.
    takes: Takes,
    flags: u32,
}

// `FourCcInfoMask`.
const CAN_DECODE: u32 = 1;
const CAN_FORWARD: u32 = 4;

// `CapsExMask`.
const RECONNECT: u32 = 1;
const MULTITRACK: u32 = 2;
const MOD_EX: u32 = 4;
const NANO_OFFSET: u32 = 8;

/// What we take from publishers.
const VIDEO: &[FourCc] = &[FourCc::AVC, FourCc::HEVC, FourCc::AV1, FourCc::VP9, FourCc::VP8];
const AUDIO: &[FourCc] = &super::publish::AUDIO;

impl Capabilities {
    /// Reads the command object of `connect`: the maps of version 2, and the list of version 1 beside them.
    pub(super) fn of_client(object: &Value) -> Self {
        let mut capabilities = Self { flags: object.field("capsEx").map_or(0, flags), ..Self::default() };
        if let Some(Value::Array(list)) = object.field("fourCcList") {
            list.iter().filter_map(Value::as_str).for_each(|name| capabilities.takes.add(name));
        }
        for map in ["videoFourCcInfoMap", "audioFourCcInfoMap"] {
            let Some(Value::Object(fields) | Value::Ecma(fields)) = object.field(map) else { continue };
            let can_take = |mask: &Value| flags(mask) & (CAN_DECODE | CAN_FORWARD) != 0;
            fields.iter().filter(|(_, mask)| can_take(mask)).for_each(|(name, _)| capabilities.takes.add(name));
        }
        capabilities
    }

    /// Can be sent that codec. What RTMP has always carried needs no word.
    pub fn can_take(&self, codec: FourCc) -> bool {
        matches!(codec, FourCc::AVC | FourCc::AAC) || self.takes.says(codec)
    }

    /// The codecs that it named.
    pub fn takes(&self) -> &Takes {
        &self.takes
    }

    /// Understands being asked to connect again (conformance R21).
    pub fn can_reconnect(&self) -> bool {
        self.flags & RECONNECT != 0
    }

    /// Understands messages with several tracks.
    pub fn has_multitrack(&self) -> bool {
        self.flags & MULTITRACK != 0
    }
}

/// What we can do, as fields of the answer to `connect`: pass all of this on, and read every form of it.
pub(super) fn ours() -> impl Iterator<Item = (&'static str, Value)> {
    let map = |codecs: &[FourCc]| {
        Value::Object(codecs.iter().map(|codec| (codec.to_string().into(), f64::from(CAN_FORWARD).into())).collect())
    };
    let list = VIDEO.iter().chain(AUDIO).map(|codec| (&*codec.to_string()).into()).collect();
    [
        ("fourCcList", Value::Array(list)),
        ("videoFourCcInfoMap", map(VIDEO)),
        ("audioFourCcInfoMap", map(AUDIO)),
        ("capsEx", f64::from(MULTITRACK | MOD_EX | NANO_OFFSET).into()),
    ]
    .into_iter()
}

/// The number as flags; nothing where it is none.
fn flags(value: &Value) -> u32 {
    value.as_number().map_or(0, |number| number as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R16.
    #[test]
    fn lists_and_maps_say_what_a_client_takes() {
        let old = Value::object([("fourCcList", Value::Array(vec!["av01".into(), "hvc1".into(), 7.0.into()]))]);
        let old = Capabilities::of_client(&old);
        assert!(old.can_take(FourCc::AV1) && old.can_take(FourCc::AVC) && !old.can_take(FourCc::VP9));
        assert!(!old.can_reconnect() && !old.has_multitrack());

        let video = Value::object([("vp09", 4.0.into()), ("av01", 2.0.into())]);
        let audio = Value::object([("Opus", 1.0.into()), ("opus", 1.0.into())]);
        let fields = [("videoFourCcInfoMap", video), ("audioFourCcInfoMap", audio), ("capsEx", 3.0.into())];
        let new = Capabilities::of_client(&Value::object(fields));
        assert!(new.can_take(FourCc::VP9) && new.can_take(FourCc::OPUS));
        assert!(!new.can_take(FourCc::AV1), "it encodes that, and does not take it");
        assert!(new.can_reconnect() && new.has_multitrack());

        let any = Capabilities::of_client(&Value::object([("fourCcList", Value::Array(vec!["*".into()]))]));
        assert!(any.can_take(FourCc::VVC));
    }

    #[test]
    fn nonsense_says_nothing() {
        let list = Value::Array((0..1000).map(|n| (&*format!("{n:04}")).into()).collect());
        let fields = [("fourCcList", list), ("videoFourCcInfoMap", "x".into()), ("capsEx", f64::NAN.into())];
        let capabilities = Capabilities::of_client(&Value::object(fields));
        assert!(capabilities.takes.says(FourCc(*b"0000")) && !capabilities.takes.says(FourCc(*b"0999")));
        assert_eq!(capabilities.flags, 0);
        assert_eq!(Capabilities::of_client(&Value::Null), Capabilities::default());
    }
}
