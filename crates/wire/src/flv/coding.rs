use std::ops::Deref;

use bytes::{BufMut, Bytes, BytesMut};
use media::codec::{G711, Law};

use super::codec::{Codec, FourCc};
use super::video::composition;

/// AAC's, which says the same whatever the sound is: 44 kHz, 16 bits, stereo.
const AAC: u8 = 10 << 4 | 0x0f;
const ENHANCED_AUDIO: u8 = 9 << 4;
const ENHANCED_VIDEO: u8 = 0x80;

const KEY: u8 = 1 << 4;
const INTER: u8 = 2 << 4;

const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const SEQUENCE_END: u8 = 2;
const CODED_FRAMES_X: u8 = 3;

/// How the messages of one track are written: in the form that FLV has always had where it has one for the codec, else
/// in that of Enhanced RTMP.
///
/// Only what stands before a frame is made here; the frame itself is never touched, and shared by all who get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding {
    codec: Codec,
    /// The first byte of a legacy audio message.
    sound: u8,
}

/// What stands before the payload of one message: a few bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    bytes: [u8; 8],
    len: u8,
}

impl Coding {
    /// `None` for a codec that FLV has no form for.
    pub fn of(codec: &media::Codec) -> Option<Self> {
        let (codec, sound) = match codec {
            media::Codec::Avc(_) => (Codec::FourCc(FourCc::AVC), 0),
            media::Codec::Hevc(_) => (Codec::FourCc(FourCc::HEVC), 0),
            media::Codec::Av1(_) => (Codec::FourCc(FourCc::AV1), 0),
            media::Codec::Vp9(_) => (Codec::FourCc(FourCc::VP9), 0),
            media::Codec::Vp8(_) => (Codec::FourCc(FourCc::VP8), 0),
            media::Codec::Aac(_) => (Codec::FourCc(FourCc::AAC), AAC),
            media::Codec::Opus(_) => (Codec::FourCc(FourCc::OPUS), 0),
            media::Codec::Flac(_) => (Codec::FourCc(FourCc::FLAC), 0),
            media::Codec::Ac3(ac3) if ac3.enhanced => (Codec::FourCc(FourCc::EAC3), 0),
            media::Codec::Ac3(_) => (Codec::FourCc(FourCc::AC3), 0),
            media::Codec::Mp3(mp3) => {
                // 8 kHz has a number of its own, 48 kHz goes as 44; the frames say what is true.
                let (id, rate) = match mp3.sound.rate {
                    8_000 => (14, 0),
                    ..11_025 => (2, 0),
                    11_025..22_050 => (2, 1),
                    22_050..44_100 => (2, 2),
                    44_100.. => (2, 3),
                };
                (Codec::FourCc(FourCc::MP3), id << 4 | rate << 2 | 2 | u8::from(mp3.sound.channels > 1))
            }
            &media::Codec::G711(G711 { law, channels }) => {
                let (id, is_stereo) = (if law == Law::A { 7 } else { 8 }, channels > 1);
                (Codec::G711 { law, is_stereo }, id << 4 | 2 | u8::from(is_stereo))
            }
            _ => return None,
        };
        Some(Self { codec, sound })
    }

    /// What the payloads are.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Every player that ever took FLV reads the form that this is written in.
    pub fn is_classic(&self) -> bool {
        match self.codec {
            Codec::FourCc(code) => matches!(code, FourCc::AVC | FourCc::AAC | FourCc::MP3),
            Codec::G711 { .. } | Codec::Legacy(_) => true,
        }
    }

    /// The whole message that says how the track is to be decoded; `None` where frames say it themselves.
    pub fn sequence_start(&self, codec: &media::Codec) -> Option<Bytes> {
        let config = match codec {
            media::Codec::Avc(avc) => avc.to_record(),
            media::Codec::Hevc(hevc) => hevc.to_record(),
            media::Codec::Av1(av1) => av1.config.clone(),
            // As in a `vpcC` box, its version included.
            media::Codec::Vp9(vp9) => [&[1, 0, 0, 0], &vp9.to_record()[..]].concat().into(),
            media::Codec::Vp8(vp8) => [&[1, 0, 0, 0], &vp8.to_record()[..]].concat().into(),
            media::Codec::Aac(aac) => aac.config.clone(),
            media::Codec::Opus(opus) => opus.to_head(),
            media::Codec::Flac(flac) => [b"fLaC", &flac.to_box()[..]].concat().into(),
            _ => return None,
        };
        let head = self.head(SEQUENCE_START, true, 0);
        let mut out = BytesMut::with_capacity(head.len() + config.len());
        out.put_slice(&head);
        out.put_slice(&config);
        Some(out.freeze())
    }

    /// What stands before a frame. `composition_ms` is presentation minus decode time; only AVC and HEVC carry it (R18).
    pub fn frame(&self, is_key: bool, composition_ms: i32) -> Head {
        self.head(CODED_FRAMES, is_key, composition_ms)
    }

    /// The whole message that ends a track of pictures.
    pub fn sequence_end(&self) -> Option<Head> {
        self.is_video().then(|| self.head(SEQUENCE_END, true, 0))
    }

    fn is_video(&self) -> bool {
        let Codec::FourCc(code) = self.codec else { return false };
        matches!(code, FourCc::AVC | FourCc::HEVC | FourCc::AV1 | FourCc::VP9 | FourCc::VP8)
    }

    fn head(&self, packet: u8, is_key: bool, composition_ms: i32) -> Head {
        let mut head = Head::default();
        let frame = if is_key { KEY } else { INTER };
        match self.codec {
            Codec::FourCc(FourCc::AVC) => {
                head.put(&[frame | 7, packet]);
                head.put(&composition(composition_ms));
            }
            Codec::FourCc(FourCc::AAC) => head.put(&[self.sound, packet]),
            Codec::FourCc(FourCc::MP3) | Codec::G711 { .. } | Codec::Legacy(_) => head.put(&[self.sound]),
            Codec::FourCc(code) if self.is_video() => {
                let has_composition = packet == CODED_FRAMES && self.codec.has_composition();
                let is_short = has_composition && composition_ms == 0;
                head.put(&[ENHANCED_VIDEO | frame | if is_short { CODED_FRAMES_X } else { packet }]);
                head.put(&code.0);
                if has_composition && !is_short {
                    head.put(&composition(composition_ms));
                }
            }
            Codec::FourCc(code) => {
                head.put(&[ENHANCED_AUDIO | packet]);
                head.put(&code.0);
            }
        }
        head
    }
}

impl Head {
    /// Appends; the longest head is as long as there is room.
    fn put(&mut self, bytes: &[u8]) {
        for (slot, byte) in self.bytes.iter_mut().skip(usize::from(self.len)).zip(bytes) {
            *slot = *byte;
            self.len += 1;
        }
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }
}
