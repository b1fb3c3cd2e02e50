use bytes::Bytes;
use media::Codec;
use media::codec::{Malformed, Vp8, Vp9, vp8, vp9};

use super::{Bitstream, Out, Unit};

/// VP8 or VP9: the header says little, the keyframes say the rest.
pub(super) struct VpxBitstream {
    read: fn(record: &[u8], keyframe: &[u8]) -> Result<Codec, Malformed>,
    is_keyframe: fn(&[u8]) -> bool,
    /// The configuration record, empty until one came.
    record: Bytes,
    codec: Option<Codec>,
}

impl VpxBitstream {
    pub(super) fn vp8() -> Self {
        let read = |_: &[u8], keyframe: &[u8]| Vp8::from_keyframe(keyframe).map(Codec::Vp8);
        Self { read, is_keyframe: vp8::is_keyframe, record: Bytes::new(), codec: None }
    }

    pub(super) fn vp9() -> Self {
        let read = |record: &[u8], keyframe: &[u8]| {
            let said = Vp9::from_config(record, keyframe);
            said.or_else(|_| Vp9::from_keyframe(keyframe)).map(Codec::Vp9)
        };
        Self { read, is_keyframe: vp9::is_keyframe, record: Bytes::new(), codec: None }
    }
}

impl Bitstream for VpxBitstream {
    fn on_header(&mut self, record: &Bytes, _: &mut Out<'_>) -> Result<(), Malformed> {
        self.record = record.clone();
        Ok(())
    }

    fn on_frame(&mut self, data: Bytes, out: &mut Out<'_>) -> Result<Option<Unit>, Malformed> {
        let is_sync = (self.is_keyframe)(&data);
        if is_sync {
            let codec = (self.read)(&self.record, &data)?;
            if self.codec.as_ref() != Some(&codec) {
                self.codec = Some(codec.clone());
                out.track(codec);
            }
        }
        Ok(self.codec.is_some().then_some(Unit { is_sync, payload: data }))
    }
}
