#![no_main]
//! Any record, parameter set or access unit is read or refused; what a record says survives writing it.

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use media::codec::avc::{self, AccessUnit, Avc};
use media::{Codec, Track, TrackId};

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    let _ = avc::length_size(data);
    avc::x264_keyint(data);
    for length_size in [1, 2, 4] {
        if let Ok(unit) = AccessUnit::from_length_prefixed(bytes.clone(), length_size) {
            assert!(avc::nals(&unit.payload).all(|nal| nal.is_ok_and(|nal| !nal.is_empty())));
        }
    }
    let unit = AccessUnit::from_annex_b(&bytes);
    assert!(avc::nals(&unit.payload).all(|nal| nal.is_ok_and(|nal| !nal.is_empty())));
    let pps = Bytes::from_static(&[0x68]);
    for read in [Avc::from_record(data), Avc::from_parameter_sets([bytes], [pps])] {
        let Ok(read) = read else { continue };
        assert!(read.picture.width > 0 && read.picture.height > 0);
        assert_eq!(Avc::from_record(&read.to_record()), Ok(read.clone()));
        wire::mp4::init(&Track::source(TrackId(0), Codec::Avc(read)), 6000);
    }
});
