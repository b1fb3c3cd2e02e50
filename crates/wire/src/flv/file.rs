use bytes::{BufMut, Bytes, BytesMut};

use super::TagKind;

/// How much of one allocation the small pieces share.
const ROOM: usize = 4096;
const TAG_HEAD_BYTES: u32 = 11;

/// Puts tags behind each other as a file has them, and as HTTP-FLV sends it.
///
/// What comes out are pieces: payloads as they were given, and between them what FLV adds.
#[derive(Debug, Default)]
pub struct File {
    out: BytesMut,
}

impl File {
    /// Begins a file that has pictures, sound, or both.
    pub fn begin(&mut self, has_video: bool, has_audio: bool) {
        self.room();
        self.out.put_slice(b"FLV\x01");
        self.out.put_u8(u8::from(has_video) | u8::from(has_audio) << 2);
        self.out.put_u32(9);
        self.out.put_u32(0);
    }

    /// One tag, whose body is `head` and then `payload`. Bodies of 16 MiB or more are left out: no tag can hold them.
    pub fn tag(&mut self, kind: TagKind, timestamp: u32, head: &[u8], payload: Bytes, pieces: &mut impl Extend<Bytes>) {
        let size = head.len() + payload.len();
        let Some(size) = u32::try_from(size).ok().filter(|size| *size <= 0xff_ffff) else { return };
        self.room();
        self.out.put_u8(kind.number());
        self.out.put_uint(u64::from(size), 3);
        self.out.put_uint(u64::from(timestamp & 0xff_ffff), 3);
        self.out.put_u8((timestamp >> 24) as u8);
        self.out.put_uint(0, 3);
        self.out.put_slice(head);
        if !payload.is_empty() {
            pieces.extend([self.out.split().freeze(), payload]);
        }
        self.out.put_u32(size + TAG_HEAD_BYTES);
    }

    /// What is left behind the last payload: a tag is whole only with its size behind it.
    pub fn flush(&mut self, pieces: &mut impl Extend<Bytes>) {
        if !self.out.is_empty() {
            pieces.extend([self.out.split().freeze()]);
        }
    }

    fn room(&mut self) {
        if self.out.capacity() - self.out.len() < 64 {
            self.out.reserve(ROOM);
        }
    }
}
