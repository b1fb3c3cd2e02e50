use std::io;
use std::path::PathBuf;

/// Why there is no certificate to show. Names the setting and the file, never what is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is not there, or may not be read.
    #[error("{setting}: {} cannot be read: {error}", file.display())]
    Unreadable {
        /// Which setting names the file.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file holds something else.
    #[error("{setting}: {} holds no {wanted} in PEM form", file.display())]
    Empty {
        /// Which setting names the file.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// What should be in it.
        wanted: &'static str,
    },
    /// Each may be right, but they are not of a pair.
    #[error("tls.key: {} is not the key of the certificate in {}: {error}", key.display(), certificate.display())]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
        /// What rustls says.
        error: rustls::Error,
    },
    /// A self-signed certificate could not be kept.
    #[error("{setting}: {} cannot be written: {error}", file.display())]
    Unwritable {
        /// Which setting names the file.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// No certificate of our own could be made.
    #[error("tls.self_signed: no certificate could be made: {0}")]
    NotMade(String),
    /// Neither files nor `self_signed` are set.
    #[error("TLS needs a certificate: set tls.certificate and tls.key, or tls.self_signed")]
    None,
}
