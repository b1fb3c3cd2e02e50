//! A certificate that nobody vouches for.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};

use crate::Error;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Long enough that a kept one need not be thought of: nobody could revoke it either.
const LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A certificate and its key, as PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    /// Makes one for this machine: its name, `localhost` and the loopback addresses.
    pub(crate) fn make(now: SystemTime) -> Result<Self, Error> {
        let not_made = |error: rcgen::Error| Error::NotMade(error.to_string());
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let names = if host.is_empty() { vec!["localhost".to_owned()] } else { vec!["localhost".to_owned(), host] };
        let mut params = CertificateParams::new(names).map_err(not_made)?;
        params
            .subject_alt_names
            .extend([SanType::IpAddress(Ipv4Addr::LOCALHOST.into()), SanType::IpAddress(Ipv6Addr::LOCALHOST.into())]);
        params.distinguished_name.push(DnType::CommonName, "Onair, self-signed");
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        // A client's clock may be behind ours.
        params.not_before = (now - DAY).into();
        params.not_after = (now + LIFE).into();
        let key = KeyPair::generate().map_err(not_made)?;
        let certificate = params.self_signed(&key).map_err(not_made)?;
        Ok(Self { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}
