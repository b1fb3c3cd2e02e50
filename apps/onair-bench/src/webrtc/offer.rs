//! What a viewer or a publisher offers, and what it is answered.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use proto::webrtc::ice::Credentials;
use proto::webrtc::negotiate::Coding;
use wire::sdp::{Description, Fingerprint, MediaKind, Setup, Transport};

use super::Failure;

/// Numbers of our offers: payload types and header extensions.
pub(super) const VIDEO: u8 = 96;
pub(super) const RTX: u8 = 97;
pub(super) const AUDIO: u8 = 111;
const MID: u8 = 1;
const TRANSPORT_CC: u8 = 3;
const TRANSPORT_CC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Sources of a publisher.
pub(super) const VIDEO_SSRC: u32 = 0x0b0b_0001;
pub(super) const AUDIO_SSRC: u32 = 0x0b0b_0002;

/// Which end of the stream offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes media.
    Viewer,
    /// It gives media.
    Publisher,
}

/// A browser's offer in all that matters: one picture (of that coding, with NACK, RTX, PLI, transport-wide feedback) and
/// one sound (Opus).
pub fn offer(role: Role, coding: Coding, ours: &Credentials, fingerprint: &Fingerprint) -> String {
    let digest: Vec<String> = fingerprint.digest.iter().map(|byte| format!("{byte:02X}")).collect();
    let transport = format!(
        "c=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=ice-options:trickle\r\n\
        a=fingerprint:{} {}\r\na=setup:actpass\r\n",
        ours.ufrag,
        ours.pwd,
        fingerprint.hash,
        digest.join(":")
    );
    let direction = match role {
        Role::Viewer => "recvonly",
        Role::Publisher => "sendonly",
    };
    let extensions =
        format!("a=extmap:{MID} urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:{TRANSPORT_CC} {TRANSPORT_CC_URI}\r\n");
    let source = |ssrc: u32, kind: &str| match role {
        Role::Viewer => String::new(),
        Role::Publisher => {
            format!("a=msid:bench {kind}\r\na=ssrc:{ssrc} cname:bench\r\na=ssrc:{ssrc} msid:bench {kind}\r\n")
        }
    };
    // A viewer takes pictures sent again under a number of their own; a publisher here sends them as they were.
    let (formats, rtx) = match role {
        Role::Viewer => (format!("{VIDEO} {RTX}"), format!("a=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={VIDEO}\r\n")),
        Role::Publisher => (VIDEO.to_string(), String::new()),
    };
    let name = coding.name();
    let parameters = match coding {
        Coding::H264 { .. } => "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        Coding::Vp9 => "profile-id=0",
        _ => "",
    };
    let parameters = if parameters.is_empty() { String::new() } else { format!("a=fmtp:{VIDEO} {parameters}\r\n") };
    let extensions = if role == Role::Viewer { &extensions } else { "" };
    let mut text = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n"
        .to_owned();
    // Writing into a string cannot fail.
    let _ = write!(
        text,
        "m=audio 9 UDP/TLS/RTP/SAVPF {AUDIO}\r\n{transport}a=mid:0\r\n{extensions}a={direction}\r\na=rtcp-mux\r\n\
        a=rtcp-rsize\r\na=rtpmap:{AUDIO} opus/48000/2\r\na=rtcp-fb:{AUDIO} transport-cc\r\n\
        a=fmtp:{AUDIO} minptime=10;useinbandfec=1\r\n{}",
        source(AUDIO_SSRC, "sound")
    );
    let _ = write!(
        text,
        "m=video 9 UDP/TLS/RTP/SAVPF {formats}\r\n{transport}a=mid:1\r\n{extensions}a={direction}\r\na=rtcp-mux\r\n\
        a=rtcp-rsize\r\na=rtpmap:{VIDEO} {name}/90000\r\na=rtcp-fb:{VIDEO} transport-cc\r\na=rtcp-fb:{VIDEO} ccm fir\r\n\
        a=rtcp-fb:{VIDEO} nack\r\na=rtcp-fb:{VIDEO} nack pli\r\n{parameters}{rtx}{}",
        source(VIDEO_SSRC, "picture")
    );
    text
}

/// What a server answered.
#[derive(Clone)]
pub struct Terms {
    /// Its ICE credentials.
    pub theirs: Credentials,
    /// The certificate that it must show.
    pub fingerprint: Fingerprint,
    /// We begin the DTLS handshake.
    pub is_dtls_client: bool,
    /// Where it is.
    pub remote: SocketAddr,
    /// Under which number transport-wide sequence numbers come, where it sends them.
    pub transport_cc: Option<u8>,
    /// Missing pictures may be asked for again.
    pub has_nack: bool,
}

/// Reads an answer. Of its addresses that one is taken which signalling was asked at, else the best.
pub fn read(answer: &str, asked_at: IpAddr) -> Result<Terms, Failure> {
    let description = Description::parse(answer).map_err(|_| Failure::Answer("it is no session description"))?;
    let is_taken = |section: &&wire::sdp::Section| section.port != 0;
    let first = description.sections.iter().find(is_taken).ok_or(Failure::Answer("it takes nothing of the offer"))?;
    let credentials = first.ice_ufrag.clone().zip(first.ice_pwd.clone());
    let (ufrag, pwd) = credentials.ok_or(Failure::Answer("it has no ICE credentials"))?;
    let fingerprint = first.fingerprint.clone().ok_or(Failure::Answer("it has no fingerprint"))?;
    let udp = description.sections.iter().flat_map(|section| &section.candidates);
    let udp = udp.filter(|candidate| candidate.transport == Transport::Udp && candidate.address.port() != 0);
    let is_reachable = |address: &SocketAddr| address.is_ipv4() == asked_at.is_ipv4();
    let remote = udp
        .filter(|candidate| is_reachable(&candidate.address))
        .max_by_key(|candidate| (candidate.address.ip() == asked_at, candidate.priority))
        .ok_or(Failure::Answer("it has no address for UDP"))?
        .address;
    let pictures = description.sections.iter().find(|section| section.kind == MediaKind::Video && section.port != 0);
    Ok(Terms {
        theirs: Credentials { ufrag, pwd },
        fingerprint,
        is_dtls_client: first.setup != Some(Setup::Active),
        remote,
        transport_cc: first.extension(TRANSPORT_CC_URI),
        has_nack: pictures.and_then(|section| section.format(VIDEO)).is_some_and(|format| format.has_feedback("nack")),
    })
}
