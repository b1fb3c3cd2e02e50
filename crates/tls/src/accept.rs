use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// A connection as its gateway reads and writes it: as it came, or behind TLS.
pub type Socket = Either<TcpStream, TlsStream<TcpStream>>;

/// What a client may take for its part of the handshake, however patient the gateway is (F8).
const PATIENCE: Duration = Duration::from_secs(10);

/// Does the handshakes of one port. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    pub(crate) fn new(config: ServerConfig) -> Self {
        Self(TlsAcceptor::from(Arc::new(config)))
    }

    /// Takes one connection through the handshake, within `patience` and never more than ten seconds. To be called in the
    /// connection's own task: others do not wait. Who speaks no TLS is told so by an alert and refused at once (R23).
    pub async fn accept(&self, socket: TcpStream, patience: Duration) -> io::Result<Socket> {
        match timeout(patience.min(PATIENCE), self.0.accept(socket)).await {
            Ok(outcome) => outcome.map(Either::Right),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}
