//! A certificate and its key in two PEM files.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::Error;
use crate::own::Pair;

const CERTIFICATE: &str = "tls.certificate";
const KEY: &str = "tls.key";

/// Where a certificate, with those that vouch for it, and its key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What tells one state of the files from another. Links are followed: certbot changes where they point.
pub(crate) type Stamp = [Option<(u64, u64, i64, i64)>; 2];

impl Files {
    /// What lies there now, if it is a pair.
    pub(crate) fn read(&self) -> Result<CertifiedKey, Error> {
        let Self { certificate, key } = self;
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(certificate).and_then(|certificates| certificates.collect());
        let chain = chain.map_err(fault(CERTIFICATE, certificate, "certificate"))?;
        if chain.is_empty() {
            return Err(fault(CERTIFICATE, certificate, "certificate")(pem::Error::NoItemsFound));
        }
        let secret = PrivateKeyDer::from_pem_file(key).map_err(fault(KEY, key, "private key"))?;
        let mismatch = |error| Error::Mismatch { key: key.clone(), certificate: certificate.clone(), error };
        let pair = CertifiedKey::new(chain, any_supported_type(&secret).map_err(mismatch)?);
        match pair.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
            Err(error) => Err(mismatch(error)),
        }
    }

    /// Keeps a certificate of our own where none is: the key for our eyes only.
    pub(crate) fn write(&self, pair: &Pair) -> Result<(), Error> {
        let put = |setting, file: &Path, mode, text: &str| {
            create(file, mode, text).map_err(|error| Error::Unwritable { setting, file: file.to_owned(), error })
        };
        put(KEY, &self.key, 0o600, &pair.key)?;
        put(CERTIFICATE, &self.certificate, 0o644, &pair.certificate)
    }

    /// Whether neither is there yet.
    pub(crate) fn are_missing(&self) -> bool {
        [&self.certificate, &self.key].iter().all(|file| matches!(file.try_exists(), Ok(false)))
    }

    pub(crate) fn stamp(&self) -> Stamp {
        [&self.certificate, &self.key].map(|file| {
            let meta = fs::metadata(file).ok()?;
            Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
        })
    }
}

fn create(file: &Path, mode: u32, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?.write_all(text.as_bytes())
}

fn fault(setting: &'static str, file: &Path, wanted: &'static str) -> impl FnOnce(pem::Error) -> Error {
    move |error| match error {
        pem::Error::Io(error) => Error::Unreadable { setting, file: file.to_owned(), error },
        _ => Error::Empty { setting, file: file.to_owned(), wanted },
    }
}
