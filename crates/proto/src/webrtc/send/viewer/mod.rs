use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use media::{Track, TrackId};
use wire::rtcp::Rtcp;

use super::{Batch, Log};
use crate::webrtc::negotiate::Terms;
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
    /// Packets lost of those of the last report, in 256ths.
    pub fraction_lost: u8,
    /// Round trip, as the last report tells.
    pub round_trip: Option<Duration>,
    /// What the link is believed to carry, bits per second.
    pub estimate_bps: Option<u64>,
    /// The video track sent.
    pub track: Option<TrackId>,
}

/// Sends one viewer what it watches.
pub struct Viewer {
    events: VecDeque<Event>,
    stats: Stats,
    deadline: Instant,
    ssrcs: Vec<u32>,
}

impl Viewer {
    /// A viewer with these terms. `seed` is random: sequence numbers and timestamps begin there. `wall` is the clock
    /// that sender reports tell, read at `now`.
    pub fn new(terms: &Terms, seed: u64, now: Instant, wall: SystemTime) -> Self {
        let _ = (seed, wall);
        let sources = terms.media.iter().flat_map(|media| media.ssrcs.first());
        let ssrcs = sources.flat_map(|&(ssrc, repair)| [Some(ssrc), repair]).flatten().collect();
        Self { events: VecDeque::new(), stats: Stats::default(), deadline: now, ssrcs }
    }

    /// Which logs there are: all of a broadcast. Those of another codec than agreed are passed over. Call again
    /// whenever tracks come or go.
    pub fn watch(&mut self, now: Instant, logs: &[Arc<Log>]) {
        let _ = (now, logs);
    }

    /// Sends that video track from its next keyframe on and no other, or chooses by what the link carries (E18).
    /// False if there is no such track.
    pub fn choose(&mut self, now: Instant, track: Option<TrackId>) -> bool {
        let _ = (now, track);
        true
    }

    /// Takes what the viewer sent: one RTCP datagram, opened. What is malformed is passed over whole (P13).
    pub fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        let _ = (now, datagram);
    }

    /// Writes what is to be sent now.
    pub fn poll(&mut self, now: Instant, sealer: &mut Sealer, batch: &mut Batch) -> Polled {
        let _ = (now, sealer);
        if batch.is_full() { Polled::Full } else { Polled::Done }
    }

    /// What happened, in order. Drain it after every call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to poll again even if nothing is appended.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The video ladder, the best first.
    pub fn layers(&self) -> Vec<Layer> {
        Vec::new()
    }

    /// Figures.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Says that nothing more will come.
    pub fn goodbye(&mut self, sealer: &mut Sealer, batch: &mut Batch) {
        batch.push(|out, begin| {
            Rtcp::Bye(self.ssrcs.clone()).write(out);
            sealer.seal_rtcp(out, begin).is_ok()
        });
    }
}
