use media::Kind;
use wire::sdp::{Description, Direction, MediaKind, Rid, Section, Simulcast};

use super::Extensions;
use super::codecs::{AUDIO, Agreed, VIDEO};
use super::terms::{Media, Ours, Refusal, Terms, accepted, common, frame, rejected, settle};

/// More layers than any encoder sends.
const MAX_LAYERS: usize = 8;

/// Answers a publisher's offer (RFC 9725 §4.2): what it will send, and the answer to give.
pub fn accept_publisher(offer: &Description, ours: &Ours) -> Result<(Terms, Description), Refusal> {
    let mut terms = common(offer)?;
    let mut answer = frame(offer, ours);
    for (index, section) in offer.sections.iter().enumerate() {
        let kind = match section.kind {
            MediaKind::Audio => Kind::Audio,
            MediaKind::Video => Kind::Video,
            MediaKind::Other(_) => {
                answer.sections.push(rejected(section));
                continue;
            }
        };
        if matches!(section.direction, Direction::RecvOnly | Direction::Inactive) {
            return Err(Refusal::because(format!("{} must be sendonly: publishing sends", kind.as_str())));
        }
        if terms.media.iter().any(|media| media.kind == kind) {
            return Err(Refusal::because(format!("only one {} section can be published", kind.as_str())));
        }
        let agreed = Agreed::choose(section, kind).ok_or_else(|| no_codec(section, kind))?;
        let extensions = Extensions::of_publisher(section, agreed.coding);
        let rids = layers(section, &agreed)?;
        let mut taken = accepted(section, ours, &terms, Direction::RecvOnly);
        taken.formats = agreed.answer(section);
        taken.extensions = extensions.answer();
        if !rids.is_empty() {
            // One `;` for every layer offered, or OBS gives up (W35).
            taken.rids =
                rids.iter().map(|id| Rid { id: id.clone(), is_send: false, restrictions: String::new() }).collect();
            let recv = rids.iter().map(|id| vec![id.clone()]).collect();
            taken.simulcast = Some(Simulcast { send: Vec::new(), recv });
        }
        answer.sections.push(taken);
        let (mid, ssrcs) = (section.mid.clone(), sources(section));
        terms.media.push(Media { index, mid, kind, agreed, extensions, ssrcs, rids });
    }
    one_stream(offer)?;
    settle(&mut answer);
    Ok((terms, answer))
}

fn no_codec(section: &Section, kind: Kind) -> Refusal {
    let mut names: Vec<&str> = section.formats.iter().map(|format| format.name.as_str()).collect();
    names.retain(|name| !name.is_empty() && !name.eq_ignore_ascii_case("rtx"));
    names.dedup();
    let taken = if kind == Kind::Video { VIDEO } else { AUDIO };
    Refusal::NoCodec { kind: kind.as_str(), offered: names.join(", "), taken: taken.to_owned() }
}

/// The simulcast layers, in the offer's order (RFC 8853 §5.3.2); of alternatives, the first.
fn layers(section: &Section, agreed: &Agreed) -> Result<Vec<String>, Refusal> {
    let Some(simulcast) = &section.simulcast else { return Ok(Vec::new()) };
    let is_declared =
        |id: &&String| section.rids.iter().any(|rid| rid.is_send && rid.id == **id && may_use(rid, agreed));
    let layers = simulcast.send.iter().filter_map(|alternatives| alternatives.iter().find(is_declared).cloned());
    let layers: Vec<_> = layers.collect();
    if layers.len() != simulcast.send.len() {
        return Err(Refusal::because("a simulcast layer is not declared by an a=rid line"));
    }
    if layers.len() > MAX_LAYERS {
        return Err(Refusal::because(format!("at most {MAX_LAYERS} simulcast layers are taken")));
    }
    Ok(layers)
}

/// A layer may be bound to payload types; it must be able to use the chosen one.
fn may_use(rid: &Rid, agreed: &Agreed) -> bool {
    let bound = rid.restrictions.split(';').find_map(|pair| pair.trim().strip_prefix("pt="));
    bound.is_none_or(|list| list.split(',').any(|pt| pt.parse() == Ok(agreed.payload_type)))
}

/// Sources named by the offer, each with that of its retransmissions.
pub(super) fn sources(section: &Section) -> Vec<(u32, Option<u32>)> {
    let pairs = section.ssrc_groups.iter().filter(|group| group.semantics == "FID");
    let pairs: Vec<_> = pairs.filter_map(|group| Some((*group.ssrcs.first()?, *group.ssrcs.get(1)?))).collect();
    let mut sources: Vec<(u32, Option<u32>)> = Vec::new();
    for line in &section.ssrcs {
        let is_repair = pairs.iter().any(|(_, repair)| *repair == line.ssrc);
        if !is_repair && !sources.iter().any(|(ssrc, _)| *ssrc == line.ssrc) {
            let repair = pairs.iter().find(|(media, _)| *media == line.ssrc).map(|(_, repair)| *repair);
            sources.push((line.ssrc, repair));
        }
    }
    sources
}

/// All sections belong to one MediaStream, as far as they say (W25).
fn one_stream(offer: &Description) -> Result<(), Refusal> {
    let streams = offer.sections.iter().flat_map(|section| &section.msids);
    let mut streams: Vec<&str> = streams.filter_map(|msid| msid.split(' ').next()).filter(|id| *id != "-").collect();
    streams.sort_unstable();
    streams.dedup();
    if streams.len() > 1 { Err(Refusal::because("only one MediaStream can be published")) } else { Ok(()) }
}
