use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use media::{Track, TrackId};
use wire::rtcp::{Rtcp, SenderInfo};

use super::super::Batch;
use super::Viewer;
use super::packet::Stream;
use crate::webrtc::negotiate::CNAME;
use crate::webrtc::srtp::Sealer;

/// What a viewer's machine has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The publisher of that track is to be asked for a keyframe; already coalesced over all viewers of the log (P3).
    KeyframeWanted(TrackId),
    /// Another video track is sent from here on; the first time, `from` is none.
    Switched {
        /// What was sent before.
        from: Option<TrackId>,
        /// What is sent now.
        to: TrackId,
    },
    /// What `layers` tells has changed: tracks came or went, or fell silent (E17).
    Layers,
    /// What is published is no longer of the codec that was agreed on: the viewer must connect anew (E11).
    CodecChanged,
}

/// Whether a batch has room for all there is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// Nothing more until something is appended or the deadline comes.
    Done,
    /// Send the batch and poll again.
    Full,
}

/// One rung of the video ladder (E17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its track.
    pub track: Arc<Track>,
    /// What it costs, bits per second, as measured; 0 while silent.
    pub rate_bps: u64,
    /// It is the one sent.
    pub is_sent: bool,
    /// What its temporal layers cost up to each below the highest; none where it has but one.
    pub thinner_bps: Vec<u64>,
}

/// Figures of one viewer, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// RTP packets sent, retransmissions included.
    pub packets: u64,
    /// Bytes of all datagrams.
    pub bytes: u64,
    /// Packets sent again because they were asked for.
    pub retransmitted: u64,
    /// Packets asked for again that were not sent again: gone, or over a limit (P2).
    pub refused: u64,
    /// Keyframe requests received.
    pub keyframe_requests: u64,
    /// Times that frames were left out because the link could not carry them.
    pub skips: u64,
    /// RTCP datagrams that were malformed.
    pub malformed: u64,
    /// Packets lost of those of the last report, in 256ths.
    pub fraction_lost: u8,
    /// Round trip, as the last report tells.
    pub round_trip: Option<Duration>,
    /// What the link is believed to carry, bits per second.
    pub estimate_bps: Option<u64>,
    /// The video track sent.
    pub track: Option<TrackId>,
}

impl Viewer {
    /// Sender reports of all sources that have sent, with their name, on one clock (P12).
    pub(super) fn report(&mut self, now: Instant, sealer: &mut Sealer, batch: &mut Batch) {
        let Some(time) = self.link.clock.time(now) else { return };
        let ntp = self.link.clock.ntp(now);
        let sources = &self.sources;
        let written = batch.push(|out, begin| {
            for source in sources {
                let rtp_timestamp = source.timestamp(time);
                for stream in [Some(&source.stream), source.repair_stream.as_ref()].into_iter().flatten() {
                    report(stream, ntp, rtp_timestamp, out);
                }
            }
            out.len() > begin && sealer.seal_rtcp(out, begin).is_ok()
        });
        self.stats.bytes += written.unwrap_or(0) as u64;
    }

    /// Says that nothing more will come.
    pub fn goodbye(&mut self, sealer: &mut Sealer, batch: &mut Batch) {
        let streams = self.sources.iter().flat_map(|it| [Some(&it.stream), it.repair_stream.as_ref()]).flatten();
        let ssrcs: Vec<_> = streams.map(|stream| stream.ssrc).collect();
        let Some(&ssrc) = ssrcs.first() else { return };
        batch.push(|out, begin| {
            Rtcp::ReceiverReport { ssrc, blocks: Vec::new() }.write(out);
            Rtcp::Bye(ssrcs).write(out);
            sealer.seal_rtcp(out, begin).is_ok()
        });
    }
}

fn report(stream: &Stream, ntp: u64, rtp_timestamp: u32, out: &mut BytesMut) {
    let &Stream { ssrc, packets, octets, .. } = stream;
    if packets > 0 {
        let info = SenderInfo { ntp, rtp_timestamp, packets, octets };
        Rtcp::SenderReport { ssrc, info, blocks: Vec::new() }.write(out);
        Rtcp::Cname { ssrc, name: CNAME.to_owned() }.write(out);
    }
}
