use std::collections::HashMap;

use aws_lc_rs::error::Unspecified;
use wire::rtp::Packet;

use super::Keys;
use super::seal::{ENCRYPTED, rollovers};
use super::suite::{Cm, Suite, apply_cm, check_mac, open_gcm, rtcp_nonce, rtp_nonce};

/// Why a datagram was thrown away. The session goes on (P24).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Too short, or not what it should be.
    #[error("malformed")]
    Malformed,
    /// It came before, or is too old to tell.
    #[error("replayed")]
    Replayed,
    /// It was not made with our keys.
    #[error("not authentic")]
    NotAuthentic,
    /// More sources than an honest peer has.
    #[error("too many sources")]
    TooManySources,
}

/// Decrypts what one peer sends us.
pub struct Opener {
    rtp: Suite,
    rtcp: Suite,
    sources: HashMap<u32, Replay>,
    rtcp_replay: HashMap<u32, Replay>,
}

/// A camera with three layers, their retransmissions and a microphone has eight.
const MAX_SOURCES: usize = 64;
const WINDOW: u64 = 128;

/// Which of the last 128 indices were seen.
#[derive(Clone, Copy, Default)]
struct Replay {
    highest: u64,
    /// Bit n: `highest - n` was seen.
    seen: u128,
}

impl Replay {
    fn is_new(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(age) => self.seen == 0 || (age < WINDOW && self.seen >> age & 1 == 0),
        }
    }

    fn note(&mut self, index: u64) {
        if let Some(age) = self.highest.checked_sub(index).filter(|_| self.seen != 0) {
            self.seen |= 1 << age.min(WINDOW - 1);
            return;
        }
        let step = index.saturating_sub(self.highest);
        self.seen = if self.seen == 0 || step >= WINDOW { 1 } else { self.seen << step | 1 };
        self.highest = index;
    }

    /// The index that `sequence` most likely has (RFC 3711 §3.3.1): the one nearest to the highest seen.
    fn guess(&self, sequence: u16) -> u64 {
        if self.seen == 0 {
            return sequence.into();
        }
        let step = sequence.wrapping_sub(self.highest as u16) as i16;
        self.highest.checked_add_signed(step.into()).unwrap_or(sequence.into())
    }
}

impl Opener {
    /// Derives the session keys. Fails only if the cryptographic library does.
    pub fn new(keys: &Keys) -> Result<Self, Unspecified> {
        let (rtp, rtcp) = (Suite::derive(keys, false)?, Suite::derive(keys, true)?);
        Ok(Self { rtp, rtcp, sources: HashMap::new(), rtcp_replay: HashMap::new() })
    }

    /// Decrypts an RTP packet in place. Returns its length without the tag, and its index: the sequence
    /// number with rollovers counted.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<(usize, u64), Rejected> {
        let parsed = Packet::parse_encrypted(packet).map_err(|_| Rejected::Malformed)?;
        let (ssrc, sequence, header) = (parsed.header.ssrc, parsed.header.sequence, parsed.payload_at);
        let replay = self.sources.get(&ssrc).copied().unwrap_or_default();
        if replay.seen == 0 && self.sources.len() >= MAX_SOURCES {
            return Err(Rejected::TooManySources);
        }
        let index = replay.guess(sequence);
        if !replay.is_new(index) {
            return Err(Rejected::Replayed);
        }
        let len = match &self.rtp {
            Suite::Gcm { cipher, salt } => {
                let (head, text) = packet.split_at_mut_checked(header).ok_or(Rejected::Malformed)?;
                let plain = open_gcm(cipher, rtp_nonce(salt, ssrc, index), head, text);
                header + plain.map_err(|_| Rejected::NotAuthentic)?
            }
            Suite::Cm(cm) => {
                let Cm { cipher, salt, mac } = &**cm;
                let len = packet.len().checked_sub(10).filter(|len| *len >= header).ok_or(Rejected::Malformed)?;
                let (covered, tag) = packet.split_at_mut_checked(len).ok_or(Rejected::Malformed)?;
                if !check_mac(mac, covered, &rollovers(index), tag) {
                    return Err(Rejected::NotAuthentic);
                }
                let text = covered.get_mut(header..).ok_or(Rejected::Malformed)?;
                apply_cm(cipher, salt, ssrc, index, text).map_err(|_| Rejected::NotAuthentic)?;
                len
            }
        };
        self.sources.entry(ssrc).or_default().note(index);
        Ok((len, index))
    }

    /// Decrypts an RTCP datagram in place. Returns its length without index and tag.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Rejected> {
        let tag_len = if let Suite::Cm(_) = self.rtcp { 10 } else { 0 };
        let word_at = packet.len().checked_sub(4 + tag_len).filter(|at| *at >= 8).ok_or(Rejected::Malformed)?;
        let word: [u8; 4] =
            packet.get(word_at..word_at + 4).and_then(|word| word.try_into().ok()).ok_or(Rejected::Malformed)?;
        let ssrc: [u8; 4] = packet.get(4..8).and_then(|ssrc| ssrc.try_into().ok()).ok_or(Rejected::Malformed)?;
        let (ssrc, word_value) = (u32::from_be_bytes(ssrc), u32::from_be_bytes(word));
        let (index, is_encrypted) = (word_value & !ENCRYPTED, word_value & ENCRYPTED != 0);
        let replay = self.rtcp_replay.get(&ssrc).copied().unwrap_or_default();
        if replay.seen == 0 && self.rtcp_replay.len() >= MAX_SOURCES {
            return Err(Rejected::TooManySources);
        }
        if !replay.is_new(index.into()) {
            return Err(Rejected::Replayed);
        }
        // WebRTC never leaves RTCP in the clear.
        if !is_encrypted {
            return Err(Rejected::Malformed);
        }
        let len = match &self.rtcp {
            Suite::Gcm { cipher, salt } => {
                let (covered, _) = packet.split_at_mut_checked(word_at).ok_or(Rejected::Malformed)?;
                let (head, text) = covered.split_at_mut_checked(8).ok_or(Rejected::Malformed)?;
                let mut aad = [0; 12];
                aad[..8].copy_from_slice(head);
                aad[8..].copy_from_slice(&word);
                let plain = open_gcm(cipher, rtcp_nonce(salt, ssrc, index), &aad, text);
                8 + plain.map_err(|_| Rejected::NotAuthentic)?
            }
            Suite::Cm(cm) => {
                let Cm { cipher, salt, mac } = &**cm;
                let (covered, tag) = packet.split_at_mut_checked(word_at + 4).ok_or(Rejected::Malformed)?;
                if !check_mac(mac, covered, &[], tag) {
                    return Err(Rejected::NotAuthentic);
                }
                let text = covered.get_mut(8..word_at).ok_or(Rejected::Malformed)?;
                apply_cm(cipher, salt, ssrc, index.into(), text).map_err(|_| Rejected::NotAuthentic)?;
                word_at
            }
        };
        self.rtcp_replay.entry(ssrc).or_default().note(index.into());
        Ok(len)
    }
}
