//! What clients send, byte for byte as far as it matters.

const TRANSPORT: &str = "c=IN IP4 0.0.0.0\r\na=ice-ufrag:5I2u\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
    a=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99\r\n";

/// FFmpeg 8 (W37): a mid in BUNDLE too many, ICE and DTLS once a section, passive.
pub(super) fn ffmpeg() -> String {
    format!(
        "v=0\r\no=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1\r\ns=FFmpegPublishSession\r\nt=0 0\r\n\
        a=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 106\r\n{TRANSPORT}a=setup:passive\r\na=mid:1\r\na=sendonly\r\n\
        a=msid:FFmpeg video\r\na=rtcp-mux\r\na=rtpmap:106 H264/90000\r\n\
        a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42c01e\r\n\
        a=ssrc:3584820563 cname:FFmpeg\r\na=ssrc:3584820563 msid:FFmpeg video\r\n"
    )
}

/// OBS 30 (W39), which is libdatachannel: one payload type, no RTX, sound first. With layers (W35).
pub(super) fn obs(simulcast: bool) -> String {
    let layers = "a=rid:0 send\r\na=rid:1 send\r\na=rid:2 send\r\na=simulcast:send 0;1;2\r\n\
        a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n";
    let layers = if simulcast { layers } else { "" };
    format!(
        "v=0\r\no=rtc 3767197920 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=group:LS 0 1\r\n\
        a=msid-semantic:WMS *\r\na=setup:actpass\r\na=ice-ufrag:jlmN\r\na=ice-pwd:QpyYAd5vCYV5dkXLFdSYFr\r\n\
        a=ice-options:ice2,trickle\r\na=fingerprint:sha-256 D4:AE:2B:22:AB:CD\r\n\
        m=audio 54321 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.168.1.20\r\na=mid:0\r\na=sendonly\r\n\
        a=ssrc:1986463542 cname:kNQ\r\na=ssrc:1986463542 msid:Gst audio\r\na=msid:Gst audio\r\na=rtcp-mux\r\n\
        a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1\r\n\
        m=video 54321 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 192.168.1.20\r\na=mid:1\r\na=sendonly\r\n\
        a=ssrc:1986463543 cname:kNQ\r\na=ssrc:1986463543 msid:Gst video\r\na=msid:Gst video\r\na=rtcp-mux\r\n{layers}\
        a=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 goog-remb\r\n\
        a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1\r\n"
    )
}

/// GStreamer's whipclientsink (W40): gathers fully, many payload types.
pub(super) fn gstreamer() -> String {
    format!(
        "v=0\r\no=- 6163453268213427914 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-options:trickle\r\n\
        a=group:BUNDLE video0 audio1\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\r\n{TRANSPORT}a=setup:actpass\r\na=mid:video0\r\na=sendonly\r\na=rtcp-mux\r\n\
        a=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 ccm fir\r\n\
        a=rtcp-fb:96 transport-cc\r\na=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
        a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 ulpfec/90000\r\n\
        a=ssrc:3023840453 msid:user435 webrtctransceiver0\r\na=ssrc:3023840453 cname:user435\r\n\
        a=candidate:1 1 UDP 2015363327 192.168.1.20 47372 typ host\r\n\
        a=candidate:2 1 TCP 1015021823 192.168.1.20 9 typ host tcptype active\r\na=end-of-candidates\r\n\
        m=audio 0 UDP/TLS/RTP/SAVPF 99\r\n{TRANSPORT}a=setup:actpass\r\na=bundle-only\r\na=mid:audio1\r\na=sendonly\r\n\
        a=rtcp-mux\r\na=rtpmap:99 OPUS/48000/2\r\na=ssrc:99 msid:user435 webrtctransceiver1\r\na=ssrc:99 cname:user435\r\n"
    )
}

/// A browser that watches.
pub(super) fn viewer(direction: &str) -> String {
    let section = |mid: usize, kind: &str, lines: &str| {
        format!(
            "m={kind}\r\n{TRANSPORT}a=setup:actpass\r\na=mid:{mid}\r\na={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n{lines}"
        )
    };
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n{}{}",
        section(0, "audio 9 UDP/TLS/RTP/SAVPF 111", "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10\r\n"),
        section(
            1,
            "video 9 UDP/TLS/RTP/SAVPF 96 97",
            "a=rtpmap:96 H264/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n\
            a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
            a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n",
        ),
    )
}
