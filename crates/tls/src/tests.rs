use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use config::Tls;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

use crate::{Acceptor, Certificate, Error};

const PATIENCE: Duration = Duration::from_secs(60);

fn in_files(dir: &Path) -> Tls {
    Tls { certificate: dir.join("chain.pem"), key: dir.join("key.pem"), self_signed: true }
}

/// A port that answers every handshake with an echo.
async fn serve(acceptor: Acceptor) -> std::net::SocketAddr {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = port.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let (mut from, mut to) = tokio::io::split(acceptor.accept(socket, PATIENCE).await.unwrap());
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

/// A client that trusts one certificate alone.
async fn connect(address: std::net::SocketAddr, trusted: &Path, protocols: &[&str]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
}

fn shown(client: &TlsStream<TcpStream>) -> String {
    let certificate = &client.get_ref().1.peer_certificates().unwrap()[0];
    digest(&SHA256, certificate).as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

async fn echoes(client: &mut TlsStream<TcpStream>) {
    client.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    client.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
}

/// F22.
#[tokio::test]
async fn a_client_chooses_among_the_protocols_or_names_none() {
    let dir = tempfile::tempdir().unwrap();
    let settings = in_files(dir.path());
    let certificate = Certificate::open(&settings).unwrap();
    let address = serve(certificate.acceptor(&["h2", "http/1.1"]).unwrap()).await;
    let cases: [(&[&str], Option<&[u8]>); 3] =
        [(&["http/1.1", "h2"], Some(b"h2")), (&["http/1.1"], Some(b"http/1.1")), (&[], None)];
    for (offered, chosen) in cases {
        let mut client = connect(address, &settings.certificate, offered).await;
        assert_eq!(client.get_ref().1.alpn_protocol(), chosen);
        assert_eq!(shown(&client), certificate.fingerprint());
        echoes(&mut client).await;
    }
}

/// F22.
#[tokio::test(start_paused = true)]
async fn a_renewed_certificate_is_shown_and_those_who_are_connected_stay() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let settings = in_files(dir.path());
    let certificate = Certificate::open(&settings).unwrap();
    let before = certificate.fingerprint();
    tokio::spawn(certificate.clone().keep(CancellationToken::new()));
    let address = serve(certificate.acceptor(&[]).unwrap()).await;
    let mut old = connect(address, &settings.certificate, &[]).await;
    sleep(Duration::from_secs(6)).await;

    // Half of the pair is not used yet.
    let new = in_files(other.path());
    let after = Certificate::open(&new).unwrap().fingerprint();
    fs::copy(&new.certificate, &settings.certificate).unwrap();
    sleep(Duration::from_secs(6)).await;
    assert_eq!(certificate.fingerprint(), before);
    fs::copy(&new.key, &settings.key).unwrap();
    sleep(Duration::from_secs(6)).await;
    assert_eq!(certificate.fingerprint(), after);

    echoes(&mut old).await;
    let mut fresh = connect(address, &settings.certificate, &[]).await;
    assert_eq!(shown(&fresh), after);
    echoes(&mut fresh).await;
}

#[test]
fn a_self_signed_certificate_is_kept_where_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let settings = in_files(dir.path());
    let first = Certificate::open(&settings).unwrap().fingerprint();
    assert_eq!(Certificate::open(&settings).unwrap().fingerprint(), first);
    let mode = fs::metadata(&settings.key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the key is nobody else's");
    // Without files each start has its own.
    let in_memory = Tls { self_signed: true, ..Tls::default() };
    assert_ne!(
        Certificate::open(&in_memory).unwrap().fingerprint(),
        Certificate::open(&in_memory).unwrap().fingerprint()
    );
    assert!(matches!(Certificate::check(&Tls::default()), Err(Error::None)));
}

#[test]
fn what_is_wrong_with_the_files_is_said_with_setting_and_file() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (settings, stranger) = (in_files(dir.path()), in_files(other.path()));
    for settings in [&settings, &stranger] {
        Certificate::open(settings).unwrap();
    }
    let shown = |settings: &Tls| Certificate::check(settings).unwrap_err().to_string().replace('\\', "/");
    let file = |name: &str| dir.path().join(name).display().to_string();

    let missing = Tls { certificate: dir.path().join("gone.pem"), ..settings.clone() };
    assert!(shown(&missing).starts_with(&format!("tls.certificate: {} cannot be read: ", file("gone.pem"))));
    let swapped = Tls { certificate: settings.key.clone(), key: settings.certificate.clone(), self_signed: false };
    assert_eq!(shown(&swapped), format!("tls.certificate: {} holds no certificate in PEM form", file("key.pem")));
    let keyless = Tls { key: settings.certificate.clone(), ..settings.clone() };
    assert_eq!(shown(&keyless), format!("tls.key: {} holds no private key in PEM form", file("chain.pem")));
    let mixed = Tls { key: stranger.key, ..settings.clone() };
    assert!(shown(&mixed).contains(" is not the key of the certificate in "), "{}", shown(&mixed));
    fs::write(&settings.certificate, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    assert_eq!(shown(&settings), format!("tls.certificate: {} holds no certificate in PEM form", file("chain.pem")));
    let key = fs::read_to_string(&settings.key).unwrap();
    assert!(!shown(&settings).contains(key.lines().nth(1).unwrap()), "no word of the key (F11)");
}

/// F8.
#[tokio::test(start_paused = true)]
async fn a_slow_hello_is_given_up_after_ten_seconds() {
    let certificate = Certificate::open(&Tls { self_signed: true, ..Tls::default() }).unwrap();
    let acceptor = certificate.acceptor(&[]).unwrap();
    for hello in [&b""[..], b"\x16\x03\x01", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"] {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(port.local_addr().unwrap()).await.unwrap();
        client.write_all(hello).await.unwrap();
        let (socket, _) = port.accept().await.unwrap();
        let began = Instant::now();
        let error = acceptor.accept(socket, PATIENCE).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 10);
    }
}

/// R23.
#[tokio::test]
async fn who_speaks_no_tls_is_refused_at_once_with_an_alert() {
    let certificate = Certificate::open(&Tls { self_signed: true, ..Tls::default() }).unwrap();
    let acceptor = certificate.acceptor(&["h2"]).unwrap();
    let mut rtmp = vec![3; 1];
    rtmp.extend([0; 1536]);
    for words in [&rtmp[..], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(port.local_addr().unwrap()).await.unwrap();
        client.write_all(words).await.unwrap();
        let (socket, _) = port.accept().await.unwrap();
        let began = Instant::now();
        acceptor.accept(socket, PATIENCE).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(1));
        let mut told = [0; 7];
        client.read_exact(&mut told).await.unwrap();
        assert_eq!((told[0], told[5]), (21, 2), "a fatal alert: {told:?}");
    }
}
