use media::{Codec, Kind, Track};
use wire::sdp::{Description, Direction, Extension, Format, MediaKind, Section, Setup, SsrcGroup, SsrcLine};

use super::publish::sources;
use super::terms::{
    Media, Missing, Ours, Refusal, Terms, accepted, common, frame, is_declined, kind_of, rejected, settle,
};
use super::{Agreed, Coding, Extensions, profile};

/// The name under which our sources share a clock, in descriptions and in RTCP alike.
pub(in crate::webrtc) const CNAME: &str = "onair";
/// The one MediaStream that all sections belong to (E10).
const STREAM: &str = "onair";

/// A published track, and what its bitstream does not say of itself.
#[derive(Clone, Copy, Debug)]
pub struct Available<'a> {
    /// The track.
    pub track: &'a Track,
    /// Its frames are shown in another order than they are sent.
    pub has_b_frames: bool,
}

/// Answers a viewer's offer: what it will be sent, and the answer to give (E1, E3, E7, E9, E10).
///
/// Which codec follows from what is published: of each kind the first track that can be sent at all, and others of
/// the same codec as further rungs.
pub fn accept_viewer(
    offer: &Description,
    ours: &Ours,
    available: &[Available<'_>],
) -> Result<(Terms, Description), Refusal> {
    let mut terms = common(offer)?;
    let mut answer = frame(offer, ours);
    for (index, section) in offer.sections.iter().enumerate() {
        let kind = kind_of(section).filter(|_| !is_declined(section));
        // A further section of a kind has nothing to show: there is at most one track of each (E10).
        let Some(kind) = kind.filter(|kind| terms.media.iter().all(|media| media.kind != *kind)) else {
            answer.sections.push(rejected(section));
            continue;
        };
        if matches!(section.direction, Direction::SendOnly | Direction::Inactive) {
            return Err(Refusal::because(format!("{} must be recvonly: a viewer receives", kind.as_str())));
        }
        let sendable = match sendable(available, kind) {
            Ok(sendable) => sendable,
            Err(missing) => {
                terms.missing.extend(missing);
                answer.sections.push(rejected(section));
                continue;
            }
        };
        let (agreed, codec) = choose(section, &sendable).ok_or_else(|| no_codec(section, kind, &sendable))?;
        let extensions = Extensions::of_viewer(section);
        let mut sent = accepted(section, ours, &terms, Direction::SendOnly);
        sent.formats = agreed.answer(section);
        sent.extensions = extensions.answer();
        tell_stereo(&mut sent, codec);
        let source = source(ours, kind, agreed.rtx.is_some());
        name_source(&mut sent, kind, source);
        answer.sections.push(sent);
        let mid = section.mid.clone();
        terms.media.push(Media { index, mid, kind, agreed, extensions, ssrcs: vec![source], rids: Vec::new() });
    }
    something(&terms)?;
    settle(&mut answer);
    Ok((terms, answer))
}

/// Our own offer, for a viewer that would rather answer (E5).
pub fn offer_viewer(ours: &Ours, available: &[Available<'_>]) -> Result<Description, Refusal> {
    let mut offer = Description { bundle: Vec::new(), ..frame(&Description::default(), ours) };
    offer.others.insert(0, "extmap-allow-mixed".to_owned());
    let mut lacking = Vec::new();
    for (kind, payload) in [(Kind::Audio, 111), (Kind::Video, 96)] {
        let sendable = match sendable(available, kind) {
            Ok(sendable) => sendable,
            Err(missing) => {
                lacking.extend(missing);
                continue;
            }
        };
        let mid = offer.sections.len().to_string();
        let section = own_section(ours, kind, payload, &mid, &sendable, offer.sections.is_empty());
        offer.bundle.push(mid);
        offer.sections.push(section);
    }
    if offer.sections.is_empty() || lacking.iter().any(|missing| missing.kind == Kind::Video) {
        return Err(nothing(&lacking));
    }
    Ok(offer)
}

/// Takes the answer to an offer of ours (E6).
pub fn accept_answer(offer: &Description, answer: &Description) -> Result<Terms, Refusal> {
    if answer.sections.len() != offer.sections.len() {
        return Err(Refusal::because("the answer must have the sections of the offer, in their order"));
    }
    let mut terms = common(answer)?;
    for (index, (ours, section)) in offer.sections.iter().zip(&answer.sections).enumerate() {
        let Some(kind) = kind_of(ours).filter(|_| section.kind == ours.kind) else {
            return Err(Refusal::because("the answer must have the sections of the offer, in their order"));
        };
        if section.mid.is_some() && section.mid != ours.mid {
            return Err(Refusal::because("the answer must keep the offer's mids"));
        }
        if section.port == 0 || section.direction == Direction::Inactive {
            continue;
        }
        if section.direction == Direction::SendOnly {
            return Err(Refusal::because(format!("{} must be recvonly: a viewer receives", kind.as_str())));
        }
        if section.setup == Some(Setup::ActPass) {
            return Err(Refusal::because("an answer must say who begins DTLS: setup:active or setup:passive"));
        }
        let agreed = answered(ours, section).ok_or_else(|| Refusal::NoCodec {
            kind: kind.as_str(),
            offered: names(section),
            taken: names(ours),
        })?;
        let extensions =
            Extensions::of_viewer(&Section { extensions: common_extensions(ours, section), ..Section::default() });
        let mut ssrcs = sources(ours);
        for (_, repair) in &mut ssrcs {
            *repair = repair.filter(|_| agreed.rtx.is_some());
        }
        terms.media.push(Media { index, mid: ours.mid.clone(), kind, agreed, extensions, ssrcs, rids: Vec::new() });
    }
    something(&terms)?;
    Ok(terms)
}

/// The first format of the answer that is one of ours.
fn answered(ours: &Section, section: &Section) -> Option<Agreed> {
    let ours = |format: &&Format| ours.format(format.payload).is_some_and(|own| own.is(&format.name));
    section.formats.iter().filter(ours).find_map(|format| {
        let coding = Coding::of(format)?;
        // Mode 0 has no way to send what is larger than a packet.
        (coding != Coding::H264 { fragments: false }).then(|| Agreed::new(section, format, coding))
    })
}

fn common_extensions(ours: &Section, section: &Section) -> Vec<Extension> {
    section.extensions.iter().filter(|extension| ours.extensions.contains(extension)).cloned().collect()
}

/// The tracks of a kind that WebRTC can carry; else why not, or nothing where there are none at all.
fn sendable<'a>(available: &[Available<'a>], kind: Kind) -> Result<Vec<&'a Track>, Option<Missing>> {
    let of_kind: Vec<_> = available.iter().filter(|it| it.track.kind() == kind).collect();
    let sendable: Vec<_> = of_kind.iter().filter(|it| obstacle(it).is_none()).map(|it| it.track).collect();
    if !sendable.is_empty() {
        return Ok(sendable);
    }
    Err(of_kind.iter().find_map(|it| obstacle(it)).map(|why| Missing { kind, why }))
}

/// Whether a track can be sent by WebRTC as it is, to those who take its codec.
pub fn is_sendable(available: &Available<'_>) -> bool {
    obstacle(available).is_none()
}

/// Why a track cannot be sent to anybody by WebRTC (P18, P19).
fn obstacle(available: &Available<'_>) -> Option<String> {
    let codec = &available.track.codec;
    let name = codec.name();
    if available.has_b_frames || matches!(codec, Codec::Avc(avc) if avc.reorder_frames.is_some_and(|frames| frames > 0))
    {
        return Some(format!(
            "the publisher's {name} has B-frames, which WebRTC cannot carry; let its encoder make none (x264: \
             bframes=0 or tune=zerolatency), or watch by HLS or DASH"
        ));
    }
    match codec {
        Codec::Opus(opus) if opus.channels > 2 => {
            Some(format!("the publisher's sound has {} channels, of which WebRTC carries at most two", opus.channels))
        }
        _ if Coding::carrying(codec).is_none() => Some(format!(
            "the publisher's {} is {name}, which WebRTC does not carry; watch by HLS or DASH to have it",
            if codec.kind() == Kind::Video { "video" } else { "sound" }
        )),
        _ => None,
    }
}

/// The format that fits best: that of the earliest track which has one, exact before able, and able before what is
/// only known to work.
fn choose<'a>(section: &Section, sendable: &[&'a Track]) -> Option<(Agreed, &'a Codec)> {
    let best = |&track: &&'a Track| {
        let fitting = section.formats.iter().filter_map(|format| Some((profile::fit(&track.codec, format)?, format)));
        let (fit, format) = fitting.min_by_key(|(fit, _)| *fit)?;
        Some((fit == profile::AT_ODDS, format, &track.codec))
    };
    // Of equals, the first.
    let (_, format, codec) = sendable.iter().filter_map(best).min_by_key(|(is_at_odds, ..)| *is_at_odds)?;
    Some((Agreed::new(section, format, Coding::of(format)?), codec))
}

/// Formats with the parameters by which they differ.
fn names(section: &Section) -> String {
    let real = section.formats.iter().filter(|format| !format.name.is_empty() && Coding::of(format).is_some());
    let mut names: Vec<String> = real.map(|format| detailed(&format.name, &format.parameters)).collect();
    if names.is_empty() {
        names = section.formats.iter().map(|format| format.name.clone()).filter(|name| !name.is_empty()).collect();
    }
    names.dedup();
    names.truncate(16);
    if names.is_empty() { "nothing known here".to_owned() } else { names.join(", ") }
}

fn detailed(name: &str, parameters: &str) -> String {
    let telling = ["profile-level-id", "packetization-mode", "profile-id", "level-id", "profile"];
    let pairs = parameters.split(';').map(str::trim);
    let pairs: Vec<_> = pairs.filter(|pair| telling.iter().any(|key| pair.split('=').next() == Some(key))).collect();
    if pairs.is_empty() { name.to_owned() } else { format!("{name} ({})", pairs.join(" ")) }
}

fn no_codec(section: &Section, kind: Kind, sendable: &[&Track]) -> Refusal {
    let ours = sendable
        .iter()
        .filter_map(|track| Some(detailed(Coding::carrying(&track.codec)?.name(), &profile::parameters(&track.codec))));
    let mut ours: Vec<_> = ours.collect();
    ours.dedup();
    Refusal::NoCodec { kind: kind.as_str(), offered: names(section), taken: ours.join(", ") }
}

/// An answer in which nothing flows helps nobody; pictures that cannot be sent are no reason to send sound alone.
fn something(terms: &Terms) -> Result<(), Refusal> {
    let has_no_pictures = terms.missing.iter().any(|missing| missing.kind == Kind::Video);
    if terms.media.is_empty() || has_no_pictures { Err(nothing(&terms.missing)) } else { Ok(()) }
}

fn nothing(missing: &[Missing]) -> Refusal {
    let mut whys: Vec<_> = missing.iter().map(|missing| missing.why.as_str()).collect();
    if whys.is_empty() {
        whys.push("nothing of what the viewer asks for is published");
    }
    Refusal::because(whys.join("; "))
}

/// Two channels decode as two only where the receiver is told to expect them (P22, RFC 7587 §6.1).
fn tell_stereo(section: &mut Section, codec: &Codec) {
    let is_stereo = matches!(codec, Codec::Opus(opus) if opus.channels == 2);
    for format in section.formats.iter_mut().filter(|format| is_stereo && format.is("opus")) {
        if format.parameter("sprop-stereo").is_none() {
            let gap = if format.parameters.is_empty() { "" } else { ";" };
            format.parameters.push_str(gap);
            format.parameters.push_str("sprop-stereo=1");
        }
    }
}

/// Our source of that kind and the one of its retransmissions: spread from the session's random number, never 0.
fn source(ours: &Ours, kind: Kind, has_rtx: bool) -> (u32, Option<u32>) {
    let draw = |salt: u64| {
        // SplitMix64's finalizer: distinct salts give distinct, well spread numbers.
        let mut word = ours.session.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The lowest bits are the salt's, so that the four never meet.
        ((word >> 32) as u32 & !7 | salt as u32).max(1)
    };
    let salt = if kind == Kind::Video { 1 } else { 3 };
    (draw(salt), has_rtx.then(|| draw(salt + 1)))
}

/// The lines that name it: Chromium rejects an FID group of which one source has no cname (E10).
fn name_source(section: &mut Section, kind: Kind, (ssrc, repair): (u32, Option<u32>)) {
    section.msids = vec![format!("{STREAM} {}", kind.as_str())];
    if let Some(repair) = repair {
        section.ssrc_groups = vec![SsrcGroup { semantics: "FID".to_owned(), ssrcs: vec![ssrc, repair] }];
    }
    let named = [Some(ssrc), repair].into_iter().flatten();
    let line = |ssrc, name: &str, value: String| SsrcLine { ssrc, name: name.to_owned(), value };
    section.ssrcs = named
        .flat_map(|ssrc| {
            [line(ssrc, "cname", CNAME.to_owned()), line(ssrc, "msid", format!("{STREAM} {}", kind.as_str()))]
        })
        .collect();
}

fn own_section(ours: &Ours, kind: Kind, first: u8, mid: &str, sendable: &[&Track], is_first: bool) -> Section {
    let is_video = kind == Kind::Video;
    let mut formats: Vec<Format> = Vec::new();
    for track in sendable {
        let Some(coding) = Coding::carrying(&track.codec) else { continue };
        let parameters = profile::parameters(&track.codec);
        if formats.iter().any(|have| have.is(coding.name()) && have.parameters == parameters) || formats.len() >= 8 {
            continue;
        }
        let payload = match coding {
            Coding::Pcmu => 0,
            Coding::Pcma => 8,
            _ => first + formats.len() as u8,
        };
        let feedback: &[&str] = if is_video {
            &["transport-cc", "ccm fir", "nack", "nack pli", "goog-remb"]
        } else {
            &["transport-cc", "nack"]
        };
        formats.push(Format {
            payload,
            name: coding.name().to_owned(),
            clock: coding.clock(),
            channels: if coding == Coding::Opus { 2 } else { 1 },
            parameters,
            feedback: feedback.iter().map(|&what| what.to_owned()).collect(),
        });
        if is_video {
            let (payload, parameters) = (payload + 1, format!("apt={payload}"));
            let name = "rtx".to_owned();
            formats.push(Format { payload, name, clock: 90_000, channels: 1, parameters, feedback: Vec::new() });
        }
    }
    let mut section = Section {
        kind: if is_video { MediaKind::Video } else { MediaKind::Audio },
        port: 9,
        protocol: "UDP/TLS/RTP/SAVPF".to_owned(),
        formats,
        mid: Some(mid.to_owned()),
        direction: Direction::SendOnly,
        ice_ufrag: Some(ours.credentials.ufrag.clone()),
        ice_pwd: Some(ours.credentials.pwd.clone()),
        fingerprint: Some(ours.fingerprint.clone()),
        setup: Some(Setup::ActPass),
        rtcp_mux: true,
        rtcp_mux_only: true,
        rtcp_rsize: true,
        extensions: Extensions::OFFERED.answer(),
        candidates: if is_first { ours.candidates.clone() } else { Vec::new() },
        end_of_candidates: is_first,
        ..Section::default()
    };
    name_source(&mut section, kind, source(ours, kind, is_video));
    section
}
