//! The ciphers, each behind the same two calls, and the derivation of session keys.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;

use super::{Keys, Profile};

/// Key derivation labels (RFC 3711 §4.3.1); RTCP's are three higher.
const ENCRYPTION: u8 = 0;
const AUTHENTICATION: u8 = 1;
const SALT: u8 = 2;

/// Session keys for RTP or for RTCP, one direction.
pub(super) enum Suite {
    Cm(Box<Cm>),
    Gcm { cipher: LessSafeKey, salt: [u8; 12] },
}

/// Counter mode with its authentication: larger than the other, hence boxed.
pub(super) struct Cm {
    pub(super) cipher: EncryptingKey,
    pub(super) salt: [u8; 14],
    pub(super) mac: hmac::Key,
}

impl Suite {
    /// Derives them; `is_rtcp` picks the labels.
    pub(super) fn derive(keys: &Keys, is_rtcp: bool) -> Result<Self, Unspecified> {
        let label = |label: u8| label + if is_rtcp { 3 } else { 0 };
        let mut encryption = vec![0; keys.profile.key_bytes()];
        keys.derive(label(ENCRYPTION), &mut encryption)?;
        match keys.profile {
            Profile::Aes128CmSha1 => {
                let (mut salt, mut authentication) = ([0; 14], [0; 20]);
                keys.derive(label(SALT), &mut salt)?;
                keys.derive(label(AUTHENTICATION), &mut authentication)?;
                let cipher = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &encryption)?)?;
                let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &authentication);
                Ok(Self::Cm(Box::new(Cm { cipher, salt, mac })))
            }
            Profile::Aes128Gcm | Profile::Aes256Gcm => {
                let mut salt = [0; 12];
                keys.derive(label(SALT), &mut salt)?;
                let algorithm = if keys.profile == Profile::Aes128Gcm { &AES_128_GCM } else { &AES_256_GCM };
                Ok(Self::Gcm { cipher: LessSafeKey::new(UnboundKey::new(algorithm, &encryption)?), salt })
            }
        }
    }
}

impl Keys {
    /// AES in counter mode as a random function (RFC 3711 §4.3.3); the key derivation rate is zero.
    fn derive(&self, label: u8, out: &mut [u8]) -> Result<(), Unspecified> {
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&self.master_salt);
        iv[7] ^= label;
        let algorithm = if self.master_key.len() == 32 { &AES_256 } else { &AES_128 };
        let cipher = EncryptingKey::ctr(UnboundCipherKey::new(algorithm, &self.master_key)?)?;
        cipher.less_safe_encrypt(out, EncryptionContext::Iv128(iv.into())).map(|_| ())
    }
}

/// AES-CM's counter block (RFC 3711 §4.1.1): salt, source and index side by side.
fn counter(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    xor(&mut iv[4..8], &ssrc.to_be_bytes());
    xor(&mut iv[8..14], &index.to_be_bytes()[2..]);
    iv
}

fn xor(into: &mut [u8], with: &[u8]) {
    into.iter_mut().zip(with).for_each(|(byte, with)| *byte ^= with);
}

/// Encrypts, or decrypts, `text` in place.
pub(super) fn apply_cm(
    cipher: &EncryptingKey,
    salt: &[u8; 14],
    ssrc: u32,
    index: u64,
    text: &mut [u8],
) -> Result<(), Unspecified> {
    let context = EncryptionContext::Iv128(counter(salt, ssrc, index).into());
    cipher.less_safe_encrypt(text, context).map(|_| ())
}

/// The first 80 bits of HMAC-SHA1 over `covered` and `tail` (the rollover counter, or nothing).
pub(super) fn mac(key: &hmac::Key, covered: &[u8], tail: &[u8]) -> [u8; 10] {
    let mut context = hmac::Context::with_key(key);
    context.update(covered);
    context.update(tail);
    let mut tag = [0; 10];
    tag.copy_from_slice(&context.sign().as_ref()[..10]);
    tag
}

pub(super) fn check_mac(key: &hmac::Key, covered: &[u8], tail: &[u8], claimed: &[u8]) -> bool {
    verify_slices_are_equal(&mac(key, covered, tail), claimed).is_ok()
}

/// RFC 7714 §8.1: two zero bytes, source, rollover counter, sequence number, over the salt.
pub(super) fn rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut nonce = *salt;
    xor(&mut nonce[2..6], &ssrc.to_be_bytes());
    xor(&mut nonce[6..12], &index.to_be_bytes()[2..]);
    Nonce::assume_unique_for_key(nonce)
}

/// RFC 7714 §9.1: two zero bytes, source, two zero bytes, index, over the salt.
pub(super) fn rtcp_nonce(salt: &[u8; 12], ssrc: u32, index: u32) -> Nonce {
    let mut nonce = *salt;
    xor(&mut nonce[2..6], &ssrc.to_be_bytes());
    xor(&mut nonce[8..12], &index.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// Encrypts `text` in place and returns its tag.
pub(super) fn seal_gcm(
    cipher: &LessSafeKey,
    nonce: Nonce,
    aad: &[u8],
    text: &mut [u8],
) -> Result<[u8; 16], Unspecified> {
    let tag = cipher.seal_in_place_separate_tag(nonce, Aad::from(aad), text)?;
    tag.as_ref().try_into().map_err(|_| Unspecified)
}

/// Decrypts `text`, which ends in its tag, in place; returns the length without it.
pub(super) fn open_gcm(cipher: &LessSafeKey, nonce: Nonce, aad: &[u8], text: &mut [u8]) -> Result<usize, Unspecified> {
    cipher.open_in_place(nonce, Aad::from(aad), text).map(|plain| plain.len())
}
