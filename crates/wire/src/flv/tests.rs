use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::Malformed;

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn codec(known: &'static [FourCc]) -> impl Strategy<Value = Codec> {
    prop::sample::select(known).prop_map(Codec::FourCc)
}

const VIDEO: &[FourCc] =
    &[FourCc::AVC, FourCc::HEVC, FourCc::VVC, FourCc::AV1, FourCc::VP8, FourCc::VP9, FourCc(*b"\0??\xff")];
const AUDIO: &[FourCc] = &[FourCc::AAC, FourCc::OPUS, FourCc::FLAC, FourCc::MP3, FourCc::AC3, FourCc::EAC3];

fn any_video() -> impl Strategy<Value = Video> {
    let packet = prop::sample::select(&[
        VideoPacket::SequenceStart,
        VideoPacket::CodedFrames,
        VideoPacket::SequenceEnd,
        VideoPacket::Metadata,
        VideoPacket::Mpeg2TsSequenceStart,
    ]);
    let frame = prop::sample::select(&[FrameType::Key, FrameType::Inter, FrameType::Generated, FrameType::Other(7)]);
    let track = (prop_oneof![Just(0), any::<u8>()], codec(VIDEO), -0x80_0000..0x80_0000, bytes());
    let nanos = prop_oneof![Just(0), 0_u32..1_000_000];
    (frame, packet, nanos, prop::collection::vec(track, 1..5)).prop_map(|(frame, packet, nanos, tracks)| {
        let tracks = tracks.into_iter().map(|(id, codec, composition, data)| {
            let composed = packet == VideoPacket::CodedFrames && codec.has_composition();
            VideoTrack { id, codec, composition_ms: if composed { composition } else { 0 }, data }
        });
        Video { frame, packet, nanos, tracks: tracks.collect() }
    })
}

fn any_audio() -> impl Strategy<Value = Audio> {
    let packet = prop::sample::select(&[
        AudioPacket::SequenceStart,
        AudioPacket::CodedFrames,
        AudioPacket::SequenceEnd,
        AudioPacket::MultichannelConfig,
    ]);
    let track = (prop_oneof![Just(0), any::<u8>()], codec(AUDIO), bytes());
    let nanos = prop_oneof![Just(0), 0_u32..1_000_000];
    (packet, nanos, prop::collection::vec(track, 1..5)).prop_map(|(packet, nanos, tracks)| {
        let tracks = tracks.into_iter().map(|(id, codec, data)| AudioTrack { id, codec, data });
        Audio { packet, nanos, tracks: tracks.collect() }
    })
}

fn written(write: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut out = BytesMut::new();
    write(&mut out);
    out.freeze()
}

proptest! {
    #[test]
    fn a_video_message_reads_back_as_it_was_written(video in any_video()) {
        prop_assert_eq!(Video::parse(&written(|out| video.write(out))), Ok(video));
    }

    #[test]
    fn an_audio_message_reads_back_as_it_was_written(audio in any_audio()) {
        prop_assert_eq!(Audio::parse(&written(|out| audio.write(out))), Ok(audio));
    }

    #[test]
    fn a_video_command_reads_back_as_it_was_written(command: u8, nanos in prop_oneof![Just(0), 0_u32..1_000_000]) {
        let frame = FrameType::Command(command);
        let video = Video { frame, packet: VideoPacket::CodedFrames, nanos, tracks: vec![] };
        prop_assert_eq!(Video::parse(&written(|out| video.write(out))), Ok(video));
    }

    #[test]
    fn tags_in_a_row_read_back_as_they_were_written(rows in prop::collection::vec((any::<u32>(), 0_u8..32, bytes()), 0..5)) {
        let tag = |(timestamp, kind, body)| Tag { kind: TagKind::from(kind), timestamp, body };
        let tags: Vec<Tag> = rows.into_iter().map(tag).collect();
        let mut src = written(|out| tags.iter().for_each(|tag| tag.write(out)));
        for tag in tags {
            prop_assert_eq!(Tag::parse(&mut src), Ok(tag));
        }
        prop_assert!(src.is_empty());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in bytes(), first: u8) {
        let bytes = Bytes::from([&[first], &bytes[..]].concat());
        let _ = Video::parse(&bytes);
        let _ = Audio::parse(&bytes);
        let _ = Tag::parse(&mut { bytes });
    }
}

fn video(bytes: &[u8]) -> Result<Video, Malformed> {
    Video::parse(&Bytes::copy_from_slice(bytes))
}

fn audio(bytes: &[u8]) -> Result<Audio, Malformed> {
    Audio::parse(&Bytes::copy_from_slice(bytes))
}

#[test]
fn legacy_avc_and_aac_are_read() {
    let frame = video(&[0x27, 1, 0xff, 0xff, 0xd6, 9, 9]).unwrap();
    assert_eq!((frame.frame, frame.packet), (FrameType::Inter, VideoPacket::CodedFrames));
    assert_eq!((frame.tracks[0].composition_ms, &frame.tracks[0].data[..]), (-42, &[9, 9][..]));
    assert_eq!(frame.tracks[0].codec, Codec::FourCc(FourCc::AVC));

    let config = audio(&[0xaf, 0, 0x12, 0x10]).unwrap();
    assert_eq!((config.packet, &config.tracks[0].data[..]), (AudioPacket::SequenceStart, &[0x12, 0x10][..]));
}

/// R15: nothing at all, a header alone, an end of sequence of any length.
#[test]
fn messages_without_payload_are_no_trouble() {
    assert_eq!(video(&[]), Err(Malformed("video tag")));
    assert_eq!(audio(&[]), Err(Malformed("audio tag")));
    assert_eq!(video(&[0x17]), Err(Malformed("video packet type")));
    assert_eq!(audio(&[0xaf, 1]).unwrap().tracks[0].data.len(), 0);
    for end in [&[0x17, 2][..], &[0x17, 2, 0, 0, 0]] {
        assert_eq!(video(end).unwrap().packet, VideoPacket::SequenceEnd);
    }
}

/// R18.
#[test]
fn only_avc_hevc_and_vvc_have_a_composition_time_and_only_in_coded_frames() {
    let avc = video(b"\x91avc1\x00\x00\x07x").unwrap();
    assert_eq!((avc.tracks[0].composition_ms, &avc.tracks[0].data[..]), (7, &b"x"[..]));
    let avc_x = video(b"\x93avc1\x00\x00\x07x").unwrap();
    assert_eq!((avc_x.tracks[0].composition_ms, &avc_x.tracks[0].data[..]), (0, &b"\x00\x00\x07x"[..]));
    let av1 = video(b"\x91av01\x00\x00\x07x").unwrap();
    assert_eq!((av1.tracks[0].composition_ms, &av1.tracks[0].data[..]), (0, &b"\x00\x00\x07x"[..]));
}

/// R19.
#[test]
fn every_mod_ex_is_consumed_and_the_nanoseconds_kept() {
    // A 256-byte extension of an unknown kind, then 500 µs, then coded frames.
    let long = [&[0x97, 0xff, 0x00, 0xff][..], &[0; 256], &[0x17, 2, 0x07, 0xa1, 0x20, 0x03], b"hvc1x"].concat();
    let video = video(&long).unwrap();
    assert_eq!((video.nanos, video.packet, &video.tracks[0].data[..]), (500_000, VideoPacket::CodedFrames, &b"x"[..]));
}

/// R20.
#[test]
fn a_multitrack_message_is_read_to_its_end() {
    let many = video(b"\x96\x23hvc1\x00\x00\x00\x02aaqqqq\x05\x00\x00\x01b").unwrap();
    let seen: Vec<_> = many.tracks.iter().map(|track| (track.id, track.codec.to_string(), &track.data[..])).collect();
    assert_eq!(seen, [(0, "hvc1".into(), &b"aa"[..]), (5, "qqqq".into(), b"b")]);

    let sound = audio(b"\x95\x11Opus\x01\x00\x00\x01a\x02\x00\x00\x00").unwrap();
    assert_eq!(sound.tracks.iter().map(|track| (track.id, track.data.len())).collect::<Vec<_>>(), [(1, 1), (2, 0)]);

    assert_eq!(audio(b"\x95\x11Opus\x01\xff\xff\xffa"), Err(Malformed("track data")));
}

#[test]
fn g711_keeps_its_law_and_its_channels() {
    use media::codec::Law;
    for (first, law, is_stereo) in [(0x72, Law::A, false), (0x83, Law::Mu, true)] {
        let sound = audio(&[first, 1, 2]).unwrap();
        let AudioTrack { codec, data, .. } = &sound.tracks[0];
        assert_eq!((codec, &data[..]), (&Codec::G711 { law, is_stereo }, &[1, 2][..]));
        assert_eq!(Audio::parse(&written(|out| sound.write(out))), Ok(sound));
    }
}

#[test]
fn hevc_by_its_unofficial_number_is_hevc() {
    assert_eq!(video(&[0x1c, 0, 0, 0, 0, 1]).unwrap().tracks[0].codec, Codec::FourCc(FourCc::HEVC));
}
