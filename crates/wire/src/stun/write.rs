use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, BytesMut};

use super::message::{FINGERPRINT_XOR, HEADER_BYTES, MAGIC, attribute};
use super::{Class, Key, Method, TransactionId};

/// Writes one message, attribute by attribute.
pub struct Builder {
    bytes: BytesMut,
    transaction: TransactionId,
}

impl Builder {
    /// Begins a message.
    pub fn new(class: Class, method: Method, transaction: TransactionId) -> Self {
        let class = match class {
            Class::Request => 0,
            Class::Indication => 0x0010,
            Class::Success => 0x0100,
            Class::Error => 0x0110,
        };
        let Method(method) = method;
        let mut bytes = BytesMut::with_capacity(128);
        bytes.put_u16((method & 0x000f) | (method & 0x0070) << 1 | (method & 0x0f80) << 2 | class);
        bytes.put_u16(0);
        bytes.put_u32(MAGIC);
        bytes.put_slice(&transaction);
        Self { bytes, transaction }
    }

    /// Any attribute, as it is: at most 65 535 bytes of value.
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.bytes.put_u16(kind);
        self.bytes.put_u16(value.len() as u16);
        self.bytes.put_slice(value);
        self.bytes.put_bytes(0, (4 - value.len() % 4) % 4);
        self.set_len(0);
        self
    }

    /// Writes the length so far plus `more` into the header.
    fn set_len(&mut self, more: usize) {
        let len = (self.bytes.len() + more - HEADER_BYTES) as u16;
        self.bytes[2..4].copy_from_slice(&len.to_be_bytes());
    }

    /// USERNAME: `receiver-ufrag:sender-ufrag`.
    pub fn username(self, username: &str) -> Self {
        self.attribute(attribute::USERNAME, username.as_bytes())
    }

    /// PRIORITY of a check.
    pub fn priority(self, priority: u32) -> Self {
        self.attribute(attribute::PRIORITY, &priority.to_be_bytes())
    }

    /// USE-CANDIDATE: nominates the pair.
    pub fn use_candidate(self) -> Self {
        self.attribute(attribute::USE_CANDIDATE, &[])
    }

    /// ICE-CONTROLLING with a tie-breaker.
    pub fn controlling(self, tie_breaker: u64) -> Self {
        self.attribute(attribute::ICE_CONTROLLING, &tie_breaker.to_be_bytes())
    }

    /// XOR-MAPPED-ADDRESS: where the request came from.
    pub fn xor_mapped(self, address: SocketAddr) -> Self {
        let mut value = BytesMut::with_capacity(20);
        let port = address.port() ^ (MAGIC >> 16) as u16;
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                value.put_slice(&[0, 1]);
                value.put_u16(port);
                value.put_u32(ip.to_bits() ^ MAGIC);
            }
            IpAddr::V6(ip) => {
                let mut mask = [0; 16];
                mask[..4].copy_from_slice(&MAGIC.to_be_bytes());
                mask[4..].copy_from_slice(&self.transaction);
                value.put_slice(&[0, 2]);
                value.put_u16(port);
                value.put_u128(ip.to_bits() ^ u128::from_be_bytes(mask));
            }
        }
        self.attribute(attribute::XOR_MAPPED_ADDRESS, &value)
    }

    /// ERROR-CODE with a reason phrase.
    pub fn error(self, code: u16, reason: &str) -> Self {
        let mut value = BytesMut::with_capacity(4 + reason.len());
        value.put_slice(&[0, 0, (code / 100) as u8, (code % 100) as u8]);
        value.put_slice(reason.as_bytes());
        self.attribute(attribute::ERROR_CODE, &value)
    }

    /// UNKNOWN-ATTRIBUTES: what a 420 is about.
    pub fn unknown_attribute(self, kind: u16) -> Self {
        self.attribute(attribute::UNKNOWN_ATTRIBUTES, &kind.to_be_bytes())
    }

    /// MESSAGE-INTEGRITY over all so far. Only a fingerprint may follow.
    pub fn sign(self, key: &Key) -> Self {
        let code = key.sign(&self.bytes);
        self.attribute(attribute::MESSAGE_INTEGRITY, &code)
    }

    /// FINGERPRINT over all so far, and the finished message.
    pub fn finish(mut self) -> BytesMut {
        self.set_len(8);
        let sum = crc32fast::hash(&self.bytes) ^ FINGERPRINT_XOR;
        self.attribute(attribute::FINGERPRINT, &sum.to_be_bytes()).bytes
    }
}
