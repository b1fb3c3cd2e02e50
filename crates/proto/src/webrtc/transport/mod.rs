//! One session's way to its peer: ICE proves where it is, DTLS who it is, and SRTP keeps to them what follows.
//!
//! Datagrams go in whole and are told apart by their first byte (RFC 7983, U12). Only roads that ICE has proven carry
//! anything but checks, so nothing is ever sent to, or believed from, an address that did not show our password (U4, F9).

mod why;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use wire::rtp::is_rtcp;
use wire::sdp::Fingerprint;
use wire::stun::Message;

use super::dtls::{Dtls, Event, Failed, Identity};
use super::ice::{CONSENT, Credentials, Lite, Outcome, Road};
use super::srtp::{Opener, Sealer};

pub use why::{Progress, Why};

/// Roads of one peer that are remembered: one for each pair of addresses that it may be using.
const MAX_ROADS: usize = 8;
/// DTLS is never asked for the time more often than this.
const BREATH: Duration = Duration::from_millis(5);

/// What a transport begins with.
pub struct Begin<'a> {
    /// Our certificate.
    pub identity: &'a Identity,
    /// Our ICE credentials for this session.
    pub credentials: Credentials,
    /// The peer's ICE user fragment.
    pub their_ufrag: &'a str,
    /// The certificate that the peer must show.
    pub fingerprint: Fingerprint,
    /// We begin the DTLS handshake (W27).
    pub is_dtls_client: bool,
    /// How long the peer may take from the answer to the first media (W41).
    pub patience: Duration,
    /// The addresses that the answer tells, the best first.
    pub told: Vec<SocketAddr>,
    /// Media that comes in shows that the peer is there as well as checks do. FFmpeg sends nothing but media once it
    /// is connected; for whom we send to, only checks are consent (U3).
    pub media_is_life: bool,
}

/// What the transport wants done.
#[derive(Debug)]
pub enum Output {
    /// Send this datagram.
    Send(Road, Bytes),
    /// Keys are agreed on: media may flow. Comes once.
    Ready,
    /// Nothing more until then, or until something comes in.
    WaitUntil(Instant),
}

/// What a datagram was, once opened.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Nothing for the caller: it was ours, or nobody's.
    Nothing,
    /// A whole RTP packet in the clear, with its sequence number as SRTP counts it, rollovers included.
    Rtp(&'a [u8], u64),
    /// A compound RTCP packet in the clear.
    Rtcp(&'a [u8]),
}

/// ICE, DTLS and SRTP of one session.
pub struct Transport {
    identity: Identity,
    fingerprint: Fingerprint,
    is_dtls_client: bool,
    patience: Duration,
    media_is_life: bool,
    ice: Lite,
    /// From the first road on.
    dtls: Option<Dtls>,
    keys: Option<(Sealer, Opener)>,
    roads: VecDeque<Road>,
    outbox: VecDeque<Output>,
    progress: Progress,
    began: Instant,
    now: Instant,
    last_media: Instant,
}

impl Transport {
    /// A session whose answer goes out now.
    pub fn new(begin: Begin<'_>, now: Instant) -> Self {
        let Begin { identity, credentials, their_ufrag, fingerprint, is_dtls_client, patience, told, media_is_life } =
            begin;
        Self {
            identity: identity.clone(),
            fingerprint,
            is_dtls_client,
            patience,
            media_is_life,
            ice: Lite::new(credentials, their_ufrag, now),
            dtls: None,
            keys: None,
            roads: VecDeque::new(),
            outbox: VecDeque::new(),
            progress: Progress { told, ..Progress::default() },
            began: now,
            now,
            last_media: now,
        }
    }

    /// Takes in one datagram, which is opened in place. Drain [`Transport::poll_output`] after every call; an error ends
    /// the session.
    pub fn handle_datagram<'a>(
        &mut self,
        now: Instant,
        road: Road,
        datagram: &'a mut [u8],
    ) -> Result<Received<'a>, Why> {
        self.now = now;
        match datagram.first() {
            Some(0..=3) => {
                self.on_check(road, datagram)?;
                Ok(Received::Nothing)
            }
            Some(20..=63) if self.is_proven(road) => {
                self.on_dtls(datagram)?;
                Ok(Received::Nothing)
            }
            Some(128..=191) if self.is_proven(road) => Ok(self.on_media(datagram)),
            _ => Ok(Received::Nothing),
        }
    }

    /// Time has passed. An error ends the session.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Why> {
        self.now = now;
        if now >= self.patience_ends() {
            return Err(self.gone());
        }
        if let Some(dtls) = &mut self.dtls
            && now >= dtls.deadline()
        {
            dtls.handle_timeout(now).map_err(|failed| self.progress.handshake_failed(failed))?;
            self.settle_dtls()?;
        }
        Ok(())
    }

    /// Says what is to be done. `WaitUntil` comes last: nothing else is pending.
    pub fn poll_output(&mut self) -> Output {
        self.outbox.pop_front().unwrap_or_else(|| {
            let dtls = self.dtls.as_ref().map(|dtls| dtls.deadline().max(self.now + BREATH));
            let end = self.patience_ends();
            Output::WaitUntil(dtls.map_or(end, |dtls| dtls.min(end)))
        })
    }

    /// Where to send, once the peer has chosen.
    pub fn road(&self) -> Option<Road> {
        self.ice.road()
    }

    /// Whether ICE has proven that road: whatever comes by it is the peer's.
    pub fn is_proven(&self, road: Road) -> bool {
        self.roads.contains(&road)
    }

    /// Media may flow.
    pub fn is_ready(&self) -> bool {
        self.keys.is_some()
    }

    /// Encrypts what we send, once media may flow.
    pub fn sealer(&mut self) -> Option<&mut Sealer> {
        self.keys.as_mut().map(|(sealer, _)| sealer)
    }

    /// Encrypts a compound RTCP packet; `None` while nothing may flow.
    pub fn seal_rtcp(&mut self, report: &[u8]) -> Option<(Road, Bytes)> {
        let road = self.ice.road()?;
        let sealer = self.sealer()?;
        let mut out = BytesMut::with_capacity(report.len() + sealer.profile().rtcp_overhead());
        out.extend_from_slice(report);
        sealer.seal_rtcp(&mut out, 0).ok()?;
        Some((road, out.freeze()))
    }

    /// Begins ICE anew (W18). Media goes on over the old road until the peer is heard with the new credentials (W19).
    pub fn restart(&mut self, credentials: Credentials, their_ufrag: &str) {
        self.ice.restart(credentials, their_ufrag);
    }

    /// Our ICE credentials now.
    pub fn credentials(&self) -> &Credentials {
        self.ice.credentials()
    }

    /// The session answers to that user fragment of ours.
    pub fn answers_to(&self, ufrag: &str) -> bool {
        self.ice.answers_to(ufrag)
    }

    /// How far it has come, for reports.
    pub fn progress(&self) -> Progress {
        Progress { checks: self.ice.seen(), ..self.progress.clone() }
    }

    /// Says goodbye to the peer; drain [`Transport::poll_output`] once more.
    pub fn close(&mut self, now: Instant) {
        self.now = now;
        if let Some(dtls) = &mut self.dtls {
            dtls.close();
            // The session is over whether or not the goodbye can be written.
            let _ = self.settle_dtls();
        }
    }

    fn on_check(&mut self, road: Road, datagram: &[u8]) -> Result<(), Why> {
        let Ok(message) = Message::parse(datagram) else { return Ok(()) };
        let outcome = self.ice.handle(self.now, road, &message);
        self.progress.heard_from(road.remote, outcome != Outcome::Ignored);
        let (answer, is_chosen) = match outcome {
            Outcome::Ignored => return Ok(()),
            Outcome::Reply(answer) => (answer, false),
            Outcome::Chosen(answer) => (answer, true),
        };
        // What is answered was signed: the road is the peer's.
        if !self.is_proven(road) {
            if self.roads.len() >= MAX_ROADS {
                let chosen = self.ice.road();
                let oldest = self.roads.iter().position(|road| Some(*road) != chosen);
                oldest.and_then(|at| self.roads.remove(at));
            }
            self.roads.push_back(road);
        }
        self.outbox.push_back(Output::Send(road, answer.freeze()));
        if is_chosen {
            self.progress.road = Some(road);
            self.begin_dtls()?;
        }
        Ok(())
    }

    /// The handshake begins when there is somebody to shake hands with.
    fn begin_dtls(&mut self) -> Result<(), Why> {
        if self.dtls.is_some() {
            return Ok(());
        }
        let dtls = Dtls::new(&self.identity, self.fingerprint.clone(), self.is_dtls_client, self.now);
        self.dtls = Some(dtls.map_err(|failed| self.progress.handshake_failed(failed))?);
        self.settle_dtls()
    }

    fn on_dtls(&mut self, datagram: &[u8]) -> Result<(), Why> {
        let Some(dtls) = &mut self.dtls else { return Ok(()) };
        self.progress.heard_dtls = true;
        match dtls.handle_datagram(datagram) {
            // A record that makes no sense beside a session that works is somebody else's mischief.
            Err(_) if self.keys.is_some() => Ok(()),
            Err(failed) => Err(self.progress.handshake_failed(failed)),
            Ok(()) => self.settle_dtls(),
        }
    }

    fn settle_dtls(&mut self) -> Result<(), Why> {
        let Some(dtls) = &mut self.dtls else { return Ok(()) };
        loop {
            match dtls.poll() {
                Ok(None) => return Ok(()),
                Ok(Some(Event::Send(record))) => {
                    if let Some(road) = self.ice.road() {
                        self.outbox.push_back(Output::Send(road, record));
                    }
                }
                Ok(Some(Event::Keys { ours, theirs })) => {
                    let (Ok(sealer), Ok(opener)) = (Sealer::new(&ours), Opener::new(&theirs)) else {
                        return Err(self.progress.handshake_failed(Failed::Crypto));
                    };
                    self.keys = Some((sealer, opener));
                    self.progress.is_secured = true;
                    self.last_media = self.now;
                    self.outbox.push_back(Output::Ready);
                }
                Ok(Some(Event::Closed)) => return Err(Why::Goodbye),
                Err(_) if self.keys.is_some() => return Ok(()),
                Err(failed) => return Err(self.progress.handshake_failed(failed)),
            }
        }
    }

    fn on_media<'a>(&mut self, datagram: &'a mut [u8]) -> Received<'a> {
        let Some((_, opener)) = &mut self.keys else { return Received::Nothing };
        if is_rtcp(datagram) {
            let Ok(len) = opener.open_rtcp(datagram) else { return self.unopened() };
            self.last_media = self.now;
            return datagram.get(..len).map_or(Received::Nothing, Received::Rtcp);
        }
        let Ok((len, index)) = opener.open_rtp(datagram) else { return self.unopened() };
        self.last_media = self.now;
        self.progress.packets = self.progress.packets.saturating_add(1);
        datagram.get(..len).map_or(Received::Nothing, |packet| Received::Rtp(packet, index))
    }

    /// Replays, strays and forgeries: the stream goes on without them (P24).
    fn unopened<'a>(&mut self) -> Received<'a> {
        self.progress.unopened = self.progress.unopened.saturating_add(1);
        Received::Nothing
    }

    /// When the session is over unless the peer is heard.
    fn patience_ends(&self) -> Instant {
        if self.keys.is_none() {
            return self.began + self.patience;
        }
        let checks = self.ice.deadline(self.patience);
        if self.media_is_life { checks.max(self.last_media + CONSENT) } else { checks }
    }

    fn gone(&self) -> Why {
        self.progress().gone(self.patience)
    }
}
