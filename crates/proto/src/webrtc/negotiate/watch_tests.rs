use media::codec::{Aac, Opus, Vp9};
use media::{Codec, Kind, Track, TrackId};
use wire::sdp::{Description, Direction, Setup};

use super::tests::{offer, ours};
use super::*;
use crate::webrtc::send::fixtures::{avc, hevc};

const BUNDLE: &str = "a=group:BUNDLE 0 1\r\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 63 111 0\r\na=mid:0\r\na=setup:actpass\r\na=recvonly\r\n\
    a=rtpmap:63 red/48000/2\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
    a=rtcp-fb:111 transport-cc\r\na=rtpmap:0 PCMU/8000\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n";
/// As Chromium has them: H.264 in both modes and several profiles, HEVC, VP9, AV1.
const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 105 106 107 112 113 45 46 98 99 49 50\r\na=mid:1\r\n\
    a=setup:actpass\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n\
    a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n\
    a=rtpmap:104 H264/90000\r\na=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n\
    a=rtpmap:105 rtx/90000\r\na=fmtp:105 apt=104\r\n\
    a=rtpmap:106 H264/90000\r\na=rtcp-fb:106 goog-remb\r\na=rtcp-fb:106 transport-cc\r\na=rtcp-fb:106 ccm fir\r\n\
    a=rtcp-fb:106 nack\r\na=rtcp-fb:106 nack pli\r\n\
    a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n\
    a=rtpmap:107 rtx/90000\r\na=fmtp:107 apt=106\r\n\
    a=rtpmap:112 H264/90000\r\na=fmtp:112 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f\r\n\
    a=rtpmap:113 rtx/90000\r\na=fmtp:113 apt=112\r\na=rtpmap:45 AV1/90000\r\na=fmtp:45 level-idx=5;profile=0;tier=0\r\n\
    a=rtpmap:46 rtx/90000\r\na=fmtp:46 apt=45\r\na=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n\
    a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n\
    a=rtpmap:49 H265/90000\r\na=fmtp:49 level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST\r\n\
    a=rtpmap:50 rtx/90000\r\na=fmtp:50 apt=49\r\n\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
    a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\na=extmap:13 urn:3gpp:video-orientation\r\n";

fn track(id: u16, codec: Codec) -> Track {
    Track::source(TrackId(id), codec)
}

fn avc_of(profile: u8, constraints: u8) -> Codec {
    let Codec::Avc(mut parameters) = avc() else { panic!() };
    (parameters.profile, parameters.constraints) = (profile, constraints);
    Codec::Avc(parameters)
}

fn opus() -> Codec {
    Codec::Opus(Opus::plain(2))
}

fn aac() -> Codec {
    Codec::Aac(Aac::from_config(&[0x11, 0x90]).unwrap())
}

fn all(tracks: &[Track]) -> Vec<Available<'_>> {
    tracks.iter().map(|track| Available { track, has_b_frames: false }).collect()
}

fn accept(sections: &[&str], tracks: &[Track]) -> Result<(Terms, Description), Refusal> {
    accept_viewer(&offer(BUNDLE, sections), &ours(), &all(tracks))
}

/// E1, E10, W23, P7.
#[test]
fn a_viewer_is_answered_with_what_is_published() {
    let (terms, answer) = accept(&[AUDIO, VIDEO], &[track(0, avc_of(0x4d, 0)), track(1, opus())]).unwrap();
    assert_eq!(answer.bundle, ["0", "1"]);
    let [audio, video] = &answer.sections[..] else { panic!("two sections") };
    assert!(answer.sections.iter().all(|it| it.direction == Direction::SendOnly && it.rtcp_mux && it.port == 9));
    assert_eq!(video.formats.iter().map(|format| format.payload).collect::<Vec<_>>(), [106, 107]);
    assert_eq!(video.formats[0].feedback, ["transport-cc", "ccm fir", "nack", "nack pli"]);
    assert_eq!(audio.formats.iter().map(|format| format.payload).collect::<Vec<_>>(), [111]);
    assert_eq!(audio.formats[0].parameters, "minptime=10;useinbandfec=1;sprop-stereo=1", "P21, P22");
    assert_eq!(video.extensions.iter().map(|it| it.id).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(audio.extensions.iter().map(|it| it.id).collect::<Vec<_>>(), [4]);

    let streams: Vec<_> = answer.sections.iter().flat_map(|it| &it.msids).map(|it| it.split(' ').next()).collect();
    assert_eq!(streams, [Some("onair"), Some("onair")]);
    let ssrcs = &video.ssrc_groups[0].ssrcs;
    assert_eq!((video.ssrc_groups[0].semantics.as_str(), ssrcs.len()), ("FID", 2));
    for ssrc in ssrcs {
        assert!(video.ssrcs.iter().any(|line| line.ssrc == *ssrc && line.name == "cname"), "or Chromium rejects it");
    }
    assert!(audio.ssrc_groups.is_empty());
    let mut named: Vec<_> = terms.media.iter().flat_map(|it| [Some(it.ssrcs[0].0), it.ssrcs[0].1]).flatten().collect();
    assert_eq!(named, [audio.ssrcs[0].ssrc, ssrcs[0], ssrcs[1]]);
    named.dedup();
    assert_eq!(named.len(), 3);
    let video = &terms.media[1];
    assert_eq!((video.agreed.rtx, video.agreed.nack, video.agreed.transport_cc), (Some(107), true, true));
    assert!(terms.missing.is_empty() && answer.to_string().len() < 8192);
}

/// P15, P20: the format of the profile that is published, one that can do more, or none.
#[test]
fn profiles_decide_which_payload_type_is_sent() {
    let vp9 = |profile| {
        let Codec::Avc(avc) = avc() else { panic!() };
        Codec::Vp9(Vp9 { profile, level: 31, depth: 8, chroma: 1, picture: avc.picture })
    };
    let level = |level| {
        let Codec::Hevc(mut parameters) = hevc() else { panic!() };
        parameters.profile.level = level;
        Codec::Hevc(parameters)
    };
    for (codec, payload) in [
        (avc_of(0x42, 0xc0), Some(102)),
        (avc_of(0x42, 0xe0), Some(102)),
        (avc_of(0x42, 0), Some(102)),
        (avc_of(0x4d, 0x40), Some(106)),
        (avc_of(0x64, 0), Some(112)),
        (avc_of(0x64, 0x0c), Some(112)),
        (avc_of(0x6e, 0), None),
        (level(120), Some(49)),
        (level(180), Some(49)),
        (level(183), None),
        (vp9(0), Some(98)),
        (vp9(2), None),
    ] {
        let accepted = accept(&[AUDIO, VIDEO], &[track(0, codec.clone()), track(1, opus())]);
        let agreed = accepted.ok().map(|(terms, _)| terms.media[1].agreed.payload_type);
        assert_eq!(agreed, payload, "{codec}");
    }
    let only_high = VIDEO.replace("42001f", "640c1f").replace("4d001f", "640c1f");
    let (terms, _) = accept(&[AUDIO, &only_high], &[track(0, avc())]).unwrap();
    assert_eq!(terms.media[0].agreed.payload_type, 102, "a decoder of High shows Baseline");
}

/// P15: Firefox offers Constrained Baseline alone and shows High all the same; another codec that fits goes before.
#[test]
fn a_profile_beyond_what_is_offered_is_sent_when_nothing_else_fits() {
    let only_baseline = VIDEO.replace("640c1f", "42e01f").replace("4d001f", "42e01f");
    let (terms, answer) = accept(&[AUDIO, &only_baseline], &[track(0, avc_of(0x64, 0)), track(1, opus())]).unwrap();
    let video = &terms.media[1];
    assert_eq!((video.agreed.payload_type, video.agreed.coding), (102, Coding::H264 { fragments: true }));
    assert!(answer.sections[1].formats[0].parameters.contains("42001f"), "the answer keeps the offer's words");
    assert!(terms.missing.is_empty());

    let Codec::Avc(picture) = avc() else { panic!() };
    let vp9 = Codec::Vp9(Vp9 { profile: 0, level: 31, depth: 8, chroma: 1, picture: picture.picture });
    let (terms, _) =
        accept(&[VIDEO.replace("640c1f", "42e01f").as_str()], &[track(0, avc_of(0x64, 0)), track(2, vp9)]).unwrap();
    assert_eq!(terms.media[0].agreed.payload_type, 98);

    // Ten bits and 4:2:2 are beyond them, and mode 0 has no way to send what is larger than a packet.
    assert!(accept(&[AUDIO, &only_baseline], &[track(0, avc_of(0x6e, 0)), track(1, opus())]).is_err());
    let mode_0 = only_baseline.replace("packetization-mode=1", "packetization-mode=0");
    assert!(accept(&[AUDIO, &mode_0], &[track(0, avc_of(0x64, 0)), track(1, opus())]).is_err());
}

/// E7: both lists are named.
#[test]
fn without_a_codec_in_common_both_sides_are_named() {
    let only_vp8 =
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=setup:actpass\r\na=recvonly\r\na=rtpmap:96 VP8/90000\r\n";
    let told = accept(&[AUDIO, only_vp8], &[track(0, avc_of(0x64, 0)), track(1, opus())]).unwrap_err().to_string();
    assert!(told.contains("VP8") && told.contains("H264") && told.contains("profile-level-id=640028"), "{told}");
    let mode_0 =
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=setup:actpass\r\na=recvonly\r\na=rtpmap:96 H264/90000\r\n";
    assert!(
        matches!(accept(&[AUDIO, mode_0], &[track(0, avc())]), Err(Refusal::NoCodec { .. })),
        "absent is mode 0 (P15)"
    );
}

/// E9, P19: a kind that is not there, or that WebRTC cannot carry, leaves its place in the answer.
#[test]
fn a_kind_that_cannot_be_sent_is_declined_and_the_rest_sent() {
    let (terms, answer) = accept(&[AUDIO, VIDEO], &[track(0, avc())]).unwrap();
    assert_eq!((answer.sections[0].port, answer.sections[1].port), (0, 9));
    assert_eq!((answer.bundle, terms.missing.len()), (vec!["1".to_owned()], 0));
    assert_eq!(answer.sections[1].candidates.len(), 2, "the first section in use has the candidates");
    assert_eq!(answer.sections[0].mid.as_deref(), Some("0"));

    let (terms, answer) = accept(&[AUDIO, VIDEO], &[track(0, avc()), track(1, aac())]).unwrap();
    assert_eq!((terms.media.len(), answer.sections[0].port), (1, 0));
    assert_eq!(terms.missing[0].kind, Kind::Audio);
    assert!(terms.missing[0].why.contains("aac") && terms.missing[0].why.contains("HLS"), "{:?}", terms.missing);

    let (terms, _) = accept(&[AUDIO, VIDEO], &[track(1, opus())]).unwrap();
    assert_eq!(terms.media[0].kind, Kind::Audio);
}

/// P18.
#[test]
fn b_frames_are_refused_with_a_word_on_what_to_do() {
    let tracks = [track(0, avc()), track(1, opus())];
    let mut available = all(&tracks);
    available[0].has_b_frames = true;
    let offer = offer(BUNDLE, &[AUDIO, VIDEO]);
    let told = accept_viewer(&offer, &ours(), &available).unwrap_err().to_string();
    assert!(told.contains("B-frames") && told.contains("zerolatency"), "{told}");
    assert!(offer_viewer(&ours(), &available).is_err());
    let Codec::Avc(mut parameters) = avc() else { panic!() };
    parameters.reorder_frames = Some(2);
    let tracks = [track(0, Codec::Avc(parameters)), track(1, opus())];
    assert!(accept_viewer(&offer, &ours(), &all(&tracks)).is_err(), "the SPS says so too");
}

/// E3, E10.
#[test]
fn directions_and_doubled_sections() {
    for direction in ["sendonly", "inactive"] {
        let wrong = VIDEO.replace("recvonly", direction);
        assert!(accept(&[AUDIO, &wrong], &[track(0, avc())]).unwrap_err().to_string().contains("recvonly"));
    }
    let both = VIDEO.replace("recvonly", "sendrecv");
    assert!(accept(&[AUDIO, &both], &[track(0, avc())]).is_ok());
    let twice = VIDEO.replace("mid:1", "mid:2");
    let (terms, answer) = accept_viewer(
        &offer("a=group:BUNDLE 0 1 2\r\n", &[AUDIO, VIDEO, &twice]),
        &ours(),
        &all(&[track(0, avc()), track(1, opus())]),
    )
    .unwrap();
    assert_eq!((terms.media.len(), answer.sections[2].port), (2, 0));
    assert_eq!(answer.bundle, ["0", "1"]);
    assert!(accept(&[AUDIO], &[track(0, avc())]).unwrap_err().to_string().contains("nothing"));
}

/// W27; a section that waits for its bundle has port 0 and is offered all the same (RFC 9143 §6).
#[test]
fn handshake_and_bundle_only() {
    let (terms, answer) = accept(&[&AUDIO.replace("actpass", "passive"), VIDEO], &[track(1, opus())]).unwrap();
    assert!(terms.is_dtls_client && answer.sections[0].setup == Some(Setup::Active));
    let waiting = VIDEO.replace("m=video 9", "m=video 0").replace("a=mid:1", "a=mid:1\r\na=bundle-only");
    let (terms, _) = accept(&[AUDIO, &waiting], &[track(0, avc()), track(1, opus())]).unwrap();
    assert_eq!(terms.media.len(), 2);
    let declined = VIDEO.replace("m=video 9", "m=video 0");
    let (terms, _) = accept(&[AUDIO, &declined], &[track(0, avc()), track(1, opus())]).unwrap();
    assert_eq!(terms.media.len(), 1);
}

/// E5, E6.
#[test]
fn our_own_offer_is_answered() {
    let tracks = [track(0, avc()), track(1, opus())];
    let mine = offer_viewer(&ours(), &all(&tracks)).unwrap();
    let text = mine.to_string();
    let mine = Description::parse(&text).unwrap();
    assert!(text.starts_with("v=0\r\n") && mine.ice_lite);
    assert!(mine.sections.iter().all(|it| it.direction == Direction::SendOnly && it.setup == Some(Setup::ActPass)));

    let mut answer = mine.clone();
    for section in &mut answer.sections {
        section.direction = Direction::RecvOnly;
        section.setup = Some(Setup::Active);
        (section.ssrcs, section.ssrc_groups, section.msids) = Default::default();
    }
    answer.sections[1].extensions.retain(|it| it.id != 3);
    answer.sections[1].formats[0].feedback.retain(|it| it != "goog-remb");
    let terms = accept_answer(&mine, &answer).unwrap();
    assert!(!terms.is_dtls_client);
    assert_eq!(terms.media.iter().map(|it| it.kind).collect::<Vec<_>>(), [Kind::Audio, Kind::Video]);
    assert_eq!(terms.media[1].ssrcs[0].0, mine.sections[1].ssrcs[0].ssrc);
    assert_eq!((terms.media[1].agreed.rtx, terms.media[1].extensions.abs_send_time), (Some(97), None));

    let mut without_rtx = answer.clone();
    without_rtx.sections[1].formats.truncate(1);
    let terms = accept_answer(&mine, &without_rtx).unwrap();
    assert_eq!((terms.media[1].agreed.rtx, terms.media[1].ssrcs[0].1), (None, None));

    let refused = |change: fn(&mut Description)| {
        let mut wrong = answer.clone();
        change(&mut wrong);
        accept_answer(&mine, &wrong).unwrap_err().to_string()
    };
    assert!(refused(|it| drop(it.sections.pop())).contains("sections"));
    assert!(refused(|it| it.sections[0].mid = Some("x".into())).contains("mid"));
    assert!(refused(|it| it.sections[0].setup = Some(Setup::ActPass)).contains("setup"));
    assert!(refused(|it| it.sections[1].formats[0].name = "VP8".into()).contains("no codec"));
    assert!(refused(|it| it.sections.iter_mut().for_each(|it| it.port = 0)).contains("neither audio nor video"));
}
