#![no_main]
//! Any record, head or frame of the other codecs is read or refused, and what was read can be used.

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use media::codec::{Ac3, Av1, Flac, Hevc, Mp3, Opus, Vp8, Vp9, av1, hevc, nal, vp8, vp9};
use media::{Codec, Track, TrackId};

fuzz_target!(|data: &[u8]| {
    let Some((&split, data)) = data.split_first() else { return };
    let bytes = Bytes::copy_from_slice(data);
    let (config, frame) = data.split_at(usize::from(split).min(data.len()));

    for length_size in [1, 2, 4] {
        if let Ok(unit) = hevc::AccessUnit::from_length_prefixed(bytes.clone(), length_size) {
            assert!(nal::nals(&unit.payload).all(|nal| nal.is_ok_and(|nal| !nal.is_empty())));
        }
    }
    let unit = hevc::AccessUnit::from_annex_b(&bytes);
    assert!(nal::nals(&unit.payload).all(|nal| nal.is_ok_and(|nal| !nal.is_empty())));
    if let Ok(read) = Hevc::from_record(data) {
        assert_eq!(Hevc::from_record(&read.to_record()), Ok(read));
    }

    let stripped = av1::without_delimiters(bytes.clone());
    assert_eq!(av1::without_delimiters(stripped.clone()), stripped);
    av1::has_sequence_header(data);
    if let Ok(Some(layered)) = av1::Layered::of_unit(data) {
        let headers = (0..16).filter_map(|layers| layered.sequence_header(layers).ok());
        headers.for_each(|header| assert!(Av1::from_unit(&header).is_ok()));
    }
    assert!(!vp8::is_keyframe(data) || data.len() >= 6);
    vp9::is_keyframe(data);

    let read = [
        Hevc::from_record(data).map(Codec::Hevc),
        Av1::from_config(data).map(Codec::Av1),
        Vp8::from_keyframe(data).map(Codec::Vp8),
        Vp9::from_keyframe(data).map(Codec::Vp9),
        Vp9::from_config(config, frame).map(Codec::Vp9),
        Opus::from_head(data).map(Codec::Opus),
        Flac::from_config(config).map(Codec::Flac),
        Ac3::from_frame(data).map(Codec::Ac3),
        Mp3::from_frame(data).map(Codec::Mp3),
    ];
    for codec in read.into_iter().flatten() {
        assert!(codec.timescale() > 0 && !codec.to_string().is_empty());
        assert_ne!(codec.frame_ticks(frame), Some(0));
        if let Some(silence) = codec.silence() {
            assert!(codec.frame_ticks(&silence).is_some());
        }
        wire::mp4::init(&Track::source(TrackId(0), codec), 0);
    }
});
