use wire::sdp::{Candidate, Description, Direction, Fingerprint, MediaKind, Section, Setup};

use super::{Agreed, Extensions};
use crate::webrtc::ice::Credentials;

/// What our side puts into every answer.
#[derive(Clone)]
pub struct Ours {
    /// For the `o=` line: a random number below 2^62.
    pub session: u64,
    /// Our ICE credentials for this session.
    pub credentials: Credentials,
    /// Of our certificate.
    pub fingerprint: Fingerprint,
    /// Every address at which we can be reached, the best first (W22, W36).
    pub candidates: Vec<Candidate>,
}

/// What was agreed on.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The peer's ICE user fragment.
    pub their_ufrag: String,
    /// The certificate that the peer must show.
    pub fingerprint: Fingerprint,
    /// We begin the DTLS handshake.
    pub is_dtls_client: bool,
    /// What flows, in the order of the sections.
    pub media: Vec<Media>,
    /// What the publication has and this viewer gets not, each with a sentence for the person who watches (P19).
    pub missing: Vec<Missing>,
}

/// A kind that a viewer must do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Pictures or sound.
    pub kind: media::Kind,
    /// Why.
    pub why: String,
}

/// One section that both sides use.
#[derive(Clone, Debug)]
pub struct Media {
    /// Which section of the offer, from 0.
    pub index: usize,
    /// Its mid; FFmpeg leaves it out of packets, so it is one of several ways to tell streams apart (W37).
    pub mid: Option<String>,
    /// Pictures or sound.
    pub kind: media::Kind,
    /// The payload format and its retransmissions.
    pub agreed: Agreed,
    /// Ids of header extensions.
    pub extensions: Extensions,
    /// The sender's sources, the media's first, its retransmissions' beside it: those that a publisher named, or
    /// the one under which a viewer gets what it watches.
    pub ssrcs: Vec<(u32, Option<u32>)>,
    /// Simulcast layers that the peer will send, as it ordered them; empty without simulcast.
    pub rids: Vec<String>,
}

/// Why an offer cannot be taken. The text is for the person at the other end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The offer breaks a rule of WHIP or WHEP (W24, W25, E3): 422.
    #[error("{0}")]
    Unacceptable(String),
    /// A section has no codec that we take (W26, E7): 422.
    #[error("no codec in common for {kind}: the offer has {offered}, here is {taken}")]
    NoCodec {
        /// `audio` or `video`.
        kind: &'static str,
        /// What was offered.
        offered: String,
        /// What would be taken of a publisher, or is there for a viewer.
        taken: String,
    },
}

impl Refusal {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self::Unacceptable(why.into())
    }
}

/// Pictures or sound; `None` for what is neither.
pub(super) fn kind_of(section: &Section) -> Option<media::Kind> {
    match section.kind {
        MediaKind::Audio => Some(media::Kind::Audio),
        MediaKind::Video => Some(media::Kind::Video),
        MediaKind::Other(_) => None,
    }
}

/// Port 0 says that a section is not to be used, unless it only waits for its bundle (RFC 9143 §6).
pub(super) fn is_declined(section: &Section) -> bool {
    section.port == 0 && !section.others.iter().any(|other| other == "bundle-only")
}

/// What holds for the whole offer: ICE, DTLS and BUNDLE.
pub(super) fn common(offer: &Description) -> Result<Terms, Refusal> {
    let rtp = |section: &&Section| kind_of(section).is_some() && !is_declined(section);
    let mut sections = offer.sections.iter().filter(rtp);
    let first = sections.next().ok_or_else(|| Refusal::because("the offer has neither audio nor video"))?;
    if offer.bundle.is_empty() && sections.next().is_some() {
        return Err(Refusal::because("the offer must BUNDLE its sections into one transport"));
    }
    for section in offer.sections.iter().filter(rtp) {
        // Chromium says it; without it RTCP would want a port of its own.
        if !section.rtcp_mux && !section.rtcp_mux_only {
            return Err(Refusal::because("the offer must multiplex RTP and RTCP (rtcp-mux)"));
        }
    }
    let missing = |what: &str| Refusal::because(format!("the offer lacks {what}"));
    let their_ufrag = first.ice_ufrag.clone().ok_or_else(|| missing("ice-ufrag"))?;
    first.ice_pwd.as_ref().ok_or_else(|| missing("ice-pwd"))?;
    let fingerprint = first.fingerprint.clone().ok_or_else(|| missing("a DTLS fingerprint"))?;
    let is_dtls_client = first.setup == Some(Setup::Passive);
    Ok(Terms { their_ufrag, fingerprint, is_dtls_client, media: Vec::new(), missing: Vec::new() })
}

/// An answer that mirrors the offer's frame; sections are pushed to it in the offer's order.
pub(super) fn frame(offer: &Description, ours: &Ours) -> Description {
    let mids = offer.sections.iter().filter_map(|section| section.mid.clone());
    let bundle = mids.filter(|mid| offer.bundle.contains(mid)).collect();
    let mixed = offer.others.iter().filter(|other| *other == "extmap-allow-mixed").cloned();
    Description {
        origin: format!("- {} 1 IN IP4 0.0.0.0", ours.session),
        bundle,
        ice_lite: true,
        ice_options: vec!["trickle".to_owned(), "ice2".to_owned()],
        others: mixed.chain(["msid-semantic: WMS *".to_owned()]).collect(),
        sections: Vec::new(),
    }
}

/// The part of a section's answer that is the same for every section we take.
pub(super) fn accepted(offered: &Section, ours: &Ours, terms: &Terms, direction: Direction) -> Section {
    let is_first = terms.media.is_empty();
    Section {
        kind: offered.kind.clone(),
        port: 9,
        protocol: offered.protocol.clone(),
        mid: offered.mid.clone(),
        direction,
        ice_ufrag: Some(ours.credentials.ufrag.clone()),
        ice_pwd: Some(ours.credentials.pwd.clone()),
        fingerprint: Some(ours.fingerprint.clone()),
        setup: Some(if terms.is_dtls_client { Setup::Active } else { Setup::Passive }),
        rtcp_mux: true,
        rtcp_mux_only: true,
        rtcp_rsize: offered.rtcp_rsize,
        // One transport carries all: its addresses stand once, where everybody looks first (W22, W36).
        candidates: if is_first { ours.candidates.clone() } else { Vec::new() },
        end_of_candidates: is_first,
        ..Section::default()
    }
}

/// The answer to a section that we do not use: port 0, its place kept.
pub(super) fn rejected(offered: &Section) -> Section {
    Section {
        kind: offered.kind.clone(),
        protocol: offered.protocol.clone(),
        formats: offered.formats.iter().take(1).cloned().collect(),
        tail: offered.tail.clone(),
        mid: offered.mid.clone(),
        direction: Direction::Inactive,
        ..Section::default()
    }
}

/// Takes the mids of rejected sections out of the BUNDLE group (RFC 9143 §7.3.3).
pub(super) fn settle(answer: &mut Description) {
    let rejected = |mid: &String| answer.sections.iter().any(|s| s.port == 0 && s.mid.as_ref() == Some(mid));
    let kept = answer.bundle.iter().filter(|mid| !rejected(mid)).cloned().collect();
    answer.bundle = kept;
}
