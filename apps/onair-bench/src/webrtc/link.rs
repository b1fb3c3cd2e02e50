//! One session's ICE (the side that checks), DTLS and SRTP, without a socket.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use proto::webrtc::dtls::{Dtls, Event, Identity};
use proto::webrtc::ice::Credentials;
use proto::webrtc::srtp::{Opener, Profile, Sealer};
use wire::stun::{Builder, Class, Key, Message, Method};

use super::{Failure, Terms, random};

/// Between checks until the first answer; doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_millis(1600);
/// Between checks that only show that we are there (RFC 7675).
const CONSENT: Duration = Duration::from_secs(5);
/// How long until there must be keys.
const PATIENCE: Duration = Duration::from_secs(15);
/// Of a peer-reflexive candidate for UDP.
const PRIORITY: u32 = 0x6eff_ffff;

/// A session as the client has it.
pub struct Link {
    terms: Terms,
    ours: Credentials,
    their_key: Key,
    our_key: Key,
    tie_breaker: u64,
    identity: Identity,
    dtls: Option<Dtls>,
    sealer: Option<Sealer>,
    opener: Option<Opener>,
    outbox: VecDeque<Bytes>,
    began: Instant,
    is_answered: bool,
    next_check: Instant,
    retry: Duration,
}

impl Link {
    /// A session that was answered so.
    pub fn new(terms: Terms, ours: Credentials, identity: &Identity, now: Instant) -> Self {
        Self {
            their_key: Key::from_password(&terms.theirs.pwd),
            our_key: Key::from_password(&ours.pwd),
            tie_breaker: u64::from_be_bytes(random()),
            terms,
            ours,
            identity: identity.clone(),
            dtls: None,
            sealer: None,
            opener: None,
            outbox: VecDeque::new(),
            began: now,
            is_answered: false,
            next_check: now,
            retry: FIRST_RETRY,
        }
    }

    /// What was agreed on.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Which cipher, once that is known.
    pub fn profile(&self) -> Option<Profile> {
        self.sealer.as_ref().map(Sealer::profile)
    }

    /// For what comes in, once there are keys.
    pub fn opener(&mut self) -> Option<&mut Opener> {
        self.opener.as_mut()
    }

    /// For what goes out, once there are keys.
    pub fn sealer(&mut self) -> Option<&mut Sealer> {
        self.sealer.as_mut()
    }

    /// The next datagram to send; drain it after every call.
    pub fn poll(&mut self) -> Option<Bytes> {
        self.outbox.pop_front()
    }

    /// Sends all that waits.
    pub(super) fn flush(&mut self, send: impl Fn(&[u8]) -> io::Result<usize>) -> Result<(), Failure> {
        while let Some(datagram) = self.poll() {
            sent(send(&datagram))?;
        }
        Ok(())
    }

    /// When to call [`Link::handle_timeout`].
    pub fn deadline(&self) -> Instant {
        let dtls = self.dtls.as_ref().filter(|dtls| !dtls.is_done()).map(Dtls::deadline);
        dtls.map_or(self.next_check, |dtls| dtls.min(self.next_check))
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Failure> {
        if self.opener.is_none() && now >= self.began + PATIENCE {
            return Err(if self.is_answered { Failure::NoDtls } else { Failure::NoIce });
        }
        if now >= self.next_check {
            self.check();
            self.next_check = now + if self.is_answered { CONSENT } else { self.retry };
            self.retry = (self.retry * 2).min(LAST_RETRY);
        }
        if let Some(dtls) = &mut self.dtls
            && now >= dtls.deadline()
        {
            dtls.handle_timeout(now).map_err(|failed| Failure::Dtls(failed.to_string()))?;
            self.settle()?;
        }
        Ok(())
    }

    /// Takes in a datagram that is no media: first byte below 128.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Result<(), Failure> {
        match datagram.first() {
            Some(0..=3) => {
                let Ok(message) = Message::parse(datagram) else { return Ok(()) };
                match message.class {
                    Class::Success if !self.is_answered && message.is_signed_with(&self.their_key) => {
                        self.is_answered = true;
                        self.next_check = now + CONSENT;
                        let Terms { fingerprint, is_dtls_client, .. } = &self.terms;
                        let dtls = Dtls::new(&self.identity, fingerprint.clone(), *is_dtls_client, now);
                        self.dtls = Some(dtls.map_err(|failed| Failure::Dtls(failed.to_string()))?);
                        return self.settle();
                    }
                    Class::Request if message.is_signed_with(&self.our_key) => {
                        let answer = Builder::new(Class::Success, Method::BINDING, message.transaction);
                        let answer = answer.xor_mapped(from).sign(&self.our_key).finish();
                        self.outbox.push_back(answer.freeze());
                    }
                    _ => {}
                }
                Ok(())
            }
            Some(20..=63) => {
                let Some(dtls) = &mut self.dtls else { return Ok(()) };
                dtls.handle_datagram(datagram).map_err(|failed| Failure::Dtls(failed.to_string()))?;
                self.settle()
            }
            _ => Ok(()),
        }
    }

    /// Encrypts a compound of RTCP.
    pub fn seal_rtcp(&mut self, compound: &mut BytesMut) -> bool {
        self.sealer.as_mut().is_some_and(|sealer| sealer.seal_rtcp(compound, 0).is_ok())
    }

    /// Says goodbye.
    pub fn close(&mut self) {
        if let Some(dtls) = &mut self.dtls {
            dtls.close();
            // Over either way.
            let _ = self.settle();
        }
    }

    fn check(&mut self) {
        let names = format!("{}:{}", self.terms.theirs.ufrag, self.ours.ufrag);
        let check = Builder::new(Class::Request, Method::BINDING, random());
        let check = check.username(&names).priority(PRIORITY).controlling(self.tie_breaker).use_candidate();
        self.outbox.push_back(check.sign(&self.their_key).finish().freeze());
    }

    fn settle(&mut self) -> Result<(), Failure> {
        let Some(dtls) = &mut self.dtls else { return Ok(()) };
        loop {
            match dtls.poll().map_err(|failed| Failure::Dtls(failed.to_string()))? {
                None => return Ok(()),
                Some(Event::Send(record)) => self.outbox.push_back(record),
                Some(Event::Keys { ours, theirs }) => {
                    let (Ok(sealer), Ok(opener)) = (Sealer::new(&ours), Opener::new(&theirs)) else {
                        return Err(Failure::NoDtls);
                    };
                    (self.sealer, self.opener) = (Some(sealer), Some(opener));
                }
                Some(Event::Closed) => return Err(Failure::Goodbye),
            }
        }
    }
}

/// What the kernel does not take is lost, as on any network.
pub(super) fn sent(sent: io::Result<usize>) -> Result<(), Failure> {
    match sent {
        Err(error) if !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused) => {
            Err(error.into())
        }
        _ => Ok(()),
    }
}
