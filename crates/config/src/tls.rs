use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The certificate for HTTPS (`http.tls_listen`) and RTMPS (`rtmp.tls_listen`).
///
/// The files are looked at every few seconds: a renewed certificate is shown from then on, and no connection is dropped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// A PEM file with the certificate and those that vouch for it, such as `"/etc/letsencrypt/live/example.com/fullchain.pem"`.
    #[schemars(with = "String")]
    pub certificate: PathBuf,
    /// A PEM file with the private key of the certificate.
    #[schemars(with = "String")]
    pub key: PathBuf,
    /// Make a certificate that nobody vouches for, to try things out: clients warn of it or refuse it. It is kept in the
    /// two files if those are named and not there yet, otherwise in memory until the server stops.
    pub self_signed: bool,
}

impl Tls {
    /// Whether there is, or will be, anything to show to clients.
    pub fn has_certificate(&self) -> bool {
        self.self_signed || !self.certificate.as_os_str().is_empty()
    }
}
