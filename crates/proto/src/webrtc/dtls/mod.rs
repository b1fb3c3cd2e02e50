//! DTLS-SRTP (RFC 5764, RFC 8842): a handshake by the crate `dimpl`, whose peer must show the certificate that its
//! offer named, and whose end are the keys for SRTP.

mod rsa;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use dimpl::{CertificateError, Config, ConfigBuilder, Output, SrtpProfile};
use wire::sdp::Fingerprint;

use super::srtp::{Keys, Profile};

/// Our certificate, one for all sessions.
#[derive(Clone)]
pub struct Identity {
    certificate: dimpl::DtlsCertificate,
    client: Arc<Config>,
    server: Arc<Config>,
}

/// Tells nothing of the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint())
    }
}

impl Identity {
    /// Makes a key and a self-signed certificate for it (ECDSA P-256), as WebRTC wants them.
    pub fn generate() -> Result<Self, Failed> {
        let certificate = dimpl::certificate::generate_self_signed_certificate().map_err(|_| Failed::Crypto)?;
        // Only roads that ICE has proven carry DTLS here, so a cookie round trip would prove nothing more.
        let config = || Config::builder().use_server_cookie(false).flight_start_rto(RETRY).flight_retries(8);
        let build = |builder: ConfigBuilder| builder.build().map(Arc::new).map_err(|_| Failed::Crypto);
        let server = build(config().with_crypto_provider(rsa::provider()))?;
        Ok(Self { certificate, client: build(config())?, server })
    }

    /// What our answers say of it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint { hash: "sha-256".to_owned(), digest: self.certificate.fingerprint() }
    }
}

/// First wait before a lost flight is sent again; doubles.
const RETRY: Duration = Duration::from_millis(100);
/// Larger than any record that fits a datagram.
const BUFFER_BYTES: usize = 4096;

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The peer's certificate is not the one that its offer named.
    #[error("the peer's DTLS certificate is not the one its offer named")]
    WrongCertificate,
    /// The offer names the certificate by a hash that we do not compute.
    #[error("the offer names its DTLS certificate by a hash other than sha-256")]
    UnknownHash,
    /// The peer has no certificate of a kind that we can check.
    #[error("the peer showed no DTLS certificate: of ECDSA (P-256, P-384) or RSA (2048 bits at least) it has none")]
    NoCertificate,
    /// The peer speaks a DTLS that we do not, or none.
    #[error("DTLS handshake failed: {0}")]
    Handshake(String),
    /// No common way to protect media.
    #[error("the DTLS handshake agreed on no SRTP profile")]
    NoProfile,
    /// The cryptographic library refused.
    #[error("cryptography failed")]
    Crypto,
}

impl Failed {
    fn of(error: dimpl::Error) -> Self {
        match error {
            dimpl::Error::CertificateError(CertificateError::NoClientCertificateReceived) => Self::NoCertificate,
            other => Self::Handshake(other.to_string()),
        }
    }
}

/// What came of a step.
#[derive(Debug)]
pub enum Event {
    /// Send this to the peer.
    Send(Bytes),
    /// Media may flow: with these keys we seal, and with those we open.
    Keys {
        /// For what we send.
        ours: Keys,
        /// For what the peer sends.
        theirs: Keys,
    },
    /// The peer said goodbye.
    Closed,
}

/// One session's handshake and its goodbye.
pub struct Dtls {
    inner: dimpl::Dtls,
    expected: Fingerprint,
    /// The certificate was shown and is the right one.
    is_trusted: bool,
    has_keys: bool,
    is_client: bool,
    deadline: Instant,
}

impl Dtls {
    /// Begins. With `is_client` we send the first flight, else the peer does.
    pub fn new(identity: &Identity, expected: Fingerprint, is_client: bool, now: Instant) -> Result<Self, Failed> {
        if expected.hash != "sha-256" {
            return Err(Failed::UnknownHash);
        }
        // As a server we take what comes; as a client we speak 1.2, which every peer that wants a server to
        // begin (FFmpeg) has.
        let certificate = identity.certificate.clone();
        let mut inner = if is_client {
            dimpl::Dtls::new_12(identity.client.clone(), certificate, now)
        } else {
            dimpl::Dtls::new_auto(identity.server.clone(), certificate, now)
        };
        inner.set_active(is_client);
        let mut dtls = Self { inner, expected, is_trusted: false, has_keys: false, is_client, deadline: now };
        dtls.handle_timeout(now)?;
        Ok(dtls)
    }

    /// When [`Dtls::handle_timeout`] wants to be called.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Keys were agreed on.
    pub fn is_done(&self) -> bool {
        self.has_keys
    }

    /// Takes in a datagram whose first byte is 20 to 63 (RFC 7983).
    pub fn handle_datagram(&mut self, datagram: &[u8]) -> Result<(), Failed> {
        self.inner.handle_packet(datagram).map_err(Failed::of)
    }

    /// Time has passed: lost flights are sent again.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Failed> {
        self.inner.handle_timeout(now).map_err(Failed::of)
    }

    /// Says goodbye; drain [`Dtls::poll`] once more.
    pub fn close(&mut self) {
        // One that has failed already has nobody to say goodbye to.
        let _ = self.inner.close();
    }

    /// What is to be done; `None` once nothing is, until the next input.
    pub fn poll(&mut self) -> Result<Option<Event>, Failed> {
        let mut buffer = [0; BUFFER_BYTES];
        loop {
            match self.inner.poll_output(&mut buffer) {
                Output::Packet(datagram) => {
                    // The flight that asks for a certificate is ours while there are no keys.
                    let asked = if self.is_client || self.has_keys { None } else { rsa::ask(datagram) };
                    return Ok(Some(Event::Send(asked.map_or_else(|| Bytes::copy_from_slice(datagram), Bytes::from))));
                }
                Output::BufferTooSmall { .. } => return Err(Failed::Handshake("record too large".to_owned())),
                Output::Timeout(at) => {
                    self.deadline = at;
                    return Ok(None);
                }
                Output::PeerCert(certificate) => {
                    if digest(&SHA256, certificate).as_ref() != self.expected.digest {
                        return Err(Failed::WrongCertificate);
                    }
                    self.is_trusted = true;
                }
                Output::KeyingMaterial(exported, profile) => {
                    let profile = match profile {
                        SrtpProfile::AES128_CM_SHA1_80 => Profile::Aes128CmSha1,
                        SrtpProfile::AEAD_AES_128_GCM => Profile::Aes128Gcm,
                        SrtpProfile::AEAD_AES_256_GCM => Profile::Aes256Gcm,
                        _ => return Err(Failed::NoProfile),
                    };
                    if !self.is_trusted {
                        return Err(Failed::WrongCertificate);
                    }
                    let (client, server) = Keys::from_dtls(profile, &exported).ok_or(Failed::NoProfile)?;
                    let (ours, theirs) = if self.is_client { (client, server) } else { (server, client) };
                    self.has_keys = true;
                    return Ok(Some(Event::Keys { ours, theirs }));
                }
                Output::CloseNotify => return Ok(Some(Event::Closed)),
                // Data channels are not ours; connectedness is told by the keys.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::webrtc::srtp::{Opener, Sealer};

    /// Carries datagrams between the two until neither has anything to say, each `lose`th lost.
    fn talk(pair: &mut [Dtls; 2], mut now: Instant, lose: usize) -> Result<[Vec<Event>; 2], Failed> {
        let mut events = [Vec::new(), Vec::new()];
        let mut sent = 0;
        for _ in 0..60 {
            for side in 0..2 {
                while let Some(event) = pair[side].poll()? {
                    if let Event::Send(bytes) = &event {
                        sent += 1;
                        if lose == 0 || sent % lose != 1 {
                            pair[1 - side].handle_datagram(bytes)?;
                        }
                    }
                    events[side].push(event);
                }
            }
            now += RETRY;
            pair.iter_mut().try_for_each(|dtls| dtls.handle_timeout(now))?;
        }
        Ok(events)
    }

    fn pair(now: Instant) -> [Dtls; 2] {
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        [Dtls::new(&a, b.fingerprint(), false, now).unwrap(), Dtls::new(&b, a.fingerprint(), true, now).unwrap()]
    }

    fn keys(events: &[Event]) -> (&Keys, &Keys) {
        let keys = events.iter().find_map(|event| match event {
            Event::Keys { ours, theirs } => Some((ours, theirs)),
            _ => None,
        });
        keys.expect("keys")
    }

    /// P25.
    #[test]
    fn a_handshake_ends_in_keys_that_fit_even_when_flights_are_lost() {
        for lose in [0, 3, 5] {
            let now = Instant::now();
            let mut pair = pair(now);
            let events = talk(&mut pair, now, lose).unwrap();
            let (server, client) = (keys(&events[0]), keys(&events[1]));
            for (sealing, opening) in [(server.0, client.1), (client.0, server.1)] {
                let mut packet = BytesMut::from(&b"\x80\x60\x00\x01\0\0\0\0\0\0\0\x07hello"[..]);
                Sealer::new(sealing).unwrap().seal_rtp(&mut packet, 0, 12, 7, 1).unwrap();
                let (len, _) = Opener::new(opening).unwrap().open_rtp(&mut packet).unwrap();
                assert_eq!(&packet[12..len], b"hello");
            }
        }
    }

    /// P25.
    #[test]
    fn a_certificate_that_the_offer_did_not_name_fails_the_handshake() {
        let now = Instant::now();
        let mut pair = pair(now);
        pair[0].expected.digest[0] ^= 1;
        assert_eq!(talk(&mut pair, now, 0).unwrap_err(), Failed::WrongCertificate);
    }

    #[test]
    fn goodbye_is_heard() {
        let now = Instant::now();
        let mut pair = pair(now);
        talk(&mut pair, now, 0).unwrap();
        pair[1].close();
        let events = talk(&mut pair, now + 60 * RETRY, 0).unwrap();
        assert!(events[0].iter().any(|event| matches!(event, Event::Closed)));
    }

    #[test]
    fn garbage_between_records_does_no_harm() {
        let now = Instant::now();
        let mut pair = pair(now);
        talk(&mut pair, now, 0).unwrap();
        for len in 0..200_u8 {
            let garbage: Vec<u8> = (0..len).map(|byte| byte.wrapping_mul(len) ^ 22).collect();
            pair[0].handle_datagram(&garbage).unwrap();
        }
        pair[1].close();
        let events = talk(&mut pair, now + 60 * RETRY, 0).unwrap();
        assert!(events[0].iter().any(|event| matches!(event, Event::Closed)));
    }
}
