//! Messages to tracks and frames.

use media::codec::Codec;
use media::{Span, Time};

use super::*;

fn ms(frame: &Frame) -> (i64, i64) {
    (frame.dts.to_ticks(1000), frame.reorder.to_ticks(1000))
}

#[test]
fn headers_become_tracks_and_packets_become_frames() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.video(0, avc_header(RECORD)).audio(0, aac_header(STEREO_48000));
    script.video(40, avc_frame(80, &[IDR])).audio(43, aac_frame(b"block")).video(80, avc_frame(0, &[SLICE]));
    server.hears(&mut script);

    let picture = server.tracks()[0].codec.picture().unwrap().clone();
    assert_eq!((picture.width, picture.height), (640, 360));
    assert_eq!(server.tracks()[1].codec.sound().unwrap().rate, 48_000);

    let frames = server.frames();
    let seen: Vec<_> = frames.iter().map(|(id, frame)| (*id, ms(frame), frame.is_sync)).collect();
    assert_eq!(seen, [(VIDEO, (40, 80), true), (AUDIO, (43, 0), true), (VIDEO, (80, 0), false)]);
    assert_eq!(frames[0].1.payload, nals(&[IDR]));
    assert_eq!(&frames[1].1.payload[..], b"block");
}

/// R3, A1: from five seconds before 24 bits are used up, and from ten before 32 are.
#[test]
fn times_go_on_across_24_and_32_bits() {
    for start in [0xff_ffff - 5_000, u32::MAX - 10_000] {
        let mut server = Server::new();
        let mut script = Script::publishing();
        script.video(start, avc_header(RECORD));
        for step in 0..500 {
            script.video(start.wrapping_add(step * 40), avc_frame(0, &[&[SLICE, &[7; 300]].concat()]));
        }
        server.hears(&mut script);
        let times: Vec<_> = server.frames().iter().map(|(_, frame)| frame.dts).collect();
        assert_eq!(times.len(), 500);
        assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) == Span::from_millis(40)));
    }
}

/// R12, R13: metadata of every kind, wrong and late, changes nothing but the hint of a bit rate.
#[test]
fn metadata_is_a_hint() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    let fields = vec![("width".into(), 99.0.into()), ("videodatarate".into(), 2500.0.into())];
    script.data(&["@setDataFrame".into(), "onMetaData".into(), Value::Ecma(fields.clone())]);
    script.video(0, avc_header(RECORD)).video(0, avc_frame(0, &[IDR]));
    script.data(&["onMetaData".into(), Value::Object(fields)]).data(&["onFI".into(), Value::Null]).data(&[]);
    let garbage = Message { kind: kind::DATA, stream: 1, timestamp: 0, payload: Bytes::from_static(&[3, 0, 9, 1]) };
    script.message(4, garbage);
    script.message(4, Message { kind: kind::DATA_AMF3, stream: 1, timestamp: 0, payload: Bytes::from_static(&[0]) });
    server.hears(script.video(40, avc_frame(0, &[SLICE])));
    let tracks = server.tracks();
    assert_eq!(tracks.len(), 1);
    assert_eq!((tracks[0].codec.picture().unwrap().width, tracks[0].bitrate_bps), (640, Some(2_500_000)));
    assert_eq!(server.frames().len(), 2);
    assert_eq!(server.odds(), ["malformed AMF0 string: left out"]);
}

/// R12.
#[test]
fn aggregates_are_taken_apart() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    let mut payload = BytesMut::new();
    let tags = [
        (flv::TagKind::Video, 5_000, avc_header(RECORD)),
        (flv::TagKind::Audio, 5_000, aac_header(STEREO_44100)),
        (flv::TagKind::Video, 5_010, avc_frame(0, &[IDR])),
        (flv::TagKind::Audio, 5_033, aac_frame(b"block")),
    ];
    for (kind, timestamp, body) in tags {
        flv::Tag { kind, timestamp, body }.write(&mut payload);
    }
    let message = Message { kind: kind::AGGREGATE, stream: 1, timestamp: 70_000, payload: payload.freeze() };
    server.hears(script.message(6, message));
    let times: Vec<_> = server.frames().iter().map(|(id, frame)| (*id, ms(frame).0)).collect();
    assert_eq!(times, [(VIDEO, 70_010), (AUDIO, 70_033)]);
}

/// R14.
#[test]
fn media_before_its_header_is_left_out_and_a_repeated_header_is_nothing_new() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.video(0, avc_frame(0, &[IDR])).audio(0, aac_frame(b"early"));
    for time in [10, 20, 30] {
        script.video(time, avc_header(RECORD)).audio(time, aac_header(STEREO_48000));
        script.video(time, avc_frame(0, &[SLICE])).audio(time, aac_frame(b"block"));
    }
    server.hears(&mut script);
    assert_eq!((server.tracks().len(), server.frames().len()), (2, 6));
    assert_eq!(server.odds(), [""; 0]);
}

/// R14, A9.
#[test]
fn another_header_is_another_format() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.video(0, avc_header(RECORD)).video(0, avc_header(SMALL_RECORD));
    script.audio(0, aac_header(STEREO_48000)).audio(0, aac_header(STEREO_44100));
    server.hears(&mut script);
    let widths = server.tracks().iter().filter_map(|track| Some(track.codec.picture()?.width)).collect::<Vec<_>>();
    let rates = server.tracks().iter().filter_map(|track| Some(track.codec.sound()?.rate)).collect::<Vec<_>>();
    assert_eq!((widths, rates), (vec![640, 320], vec![48_000, 44_100]));
    assert!(server.tracks().iter().all(|track| [VIDEO, AUDIO].contains(&track.id)));
}

/// A9, C8: parameter sets leave the frame; those that change announce themselves before it.
#[test]
fn parameter_sets_in_band_are_stripped_and_their_change_is_noticed() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    let sets = |record| media::codec::Avc::from_record(&hex(record)).unwrap();
    let (large, small) = (sets(RECORD), sets(SMALL_RECORD));
    let aud: &[u8] = &[0x09, 0xf0];
    script.video(0, avc_header(RECORD));
    script.video(0, avc_frame(0, &[aud, &large.sps[0], &large.pps[0], IDR]));
    script.video(40, avc_frame(0, &[&small.sps[0], &small.pps[0], IDR, &[0x0c, 0xff]]));
    script.video(80, avc_frame(0, &[aud, &small.sps[0]]));
    script.video(120, avc_header(RECORD));
    server.hears(&mut script);
    let widths = server.tracks().iter().map(|track| track.codec.picture().unwrap().width).collect::<Vec<_>>();
    assert_eq!(widths, [640, 320], "the header of before, repeated, takes nothing back");
    let payloads: Vec<_> = server.frames().iter().map(|(_, frame)| frame.payload.to_vec()).collect();
    assert_eq!(payloads, [nals(&[IDR]), nals(&[IDR])]);
    let Codec::Avc(avc) = &server.tracks()[1].codec else { panic!("a video track") };
    assert_eq!((&avc.sps, &avc.pps), (&small.sps, &small.pps));
}

/// R15.
#[test]
fn empty_messages_and_ends_of_sequence_leave_the_stream_going() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.video(0, avc_header(RECORD)).audio(0, aac_header(STEREO_48000));
    script.video(0, "").audio(0, "").audio(0, aac_frame(b"")).video(0, avc_frame(0, &[]));
    script.video(0, avc(flv::VideoPacket::SequenceEnd, 0, b"")).video(0, &b"\x17\x02"[..]);
    script.video(0, &b"\x57\x00"[..]).video(0, &b"\x17"[..]).audio(0, &b"\xaf"[..]);
    server.hears(script.video(40, avc_frame(-40, &[SLICE])).audio(40, aac_frame(b"block")));
    let frames: Vec<_> = server.frames().iter().map(|(id, frame)| (*id, ms(frame))).collect();
    assert_eq!(frames, [(VIDEO, (0, 0)), (AUDIO, (40, 0))], "decoded 40 ms earlier, shown when it was to be");
}

/// F5.
#[test]
fn frames_whose_lengths_lie_are_dropped() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.video(0, avc_header(RECORD));
    for lie in [&[0x7f, 0xff, 0xff, 0xff, 0x65][..], &[0, 0, 0, 9, 0x65], &[0x65, 1]] {
        script.video(0, avc(flv::VideoPacket::CodedFrames, 0, lie));
    }
    server.hears(script.video(40, avc_frame(0, &[&[], IDR])));
    assert_eq!(server.odds().len(), 3);
    assert_eq!(server.frames().len(), 1);
    assert_eq!(server.frames()[0].1.payload, [&[0; 4][..], &nals(&[IDR])].concat()[4..]);
}

/// F5: a header that makes no sense is left out, and what was known stays.
#[test]
fn malformed_headers_change_nothing() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.video(0, avc_header(RECORD)).audio(0, aac_header(STEREO_48000));
    script.video(0, avc(flv::VideoPacket::SequenceStart, 0, b"\x01\x64")).audio(0, aac_header(&[0xff]));
    server.hears(script.video(40, avc_frame(0, &[IDR])).audio(40, aac_frame(b"block")));
    assert_eq!((server.tracks().len(), server.frames().len(), server.odds().len()), (2, 2, 2));
}

#[test]
fn habits_of_hardware_encoders_are_undone() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    // Lengths of two bytes, start codes in place of lengths, ADTS before AAC.
    let mut short = hex(RECORD).to_vec();
    short[4] = 0xfd;
    script.video(0, avc(flv::VideoPacket::SequenceStart, 0, &short));
    script.video(0, avc(flv::VideoPacket::CodedFrames, 0, &[0, 3, 0x65, 0x88, 0x84]));
    script.video(0, avc_header(RECORD));
    script.video(40, avc(flv::VideoPacket::CodedFrames, 0, &[&[0, 0, 0, 1], SLICE, &[0, 0, 1], SLICE].concat()));
    script.audio(0, aac_header(STEREO_48000));
    let adts = [0xff, 0xf1, 0x4c, 0x80, 0x01, 0x7f, 0xfc];
    script.audio(0, aac_frame(&[&adts[..], b"bloc"].concat()));
    server.hears(&mut script);
    let payloads: Vec<_> = server.frames().iter().map(|(_, frame)| frame.payload.to_vec()).collect();
    assert_eq!(payloads, [nals(&[IDR]), nals(&[SLICE, SLICE]), b"bloc".to_vec()]);
    assert_eq!(server.tracks().len(), 2, "another size of lengths is no other format");
}

/// R19.
#[test]
fn nanoseconds_of_mod_ex_are_added_to_their_own_frame() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.video(0, avc_header(RECORD));
    script.video(40, [&b"\xa7\x02\x07\xa1\x20\x03avc1"[..], &nals(&[SLICE])].concat());
    server.hears(script.video(80, avc_frame(0, &[SLICE])));
    let times: Vec<_> = server.frames().iter().map(|(_, frame)| frame.dts).collect();
    assert_eq!(times, [Time(40_500_000), Time(80_000_000)]);
}

#[test]
fn media_for_another_stream_or_after_the_end_is_nobodys() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    let elsewhere = Message { kind: kind::AUDIO, stream: 9, timestamp: 0, payload: aac_header(STEREO_48000) };
    script.message(4, elsewhere).command(0, "deleteStream", &[Value::Null, 1.0.into()]);
    server.hears(script.audio(0, aac_header(STEREO_48000)));
    assert_eq!(server.tracks().len(), 0);
}
