use std::io::{Error, ErrorKind};
use std::net::SocketAddr;

/// Says in one sentence why one cannot listen there, and which setting to change.
pub(crate) fn refused(setting: &'static str, listen: SocketAddr) -> impl FnOnce(Error) -> anyhow::Error {
    move |error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => "the port is in use; another onair, perhaps?".into(),
            ErrorKind::AddrNotAvailable => "this machine has no such address".into(),
            ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE".into(),
            _ => error.to_string(),
        };
        anyhow::anyhow!("cannot listen at {listen} ({setting}): {why}")
    }
}
