use proptest::prelude::*;

use super::*;

/// What Chromium offers to publish a camera with three layers, shortened.
const CHROMIUM: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
a=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:ab/+\r\n\
a=ice-pwd:0123456789abcdefghijklmn\r\na=ice-options:trickle\r\na=fingerprint:sha-256 0A:ff:00\r\na=setup:actpass\r\n\
a=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=sendonly\r\na=msid:stream track\r\n\
a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\na=ssrc:42 cname:x\r\na=ssrc:42 msid:stream track\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:ab/+\r\na=ice-pwd:0123456789abcdefghijklmn\r\n\
a=fingerprint:sha-256 0A:ff:00\r\na=setup:actpass\r\na=mid:1\r\na=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
a=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:97 rtx/90000\r\n\
a=fmtp:97 apt=96\r\na=rid:h send\r\na=rid:l send max-width=320\r\na=simulcast:send h;~l\r\n\
a=candidate:1 1 udp 2113937151 0e6b1f3c-9d2e.local 51515 typ host generation 0 network-cost 999\r\n\
a=candidate:2 1 udp 1677729535 203.0.113.9 51515 typ srflx raddr 0.0.0.0 rport 0 generation 0\r\n\
a=candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active generation 0\r\n";

#[test]
fn a_browsers_offer_is_understood() {
    let offer = Description::parse(CHROMIUM).unwrap();
    assert_eq!(offer.bundle, ["0", "1"]);
    let [audio, video] = &offer.sections[..] else { panic!("two sections") };
    assert_eq!(
        (&audio.kind, audio.direction, audio.setup),
        (&MediaKind::Audio, Direction::SendOnly, Some(Setup::ActPass))
    );
    let opus = audio.format(111).unwrap();
    assert_eq!((opus.clock, opus.channels, opus.parameter("UseInbandFec")), (48_000, 2, Some("1")));
    assert!(opus.has_feedback("transport-cc"));
    assert_eq!(audio.fingerprint, Some(Fingerprint { hash: "sha-256".into(), digest: vec![10, 255, 0] }));
    assert_eq!(audio.ssrcs[0], SsrcLine { ssrc: 42, name: "cname".into(), value: "x".into() });

    let video = offer.section("1").filter(|section| *section == video).unwrap();
    assert_eq!(video.format(97).unwrap().repairs(), Some(96));
    assert_eq!(video.format(96).unwrap().feedback, ["nack", "nack pli"]);
    assert_eq!(video.extension("urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"), Some(10));
    assert_eq!(video.simulcast.as_ref().unwrap().send, [["h"], ["l"]]);
    assert_eq!(video.rids[1], Rid { id: "l".into(), is_send: true, restrictions: "max-width=320".into() });
}

/// W20.
#[test]
fn mdns_candidates_are_passed_over_and_the_rest_kept() {
    let offer = Description::parse(CHROMIUM).unwrap();
    let candidates = &offer.sections[1].candidates;
    let kinds: Vec<_> = candidates.iter().map(|c| (c.transport, c.kind, c.address.to_string())).collect();
    assert_eq!(
        kinds,
        [
            (Transport::Udp, CandidateKind::ServerReflexive, "203.0.113.9:51515".into()),
            (Transport::TcpActive, CandidateKind::Host, "192.0.2.7:9".into()),
        ]
    );
}

/// W37: FFmpeg says ICE and DTLS once, for the whole session, and names a mid in BUNDLE that has no section.
#[test]
fn what_the_session_says_holds_for_every_section() {
    let offer = "v=0\no=FFmpeg 1 2 IN IP4 127.0.0.1\ns=FFmpegPublishSession\nt=0 0\na=group:BUNDLE 0 1\n\
        a=ice-ufrag:u\na=ice-pwd:pppppppppppppppppppppp\na=fingerprint:SHA-256 AB\na=setup:passive\na=inactive\n\
        m=video 9 UDP/TLS/RTP/SAVPF 106\na=mid:1\na=setup:active\na=sendonly\na=rtpmap:106 H264/90000\n";
    let offer = Description::parse(offer).unwrap();
    let section = &offer.sections[0];
    assert_eq!((section.ice_ufrag.as_deref(), section.setup), (Some("u"), Some(Setup::Active)));
    assert_eq!(section.direction, Direction::SendOnly);
    assert_eq!(section.fingerprint.as_ref().unwrap().hash, "sha-256");
}

#[test]
fn of_several_fingerprints_the_sha_256_one_is_kept() {
    let section = |lines: &str| Description::parse(&format!("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n{lines}")).unwrap();
    for lines in
        ["a=fingerprint:sha-256 01\na=fingerprint:sha-1 02\n", "a=fingerprint:sha-1 02\na=fingerprint:sha-256 01\n"]
    {
        assert_eq!(section(lines).sections[0].fingerprint.as_ref().unwrap().digest, [1]);
    }
}

/// W2.
#[test]
fn garbage_is_refused() {
    for text in [
        "",
        "v=1\r\n",
        "hello",
        "v=0\r\nm=",
        "v=0\r\nm=audio x RTP/AVP 0\r\n",
        "v=0\nm=audio 9 RTP/AVP 128\n",
        "v=0\nm=audio 9 RTP/AVP 0\na=setup:sideways\n",
        "v=0\nm=audio 9 RTP/AVP 0\na=fingerprint:sha-256 0\n",
        "v=0\nm=audio 9 RTP/AVP 0\na=rid:ä send\n",
        "v=0\nm=audio 9 RTP/AVP 0\na=extmap:0 x\n",
        "v=0\nm=audio 9 RTP/AVP 0\na=fmtp:0 a\ra=sendonly\n",
        "v=0\nm=audio 9 RTP/AVP 0\na=fmtp:0 \0\n",
    ] {
        assert!(Description::parse(text).is_err(), "{text:?}");
    }
    assert!(Description::parse(&format!("v=0\r\n{}", "a=x\r\n".repeat(20_000))).is_err());
    assert!(Description::parse(&format!("v=0\r\n{}", "m=audio 9 RTP/AVP 0\r\n".repeat(33))).is_err());
}

#[test]
fn a_description_reads_back_as_it_was_written() {
    let offer = Description::parse(CHROMIUM).unwrap();
    let text = offer.to_string();
    assert_eq!(Description::parse(&text).unwrap(), offer);
    assert!(text.starts_with("v=0\r\n") && !text.replace("\r\n", "").contains('\n'), "CRLF throughout (W36)");
}

#[test]
fn space_around_feedback_is_no_part_of_it() {
    let offer = CHROMIUM.replace("a=rtcp-fb:111 transport-cc", "a=rtcp-fb:*  nack \r\na=rtcp-fb:111  transport-cc ");
    let offer = Description::parse(&offer).unwrap();
    assert_eq!(offer.sections[0].formats[0].feedback, ["nack", "transport-cc"]);
    assert_eq!(Description::parse(&offer.to_string()).unwrap(), offer);
}

/// W18.
#[test]
fn a_fragment_tells_candidates_and_credentials() {
    let text = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n\
        a=candidate:4 1 udp 1 x.local 9 typ host\r\na=end-of-candidates\r\n";
    let fragment = Fragment::parse(text).unwrap();
    assert_eq!(fragment.ice_ufrag.as_deref(), Some("EsAw"));
    assert_eq!(fragment.candidates.len(), 1);
    assert!(fragment.end_of_candidates);
    assert_eq!(Fragment::parse(&fragment.to_string()).unwrap(), fragment);
}

/// W15.
#[test]
fn a_fragment_that_says_nothing_or_two_things_is_malformed() {
    for text in ["", "hello", "m=audio 9 RTP/AVP 0\r\n", "a=ice-ufrag:a\r\na=ice-ufrag:b\r\n"] {
        assert!(Fragment::parse(text).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_survived_and_what_is_understood_is_written_the_same_again(text in "(v=0\r?\n)?([a-z]=[ -~]{0,40}\n){0,20}") {
        let _ = Fragment::parse(&text);
        if let Ok(description) = Description::parse(&text) {
            let again = description.to_string();
            prop_assert_eq!(Description::parse(&again).unwrap().to_string(), again);
        }
    }

    #[test]
    fn mutations_of_an_offer_are_survived(at in 0..CHROMIUM.len(), with in "[ -~\r\n]{0,8}", cut in 0usize..40) {
        let mut text = CHROMIUM.to_owned();
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, &with);
        let _ = Description::parse(&text);
    }
}
