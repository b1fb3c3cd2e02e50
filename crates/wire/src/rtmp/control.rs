use bytes::{BufMut, BytesMut};

use super::kind;
use crate::Malformed;
use crate::take::{Take, need};

/// A protocol control message (RTMP 1.0 §5.4, §6.2, §7.1.7). They travel on chunk stream 2, message stream 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Largest payload of a chunk from now on.
    SetChunkSize(u32),
    /// The rest of the message on that chunk stream will not come.
    Abort {
        /// Which chunk stream.
        csid: u32,
    },
    /// Bytes received so far, modulo 2³².
    Acknowledgement(u32),
    /// After how many bytes to acknowledge.
    WindowAckSize(u32),
    /// How many bytes the peer may send unacknowledged.
    SetPeerBandwidth {
        /// The window.
        bytes: u32,
        /// How it combines with the one before.
        limit: PeerLimit,
    },
    /// An event of the connection or of one stream.
    User(UserControl),
}

/// How a peer is to take a bandwidth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerLimit {
    /// Exactly this.
    Hard,
    /// This or what holds already, whichever is less.
    Soft,
    /// Hard if the last one was hard, else to be ignored.
    Dynamic,
}

/// An event of the connection or of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserControl {
    /// A stream can be used now.
    StreamBegin(u32),
    /// A stream is over.
    StreamEof(u32),
    /// Nothing more comes for now.
    StreamDry(u32),
    /// How much a player buffers.
    SetBufferLength {
        /// Message stream.
        stream: u32,
        /// Milliseconds.
        length_ms: u32,
    },
    /// The stream is a recording.
    StreamIsRecorded(u32),
    /// Are you there? Carries the sender's time.
    PingRequest(u32),
    /// I am; carries the time that was asked with.
    PingResponse(u32),
    /// Any other event; its data is not kept.
    Other(u16),
}

impl Control {
    /// Reads the payload of a message of type `kind`; `None` when that is no control message.
    pub fn parse(message_kind: u8, mut payload: &[u8]) -> Result<Option<Self>, Malformed> {
        let src = &mut payload;
        Ok(Some(match message_kind {
            kind::SET_CHUNK_SIZE => Self::SetChunkSize(need(src.u32(), "Set Chunk Size")?),
            kind::ABORT => Self::Abort { csid: need(src.u32(), "Abort")? },
            kind::ACKNOWLEDGEMENT => Self::Acknowledgement(need(src.u32(), "Acknowledgement")?),
            kind::WINDOW_ACK_SIZE => Self::WindowAckSize(need(src.u32(), "Window Acknowledgement Size")?),
            kind::SET_PEER_BANDWIDTH => {
                let bytes = need(src.u32(), "Set Peer Bandwidth")?;
                // Some senders leave the limit type out.
                let limit = match src.u8() {
                    Some(0) => PeerLimit::Hard,
                    Some(1) => PeerLimit::Soft,
                    _ => PeerLimit::Dynamic,
                };
                Self::SetPeerBandwidth { bytes, limit }
            }
            kind::USER_CONTROL => Self::User(UserControl::parse(src)?),
            _ => return Ok(None),
        }))
    }

    /// The message type id.
    pub fn kind(&self) -> u8 {
        match self {
            Self::SetChunkSize(_) => kind::SET_CHUNK_SIZE,
            Self::Abort { .. } => kind::ABORT,
            Self::Acknowledgement(_) => kind::ACKNOWLEDGEMENT,
            Self::WindowAckSize(_) => kind::WINDOW_ACK_SIZE,
            Self::SetPeerBandwidth { .. } => kind::SET_PEER_BANDWIDTH,
            Self::User(_) => kind::USER_CONTROL,
        }
    }

    /// Writes the payload.
    pub fn write(&self, out: &mut BytesMut) {
        match *self {
            Self::SetChunkSize(value)
            | Self::Abort { csid: value }
            | Self::Acknowledgement(value)
            | Self::WindowAckSize(value) => out.put_u32(value),
            Self::SetPeerBandwidth { bytes, limit } => {
                out.put_u32(bytes);
                out.put_u8(limit as u8);
            }
            Self::User(event) => event.write(out),
        }
    }
}

impl UserControl {
    fn parse(src: &mut &[u8]) -> Result<Self, Malformed> {
        let number = need(src.u16(), "user control event")?;
        let value = |src: &mut &[u8]| need(src.u32(), "user control event");
        Ok(match number {
            0 => Self::StreamBegin(value(src)?),
            1 => Self::StreamEof(value(src)?),
            2 => Self::StreamDry(value(src)?),
            3 => Self::SetBufferLength { stream: value(src)?, length_ms: value(src)? },
            4 => Self::StreamIsRecorded(value(src)?),
            6 => Self::PingRequest(value(src)?),
            7 => Self::PingResponse(value(src)?),
            other => Self::Other(other),
        })
    }

    fn write(self, out: &mut BytesMut) {
        let (number, value) = match self {
            Self::StreamBegin(stream) => (0, stream),
            Self::StreamEof(stream) => (1, stream),
            Self::StreamDry(stream) => (2, stream),
            Self::SetBufferLength { stream, .. } => (3, stream),
            Self::StreamIsRecorded(stream) => (4, stream),
            Self::PingRequest(time) => (6, time),
            Self::PingResponse(time) => (7, time),
            Self::Other(number) => return out.put_u16(number),
        };
        out.put_u16(number);
        out.put_u32(value);
        if let Self::SetBufferLength { length_ms, .. } = self {
            out.put_u32(length_ms);
        }
    }
}
