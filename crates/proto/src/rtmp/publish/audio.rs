use bytes::Bytes;
use media::codec::{Aac, Ac3, Flac, G711, Malformed, Mp3, Opus, aac};
use media::{Codec, Span, Time};
use wire::flv::{self, FourCc};

use super::Out;

/// What we take that has a FourCC.
pub(in super::super) const OURS: [FourCc; 6] =
    [FourCc::AAC, FourCc::OPUS, FourCc::FLAC, FourCc::AC3, FourCc::EAC3, FourCc::MP3];

/// One audio track.
pub(super) struct Audio {
    coding: flv::Codec,
    /// The last header as it came, so that a repeated one costs nothing (R14).
    header: Option<Bytes>,
    codec: Option<Codec>,
}

impl Audio {
    /// Reads that codec; `None` if it is none of ours.
    pub(super) fn for_codec(coding: flv::Codec) -> Option<Self> {
        let is_ours = match coding {
            flv::Codec::FourCc(four_cc) => OURS.contains(&four_cc),
            flv::Codec::G711 { .. } => true,
            flv::Codec::Legacy(_) => false,
        };
        is_ours.then_some(Self { coding, header: None, codec: None })
    }

    pub(super) fn on_header(&mut self, header: Bytes, out: &mut Out<'_>) {
        let flv::Codec::FourCc(four_cc) = self.coding else { return };
        if self.header.as_ref() == Some(&header) || header.is_empty() && four_cc != FourCc::OPUS {
            return;
        }
        let read = match four_cc {
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
        let data = if self.coding == flv::Codec::FourCc(FourCc::AAC) { aac::without_adts(data) } else { data };
        let Some(codec) = self.codec.as_ref().filter(|_| !data.is_empty()) else { return };
        if codec.frame_ticks(&data).is_none() {
            return out.odd(Malformed("sound frame"));
        }
        out.frame(time, Span::ZERO, true, data);
    }

    /// Parameters that the frame itself says, where they are new.
    fn in_band(&self, frame: &[u8]) -> Result<Option<Codec>, Malformed> {
        let four_cc = match self.coding {
            flv::Codec::G711 { law, is_stereo } => {
                let g711 = || Codec::G711(G711 { law, channels: 1 + u8::from(is_stereo) });
                return Ok(self.codec.is_none().then(g711));
            }
            flv::Codec::FourCc(four_cc) => four_cc,
            flv::Codec::Legacy(_) => return Ok(None),
        };
        match (four_cc, &self.codec) {
            (FourCc::AC3 | FourCc::EAC3, Some(Codec::Ac3(known))) => Ok(known.changed_by(frame)?.map(Codec::Ac3)),
            (FourCc::AC3 | FourCc::EAC3, _) => Ac3::from_frame(frame).map(Codec::Ac3).map(Some),
            (FourCc::MP3, Some(Codec::Mp3(known))) => Ok(known.changed_by(frame)?.map(Codec::Mp3)),
            (FourCc::MP3, _) => Mp3::from_frame(frame).map(Codec::Mp3).map(Some),
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
