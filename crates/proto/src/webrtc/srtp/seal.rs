use aws_lc_rs::error::Unspecified;
use bytes::{BufMut, BytesMut};

use super::suite::{Cm, Suite, apply_cm, mac, rtcp_nonce, rtp_nonce, seal_gcm};
use super::{Keys, Profile};

/// Encrypts what we send to one peer.
pub struct Sealer {
    profile: Profile,
    rtp: Suite,
    rtcp: Suite,
    /// Of the next RTCP datagram: 31 bits, from 1.
    rtcp_index: u32,
}

impl Sealer {
    /// Derives the session keys. Fails only if the cryptographic library does.
    pub fn new(keys: &Keys) -> Result<Self, Unspecified> {
        let (rtp, rtcp) = (Suite::derive(keys, false)?, Suite::derive(keys, true)?);
        Ok(Self { profile: keys.profile, rtp, rtcp, rtcp_index: 0 })
    }

    /// Which cipher.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Encrypts the RTP packet that stands in `out` from `begin` on, and appends its tag.
    ///
    /// `header` is the length of its header with extensions; `index` its sequence number with the
    /// rollovers counted above the 16 bits (RFC 3711 §3.3.1). The same index must never come twice with
    /// different bytes.
    // Never inlined: the count of the packet path's instructions leaves it out by its name.
    #[inline(never)]
    pub fn seal_rtp(
        &self,
        out: &mut BytesMut,
        begin: usize,
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), Unspecified> {
        let packet = out.get_mut(begin..).ok_or(Unspecified)?;
        let (head, text) = packet.split_at_mut_checked(header).ok_or(Unspecified)?;
        match &self.rtp {
            Suite::Gcm { cipher, salt } => {
                let tag = seal_gcm(cipher, rtp_nonce(salt, ssrc, index), head, text)?;
                out.put_slice(&tag);
            }
            Suite::Cm(cm) => {
                let Cm { cipher, salt, mac: key } = &**cm;
                apply_cm(cipher, salt, ssrc, index, text)?;
                let tag = mac(key, packet, &rollovers(index));
                out.put_slice(&tag);
            }
        }
        Ok(())
    }

    /// Encrypts the RTCP datagram that stands in `out` from `begin` on, and appends index and tag.
    pub fn seal_rtcp(&mut self, out: &mut BytesMut, begin: usize) -> Result<(), Unspecified> {
        self.rtcp_index = (self.rtcp_index + 1) & 0x7fff_ffff;
        let index = self.rtcp_index;
        let word = (index | ENCRYPTED).to_be_bytes();
        let packet = out.get_mut(begin..).ok_or(Unspecified)?;
        let (head, text) = packet.split_at_mut_checked(8).ok_or(Unspecified)?;
        let ssrc = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        match &self.rtcp {
            Suite::Gcm { cipher, salt } => {
                let mut aad = [0; 12];
                aad[..8].copy_from_slice(head);
                aad[8..].copy_from_slice(&word);
                let tag = seal_gcm(cipher, rtcp_nonce(salt, ssrc, index), &aad, text)?;
                out.put_slice(&tag);
                out.put_slice(&word);
            }
            Suite::Cm(cm) => {
                let Cm { cipher, salt, mac: key } = &**cm;
                apply_cm(cipher, salt, ssrc, index.into(), text)?;
                let tag = mac(key, packet, &word);
                out.put_slice(&word);
                out.put_slice(&tag);
            }
        }
        Ok(())
    }
}

/// The bit before an RTCP index that says the datagram is encrypted (RFC 3711 §3.4).
pub(super) const ENCRYPTED: u32 = 0x8000_0000;

/// The part of an index above the sequence number, as authentication covers it.
pub(super) fn rollovers(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}
