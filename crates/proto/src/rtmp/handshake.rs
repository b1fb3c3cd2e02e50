use aws_lc_rs::hmac;
use bytes::{Buf, BufMut, BytesMut};

use super::error::Fault;

/// Bytes of C1, C2, S1 and S2 (RTMP 1.0 §5.2).
pub(super) const PACKET: usize = 1536;
const VERSION: u8 = 3;
const DIGEST: usize = 32;

/// Where a digest's place is told: four bytes, whose sum modulo 728 is counted from behind them.
const SCHEMES: [usize; 2] = [8, 772];

/// What the peers sign with (known to every client since 2009): a name, then, for replies, 32 bytes more.
const CLIENT_KEY: &[u8] = b"Genuine Adobe Flash Player 001";
const SERVER_KEY: &[u8] = b"Genuine Adobe Flash Media Server 001\
    \xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57\
    \x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae";
const SERVER_NAME_LEN: usize = 36;

/// The server's side of the handshake, simple or with digests as the client chose (conformance R1).
pub(super) struct Handshake {
    stage: Stage,
    nonce: u64,
}

enum Stage {
    /// Collects C0 and C1.
    First(BytesMut),
    /// So many bytes of C2 are still to come. What they say does not matter.
    Second(usize),
}

impl Handshake {
    /// `nonce` seeds the bytes that only have to differ between connections.
    pub(super) fn server(nonce: u64) -> Self {
        Self { stage: Stage::First(BytesMut::new()), nonce }
    }

    /// Takes its share off the front of `src`. True when the handshake is done and chunks follow.
    pub(super) fn feed(&mut self, src: &mut &[u8], out: &mut BytesMut) -> Result<bool, Fault> {
        if let Stage::First(got) = &mut self.stage {
            if got.is_empty() {
                got.reserve(1 + PACKET);
            }
            move_bytes(src, got, 1 + PACKET);
            check_version(got.first().copied())?;
            let Some((_, c1)) = got.split_first_chunk::<1>().filter(|(_, c1)| c1.len() == PACKET) else {
                return Ok(false);
            };
            reply(c1, self.nonce, out);
            self.stage = Stage::Second(PACKET);
        }
        if let Stage::Second(left) = &mut self.stage {
            let len = src.len().min(*left);
            src.advance(len);
            *left -= len;
            return Ok(*left == 0);
        }
        Ok(false)
    }
}

fn move_bytes(src: &mut &[u8], to: &mut BytesMut, up_to: usize) {
    let len = src.len().min(up_to.saturating_sub(to.len()));
    to.extend_from_slice(&src[..len]);
    src.advance(len);
}

/// Versions up to 31 are answered with 3, and the client may go on by that or leave (§5.2.2).
fn check_version(version: Option<u8>) -> Result<(), Fault> {
    match version {
        Some(0x16) => Err(Fault::Unsupported("TLS on the plain RTMP port")),
        Some(32..) => Err(Fault::Misbehaved("no RTMP handshake")),
        _ => Ok(()),
    }
}

/// Writes S0, S1 and S2.
fn reply(c1: &[u8], nonce: u64, out: &mut BytesMut) {
    out.put_u8(VERSION);
    let at = out.len();
    out.resize(at + 2 * PACKET, 0);
    let Some((s1, s2)) = out[at..].split_at_mut_checked(PACKET) else { return };
    scatter(nonce, &mut s1[8..]);
    let Some((scheme, digest)) = SCHEMES.into_iter().find_map(|scheme| Some((scheme, signed(c1, scheme)?))) else {
        // Simple: S1's second word is zero, S2 repeats C1.
        s2.copy_from_slice(c1);
        return;
    };
    // A version of 4 or more in the second word says that digests follow.
    s1[4..8].copy_from_slice(&[4, 5, 0, 1]);
    if let Some(place) = digest_place(s1, scheme) {
        let (before, rest) = s1.split_at_mut(place);
        let (own, after) = rest.split_at_mut(DIGEST);
        own.copy_from_slice(&sign(&SERVER_KEY[..SERVER_NAME_LEN], &[before, after]));
    }
    scatter(nonce.rotate_left(32), s2);
    let key = sign(SERVER_KEY, &[&digest]);
    let (body, own) = s2.split_at_mut(PACKET - DIGEST);
    own.copy_from_slice(&sign(&key, &[body]));
}

/// The digest in C1, if its place by this scheme holds one.
fn signed(c1: &[u8], scheme: usize) -> Option<[u8; DIGEST]> {
    let place = digest_place(c1, scheme)?;
    let (before, rest) = c1.split_at_checked(place)?;
    let (digest, after) = rest.split_first_chunk::<DIGEST>()?;
    (sign(CLIENT_KEY, &[before, after]) == *digest).then_some(*digest)
}

/// Where a packet's digest begins; always within the packet.
fn digest_place(packet: &[u8], scheme: usize) -> Option<usize> {
    let told = packet.get(scheme..scheme + 4)?;
    Some(scheme + 4 + told.iter().map(|&byte| usize::from(byte)).sum::<usize>() % 728)
}

fn sign(key: &[u8], parts: &[&[u8]]) -> [u8; DIGEST] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    let mut signed = [0; DIGEST];
    // SHA-256 gives as many bytes as there is room for.
    signed.iter_mut().zip(context.sign().as_ref()).for_each(|(to, &byte)| *to = byte);
    signed
}

/// Fills with bytes that differ from connection to connection. They protect nothing.
fn scatter(seed: u64, into: &mut [u8]) {
    let mut state = seed | 1;
    for byte in into {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = (state >> 32) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed_c1(scheme: usize) -> Vec<u8> {
        let mut c1 = vec![0; PACKET];
        scatter(99, &mut c1[8..]);
        c1[4..8].copy_from_slice(&[9, 0, 124, 2]);
        let place = digest_place(&c1, scheme).unwrap();
        let digest = sign(CLIENT_KEY, &[&c1[..place], &c1[place + DIGEST..]]);
        c1[place..place + DIGEST].copy_from_slice(&digest);
        c1
    }

    fn answer(c1: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        let bytes = [&[3], c1].concat();
        let done = Handshake::server(7).feed(&mut &bytes[..], &mut out).unwrap();
        assert!(!done, "C2 is still to come");
        assert_eq!(out.len(), 1 + 2 * PACKET);
        out.to_vec()
    }

    /// R1.
    #[test]
    fn a_simple_handshake_gets_its_bytes_back() {
        let mut c1 = vec![5; PACKET];
        c1[4..8].fill(0);
        let answer = answer(&c1);
        assert_eq!((answer[0], &answer[5..9]), (3, &[0; 4][..]));
        assert_eq!(&answer[1 + PACKET..], &c1[..]);
    }

    /// R1: both schemes, checked as a client checks them.
    #[test]
    fn a_digest_is_answered_by_the_same_scheme() {
        for scheme in SCHEMES {
            let c1 = signed_c1(scheme);
            let answer = answer(&c1);
            let (s1, s2) = answer[1..].split_at(PACKET);
            let place = digest_place(s1, scheme).unwrap();
            let own = sign(&SERVER_KEY[..SERVER_NAME_LEN], &[&s1[..place], &s1[place + DIGEST..]]);
            assert_eq!(s1[place..place + DIGEST], own);
            let digest = signed(&c1, scheme).unwrap();
            assert_eq!(s2[PACKET - DIGEST..], sign(&sign(SERVER_KEY, &[&digest]), &[&s2[..PACKET - DIGEST]]));
        }
    }

    /// R1: one byte at a time, C2 of any content, and what follows it is left alone.
    #[test]
    fn any_fragmentation_gives_the_same_answer() {
        let c1 = signed_c1(SCHEMES[0]);
        let whole = answer(&c1);
        let (mut handshake, mut out) = (Handshake::server(7), BytesMut::new());
        for byte in [&[3], &c1[..]].concat() {
            assert_eq!(handshake.feed(&mut &[byte][..], &mut out), Ok(false));
        }
        assert_eq!(out, whole[..]);
        let tail = vec![0xab; PACKET + 3];
        let mut src = &tail[..];
        assert_eq!(handshake.feed(&mut src, &mut out), Ok(true));
        assert_eq!(src.len(), 3);
    }

    /// R1.
    #[test]
    fn other_versions_are_answered_with_3_and_other_protocols_refused_at_their_first_byte() {
        let first = |byte: u8| Handshake::server(7).feed(&mut &[byte][..], &mut BytesMut::new());
        for version in [0, 3, 6, 31] {
            assert_eq!(first(version), Ok(false));
        }
        assert_eq!(first(b'G'), Err(Fault::Misbehaved("no RTMP handshake")));
        assert_eq!(first(0x16), Err(Fault::Unsupported("TLS on the plain RTMP port")));
    }
}
