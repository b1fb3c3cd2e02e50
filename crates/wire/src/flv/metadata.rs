use bytes::{Bytes, BytesMut};
use media::Track;

use super::codec::{Codec, FourCc};
use super::coding::Coding;
use crate::amf::{self, Value};

/// The values of `onMetaData`, as a data message or script tag carries them: what a player may show before the first
/// frame. The sequence headers say all of it again, and better.
pub fn metadata(video: Option<&Track>, audio: Option<&Track>) -> Bytes {
    let mut fields: Vec<(Box<str>, Value)> = Vec::new();
    let mut say = |name: &str, value: Value| fields.push((name.into(), value));
    say("encoder", "Onair".into());
    if let Some(track) = video {
        if let Some(picture) = track.codec.picture() {
            say("width", f64::from(picture.width).into());
            say("height", f64::from(picture.height).into());
            if let Some((frames, seconds)) = picture.frame_rate.filter(|(_, seconds)| *seconds > 0) {
                say("framerate", (f64::from(frames) / f64::from(seconds)).into());
            }
        }
        if let Some(bps) = track.bitrate_bps {
            say("videodatarate", (f64::from(bps) / 1000.0).into());
        }
        if let Some(id) = codec_id(track) {
            say("videocodecid", id.into());
        }
    }
    if let Some(track) = audio {
        if let Some(sound) = track.codec.sound() {
            say("audiosamplerate", f64::from(sound.rate).into());
            say("audiosamplesize", 16.0.into());
            say("audiochannels", f64::from(sound.channels).into());
            say("stereo", Value::Boolean(sound.channels > 1));
        }
        if let Some(bps) = track.bitrate_bps {
            say("audiodatarate", (f64::from(bps) / 1000.0).into());
        }
        if let Some(id) = codec_id(track) {
            say("audiocodecid", id.into());
        }
    }
    let mut out = BytesMut::with_capacity(512);
    amf::write(&"onMetaData".into(), &mut out);
    amf::write(&Value::Ecma(fields), &mut out);
    out.freeze()
}

/// The legacy number, or the FourCC read as one (Enhanced RTMP, "Metadata").
fn codec_id(track: &Track) -> Option<f64> {
    Some(match Coding::of(&track.codec)?.codec() {
        Codec::FourCc(FourCc::AVC) => 7.0,
        Codec::FourCc(FourCc::AAC) => 10.0,
        Codec::FourCc(FourCc::MP3) => 2.0,
        Codec::FourCc(FourCc(code)) => f64::from(u32::from_be_bytes(code)),
        Codec::G711 { law: media::codec::Law::A, .. } => 7.0,
        Codec::G711 { .. } => 8.0,
        Codec::Legacy(id) => f64::from(id),
    })
}
