use bytes::Bytes;
use media::codec::{Aac, aac};
use media::{Codec, Span, Time};

use super::Out;

/// One AAC track.
#[derive(Default)]
pub(super) struct Audio {
    /// The last AudioSpecificConfig as it came, so that a repeated one costs nothing (R14).
    config: Bytes,
    aac: Option<Aac>,
}

impl Audio {
    pub(super) fn on_header(&mut self, config: Bytes, out: &mut Out<'_>) {
        if config.is_empty() || config == self.config {
            return;
        }
        let aac = match Aac::from_config(&config) {
            Ok(aac) => aac,
            Err(malformed) => return out.odd(malformed),
        };
        self.config = config;
        if self.aac.as_ref() != Some(&aac) {
            self.aac = Some(aac.clone());
            out.track(Codec::Aac(aac));
        }
    }

    /// Without a header there is nobody to understand the frame: it is left out (R14).
    pub(super) fn on_frame(&mut self, time: Time, block: Bytes, out: &mut Out<'_>) {
        let block = aac::without_adts(block);
        if self.aac.is_some() && !block.is_empty() {
            out.frame(time, Span::ZERO, true, block);
        }
    }
}
