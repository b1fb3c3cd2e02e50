//! What is written for players, read by what reads publishers.

use bytes::{Bytes, BytesMut};
use media::codec::{Aac, Ac3, Av1, Avc, Flac, G711, Hevc, Law, Mp3, Opus, Picture, Sound, Vp8, Vp9};
use media::{Track, TrackId};
use proptest::prelude::*;

use super::*;
use crate::amf::{self, Value};

fn picture() -> Picture {
    Picture { width: 1280, height: 720, pixel_aspect: (1, 1), frame_rate: Some((30_000, 1001)), colour: None }
}

fn avc() -> Avc {
    Avc {
        sps: vec![Bytes::from_static(&[0x67, 0x64, 0, 0x1f, 1])],
        pps: vec![Bytes::from_static(&[0x68, 0xce])],
        profile: 0x64,
        constraints: 0,
        level: 0x1f,
        chroma_format: 1,
        luma_depth: 8,
        chroma_depth: 8,
        reorder_frames: None,
        picture: picture(),
    }
}

fn hevc() -> Hevc {
    let profile = media::codec::hevc::Profile {
        space: 0,
        high_tier: false,
        idc: 1,
        compatibility: 0x6000_0000,
        constraints: [0x90, 0, 0, 0, 0, 0],
        level: 93,
    };
    Hevc {
        vps: vec![Bytes::from_static(&[0x40, 1, 7])],
        sps: vec![Bytes::from_static(&[0x42, 1, 7])],
        pps: vec![Bytes::from_static(&[0x44, 1, 7])],
        profile,
        chroma_format: 1,
        luma_depth: 8,
        chroma_depth: 8,
        temporal_layers: 1,
        temporal_nesting: true,
        picture: picture(),
    }
}

/// Every codec that can be had, what it is read as, and whether every player takes it.
fn every_codec() -> Vec<(media::Codec, Codec, bool)> {
    let sound = Sound { rate: 48_000, channels: 2 };
    let av1 = Av1 {
        config: Bytes::from_static(&[0x81, 4, 0x0c, 0]),
        profile: 0,
        level: 4,
        high_tier: false,
        depth: 8,
        picture: picture(),
    };
    let vp9 = Vp9 { profile: 0, level: 31, depth: 8, chroma: 1, picture: picture() };
    let ac3 = |enhanced| Ac3 { enhanced, config: Bytes::from_static(&[0x10, 0x3d, 0xe0]), sound };
    let info = [&[0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x0b, 0xb8, 2, 0xf0][..], &[0; 20]].concat();
    let mp3 = |rate| media::Codec::Mp3(Mp3 { sound: Sound { rate, channels: 2 }, frame_samples: 1152 });
    let g711 = |law, channels| media::Codec::G711(G711 { law, channels });
    let code = Codec::FourCc;
    vec![
        (media::Codec::Avc(avc()), code(FourCc::AVC), true),
        (media::Codec::Hevc(hevc()), code(FourCc::HEVC), false),
        (media::Codec::Av1(av1), code(FourCc::AV1), false),
        (media::Codec::Vp9(vp9), code(FourCc::VP9), false),
        (media::Codec::Vp8(Vp8 { profile: 0, picture: picture() }), code(FourCc::VP8), false),
        (media::Codec::Aac(Aac::from_config(&[0x11, 0x90]).unwrap()), code(FourCc::AAC), true),
        (media::Codec::Opus(Opus::plain(2)), code(FourCc::OPUS), false),
        (media::Codec::Flac(Flac::from_config(&info).unwrap()), code(FourCc::FLAC), false),
        (media::Codec::Ac3(ac3(false)), code(FourCc::AC3), false),
        (media::Codec::Ac3(ac3(true)), code(FourCc::EAC3), false),
        (mp3(48_000), code(FourCc::MP3), true),
        (mp3(8_000), code(FourCc::MP3), true),
        (g711(Law::A, 1), Codec::G711 { law: Law::A, is_stereo: false }, true),
        (g711(Law::Mu, 2), Codec::G711 { law: Law::Mu, is_stereo: true }, true),
    ]
}

fn message(head: &[u8], payload: &[u8]) -> Bytes {
    [head, payload].concat().into()
}

/// R17, R18.
#[test]
fn frames_of_every_codec_are_read_as_they_were_given() {
    for (codec, wanted, is_classic) in every_codec() {
        let coding = Coding::of(&codec).unwrap();
        assert_eq!((coding.codec(), coding.is_classic()), (wanted, is_classic), "{codec}");
        for (is_key, composition_ms) in [(true, 0), (false, 80), (false, -1)] {
            let body = message(&coding.frame(is_key, composition_ms), b"frame");
            if codec.kind() == media::Kind::Audio {
                let audio = Audio::parse(&body).unwrap();
                assert_eq!(audio.packet, AudioPacket::CodedFrames, "{codec}");
                assert_eq!((audio.tracks[0].codec, &audio.tracks[0].data[..]), (wanted, &b"frame"[..]));
                continue;
            }
            let video = Video::parse(&body).unwrap();
            let frame = if is_key { FrameType::Key } else { FrameType::Inter };
            assert_eq!((video.frame, video.packet), (frame, VideoPacket::CodedFrames), "{codec}");
            let composition_ms = if wanted.has_composition() { composition_ms } else { 0 };
            let track = VideoTrack { id: 0, codec: wanted, composition_ms, data: Bytes::from_static(b"frame") };
            assert_eq!(video.tracks, [track]);
            let end = Video::parse(&message(&coding.sequence_end().unwrap(), b"")).unwrap();
            assert_eq!((end.packet, end.tracks[0].codec), (VideoPacket::SequenceEnd, wanted));
        }
    }
}

#[test]
fn sequence_headers_hold_what_the_publisher_said() {
    for (codec, wanted, _) in every_codec() {
        let coding = Coding::of(&codec).unwrap();
        let Some(body) = coding.sequence_start(&codec) else {
            assert!(matches!(codec, media::Codec::Ac3(_) | media::Codec::Mp3(_) | media::Codec::G711(_)), "{codec}");
            continue;
        };
        if codec.kind() == media::Kind::Audio {
            let audio = Audio::parse(&body).unwrap();
            assert_eq!((audio.packet, audio.tracks[0].codec), (AudioPacket::SequenceStart, wanted));
            let config = &audio.tracks[0].data;
            let read = match wanted {
                Codec::FourCc(FourCc::AAC) => media::Codec::Aac(Aac::from_config(config).unwrap()),
                Codec::FourCc(FourCc::OPUS) => media::Codec::Opus(Opus::from_head(config).unwrap()),
                _ => media::Codec::Flac(Flac::from_config(config).unwrap()),
            };
            assert_eq!(read, codec);
            continue;
        }
        let video = Video::parse(&body).unwrap();
        assert_eq!((video.frame, video.packet), (FrameType::Key, VideoPacket::SequenceStart), "{codec}");
        let VideoTrack { codec: read, data, .. } = &video.tracks[0];
        assert_eq!(*read, wanted);
        match &codec {
            media::Codec::Avc(avc) => assert_eq!(*data, avc.to_record()),
            media::Codec::Hevc(hevc) => assert_eq!(*data, hevc.to_record()),
            media::Codec::Av1(av1) => assert_eq!(*data, av1.config),
            _ => assert_eq!((data[..4].to_vec(), data.len()), (vec![1, 0, 0, 0], 12), "{codec}"),
        }
    }
}

/// R16: what was not declared is not sent.
#[test]
fn players_take_what_they_said_and_what_all_take() {
    let said = Takes::list("hvc1, Opus,opus,toolong");
    for (codec, wanted, is_classic) in every_codec() {
        assert_eq!(Takes::default().take(&codec), is_classic, "{codec}");
        assert!(Takes::all().take(&codec) && Takes::list("*").take(&codec));
        let is_said = matches!(wanted, Codec::FourCc(FourCc::HEVC | FourCc::OPUS));
        assert_eq!(said.take(&codec), is_classic || is_said, "{codec}");
    }
}

#[test]
fn metadata_tell_sizes_rates_and_codecs() {
    let video = Track { bitrate_bps: Some(2_500_000), ..Track::source(TrackId(0), media::Codec::Avc(avc())) };
    let audio = Track::source(TrackId(1), media::Codec::Opus(Opus::plain(2)));
    let values = amf::parse_all(&metadata(Some(&video), Some(&audio))).unwrap();
    assert_eq!(values[0].as_str(), Some("onMetaData"));
    let number = |name: &str| values[1].field(name).and_then(Value::as_number);
    assert_eq!((number("width"), number("height")), (Some(1280.0), Some(720.0)));
    assert!((number("framerate").unwrap() - 29.97).abs() < 0.001);
    assert_eq!((number("videocodecid"), number("videodatarate")), (Some(7.0), Some(2500.0)));
    assert_eq!(number("audiocodecid"), Some(f64::from(u32::from_be_bytes(*b"Opus"))));
    assert_eq!((number("audiosamplerate"), number("audiochannels")), (Some(48_000.0), Some(2.0)));
    assert_eq!(values[1].field("stereo"), Some(&Value::Boolean(true)));
    let alone = amf::parse_all(&metadata(None, Some(&audio))).unwrap();
    assert_eq!(alone[1].field("videocodecid"), None);
}

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..most).prop_map(Bytes::from)
}

proptest! {
    #[test]
    fn a_file_reads_back_as_it_was_written(
        rows in prop::collection::vec((any::<u32>(), 0_u8..32, bytes(8), bytes(40)), 0..6),
        video: bool,
        audio: bool,
    ) {
        let (mut file, mut pieces) = (File::default(), Vec::new());
        file.begin(video, audio);
        for (timestamp, kind, head, payload) in &rows {
            file.tag(TagKind::from(*kind), *timestamp, head, payload.clone(), &mut pieces);
        }
        file.flush(&mut pieces);
        // Payloads are shared, not copied.
        for (_, _, _, payload) in rows.iter().filter(|(_, _, _, payload)| !payload.is_empty()) {
            prop_assert!(pieces.iter().any(|piece| piece.as_ptr() == payload.as_ptr()));
        }
        let mut all = BytesMut::from(&pieces.concat()[..]).freeze();
        let flags = u8::from(video) | u8::from(audio) << 2;
        prop_assert_eq!(&all.split_to(13)[..], &[b'F', b'L', b'V', 1, flags, 0, 0, 0, 9, 0, 0, 0, 0][..]);
        for (timestamp, kind, head, payload) in rows {
            let body = [&head[..], &payload[..]].concat().into();
            prop_assert_eq!(Tag::parse(&mut all), Ok(Tag { kind: TagKind::from(kind), timestamp, body }));
        }
        prop_assert!(all.is_empty());
    }
}
