use aws_lc_rs::hmac;

use super::message::HEADER_BYTES;

/// An ICE password, ready for MESSAGE-INTEGRITY (HMAC-SHA1, RFC 8489 §14.5).
#[derive(Clone)]
pub struct Key(hmac::Key);

impl Key {
    /// Short-term credential: the password itself is the key (RFC 8489 §9.1.1).
    pub fn from_password(password: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()))
    }

    /// The code over `covered`, the bytes before the attribute, with the header's length counting the attribute in.
    pub(super) fn sign(&self, covered: &[u8]) -> [u8; 20] {
        let tag = self.context(covered).sign();
        let mut code = [0; 20];
        code.copy_from_slice(tag.as_ref().get(..20).unwrap_or(&[0; 20]));
        code
    }

    pub(super) fn verify(&self, covered: &[u8], claimed: &[u8]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.sign(covered), claimed).is_ok()
    }

    fn context(&self, covered: &[u8]) -> hmac::Context {
        let mut context = hmac::Context::with_key(&self.0);
        let len = (covered.len() + 24 - HEADER_BYTES) as u16;
        if let (Some(kind), Some(rest)) = (covered.get(..2), covered.get(4..)) {
            context.update(kind);
            context.update(&len.to_be_bytes());
            context.update(rest);
        }
        context
    }
}
