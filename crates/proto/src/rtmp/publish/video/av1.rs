use bytes::Bytes;
use media::Codec;
use media::codec::{Av1, Malformed, av1};

use super::{Bitstream, Out, Unit};

/// AV1: the sequence header stands in the FLV header, in the frames, or in both.
#[derive(Default)]
pub(super) struct Av1Bitstream {
    av1: Option<Av1>,
}

/// A record without the sequence header, which the frames will bring.
const BARE_RECORD: usize = 4;

impl Bitstream for Av1Bitstream {
    fn on_header(&mut self, record: &Bytes, out: &mut Out<'_>) -> Result<(), Malformed> {
        match Av1::from_config(record) {
            Ok(av1) => self.change(av1, out),
            Err(malformed) if record.len() > BARE_RECORD => return Err(malformed),
            Err(_) => {}
        }
        Ok(())
    }

    fn on_frame(&mut self, data: Bytes, out: &mut Out<'_>) -> Result<Option<Unit>, Malformed> {
        let is_sync = av1::is_keyframe(&data);
        if is_sync && av1::has_sequence_header(&data) {
            let changed = match &self.av1 {
                Some(av1) => av1.changed_by(&data),
                None => Av1::from_unit(&data).map(Some),
            };
            match changed {
                Ok(Some(changed)) => self.change(changed, out),
                Ok(None) => {}
                Err(malformed) => out.odd(malformed),
            }
        }
        Ok(self.av1.is_some().then(|| Unit { is_sync, payload: av1::without_delimiters(data) }))
    }
}

impl Av1Bitstream {
    fn change(&mut self, av1: Av1, out: &mut Out<'_>) {
        if self.av1.as_ref() != Some(&av1) {
            self.av1 = Some(av1.clone());
            out.track(Codec::Av1(av1));
        }
    }
}
