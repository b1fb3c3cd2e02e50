use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::aws_lc_rs::digest::{SHA256, digest};
use arc_swap::ArcSwap;
use config::Tls;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::crypto::aws_lc_rs::{self, Ticketer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::files::Files;
use crate::own::Pair;
use crate::{Acceptor, Error};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// The certificate that every port of the server shows. Cheap to clone; all clones change together.
#[derive(Clone, Debug)]
pub struct Certificate {
    shown: Arc<Shown>,
    files: Option<Files>,
}

/// Which one is shown: the same for every name that a client asks for, as the client judges it (F22).
#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Certificate {
    /// Reads the files of the configuration, or makes a certificate where that is asked for.
    pub fn open(settings: &Tls) -> Result<Self, Error> {
        let files = files(settings);
        let pair = match &files {
            Some(files) => {
                if settings.self_signed && files.are_missing() {
                    files.write(&Pair::make(SystemTime::now())?)?;
                }
                files.read()?
            }
            None if settings.self_signed => in_memory(&Pair::make(SystemTime::now())?)?,
            None => return Err(Error::None),
        };
        let certificate = Self { shown: Arc::new(Shown(ArcSwap::from_pointee(pair))), files };
        let fingerprint = certificate.fingerprint();
        let file = certificate.files.as_ref().map_or("none".into(), |files| files.certificate.display().to_string());
        info!(fingerprint, file, self_signed = settings.self_signed, "certificate");
        Ok(certificate)
    }

    /// Whether [`open`](Self::open) would go well. Nothing is made or written.
    pub fn check(settings: &Tls) -> Result<(), Error> {
        match files(settings) {
            Some(files) if settings.self_signed && files.are_missing() => Ok(()),
            Some(files) => files.read().map(drop),
            None if settings.self_signed => Ok(()),
            None => Err(Error::None),
        }
    }

    /// SHA-256 of the certificate, as browsers show it.
    pub fn fingerprint(&self) -> String {
        let pair = self.shown.0.load();
        let Some(certificate) = pair.cert.first() else { return String::new() };
        let digest = digest(&SHA256, certificate);
        digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// For a port whose clients may choose between these protocols; without any, they need not name one.
    pub fn acceptor(&self, protocols: &[&str]) -> Result<Acceptor, Error> {
        let not_made = |error: rustls::Error| Error::NotMade(error.to_string());
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(not_made)?
            .with_no_client_auth()
            .with_cert_resolver(self.shown.clone());
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        // Who comes back needs no new signature, and we keep nothing for it.
        config.ticketer = Ticketer::new().map_err(not_made)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Acceptor::new(config))
    }

    /// Shows what is in the files whenever they have changed, until `stop`. Connections that are there stay as they
    /// are; a pair that does not fit together changes nothing (it may be half written) and is told once.
    pub async fn keep(self, stop: CancellationToken) {
        let Some(files) = self.files.clone() else { return stop.cancelled().await };
        let mut seen = files.stamp();
        let mut looks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = stop.cancelled() => return,
            }
            let now = files.stamp();
            if now != seen {
                seen = now;
                self.renew(&files);
            }
        }
    }

    fn renew(&self, files: &Files) {
        match files.read() {
            Ok(pair) => {
                self.shown.0.store(Arc::new(pair));
                info!(fingerprint = self.fingerprint(), "the certificate has changed");
            }
            Err(error) => warn!(%error, "the new certificate cannot be used; the old one stays"),
        }
    }
}

/// The files that are named, if they are.
fn files(settings: &Tls) -> Option<Files> {
    let Tls { certificate, key, .. } = settings;
    let is_set = !certificate.as_os_str().is_empty();
    is_set.then(|| Files { certificate: certificate.clone(), key: key.clone() })
}

fn in_memory(pair: &Pair) -> Result<CertifiedKey, Error> {
    let not_made = |error: &dyn std::fmt::Display| Error::NotMade(error.to_string());
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).map_err(|error| not_made(&error))?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).map_err(|error| not_made(&error))?;
    Ok(CertifiedKey::new(vec![certificate], any_supported_type(&key).map_err(|error| not_made(&error))?))
}
