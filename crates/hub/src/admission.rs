use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use media::Path;

/// Decides who may publish and who may watch.
///
/// A boxed future, so that an outside service may be asked; a slow answer must hold up only the one who asks.
pub trait Admission: Send + Sync {
    /// The verdict on one request.
    fn admit(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Verdict> + Send + '_>>;
}

/// What somebody wants to do, and what they show for it.
#[derive(Clone)]
pub struct Ask {
    /// What they want to do.
    pub action: Action,
    /// With which broadcast.
    pub path: Path,
    /// Where they come from; behind a trusted proxy, the address that it names.
    pub peer: IpAddr,
    /// The key they carry, in whatever way their protocol can. Never logged.
    pub secret: Option<String>,
    /// How they come: `rtmp`, `hls`.
    pub proto: &'static str,
}

/// Leaves the secret out.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, path, peer, secret, proto } = self;
        f.debug_struct("Ask")
            .field("action", action)
            .field("path", path)
            .field("peer", peer)
            .field("proto", proto)
            .field("secret", &secret.as_ref().map(|_| "…"))
            .finish()
    }
}

/// What one may be admitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a stream in.
    Publish,
    /// Take a stream out.
    Watch,
}

/// The answer to an [`Ask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Come in.
    Allowed,
    /// A key is needed and none was shown.
    NeedsKey,
    /// The key shown opens nothing here.
    WrongKey,
    /// The key shown is a good one, but for something else.
    OtherKey,
}
