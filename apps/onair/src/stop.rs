use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Asks to stop, from the terminal (Ctrl-C) or the service manager.
pub(crate) struct Requests {
    interrupt: Signal,
    terminate: Signal,
}

impl Requests {
    /// Listens for them from now on.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { interrupt: on(SignalKind::interrupt())?, terminate: on(SignalKind::terminate())? })
    }

    /// The next one, by its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
