#![no_main]
//! Any AudioSpecificConfig is read or refused, and what was read can be used.

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use media::codec::{Aac, aac::without_adts};
use media::{Codec, Track, TrackId};

fuzz_target!(|data: &[u8]| {
    let block = Bytes::copy_from_slice(data);
    assert!(without_adts(block).len() <= data.len());
    let Ok(aac) = Aac::from_config(data) else { return };
    assert_eq!(aac.config, data);
    assert!(aac.frame_samples > 0 && aac.core_rate > 0 && aac.sound.channels > 0);
    aac.silence();
    wire::mp4::init(&Track::source(TrackId(0), Codec::Aac(aac)), 0);
});
