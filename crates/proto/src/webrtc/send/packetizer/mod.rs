//! Frames into RTP payloads, codec by codec.
//!
//! All payloads of a frame stand in one buffer. A large unit is cut into pieces of equal size, so that segmentation
//! offload can send them in one call, and no datagram becomes larger than 1200 bytes (P14).

mod av1;
mod h264;
mod hevc;
mod nal;
mod vpx;

#[cfg(test)]
mod tests;

use bytes::{BufMut, Bytes, BytesMut};
use media::codec::{Avc, Hevc};
use media::{Codec, Frame};

use crate::webrtc::negotiate::Coding;

/// Bytes of the longest payload of a video packet: what 1200 leave beside the header (12), header extensions (at most
/// 32), the number of a retransmitted packet (2) and the tag (at most 16).
pub const MAX_PAYLOAD: usize = 1136;
/// Sound is never cut; a packet of Opus has at most 1275 bytes a frame.
const MAX_SOUND: usize = 1300;
/// No frame of live video is larger.
const MAX_FRAME: usize = 32 << 20;

/// Cuts the frames of one track, whose parameters it knows.
#[derive(Clone, Debug)]
pub(super) enum Packetizer {
    H264(Avc),
    Hevc(Hevc),
    Vp8,
    Vp9 { width: u16, height: u16 },
    Av1 { sequence_header: Bytes },
    Whole,
}

impl Packetizer {
    /// `None` for codecs that WebRTC does not carry.
    pub(super) fn new(codec: &Codec) -> Option<Self> {
        Some(match codec {
            Codec::Avc(avc) => Self::H264(avc.clone()),
            Codec::Hevc(hevc) => Self::Hevc(hevc.clone()),
            Codec::Vp8(_) => Self::Vp8,
            Codec::Vp9(vp9) => {
                let edge = |pixels: u32| u16::try_from(pixels).unwrap_or(0);
                Self::Vp9 { width: edge(vp9.picture.width), height: edge(vp9.picture.height) }
            }
            Codec::Av1(av1) => Self::Av1 {
                sequence_header: av1.config.get(4..).map_or(Bytes::new(), |units| av1.config.slice_ref(units)),
            },
            Codec::Opus(_) | Codec::G711(_) => Self::Whole,
            _ => return None,
        })
    }

    /// All payloads in one buffer, and where each ends. `None` for a frame that has nothing to send, or is malformed.
    pub(super) fn cut(&self, frame: &Frame) -> Option<(Bytes, Box<[u32]>)> {
        if frame.payload.is_empty() || frame.payload.len() > MAX_FRAME {
            return None;
        }
        let mut cut = Cut::for_frame(frame.payload.len());
        match self {
            Self::H264(avc) => h264::cut(avc, frame, &mut cut)?,
            Self::Hevc(hevc) => hevc::cut(hevc, frame, &mut cut)?,
            Self::Vp8 => vpx::cut_vp8(frame, &mut cut),
            Self::Vp9 { width, height } => vpx::cut_vp9(*width, *height, frame, &mut cut),
            Self::Av1 { sequence_header } => av1::cut(sequence_header, frame, &mut cut)?,
            Self::Whole if frame.payload.len() > MAX_SOUND => return None,
            Self::Whole => cut.packet(|out| out.put_slice(&frame.payload)),
        }
        if cut.ends.is_empty() { None } else { Some((cut.out.freeze(), cut.ends.into_boxed_slice())) }
    }
}

/// Where in a payload the 15 bits stand that number pictures (the first bit of the two bytes is set); a viewer writes its
/// own there (P9).
pub fn picture_id_at(coding: Coding) -> Option<usize> {
    match coding {
        Coding::Vp8 => Some(vpx::VP8_PICTURE_ID_AT),
        Coding::Vp9 => Some(vpx::VP9_PICTURE_ID_AT),
        _ => None,
    }
}

/// Payloads as they are made.
struct Cut {
    out: BytesMut,
    ends: Vec<u32>,
}

impl Cut {
    fn for_frame(len: usize) -> Self {
        let packets = len / 1000 + 4;
        Self { out: BytesMut::with_capacity(len + packets * 16), ends: Vec::with_capacity(packets) }
    }

    /// One payload.
    fn packet(&mut self, write: impl FnOnce(&mut BytesMut)) {
        write(&mut self.out);
        // A frame is bounded by MAX_FRAME.
        self.ends.push(self.out.len() as u32);
    }
}

/// Pieces of `body` no longer than `room`, as equal as can be: all but the last have the same size.
fn pieces(body: &[u8], room: usize) -> impl Iterator<Item = &[u8]> {
    let count = body.len().div_ceil(room.max(1)).max(1);
    body.chunks(body.len().div_ceil(count).max(1))
}
