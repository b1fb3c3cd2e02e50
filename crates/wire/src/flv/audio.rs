use bytes::{BufMut, Bytes, BytesMut};
use media::codec::Law;

use super::tracks::{self, Piece};
use super::{Codec, FourCc};
use crate::Malformed;
use crate::take::{Take, need};

const MULTITRACK: u8 = 5;
const ENHANCED: u8 = 9 << 4;
/// 44 kHz, 16 bits, stereo: what the low bits must say for AAC, whatever the sound is.
const ANY_SOUND: u8 = 0x0f;

/// One audio message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// What the payloads are.
    pub packet: AudioPacket,
    /// To add to the message's timestamp, 0 to 999 999 ns.
    pub nanos: u32,
    /// Payload per track; never empty.
    pub tracks: Vec<AudioTrack>,
}

/// One track's share of an audio message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioTrack {
    /// 0 is the default track.
    pub id: u8,
    /// What the payload is encoded with.
    pub codec: Codec,
    /// Configuration or coded frame, as the packet type says.
    pub data: Bytes,
}

/// What an audio message's payloads are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioPacket {
    /// The decoder's configuration.
    SequenceStart,
    /// A coded frame.
    CodedFrames,
    /// No more frames under this configuration.
    SequenceEnd,
    /// Which loudspeaker each channel is for.
    MultichannelConfig,
}

impl Audio {
    /// Reads a whole message. Payloads are slices of `body`.
    pub fn parse(body: &Bytes) -> Result<Self, Malformed> {
        let mut src = &body[..];
        let first = need(src.u8(), "audio tag")?;
        if first & 0xf0 == ENHANCED {
            return Self::parse_enhanced(first & 0x0f, src, body);
        }
        let codec = Codec::from_legacy_audio(first);
        let mut packet = AudioPacket::CodedFrames;
        if codec == Codec::FourCc(FourCc::AAC) && need(src.u8(), "AAC packet type")? == 0 {
            packet = AudioPacket::SequenceStart;
        }
        Ok(Self { packet, nanos: 0, tracks: vec![AudioTrack { id: 0, codec, data: body.slice_ref(src) }] })
    }

    fn parse_enhanced(packet: u8, mut src: &[u8], body: &Bytes) -> Result<Self, Malformed> {
        let (mut packet, nanos) = tracks::mod_ex(packet, &mut src)?;
        let mut multitrack = None;
        if packet == MULTITRACK {
            let both = need(src.u8(), "multitrack type")?;
            multitrack = Some(both >> 4);
            packet = both & 0x0f;
        }
        let packet = match packet {
            0 => AudioPacket::SequenceStart,
            1 => AudioPacket::CodedFrames,
            2 => AudioPacket::SequenceEnd,
            4 => AudioPacket::MultichannelConfig,
            _ => return Err(Malformed("audio packet type")),
        };
        let mut rest = body.clone();
        tracks::advance_to(&mut rest, src.len());
        let shares = tracks::shares(&rest, multitrack)?.into_iter();
        let tracks = shares.map(|share| AudioTrack { id: share.id, codec: share.codec, data: share.data }).collect();
        Ok(Self { packet, nanos, tracks })
    }

    /// Writes a whole message: in the legacy form where that can say it, else in the enhanced one.
    pub fn write(&self, out: &mut BytesMut) {
        if let (0, [track @ AudioTrack { id: 0, .. }]) = (self.nanos, &self.tracks[..]) {
            let aac_type = match (track.codec, self.packet) {
                (Codec::Legacy(id), AudioPacket::CodedFrames) => {
                    out.put_u8(id << 4 | ANY_SOUND);
                    out.put_slice(&track.data);
                    return;
                }
                (Codec::G711 { law, is_stereo }, AudioPacket::CodedFrames) => {
                    let id = if law == Law::A { 7 } else { 8 };
                    out.put_u8(id << 4 | ANY_SOUND & !1 | u8::from(is_stereo));
                    out.put_slice(&track.data);
                    return;
                }
                (Codec::FourCc(FourCc::AAC), AudioPacket::SequenceStart) => Some(0),
                (Codec::FourCc(FourCc::AAC), AudioPacket::CodedFrames) => Some(1),
                _ => None,
            };
            if let Some(aac_type) = aac_type {
                out.put_slice(&[10 << 4 | ANY_SOUND, aac_type]);
                out.put_slice(&track.data);
                return;
            }
        }
        let packet = match self.packet {
            AudioPacket::SequenceStart => 0,
            AudioPacket::CodedFrames => 1,
            AudioPacket::SequenceEnd => 2,
            AudioPacket::MultichannelConfig => 4,
        };
        let pieces = self.tracks.iter();
        let pieces = pieces.map(|track| Piece { id: track.id, codec: track.codec, head: &[], data: &track.data });
        let pieces: Vec<_> = pieces.collect();
        tracks::write(ENHANCED, packet, MULTITRACK, self.nanos, &pieces, out);
    }
}
