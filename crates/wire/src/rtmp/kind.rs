//! Message type ids.

/// Largest payload of a chunk from now on.
pub const SET_CHUNK_SIZE: u8 = 1;
/// The rest of a message will not come.
pub const ABORT: u8 = 2;
/// Bytes received so far.
pub const ACKNOWLEDGEMENT: u8 = 3;
/// An event of the connection or of one stream.
pub const USER_CONTROL: u8 = 4;
/// After how many bytes to acknowledge.
pub const WINDOW_ACK_SIZE: u8 = 5;
/// How many bytes the peer may send unacknowledged.
pub const SET_PEER_BANDWIDTH: u8 = 6;
/// An audio message.
pub const AUDIO: u8 = 8;
/// A video message.
pub const VIDEO: u8 = 9;
/// Data in AMF3.
pub const DATA_AMF3: u8 = 15;
/// A command in AMF3.
pub const COMMAND_AMF3: u8 = 17;
/// Data in AMF0: `onMetaData` and its like.
pub const DATA: u8 = 18;
/// A command in AMF0.
pub const COMMAND: u8 = 20;
/// FLV tags in a row.
pub const AGGREGATE: u8 = 22;
