//! What was read once is written so that it reads the same again.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use wire::flv::{Audio, Tag, Video};

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Bytes::copy_from_slice(bytes);
    let mut out = BytesMut::new();
    if let Ok(video) = Video::parse(&bytes) {
        video.write(&mut out);
        assert_eq!(Video::parse(&out.split().freeze()), Ok(video));
    }
    if let Ok(audio) = Audio::parse(&bytes) {
        audio.write(&mut out);
        assert_eq!(Audio::parse(&out.split().freeze()), Ok(audio));
    }
    while let Ok(tag) = Tag::parse(&mut bytes) {
        tag.write(&mut out);
        assert_eq!(Tag::parse(&mut out.split().freeze()), Ok(tag));
    }
});
