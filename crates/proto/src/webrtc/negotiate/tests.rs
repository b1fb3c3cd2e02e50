use media::Kind;
use wire::sdp::{Candidate, CandidateKind, Description, Direction, Fingerprint, Setup, Transport};

use super::*;
use crate::webrtc::ice::Credentials;

pub(super) fn ours() -> Ours {
    let candidate = |transport| Candidate {
        foundation: "1".into(),
        component: 1,
        transport,
        priority: 2_130_706_431,
        address: "203.0.113.5:8189".parse().unwrap(),
        kind: CandidateKind::Host,
    };
    Ours {
        session: 42,
        credentials: Credentials { ufrag: "ours".into(), pwd: "0123456789012345678901".into() },
        fingerprint: Fingerprint { hash: "sha-256".into(), digest: vec![1, 2, 3] },
        candidates: vec![candidate(Transport::Udp), candidate(Transport::TcpPassive)],
    }
}

pub(super) fn offer(session: &str, sections: &[&str]) -> Description {
    let transport = "a=ice-ufrag:u\r\na=ice-pwd:pppppppppppppppppppppp\r\na=fingerprint:sha-256 AB\r\na=rtcp-mux\r\n";
    let sections: Vec<_> = sections.iter().map(|section| format!("{section}{transport}")).collect();
    let text = format!("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{session}{}", sections.concat());
    Description::parse(&text).unwrap()
}

const BUNDLE: &str = "a=group:BUNDLE 0 1\r\n";
const AUDIO: &str = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=setup:actpass\r\na=sendonly\r\n\
    a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-fb:111 transport-cc\r\n\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:9 urn:example:unknown\r\na=msid:s a\r\n";
const VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 98 99 96 97\r\na=mid:1\r\na=setup:actpass\r\na=sendonly\r\n\
    a=rtpmap:98 H264/90000\r\na=fmtp:98 packetization-mode=0;profile-level-id=42e01f\r\n\
    a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\na=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
    a=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 made-up\r\n\
    a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\na=msid:s v\r\n";
const LAYERS: &str = "a=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n";

/// W22, W23, W36.
#[test]
fn an_answer_mirrors_the_offer_and_adds_nothing_to_it() {
    let (terms, answer) = accept_publisher(&offer(BUNDLE, &[AUDIO, VIDEO]), &ours()).unwrap();
    assert_eq!(answer.bundle, ["0", "1"]);
    assert!(answer.ice_lite);
    let [audio, video] = &answer.sections[..] else { panic!("two sections") };
    assert_eq!((audio.mid.as_deref(), video.mid.as_deref()), (Some("0"), Some("1")));
    assert!(answer.sections.iter().all(|s| s.direction == Direction::RecvOnly && s.rtcp_mux && s.rtcp_mux_only));
    assert_eq!(audio.extensions.iter().map(|e| e.id).collect::<Vec<_>>(), [4]);
    assert_eq!((audio.candidates.len(), video.candidates.len()), (2, 0));
    assert_eq!(video.formats.iter().map(|f| f.payload).collect::<Vec<_>>(), [96, 97]);
    assert_eq!(video.formats[0].feedback, ["goog-remb", "nack", "nack pli"]);
    assert!(answer.to_string().len() < 8192);

    let video = &terms.media[1];
    assert_eq!(video.agreed.coding, Coding::H264 { fragments: true }, "mode 1 before mode 0");
    assert_eq!((video.agreed.rtx, video.agreed.transport_cc, video.agreed.remb), (Some(97), false, true));
    assert_eq!((terms.media[0].kind, terms.media[0].agreed.coding), (Kind::Audio, Coding::Opus));
    assert_eq!((&*terms.their_ufrag, terms.is_dtls_client), ("u", false));
}

#[test]
fn a_phone_turns_its_pictures_itself() {
    let video = format!("{VIDEO}a=extmap:13 urn:3gpp:video-orientation\r\n");
    let (terms, answer) = accept_publisher(&offer("", &[&video]), &ours()).unwrap();
    assert_eq!(terms.media[0].extensions.orientation, None);
    assert_eq!(answer.sections[0].extensions.iter().map(|e| e.id).collect::<Vec<_>>(), [4, 10]);
}

/// Beside a dependency descriptor browsers leave out of VP8's own which layer a picture is of.
#[test]
fn dependencies_are_described_where_av1_is_what_is_sent() {
    let extension =
        "a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n";
    for (codec, expected) in [("AV1", Some(12)), ("VP8", None), ("VP9", None)] {
        let formats = format!("a=rtpmap:45 {codec}/90000\r\na=rtpmap:98 H264/90000\r\n{extension}");
        let video = VIDEO.replace("98 99 96 97", "45 98").replace("a=rtpmap:98 H264/90000\r\n", &formats);
        let (terms, answer) = accept_publisher(&offer("", &[&video]), &ours()).unwrap();
        assert_eq!(terms.media[0].extensions.dependency, expected, "{codec}");
        assert_eq!(answer.to_string().contains(extension), expected.is_some(), "{codec}");
    }
}

/// W27.
#[test]
fn who_begins_the_handshake_is_never_left_open() {
    for (offered, answered, client) in
        [("actpass", Setup::Passive, false), ("active", Setup::Passive, false), ("passive", Setup::Active, true)]
    {
        let audio = AUDIO.replace("actpass", offered);
        let (terms, answer) = accept_publisher(&offer("", &[&audio]), &ours()).unwrap();
        assert_eq!((answer.sections[0].setup, terms.is_dtls_client), (Some(answered), client));
    }
}

/// W35: one place for every layer offered.
#[test]
fn every_simulcast_layer_is_answered() {
    let video = format!("{VIDEO}{LAYERS}");
    let (terms, answer) = accept_publisher(&offer(BUNDLE, &[AUDIO, &video]), &ours()).unwrap();
    assert_eq!(terms.media[1].rids, ["h", "m", "l"]);
    let text = answer.to_string();
    for line in ["a=rid:h recv\r\n", "a=rid:m recv\r\n", "a=rid:l recv\r\n", "a=simulcast:recv h;m;l\r\n"] {
        assert!(text.contains(line), "{line}");
    }
}

/// W24, W25, W26.
#[test]
fn an_offer_that_cannot_be_taken_whole_is_refused_with_the_reason() {
    let refused = |session: &str, sections: &[&str]| {
        accept_publisher(&offer(session, sections), &ours()).unwrap_err().to_string()
    };
    for direction in ["recvonly", "inactive"] {
        assert!(refused("", &[&AUDIO.replace("sendonly", direction)]).contains("sendonly"));
    }
    assert!(refused(BUNDLE, &[AUDIO, &AUDIO.replace("mid:0", "mid:1")]).contains("only one audio"));
    assert!(refused(BUNDLE, &[AUDIO, &VIDEO.replace("msid:s", "msid:t")]).contains("one MediaStream"));
    assert!(refused("", &[AUDIO, VIDEO]).contains("BUNDLE"));
    let odd = VIDEO.replace("H264", "theora");
    let told = refused(BUNDLE, &[AUDIO, &odd]);
    assert!(told.contains("theora") && told.contains("H264"), "{told}");
    assert!(refused(BUNDLE, &[&VIDEO.replace("a=msid", "a=simulcast:send x;y\r\na=msid")]).contains("a=rid"));
}

/// W37: a mid in BUNDLE without a section, no extensions, no feedback, RTX or rtcp-mux-only.
#[test]
fn ffmpegs_offer_is_taken() {
    let text = "v=0\r\no=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1\r\ns=FFmpegPublishSession\r\nt=0 0\r\n\
        a=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 106\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:9a3ba8c5\r\na=ice-pwd:aaaaaaaabbbbbbbbccccccccdddddddd\r\n\
        a=fingerprint:sha-256 AB:CD\r\na=setup:passive\r\na=mid:1\r\na=sendonly\r\na=msid:FFmpeg video\r\na=rtcp-mux\r\n\
        a=rtpmap:106 H264/90000\r\na=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42c01e\r\n\
        a=ssrc:3584820563 cname:FFmpeg\r\na=ssrc:3584820563 msid:FFmpeg video\r\n";
    let (terms, answer) = accept_publisher(&Description::parse(text).unwrap(), &ours()).unwrap();
    assert_eq!(answer.bundle, ["1"]);
    assert_eq!(terms.media[0].ssrcs, [(3_584_820_563, None)]);
    assert!(terms.is_dtls_client && !terms.media[0].agreed.nack);
    assert!(answer.sections[0].extensions.is_empty());
}

/// W23: a data channel beside the media keeps its place, rejected, and leaves the BUNDLE group.
#[test]
fn a_data_channel_is_declined_and_its_place_kept() {
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n";
    let (terms, answer) = accept_publisher(&offer(BUNDLE, &[AUDIO, data]), &ours()).unwrap();
    assert_eq!((terms.media.len(), answer.sections.len(), answer.sections[1].port), (1, 2, 0));
    assert_eq!(answer.bundle, ["0"]);
}
