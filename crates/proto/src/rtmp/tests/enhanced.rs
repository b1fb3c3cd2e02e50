//! Enhanced RTMP: other codecs, several tracks, and what both ends say of themselves.

use media::Codec;
use media::codec::Sound;

use super::*;

/// x265, 1280x720, ten bits.
const HVCC: &str = "0102200000009000000000005df000fcfdfafa00000f03a00001001840010c01ffff02200000030090000003000003005d959809\
     a10001002c42010102200000030090000003000003005da00280802d1365959a4932bc05a81010082000007d20000ea601a2000100074401c172b46240";
const AV1C: &[u8] =
    &[0x81, 0x05, 0x0c, 0x00, 0x0a, 0x0c, 0x02, 0x00, 0x00, 0x2d, 0x6a, 0x67, 0xfd, 0x9e, 0x01, 0x7c, 0x00, 0x20];
const VPCC: &[u8] = &[0x01, 0, 0, 0, 0x00, 0x1f, 0x82, 0x02, 0x02, 0x02, 0x00, 0x00];
const VP9_KEY: &[u8] = &[0x82, 0x49, 0x83, 0x42, 0x00, 0x4f, 0xf0, 0x2c, 0xf6, 0x00];
const VP8_KEY: &[u8] = &[0x50, 0x42, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00];
const OPUS_HEAD: &[u8] = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00";

// Packet types.
const START: u8 = 0;
const FRAMES: u8 = 1;
const END: u8 = 2;
const FRAMES_X: u8 = 3;
const METADATA: u8 = 4;

fn video(frame: u8, packet: u8, four_cc: &[u8], data: &[u8]) -> Bytes {
    [&[0x80 | frame << 4 | packet], four_cc, data].concat().into()
}

fn audio(packet: u8, four_cc: &[u8], data: &[u8]) -> Bytes {
    [&[0x90 | packet], four_cc, data].concat().into()
}

/// One track that is not the first, in a message of its own.
fn nth_video(number: u8, packet: u8, four_cc: &[u8], data: &[u8]) -> Bytes {
    [&[0x96, packet], four_cc, &[number], data].concat().into()
}

fn nth_audio(number: u8, packet: u8, four_cc: &[u8], data: &[u8]) -> Bytes {
    [&[0x95, packet], four_cc, &[number], data].concat().into()
}

fn seen(server: &Server) -> Vec<(u16, i64, i64, bool, Vec<u8>)> {
    let frames = server.frames().into_iter();
    let ms = |(id, frame): (TrackId, &Frame)| {
        let payload = frame.payload.to_vec();
        (id.0, frame.dts.to_ticks(1000), frame.reorder.to_ticks(1000), frame.is_sync, payload)
    };
    frames.map(ms).collect()
}

fn names(server: &Server) -> Vec<(u16, String)> {
    server.tracks().iter().map(|track| (track.id.0, track.codec.to_string())).collect()
}

/// C9, R18: lengths as they were, parameter sets gone, composition times kept.
#[test]
fn hevc_comes_with_and_without_composition_times() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    let idr: &[u8] = &[0x26, 0x01, 0xaf];
    let slice: &[u8] = &[0x02, 0x01, 0xd0];
    let aud: &[u8] = &[0x46, 0x01, 0x50];
    let hvcc = hex(HVCC);
    let hevc = media::codec::Hevc::from_record(&hvcc).unwrap();
    script.video(0, video(1, START, b"hvc1", &hvcc));
    let key = nals(&[aud, &hevc.vps[0], &hevc.sps[0], &hevc.pps[0], idr]);
    script.video(0, video(1, FRAMES, b"hvc1", &[&[0, 0, 80][..], &key].concat()));
    script.video(40, video(2, FRAMES_X, b"hvc1", &nals(&[slice])));
    // The number that encoders used before there was Enhanced RTMP.
    script.video(80, [&[0x2c, 1, 0, 0, 40][..], &nals(&[slice])].concat());
    server.hears(&mut script);
    assert_eq!(names(&server).len(), 1);
    let Codec::Hevc(announced) = &server.tracks()[0].codec else { panic!("HEVC") };
    assert_eq!(announced.to_record(), hvcc);
    let expected =
        [(0, 0, 80, true, nals(&[idr])), (0, 40, 0, false, nals(&[slice])), (0, 80, 40, false, nals(&[slice]))];
    assert_eq!(seen(&server), expected);
    assert_eq!(server.odds(), [""; 0]);
}

/// A9: parameter sets that change in band announce themselves.
#[test]
fn hevc_parameter_sets_in_band_are_noticed() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    let hvcc = hex(HVCC);
    let hevc = media::codec::Hevc::from_record(&hvcc).unwrap();
    let mut pps = hevc.pps[0].to_vec();
    *pps.last_mut().unwrap() ^= 0x10;
    script.video(0, video(1, START, b"hvc1", &hvcc));
    script.video(0, video(1, FRAMES_X, b"hvc1", &nals(&[&pps, &[0x26, 0x01, 0xaf]])));
    server.hears(&mut script);
    let Codec::Hevc(changed) = &server.tracks()[1].codec else { panic!("HEVC") };
    assert_eq!((&changed.sps, changed.pps.len(), &changed.pps[0][..]), (&hevc.sps, 1, &pps[..]));
}

/// R18: an AV1 frame has no composition time, so not a byte of it is skipped. C13: delimiters go.
#[test]
fn av1_frames_are_whole() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.video(0, video(1, START, b"av01", AV1C));
    script.video(0, video(1, FRAMES, b"av01", &[0x12, 0x00, 0x32, 0x02, 0x10, 0x00]));
    script.video(40, video(2, FRAMES, b"av01", &[0x12, 0x00, 0x32, 0x02, 0x30, 0x00]));
    server.hears(&mut script);
    assert_eq!(names(&server), [(0, "av01.0.05M.08".into())]);
    let expected = [(0, 0, 0, true, vec![0x32, 0x02, 0x10, 0x00]), (0, 40, 0, false, vec![0x32, 0x02, 0x30, 0x00])];
    assert_eq!(seen(&server), expected);
}

#[test]
fn av1_parameters_may_come_with_the_first_keyframe_only() {
    for header in [None, Some(&AV1C[..4])] {
        let mut server = Server::new();
        let mut script = Script::publishing();
        if let Some(header) = header {
            script.video(0, video(1, START, b"av01", header));
        }
        script.video(0, video(2, FRAMES, b"av01", &[0x32, 0x02, 0x30, 0x00]));
        script.video(40, video(1, FRAMES, b"av01", &[&AV1C[4..], &[0x32, 0x02, 0x10, 0x00]].concat()));
        server.hears(&mut script);
        assert_eq!(names(&server), [(0, "av01.0.05M.08".into())]);
        assert_eq!((seen(&server).len(), server.odds().len()), (1, 0));
        let Codec::Av1(av1) = &server.tracks()[0].codec else { panic!("AV1") };
        assert_eq!(av1.config, AV1C);
    }
}

#[test]
fn vp9_and_vp8_say_their_size_at_keyframes() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.video(0, video(1, START, b"vp09", VPCC)).video(0, video(2, FRAMES, b"vp09", &[0x86, 0]));
    script.video(40, video(1, FRAMES, b"vp09", VP9_KEY)).video(80, video(2, FRAMES, b"vp09", &[0x86, 0]));
    script.video(90, nth_video(1, FRAMES, b"vp08", VP8_KEY)).video(99, nth_video(1, FRAMES, b"vp08", &[0x51, 0]));
    server.hears(&mut script);
    assert_eq!(names(&server), [(0, "vp09.00.31.08".into()), (2, "vp08.00.00.08".into())]);
    let synced: Vec<_> = seen(&server).into_iter().map(|(id, ms, _, is_sync, _)| (id, ms, is_sync)).collect();
    assert_eq!(synced, [(0, 40, true), (0, 80, false), (2, 90, true), (2, 99, false)]);
}

/// C11.
#[test]
fn opus_with_its_header_or_with_an_empty_one() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.audio(0, audio(FRAMES, b"Opus", &[0xfc, 1])).audio(0, audio(START, b"Opus", OPUS_HEAD));
    script.audio(20, audio(FRAMES, b"Opus", &[0xfc, 1])).audio(40, audio(FRAMES, b"Opus", &[0xff, 63]));
    script.audio(40, nth_audio(1, START, b"Opus", b"")).audio(40, nth_audio(1, FRAMES, b"Opus", &[0xf8, 1]));
    server.hears(&mut script);
    let sounds: Vec<_> = server.tracks().iter().map(|track| (track.id.0, track.codec.sound().unwrap())).collect();
    let sound = |channels| Sound { rate: 48_000, channels };
    assert_eq!(sounds, [(1, sound(2)), (3, sound(1))]);
    assert_eq!(seen(&server).len(), 2, "the one before its header is left out, and what is no packet");
    assert_eq!(server.odds(), ["malformed sound frame: left out"]);
}

#[test]
fn flac_by_its_header_and_ac3_by_its_frames() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    let mut info = b"fLaC\x80\0\0\x22\x12\x00\x12\x00\0\0\0\0\0\0".to_vec();
    info.extend((48_000u64 << 44 | 1 << 41 | 15 << 36).to_be_bytes());
    info.extend([0; 16]);
    script.audio(0, audio(START, b"fLaC", &info)).audio(0, audio(FRAMES, b"fLaC", &[0xff, 0xf8, 0xc9, 0x18, 0x00]));
    let mut ac3 = vec![0x0b, 0x77, 0, 0, 0x1c, 0x40, 0xe1];
    ac3.resize(1536, 0);
    let mut eac3 = vec![0x0b, 0x77, 0x01, 0x7f, 0x34, 0x86, 0xff];
    eac3.resize(768, 0);
    script.audio(0, nth_audio(1, FRAMES, b"ac-3", &ac3)).audio(0, nth_audio(2, FRAMES, b"ec-3", &eac3));
    script.audio(32, nth_audio(1, FRAMES, b"ac-3", &ac3)).audio(32, nth_audio(2, FRAMES, b"ec-3", b"\x0b\x77"));
    server.hears(&mut script);
    assert_eq!(names(&server), [(1, "fLaC".into()), (3, "ac-3".into()), (5, "ec-3".into())]);
    assert_eq!((seen(&server).len(), server.odds().len()), (4, 1));
}

/// MP3 by its number, by the one for 8 kHz, by its name; G.711 by its numbers, mono and stereo.
#[test]
fn mp3_and_g711_need_no_header() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    let mp3 =
        |number: u8, head: [u8; 4], len: usize| -> Bytes { [&[number][..], &head, &vec![0; len - 4]].concat().into() };
    script.audio(0, mp3(0x2f, [0xff, 0xfb, 0x90, 0x44], 417)).audio(26, mp3(0x2f, [0xff, 0xfb, 0xb0, 0x44], 626));
    script.audio(52, &b"\x2fno frame"[..]).audio(78, mp3(0xe2, [0xff, 0xe3, 0x18, 0xc0], 72));
    script.audio(90, nth_audio(1, FRAMES, b".mp3", b"\xff\xfb\x94\x44"));
    script.audio(150, [&[0x72][..], &[0xd5; 160]].concat()).audio(170, [&[0x83][..], &[0xff; 320]].concat());
    server.hears(&mut script);
    let told = |track: &Track| {
        let sound = track.codec.sound().unwrap();
        (track.id.0, track.codec.name(), sound.rate, sound.channels)
    };
    let expected = [
        (1, "mp3", 44_100, 2),
        (1, "mp3", 8_000, 1),
        (3, "mp3", 48_000, 2),
        (1, "pcma", 8_000, 1),
        (1, "pcmu", 8_000, 2),
    ];
    assert_eq!(server.tracks().iter().map(|track| told(track)).collect::<Vec<_>>(), expected);
    let lengths: Vec<_> = seen(&server).iter().map(|(id, time, .., payload)| (*id, *time, payload.len())).collect();
    assert_eq!(lengths, [(1, 0, 417), (1, 26, 626), (1, 78, 72), (3, 90, 4), (1, 150, 160), (1, 170, 320)]);
    assert_eq!(server.odds(), ["malformed MP3 frame: left out"]);
}

/// R17: case-exact; said once to both sides. R20: the other tracks go on.
#[test]
fn a_codec_that_is_not_ours_costs_its_own_track_only() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    for time in 0..5 {
        script.video(time, &b"\x91HVC1\0\0\0frame"[..]);
    }
    // Two tracks at once: track 0 is unknown, track 3 is AVC.
    let record = hex(RECORD);
    let size = [0, 0, record.len() as u8];
    script.video(9, [b"\x96\x20HVC1\x00\x00\x00\x01xavc1\x03", &size[..], &record].concat());
    script.video(9, [&b"\x96\x01avc1\x03"[..], &[0, 0, 0], &nals(&[IDR])].concat());
    script.audio(9, audio(FRAMES, b"spex", b"\xff\xfb")).audio(9, nth_audio(1, START, b"mp4a", STEREO_48000));
    server.hears(&mut script);
    let said = "is not supported: that track is left out";
    assert_eq!(server.odds(), [format!("codec HVC1 {said}"), format!("codec spex {said}")]);
    assert_eq!(server.tracks().iter().map(|track| track.id).collect::<Vec<_>>(), [TrackId(6), TrackId(3)]);
    assert_eq!(server.frames().len(), 1);
    let statuses = server.statuses();
    let warnings = statuses.iter().filter(|(_, level, _)| level == "warning");
    assert_eq!(warnings.count(), 2);
    assert!(!server.closed);
}

/// R17: a publisher of which nobody could see anything is told so, and why.
#[test]
fn a_publisher_of_foreign_codecs_alone_is_sent_away() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    for time in (0..5_000).step_by(40) {
        script.video(time, video(1, FRAMES_X, b"vvc1", b"x")).audio(time, audio(FRAMES, b"spex", b"x"));
    }
    server.hears(&mut script);
    assert!(!server.closed);
    server.hears(script.video(5_200, video(1, FRAMES_X, b"vvc1", b"x")));
    assert!(server.closed);
    assert_eq!(server.count(&Event::Refused(Refusal::Codecs)), 1);
    let (_, level, code) = server.statuses().pop().unwrap();
    assert_eq!((&*level, &*code), ("error", "NetStream.Publish.Rejected"));
}

/// R20: one message, many tracks; each has its own number everywhere.
#[test]
fn many_tracks_in_one_message() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    let share = |number: u8, data: &[u8]| [&[number, 0, 0, data.len() as u8][..], data].concat();
    let (large, small) = (hex(RECORD), hex(SMALL_RECORD));
    let starts = [&[0x96, 0x10 | START][..], b"avc1", &share(0, &large), &share(1, &small)].concat();
    let frame = nals(&[IDR]);
    let frames = [&[0x96, 0x10 | FRAMES_X][..], b"avc1", &share(0, &frame), &share(1, &frame)].concat();
    script.video(0, starts).video(0, frames);
    let mixed = [&[0x95, 0x20 | START][..], b"mp4a", &share(0, STEREO_48000), b"Opus", &share(1, OPUS_HEAD)].concat();
    let block = [&[0x95, 0x20 | FRAMES][..], b"mp4a", &share(0, b"block"), b"Opus", &share(1, &[0xfc, 1])].concat();
    script.audio(0, mixed).audio(0, block);
    server.hears(&mut script);
    let ids: Vec<_> = names(&server).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [0, 2, 1, 3]);
    assert_eq!(seen(&server).into_iter().map(|(id, ..)| id).collect::<Vec<_>>(), [0, 2, 1, 3]);
}

/// R19: colour information is no frame, and a codec that changes amid a track is a change like any other (A9).
#[test]
fn metadata_is_no_frame_and_a_codec_may_change() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    script.video(0, video(1, START, b"avc1", &hex(RECORD))).video(0, video(1, FRAMES_X, b"avc1", &nals(&[IDR])));
    script.video(10, video(5, METADATA, b"avc1", b"\x02\0\x09colorInfo\x05"));
    script.video(20, video(2, END, b"avc1", b"")).video(20, video(1, START, b"av01", AV1C));
    script.video(40, video(1, FRAMES, b"av01", &[0x32, 0x02, 0x10, 0x00]));
    server.hears(&mut script);
    let names: Vec<_> = names(&server).into_iter().map(|(id, name)| (id, name[..4].to_owned())).collect();
    assert_eq!(names, [(0, "avc1".to_owned()), (0, "av01".to_owned())]);
    assert_eq!(seen(&server).len(), 2);
}

/// A ladder loses a step: by a word, or by silence. It comes back with a keyframe.
#[test]
fn a_rendition_that_stops_is_taken_out_and_may_come_back() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    for number in 0..3 {
        script.video(0, nth_video(number, START, b"avc1", &hex(RECORD)));
    }
    let mut frame = |server: &mut Server, number, time, unit: &[u8]| {
        server.hears(script.video(time, nth_video(number, FRAMES_X, b"avc1", &nals(&[unit]))));
    };
    for number in 0..3 {
        frame(&mut server, number, 0, IDR);
    }
    let ended = |server: &Server, id| server.count(&Event::TrackEnded(TrackId(id)));
    frame(&mut server, 0, 10_000, IDR);
    assert_eq!((ended(&server, 2), ended(&server, 4)), (0, 0));
    frame(&mut server, 0, 10_040, SLICE);
    frame(&mut server, 0, 10_080, SLICE);
    assert_eq!((ended(&server, 0), ended(&server, 2), ended(&server, 4)), (0, 1, 1));
    let before = server.frames().len();
    frame(&mut server, 1, 10_120, SLICE);
    assert_eq!((server.frames().len(), server.tracks().len()), (before, 3));
    frame(&mut server, 1, 10_160, IDR);
    assert_eq!((server.frames().len(), server.tracks().len()), (before + 1, 4));
}

#[test]
fn an_end_of_sequence_takes_one_rendition_out_but_not_all_of_them() {
    let mut server = Server::new();
    let mut script = Script::publishing();
    for number in 0..2 {
        script.video(0, nth_video(number, START, b"avc1", &hex(RECORD)));
        script.video(0, nth_video(number, FRAMES_X, b"avc1", &nals(&[IDR])));
    }
    script.video(10, nth_video(1, END, b"avc1", b"")).video(1_040, nth_video(0, FRAMES_X, b"avc1", &nals(&[SLICE])));
    server.hears(&mut script);
    assert_eq!(server.count(&Event::TrackEnded(TrackId(2))), 1);
    script.video(1_080, nth_video(0, END, b"avc1", b"")).command(1, "deleteStream", &[Value::Null, 1.0.into()]);
    server.hears(&mut script);
    assert_eq!(server.count(&Event::TrackEnded(TrackId(0))), 0);
    assert_eq!(server.count(&Event::Ended), 1);
}

/// R16.
#[test]
fn both_ends_say_what_they_can() {
    let mut server = Server::new();
    let mut script = Script::handshake();
    let list = Value::Array(vec!["*".into()]);
    let fields = [("app", "live".into()), ("tcUrl", "rtmp://host/live".into()), ("fourCcList", list)];
    let object = Value::object(fields.into_iter().chain([("capsEx", 1.0.into())]));
    server.hears(script.command(0, "connect", &[object]));
    let (_, answer) = server.commands().into_iter().find(|(_, command)| &*command.name == "_result").unwrap();
    let properties = &answer.arguments[0];
    assert_eq!(properties.field("capsEx"), Some(&14.0.into()), "several tracks, ModEx and its nanoseconds");
    for codec in ["avc1", "hvc1", "av01", "vp09", "vp08"] {
        assert_eq!(properties.field("videoFourCcInfoMap").unwrap().field(codec), Some(&4.0.into()), "{codec}");
    }
    for codec in ["mp4a", "Opus", "fLaC", "ac-3", "ec-3"] {
        assert_eq!(properties.field("audioFourCcInfoMap").unwrap().field(codec), Some(&4.0.into()), "{codec}");
    }
    assert!(server.session.capabilities().can_reconnect());
    assert!(server.session.capabilities().can_take(flv::FourCc::VVC));
}
