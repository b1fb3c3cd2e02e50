//! Peers whose certificate is of RSA (P25): webrtcbin of GStreamer 1.24 and older makes no other.
//!
//! `dimpl` asks a client for an ECDSA certificate and can check no other. What it hashes and how it checks a signature are
//! ours to provide, and its first flight passes through our hands in the clear. So [`ask`] adds RSA to the question on its
//! way out, and everything that is made of the handshake's transcript (master secret, the client's signature, both
//! `Finished`) is made of it with that question in it, as the peer's is. Were the two ever to differ, the handshake would
//! fail: nothing is trusted that was not before.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RsaParameters, UnparsedPublicKey};
use dimpl::crypto::aws_lc_rs::default_provider;
use dimpl::crypto::{
    Buf, CryptoProvider, HashAlgorithm, HashContext, HashProvider, SignatureAlgorithm, SignatureVerifier,
};
use dimpl::{CryptoError, CryptoOperation};
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// A handshake message in a record (RFC 6347 §4.2.2): type, length, number, offset and length of the fragment.
const HEADER: usize = 12;
/// What stands before a record's content (RFC 6347 §4.1).
const RECORD: usize = 13;
const HANDSHAKE: u8 = 22;
const CERTIFICATE_REQUEST: u8 = 13;

/// The question as `dimpl` puts it, up to the length of its list (RFC 5246 §7.4.4): one type, `ecdsa_sign`.
const ECDSA: [u8; 2] = [1, 64];
/// And as we do: `rsa_sign` too.
const BOTH: [u8; 3] = [2, 64, 1];
/// PKCS#1 v1.5 with SHA-256 and with SHA-384 (RFC 5246 §7.4.1.4.1).
const RSA: [u8; 4] = [4, 1, 5, 1];

/// For servers: a provider whose transcripts hold the wider question, and which checks RSA signatures too.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider { signature_verification: &Verifier, hash_provider: &Hashes, ..default_provider() }
}

/// Asks for a certificate of RSA too where that datagram of ours asks for one of ECDSA.
pub(super) fn ask(datagram: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut rest, mut is_changed) = (datagram, false);
    while let Some((record, tail)) = rest.split_at_checked(RECORD) {
        let len = usize::from(u16::from_be_bytes([record[11], record[12]]));
        let (content, tail) = tail.split_at_checked(len)?;
        let is_clear = record[0] == HANDSHAKE && record[3..5] == [0, 0];
        let wider = if is_clear { widen(content) } else { None };
        is_changed |= wider.is_some();
        let content = wider.as_deref().unwrap_or(content);
        out.extend_from_slice(&record[..11]);
        out.extend_from_slice(&u16::try_from(content.len()).ok()?.to_be_bytes());
        out.extend_from_slice(content);
        rest = tail;
    }
    is_changed.then_some(out)
}

/// The same handshake messages with RSA in the question for a certificate, if they hold one.
fn widen(messages: &[u8]) -> Option<Vec<u8>> {
    let mut at = 0;
    while let Some(header) = messages.get(at..at + HEADER) {
        let len = usize::from(header[1]) << 16 | usize::from(header[2]) << 8 | usize::from(header[3]);
        let end = at + HEADER + len;
        let body = messages.get(at + HEADER..end)?;
        if header[0] == CERTIFICATE_REQUEST && header[6..9] == [0; 3] && header[1..4] == header[9..12] {
            let body = wider(body)?;
            let len = u32::try_from(body.len()).ok()?.to_be_bytes();
            let mut out = messages[..at].to_vec();
            out.push(CERTIFICATE_REQUEST);
            out.extend_from_slice(&len[1..]);
            out.extend_from_slice(&header[4..9]);
            out.extend_from_slice(&len[1..]);
            out.extend_from_slice(&body);
            out.extend_from_slice(&messages[end..]);
            return Some(out);
        }
        at = end;
    }
    None
}

fn wider(body: &[u8]) -> Option<Vec<u8>> {
    let list = body.strip_prefix(&ECDSA)?;
    let (len, list) = list.split_first_chunk::<2>()?;
    let (algorithms, authorities) = list.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    let len = u16::try_from(algorithms.len() + RSA.len()).ok()?;
    Some([&BOTH[..], &len.to_be_bytes(), algorithms, &RSA, authorities].concat())
}

#[derive(Debug)]
struct Hashes;

impl HashProvider for Hashes {
    fn create_hash(&self, algorithm: HashAlgorithm) -> Box<dyn HashContext> {
        Box::new(Transcript(default_provider().hash_provider.create_hash(algorithm)))
    }
}

/// `dimpl` 0.9 hashes the whole transcript of DTLS 1.2 at once, so a question lies in one piece. DTLS 1.3 has no
/// message of this shape.
#[derive(Debug)]
struct Transcript(Box<dyn HashContext>);

impl HashContext for Transcript {
    fn update(&mut self, data: &[u8]) {
        match widen(data) {
            Some(wider) => self.0.update(&wider),
            None => self.0.update(data),
        }
    }

    fn clone_and_finalize(&self, out: &mut Buf) {
        self.0.clone_and_finalize(out);
    }
}

#[derive(Debug)]
struct Verifier;

impl SignatureVerifier for Verifier {
    fn verify_signature(
        &self,
        certificate: &[u8],
        transcript: &[u8],
        signature: &[u8],
        hash: HashAlgorithm,
        algorithm: SignatureAlgorithm,
    ) -> Result<(), CryptoError> {
        let wider = widen(transcript);
        let transcript = wider.as_deref().unwrap_or(transcript);
        if algorithm != SignatureAlgorithm::RSA {
            let ecdsa = default_provider().signature_verification;
            return ecdsa.verify_signature(certificate, transcript, signature, hash, algorithm);
        }
        let scheme: &'static RsaParameters = match hash {
            HashAlgorithm::SHA256 => &RSA_PKCS1_2048_8192_SHA256,
            HashAlgorithm::SHA384 => &RSA_PKCS1_2048_8192_SHA384,
            _ => return Err(CryptoError::UnsupportedSignaturePair { signature: algorithm, hash }),
        };
        let certificate = Certificate::from_der(certificate).map_err(|_| CryptoError::CertificateParseFailed)?;
        let key = &certificate.tbs_certificate().subject_public_key_info().subject_public_key;
        let key = key.as_bytes().ok_or(CryptoError::InvalidSubjectPublicKey)?;
        UnparsedPublicKey::new(scheme, key)
            .verify(transcript, signature)
            .map_err(|_| CryptoError::OperationFailed(CryptoOperation::VerifySignature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two records: a ServerHelloDone behind a CertificateRequest, as `dimpl` writes them.
    fn flight() -> Vec<u8> {
        let body = [1, 64, 0, 4, 4, 3, 5, 3, 0, 0];
        let mut flight = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 3, 0, 22];
        flight.extend([13, 0, 0, 10, 0, 3, 0, 0, 0, 0, 0, 10]);
        flight.extend(body);
        flight.extend([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 4, 0, 12, 14, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0]);
        flight
    }

    #[test]
    fn the_question_names_rsa_beside_ecdsa_and_all_lengths_agree() {
        let asked = ask(&flight()).unwrap();
        let body = [2, 64, 1, 0, 8, 4, 3, 5, 3, 4, 1, 5, 1, 0, 0];
        assert_eq!(asked[11..13], [0, 27]);
        assert_eq!(asked[13..25], [13, 0, 0, 15, 0, 3, 0, 0, 0, 0, 0, 15]);
        assert_eq!(asked[25..40], body);
        assert_eq!(asked[40..], flight()[35..]);
    }

    #[test]
    fn whatever_holds_no_whole_question_of_that_shape_stays_as_it_is() {
        assert_eq!(ask(&flight()[35..]), None);
        for (at, byte) in [(0, 23), (4, 1), (13, 11), (21, 1), (24, 9), (26, 65), (28, 9)] {
            let mut flight = flight();
            flight[at] = byte;
            assert_eq!(ask(&flight), None, "{at}");
        }
        for len in 0..35 {
            assert_eq!(ask(&flight()[..len]), None);
        }
    }
}
