use wire::sdp::{Extension, Section};

use super::Coding;

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
const ORIENTATION: &str = "urn:3gpp:video-orientation";
const DEPENDENCY: &str = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// Ids of the header extensions that both sides know (P7); `None` where the offer has it not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Which section a packet belongs to (RFC 9143 §15).
    pub mid: Option<u8>,
    /// Which layer (RFC 8852).
    pub rid: Option<u8>,
    /// Which layer a retransmission repairs.
    pub repaired_rid: Option<u8>,
    /// Transport-wide sequence number.
    pub transport_cc: Option<u8>,
    /// When the packet left, 24 bits.
    pub abs_send_time: Option<u8>,
    /// Rotation of the picture (3GPP TS 26.114 §7.4.5).
    pub orientation: Option<u8>,
    /// Which layers need a frame (AOM, "RTP Payload Format For AV1", appendix A).
    pub dependency: Option<u8>,
}

impl Extensions {
    pub(super) fn of(section: &Section) -> Self {
        Self {
            mid: section.extension(MID),
            rid: section.extension(RID),
            repaired_rid: section.extension(REPAIRED_RID),
            transport_cc: section.extension(TRANSPORT_CC),
            abs_send_time: section.extension(ABS_SEND_TIME),
            orientation: section.extension(ORIENTATION),
            dependency: section.extension(DEPENDENCY),
        }
    }

    /// Those that a publisher is to use. Not the rotation: where nobody reads it the publisher turns the pictures itself,
    /// and most who watch could not. Dependencies where AV1 is sent: beside them browsers leave out of the payload descriptor
    /// of VP8 which layer a picture is of.
    pub(super) fn of_publisher(section: &Section, coding: Coding) -> Self {
        let all = Self::of(section);
        Self { orientation: None, dependency: all.dependency.filter(|_| coding == Coding::Av1), ..all }
    }

    /// Those that a sender of single streams uses.
    pub(super) fn of_viewer(section: &Section) -> Self {
        let Self { mid, transport_cc, abs_send_time, .. } = Self::of(section);
        Self { mid, transport_cc, abs_send_time, ..Self::default() }
    }

    /// What an offer of our own has.
    pub(super) const OFFERED: Self = Self {
        mid: Some(1),
        rid: None,
        repaired_rid: None,
        transport_cc: Some(2),
        abs_send_time: Some(3),
        orientation: None,
        dependency: None,
    };

    /// The extmap lines of an answer, ordered by id.
    pub(super) fn answer(&self) -> Vec<Extension> {
        let all = [
            (self.mid, MID),
            (self.rid, RID),
            (self.repaired_rid, REPAIRED_RID),
            (self.transport_cc, TRANSPORT_CC),
            (self.abs_send_time, ABS_SEND_TIME),
            (self.orientation, ORIENTATION),
            (self.dependency, DEPENDENCY),
        ];
        let known = all.into_iter().filter_map(|(id, uri)| Some(Extension { id: id?, uri: uri.to_owned() }));
        let mut known: Vec<_> = known.collect();
        known.sort_by_key(|extension| extension.id);
        known
    }
}
