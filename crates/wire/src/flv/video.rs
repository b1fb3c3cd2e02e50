use bytes::{BufMut, Bytes, BytesMut};

use super::tracks::{self, Piece};
use super::{Codec, FourCc};
use crate::Malformed;
use crate::take::{Take, need};

const MULTITRACK: u8 = 6;
/// Coded frames without the composition time field: it is zero.
const CODED_FRAMES_X: u8 = 3;
const ENHANCED: u8 = 0x80;

/// One video message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Video {
    /// What the sender says of the frame. The bitstream knows better.
    pub frame: FrameType,
    /// What the payloads are.
    pub packet: VideoPacket,
    /// To add to the message's timestamp, 0 to 999 999 ns.
    pub nanos: u32,
    /// Payload per track. Empty only for [`FrameType::Command`].
    pub tracks: Vec<VideoTrack>,
}

/// One track's share of a video message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoTrack {
    /// 0 is the default track.
    pub id: u8,
    /// What the payload is encoded with.
    pub codec: Codec,
    /// Presentation minus decode time in milliseconds, 24 bits signed; zero but for coded frames.
    pub composition_ms: i32,
    /// Configuration record, access unit or metadata, as the packet type says.
    pub data: Bytes,
}

/// The three bits in which FLV says what kind of frame it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameType {
    /// A keyframe.
    Key,
    /// An inter frame.
    Inter,
    /// An inter frame nobody refers to (H.263 only).
    Disposable,
    /// A keyframe that a server made up.
    Generated,
    /// No frame: 0 opens and 1 closes a client's seeking.
    Command(u8),
    /// Reserved: 0, 6 or 7.
    Other(u8),
}

/// What a video message's payloads are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoPacket {
    /// The decoder's configuration record.
    SequenceStart,
    /// An access unit.
    CodedFrames,
    /// No more frames under this configuration.
    SequenceEnd,
    /// AMF0 values such as `colorInfo`; never a frame.
    Metadata,
    /// AV1's configuration as MPEG-TS carries it.
    Mpeg2TsSequenceStart,
}

impl Video {
    /// Reads a whole message. Payloads are slices of `body`.
    pub fn parse(body: &Bytes) -> Result<Self, Malformed> {
        let mut src = &body[..];
        let first = need(src.u8(), "video tag")?;
        let frame = FrameType::from_bits(first >> 4 & 7);
        if first & ENHANCED != 0 {
            return Self::parse_enhanced(first & 0x0f, frame, src, body);
        }
        if let FrameType::Command(_) = frame {
            return Ok(Self::command(src.u8().unwrap_or(0), 0));
        }
        let codec = Codec::from_legacy_video(first & 0x0f);
        let mut packet = VideoPacket::CodedFrames;
        let mut composition_ms = 0;
        if let Codec::FourCc(_) = codec {
            packet = match need(src.u8(), "video packet type")? {
                0 => VideoPacket::SequenceStart,
                1 => VideoPacket::CodedFrames,
                2 => VideoPacket::SequenceEnd,
                _ => return Err(Malformed("video packet type")),
            };
            let composition = src.u24();
            match packet {
                VideoPacket::CodedFrames => composition_ms = sign_24(need(composition, "composition time")?),
                // Some senders end a sequence with two bytes only.
                VideoPacket::SequenceEnd => {}
                _ => drop(need(composition, "composition time")?),
            }
        }
        let track = VideoTrack { id: 0, codec, composition_ms, data: body.slice_ref(src) };
        Ok(Self { frame, packet, nanos: 0, tracks: vec![track] })
    }

    fn parse_enhanced(packet: u8, frame: FrameType, mut src: &[u8], body: &Bytes) -> Result<Self, Malformed> {
        let (mut packet, nanos) = tracks::mod_ex(packet, &mut src)?;
        if packet != 4 && matches!(frame, FrameType::Command(_)) {
            return Ok(Self::command(src.u8().unwrap_or(0), nanos));
        }
        let mut multitrack = None;
        if packet == MULTITRACK {
            let both = need(src.u8(), "multitrack type")?;
            multitrack = Some(both >> 4);
            packet = both & 0x0f;
        }
        let kind = match packet {
            0 => VideoPacket::SequenceStart,
            1 | CODED_FRAMES_X => VideoPacket::CodedFrames,
            2 => VideoPacket::SequenceEnd,
            4 => VideoPacket::Metadata,
            5 => VideoPacket::Mpeg2TsSequenceStart,
            _ => return Err(Malformed("video packet type")),
        };
        let mut rest = body.clone();
        tracks::advance_to(&mut rest, src.len());
        let tracks = tracks::shares(&rest, multitrack)?.into_iter().map(|mut share| {
            let mut composition_ms = 0;
            if packet == 1 && share.codec.has_composition() {
                let mut data = &share.data[..];
                composition_ms = sign_24(need(data.u24(), "composition time")?);
                let left = data.len();
                tracks::advance_to(&mut share.data, left);
            }
            Ok(VideoTrack { id: share.id, codec: share.codec, composition_ms, data: share.data })
        });
        Ok(Self { frame, packet: kind, nanos, tracks: tracks.collect::<Result<_, _>>()? })
    }

    fn command(command: u8, nanos: u32) -> Self {
        Self { frame: FrameType::Command(command), packet: VideoPacket::CodedFrames, nanos, tracks: Vec::new() }
    }

    /// Writes a whole message: in the legacy form where that can say it, else in the enhanced one.
    pub fn write(&self, out: &mut BytesMut) {
        if let (FrameType::Command(command), VideoPacket::CodedFrames) = (self.frame, self.packet) {
            let (first, packet) = if self.nanos == 0 { (0, 0) } else { (ENHANCED, 1) };
            tracks::write_head(first | self.frame.bits() << 4, packet, self.nanos, out);
            out.put_u8(command);
            return;
        }
        if let Some((track, id)) = self.legacy() {
            out.put_u8(self.frame.bits() << 4 | id);
            if let Codec::FourCc(_) = track.codec {
                out.put_u8(match self.packet {
                    VideoPacket::SequenceStart => 0,
                    VideoPacket::SequenceEnd => 2,
                    _ => 1,
                });
                out.put_slice(&composition(track.composition_ms));
            }
            out.put_slice(&track.data);
            return;
        }
        let packet = match self.packet {
            VideoPacket::SequenceStart => 0,
            VideoPacket::CodedFrames => 1,
            VideoPacket::SequenceEnd => 2,
            VideoPacket::Metadata => 4,
            VideoPacket::Mpeg2TsSequenceStart => 5,
        };
        let heads: Vec<_> = self.tracks.iter().map(|track| composition(track.composition_ms)).collect();
        let pieces = self.tracks.iter().zip(&heads).map(|(track, head)| Piece {
            id: track.id,
            codec: track.codec,
            head: if packet == 1 && track.codec.has_composition() { head } else { &[] },
            data: &track.data,
        });
        let pieces: Vec<_> = pieces.collect();
        tracks::write(ENHANCED | self.frame.bits() << 4, packet, MULTITRACK, self.nanos, &pieces, out);
    }

    /// The only track and its codec's number, where the legacy form can carry this message.
    fn legacy(&self) -> Option<(&VideoTrack, u8)> {
        let [track @ VideoTrack { id: 0, .. }] = &self.tracks[..] else { return None };
        if self.nanos != 0 || matches!(self.frame, FrameType::Command(_)) {
            return None;
        }
        match (track.codec, self.packet) {
            (Codec::Legacy(id), VideoPacket::CodedFrames) => Some((track, id & 0x0f)),
            (
                Codec::FourCc(FourCc::AVC),
                VideoPacket::SequenceStart | VideoPacket::CodedFrames | VideoPacket::SequenceEnd,
            ) => Some((track, 7)),
            _ => None,
        }
    }
}

impl FrameType {
    fn from_bits(bits: u8) -> Self {
        match bits {
            1 => Self::Key,
            2 => Self::Inter,
            3 => Self::Disposable,
            4 => Self::Generated,
            5 => Self::Command(0),
            other => Self::Other(other),
        }
    }

    fn bits(self) -> u8 {
        match self {
            Self::Key => 1,
            Self::Inter => 2,
            Self::Disposable => 3,
            Self::Generated => 4,
            Self::Command(_) => 5,
            Self::Other(bits) => bits & 7,
        }
    }
}

fn sign_24(bits: u32) -> i32 {
    (bits << 8) as i32 >> 8
}

pub(super) fn composition(ms: i32) -> [u8; 3] {
    let [_, a, b, c] = ms.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
    [a, b, c]
}
