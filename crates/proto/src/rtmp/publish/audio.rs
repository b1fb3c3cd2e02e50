use bytes::Bytes;
use media::codec::{Aac, Ac3, Flac, Malformed, Opus, aac};
use media::{Codec, Span, Time};
use wire::flv::FourCc;

use super::Out;

/// One audio track.
pub(super) struct Audio {
    four_cc: FourCc,
    /// The last header as it came, so that a repeated one costs nothing (R14).
    header: Option<Bytes>,
    codec: Option<Codec>,
}

impl Audio {
    /// Reads that codec; `None` if it is none of ours.
    pub(super) fn for_codec(four_cc: FourCc) -> Option<Self> {
        let is_ours = matches!(four_cc, FourCc::AAC | FourCc::OPUS | FourCc::FLAC | FourCc::AC3 | FourCc::EAC3);
        is_ours.then_some(Self { four_cc, header: None, codec: None })
    }

    pub(super) fn on_header(&mut self, header: Bytes, out: &mut Out<'_>) {
        if self.header.as_ref() == Some(&header) || header.is_empty() && self.four_cc != FourCc::OPUS {
            return;
        }
        let read = match self.four_cc {
            FourCc::AAC => Aac::from_config(&header).map(Codec::Aac).map(Some),
            FourCc::FLAC => Flac::from_config(&header).map(Codec::Flac).map(Some),
            // An empty one means that packets tell (Enhanced RTMP, `OpusSequenceHeader`).
            FourCc::OPUS if !header.is_empty() => Opus::from_head(&header).map(Codec::Opus).map(Some),
            // What says all in every frame needs no header.
            _ => Ok(None),
        };
        match read {
            Ok(codec) => {
                self.header = Some(header);
                if let Some(codec) = codec {
                    self.change(codec, out);
                }
            }
            Err(malformed) => out.odd(malformed),
        }
    }

    /// Without parameters there is nobody to understand the frame: it is left out (R14).
    pub(super) fn on_frame(&mut self, time: Time, data: Bytes, out: &mut Out<'_>) {
        if data.is_empty() {
            return;
        }
        match self.in_band(&data) {
            Ok(Some(codec)) => self.change(codec, out),
            Ok(None) => {}
            Err(malformed) => return out.odd(malformed),
        }
        let data = if self.four_cc == FourCc::AAC { aac::without_adts(data) } else { data };
        let Some(codec) = self.codec.as_ref().filter(|_| !data.is_empty()) else { return };
        if codec.frame_ticks(&data).is_none() {
            return out.odd(Malformed("sound frame"));
        }
        out.frame(time, Span::ZERO, true, data);
    }

    /// Parameters that the frame itself says, where they are new.
    fn in_band(&self, frame: &[u8]) -> Result<Option<Codec>, Malformed> {
        match (self.four_cc, &self.codec) {
            (FourCc::AC3 | FourCc::EAC3, Some(Codec::Ac3(known))) => Ok(known.changed_by(frame)?.map(Codec::Ac3)),
            (FourCc::AC3 | FourCc::EAC3, _) => Ac3::from_frame(frame).map(Codec::Ac3).map(Some),
            (FourCc::OPUS, None) if self.header.as_ref().is_some_and(Bytes::is_empty) => {
                let is_stereo = frame.first().is_some_and(|toc| toc & 4 != 0);
                Ok(Some(Codec::Opus(Opus::plain(if is_stereo { 2 } else { 1 }))))
            }
            _ => Ok(None),
        }
    }

    fn change(&mut self, codec: Codec, out: &mut Out<'_>) {
        if self.codec.as_ref() != Some(&codec) {
            self.codec = Some(codec.clone());
            out.track(codec);
        }
    }
}
