use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use media::TrackId;

use super::{Event, Settings, Stats};
use crate::webrtc::negotiate::Terms;

/// All media of one publishing session, after decryption.
///
/// Call [`Receiver::handle_rtp`] and its like with what happened, then drain [`Receiver::poll_event`] and
/// [`Receiver::poll_rtcp`], then sleep until [`Receiver::deadline`].
pub struct Receiver {
    settings: Settings,
    events: VecDeque<Event>,
    stats: Stats,
    next: Instant,
}

impl Receiver {
    /// For what was agreed on with a publisher.
    pub fn new(terms: &Terms, settings: Settings, now: Instant) -> Self {
        let _ = terms;
        Self { settings, events: VecDeque::new(), stats: Stats::default(), next: now + Duration::from_secs(1) }
    }

    /// Takes one decrypted RTP packet, header included.
    pub fn handle_rtp(&mut self, now: Instant, packet: &[u8]) {
        let _ = (now, packet);
        self.stats.ignored += 1;
    }

    /// Takes one decrypted RTCP datagram. One that is malformed is ignored as a whole (P13).
    pub fn handle_rtcp(&mut self, now: Instant, datagram: &[u8]) {
        let _ = (now, datagram);
    }

    /// Lets time pass: call it when [`Receiver::deadline`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.next = now + Duration::from_secs(1);
    }

    /// A keyframe is needed, for a viewer who has just come or lost one. Requests are joined into at most one each
    /// half second and layer, and repeated until a keyframe comes (P3).
    pub fn request_keyframe(&mut self, track: TrackId, now: Instant) {
        let _ = (track, now);
    }

    /// Tells the round trip time where the transport knows it.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.stats.rtt = Some(rtt);
    }

    /// What to pass on to the hub next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Writes the next compound to seal and send at the end of `out`; `false` when there is none for now.
    /// None is longer than 1 200 bytes.
    pub fn poll_rtcp(&mut self, now: Instant, out: &mut BytesMut) -> bool {
        let _ = (now, out, &self.settings);
        false
    }

    /// When to call [`Receiver::handle_timeout`] and poll again, if nothing comes before.
    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// How reception goes.
    pub fn stats(&self, now: Instant) -> Stats {
        let _ = now;
        self.stats.clone()
    }
}
