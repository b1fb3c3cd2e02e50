use std::fmt;

/// What DTLS-SRTP may agree on (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `SRTP_AES128_CM_HMAC_SHA1_80`: everybody has it.
    Aes128CmSha1,
    /// `SRTP_AEAD_AES_128_GCM`: half the cost.
    Aes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`.
    Aes256Gcm,
}

impl Profile {
    /// Bytes of a master key.
    pub(super) const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128CmSha1 | Self::Aes128Gcm => 16,
            Self::Aes256Gcm => 32,
        }
    }

    /// Bytes of a master salt.
    pub(super) const fn salt_bytes(self) -> usize {
        match self {
            Self::Aes128CmSha1 => 14,
            Self::Aes128Gcm | Self::Aes256Gcm => 12,
        }
    }

    /// Bytes that sealing adds to an RTP packet.
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::Aes128CmSha1 => 10,
            Self::Aes128Gcm | Self::Aes256Gcm => 16,
        }
    }

    /// Bytes that sealing adds to an RTCP datagram: tag and index.
    pub const fn rtcp_overhead(self) -> usize {
        self.rtp_overhead() + 4
    }
}

/// One direction's master key and salt.
#[derive(Clone)]
pub struct Keys {
    pub(super) profile: Profile,
    pub(super) master_key: Vec<u8>,
    /// Padded with zeros to 14 bytes, as key derivation wants it.
    pub(super) master_salt: [u8; 14],
}

/// Tells the profile alone.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({:?})", self.profile)
    }
}

impl Keys {
    /// A key and salt of the profile's lengths.
    pub fn try_new(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Option<Self> {
        if master_key.len() != profile.key_bytes() || master_salt.len() != profile.salt_bytes() {
            return None;
        }
        let mut salt = [0; 14];
        salt.get_mut(..master_salt.len())?.copy_from_slice(master_salt);
        Some(Self { profile, master_key: master_key.to_vec(), master_salt: salt })
    }

    /// Splits what a DTLS handshake exports into the client's and the server's keys (RFC 5764 §4.2).
    pub fn from_dtls(profile: Profile, exported: &[u8]) -> Option<(Self, Self)> {
        let (key, salt) = (profile.key_bytes(), profile.salt_bytes());
        let (client_key, rest) = exported.split_at_checked(key)?;
        let (server_key, rest) = rest.split_at_checked(key)?;
        let (client_salt, rest) = rest.split_at_checked(salt)?;
        let server_salt = rest.get(..salt)?;
        Some((Self::try_new(profile, client_key, client_salt)?, Self::try_new(profile, server_key, server_salt)?))
    }
}
