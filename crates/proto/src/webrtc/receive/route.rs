use wire::rtp::Packet;

use crate::webrtc::negotiate::{Extensions, Terms};

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// Which layer, counted over all sections.
    pub(super) layer: usize,
    /// A retransmission (RFC 4588): the number that it had stands before its payload.
    pub(super) is_repair: bool,
    /// Said so by its rid: no other source of the layer has a say.
    pub(super) is_sure: bool,
}

/// Finds the layer of a packet (RFC 8843 §9.2): by its source where that is known, else by what the packet says.
///
/// Each layer has one source and one for its retransmissions, so there are never more than twice as many as layers.
#[derive(Debug)]
pub(super) struct Routes {
    sections: Vec<Section>,
    extensions: Extensions,
    sources: Vec<(u32, Route)>,
}

#[derive(Debug)]
struct Section {
    mid: Option<String>,
    rids: Vec<String>,
    payload_type: u8,
    rtx: Option<u8>,
    /// Its first layer.
    first: usize,
}

impl Routes {
    pub(super) fn new(terms: &Terms) -> Self {
        let mut routes = Self { sections: Vec::new(), extensions: Extensions::default(), sources: Vec::new() };
        let mut first = 0;
        for media in &terms.media {
            let own = media.extensions;
            let all = &mut routes.extensions;
            all.mid = all.mid.or(own.mid);
            all.rid = all.rid.or(own.rid);
            all.repaired_rid = all.repaired_rid.or(own.repaired_rid);
            all.transport_cc = all.transport_cc.or(own.transport_cc);
            let layers = media.rids.len().max(1);
            // Sources that the offer names are those of the layers, in order; without simulcast the first counts.
            let named = if media.rids.is_empty() || media.ssrcs.len() == layers { layers } else { 0 };
            for (layer, &(ssrc, repair)) in (first..).zip(media.ssrcs.iter().take(named)) {
                routes.learn(ssrc, Route { layer, is_repair: false, is_sure: false });
                if let Some(repair) = repair {
                    routes.learn(repair, Route { layer, is_repair: true, is_sure: false });
                }
            }
            routes.sections.push(Section {
                mid: media.mid.clone(),
                rids: media.rids.clone(),
                payload_type: media.agreed.payload_type,
                rtx: media.agreed.rtx,
                first,
            });
            first += layers;
        }
        routes
    }

    /// The id of the extension that carries transport-wide numbers.
    pub(super) fn transport_cc(&self) -> Option<u8> {
        self.extensions.transport_cc
    }

    /// Where a packet belongs, and whether its source was known to belong there. Nothing is learnt by asking.
    pub(super) fn find(&self, packet: &Packet<'_>) -> Option<(Route, bool)> {
        let header = &packet.header;
        if let Some(&(_, route)) = self.sources.iter().find(|(ssrc, _)| *ssrc == header.ssrc) {
            let section = self.sections.iter().rev().find(|section| section.first <= route.layer)?;
            let expected = if route.is_repair { section.rtx } else { Some(section.payload_type) };
            // The same source under another type is something that was not agreed on.
            return (expected == Some(header.payload_type)).then_some((route, true));
        }
        let text = |id: Option<u8>| packet.extensions.find(id?);
        let mid = text(self.extensions.mid);
        let is_of = |section: &&Section| match (mid, &section.mid) {
            (Some(mid), Some(own)) => own.as_bytes() == mid,
            _ => true,
        };
        let of_type = |section: &&Section| {
            section.payload_type == header.payload_type || section.rtx == Some(header.payload_type)
        };
        let section = self.sections.iter().filter(is_of).find(of_type)?;
        let is_repair = section.payload_type != header.payload_type;
        if section.rids.is_empty() {
            return Some((Route { layer: section.first, is_repair, is_sure: false }, false));
        }
        let repaired = if is_repair { text(self.extensions.repaired_rid) } else { None };
        let rid = repaired.or_else(|| text(self.extensions.rid))?;
        let at = section.rids.iter().position(|own| own.as_bytes() == rid)?;
        Some((Route { layer: section.first + at, is_repair, is_sure: true }, false))
    }

    /// From now on this source belongs there, and no other.
    pub(super) fn learn(&mut self, ssrc: u32, route: Route) {
        let same = |other: &Route| (other.layer, other.is_repair) == (route.layer, route.is_repair);
        self.sources.retain(|(known, other)| *known != ssrc && !same(other));
        self.sources.push((ssrc, route));
    }
}
