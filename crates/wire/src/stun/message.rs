use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Key;
use crate::Malformed;
use crate::take::{Take, need};

pub(super) const MAGIC: u32 = 0x2112_a442;
pub(super) const FINGERPRINT_XOR: u32 = 0x5354_554e;
pub(super) const HEADER_BYTES: usize = 20;

pub(super) mod attribute {
    pub(in crate::stun) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(in crate::stun) const USERNAME: u16 = 0x0006;
    pub(in crate::stun) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(in crate::stun) const ERROR_CODE: u16 = 0x0009;
    pub(in crate::stun) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub(in crate::stun) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(in crate::stun) const PRIORITY: u16 = 0x0024;
    pub(in crate::stun) const USE_CANDIDATE: u16 = 0x0025;
    pub(in crate::stun) const FINGERPRINT: u16 = 0x8028;
    pub(in crate::stun) const ICE_CONTROLLED: u16 = 0x8029;
    pub(in crate::stun) const ICE_CONTROLLING: u16 = 0x802a;
}

/// Ties a response to its request.
pub type TransactionId = [u8; 12];

/// What a message is within its transaction (RFC 8489 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Asks and expects an answer.
    Request,
    /// Tells and expects none.
    Indication,
    /// The answer: done.
    Success,
    /// The answer: refused.
    Error,
}

/// What a message is about: 12 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method(pub u16);

impl Method {
    /// The only one that ICE needs.
    pub const BINDING: Self = Self(1);
}

/// A parsed message; borrows the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Request, indication or answer.
    pub class: Class,
    /// What it is about.
    pub method: Method,
    /// Which transaction it belongs to.
    pub transaction: TransactionId,
    /// USERNAME: `their-ufrag:our-ufrag` as the receiver of a request sees it reversed; see [`Message::ufrags`].
    pub username: Option<&'a str>,
    /// PRIORITY of the peer-reflexive candidate that this check may make.
    pub priority: Option<u32>,
    /// USE-CANDIDATE was there: the sender nominates this pair.
    pub use_candidate: bool,
    /// ICE-CONTROLLING with its tie-breaker.
    pub controlling: Option<u64>,
    /// ICE-CONTROLLED with its tie-breaker.
    pub controlled: Option<u64>,
    /// XOR-MAPPED-ADDRESS (or MAPPED-ADDRESS) of an answer.
    pub mapped: Option<SocketAddr>,
    /// ERROR-CODE of an answer, 300 to 699.
    pub error: Option<u16>,
    /// The first attribute that one must understand and we do not (U1).
    pub unknown_required: Option<u16>,
    bytes: &'a [u8],
    integrity_at: Option<usize>,
    has_fingerprint: bool,
}

/// Whether a datagram is STUN by its first byte and magic cookie (RFC 7983 §7).
pub fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram, [0..=3, ..]) && datagram.get(4..8) == Some(&MAGIC.to_be_bytes()[..])
}

impl<'a> Message<'a> {
    /// Reads a whole datagram. A FINGERPRINT, where there is one, must be right.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut src = bytes;
        let kind = need(src.u16(), "STUN header")?;
        let len = usize::from(need(src.u16(), "STUN header")?);
        let magic = need(src.u32(), "STUN header")?;
        let transaction = need(src.array::<12>(), "STUN header")?;
        if kind & 0xc000 != 0 || magic != MAGIC || !len.is_multiple_of(4) || len != src.len() {
            return Err(Malformed("STUN header"));
        }
        let class = match (kind >> 4 & 1) | (kind >> 7 & 2) {
            0 => Class::Request,
            1 => Class::Indication,
            2 => Class::Success,
            _ => Class::Error,
        };
        let method = Method((kind & 0x000f) | (kind >> 1 & 0x0070) | (kind >> 2 & 0x0f80));
        let mut message = Self {
            class,
            method,
            transaction,
            username: None,
            priority: None,
            use_candidate: false,
            controlling: None,
            controlled: None,
            mapped: None,
            error: None,
            unknown_required: None,
            bytes,
            integrity_at: None,
            has_fingerprint: false,
        };
        while !src.is_empty() {
            let at = bytes.len() - src.len();
            let kind = need(src.u16(), "STUN attribute")?;
            let len = usize::from(need(src.u16(), "STUN attribute")?);
            let value = need(src.run(len), "STUN attribute")?;
            need(src.run((4 - len % 4) % 4), "STUN attribute")?;
            if kind == attribute::FINGERPRINT {
                return message.close(at, value, src.is_empty());
            }
            // What follows the integrity is not protected by it and must be ignored (RFC 8489 §14.5).
            if message.integrity_at.is_none() {
                message.take(kind, value, at)?;
            }
        }
        Ok(message)
    }

    fn take(&mut self, kind: u16, value: &'a [u8], at: usize) -> Result<(), Malformed> {
        let mut src = value;
        match kind {
            attribute::USERNAME => {
                self.username = Some(std::str::from_utf8(value).map_err(|_| Malformed("STUN username"))?);
            }
            attribute::PRIORITY => self.priority = Some(need(src.u32(), "STUN priority")?),
            attribute::USE_CANDIDATE => self.use_candidate = true,
            attribute::ICE_CONTROLLING => {
                self.controlling = Some(u64::from_be_bytes(need(src.array(), "tie-breaker")?));
            }
            attribute::ICE_CONTROLLED => self.controlled = Some(u64::from_be_bytes(need(src.array(), "tie-breaker")?)),
            attribute::XOR_MAPPED_ADDRESS => self.mapped = Some(self.address(src, true)?),
            attribute::MAPPED_ADDRESS => self.mapped = self.mapped.or(Some(self.address(src, false)?)),
            attribute::ERROR_CODE => {
                let [_, _, hundreds, units] = need(src.array(), "STUN error code")?;
                self.error = Some(u16::from(hundreds & 7) * 100 + u16::from(units));
            }
            attribute::MESSAGE_INTEGRITY if value.len() == 20 => self.integrity_at = Some(at),
            attribute::MESSAGE_INTEGRITY => return Err(Malformed("STUN integrity")),
            attribute::UNKNOWN_ATTRIBUTES => {}
            0..0x8000 => self.unknown_required = self.unknown_required.or(Some(kind)),
            _ => {}
        }
        Ok(())
    }

    fn address(&self, mut src: &[u8], xor: bool) -> Result<SocketAddr, Malformed> {
        let mut read = || {
            let [_, family] = src.array()?;
            let port = src.u16()?;
            let mut mask = [0; 16];
            if xor {
                mask[..4].copy_from_slice(&MAGIC.to_be_bytes());
                mask[4..].copy_from_slice(&self.transaction);
            }
            let ip: IpAddr = match family {
                1 => Ipv4Addr::from_bits(src.u32()? ^ if xor { MAGIC } else { 0 }).into(),
                2 => Ipv6Addr::from_bits(u128::from_be_bytes(src.array()?) ^ u128::from_be_bytes(mask)).into(),
                _ => return None,
            };
            Some(SocketAddr::new(ip, port ^ if xor { (MAGIC >> 16) as u16 } else { 0 }))
        };
        need(read(), "STUN address")
    }

    /// Checks the fingerprint that ends the message.
    fn close(mut self, at: usize, mut value: &[u8], is_last: bool) -> Result<Self, Malformed> {
        let claimed = need(value.u32(), "STUN fingerprint")?;
        let covered = self.bytes.get(..at).unwrap_or_default();
        if !is_last || crc32fast::hash(covered) ^ FINGERPRINT_XOR != claimed {
            return Err(Malformed("STUN fingerprint"));
        }
        self.has_fingerprint = true;
        Ok(self)
    }

    /// The two halves of USERNAME in a request: the receiver's user fragment, then the sender's (RFC 8445 §7.2.2).
    pub fn ufrags(&self) -> Option<(&'a str, &'a str)> {
        self.username?.split_once(':')
    }

    /// The message ended in a right FINGERPRINT; answers should then too.
    pub fn has_fingerprint(&self) -> bool {
        self.has_fingerprint
    }

    /// MESSAGE-INTEGRITY is there and was made with `key`. Compared in constant time.
    pub fn is_signed_with(&self, key: &Key) -> bool {
        let Some(at) = self.integrity_at else { return false };
        let (Some(covered), Some(claimed)) = (self.bytes.get(..at), self.bytes.get(at + 4..at + 24)) else {
            return false;
        };
        key.verify(covered, claimed)
    }
}
