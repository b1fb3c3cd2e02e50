//! A publisher that runs on a thread of its own, whatever it speaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// A publisher; ends when dropped.
#[derive(Debug)]
pub struct Publisher {
    progress: Arc<Progress>,
    thread: Option<thread::JoinHandle<Result<(), String>>>,
}

/// What the thread is told, and tells.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    stop: AtomicBool,
    is_ready: AtomicBool,
    packets: AtomicU64,
    bytes: AtomicU64,
    keyframes_asked: AtomicU64,
    packets_asked: AtomicU64,
}

/// What a publisher has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Packets or messages sent.
    pub packets: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Keyframes that the server asked for.
    pub keyframes_asked: u64,
    /// Packets that it asked for again.
    pub packets_asked: u64,
}

impl Publisher {
    /// Begins; returns at once.
    pub(crate) fn spawn<E: std::fmt::Display>(
        work: impl FnOnce(&Arc<Progress>) -> Result<(), E> + Send + 'static,
    ) -> Self {
        let progress = Arc::new(Progress::default());
        let told = progress.clone();
        let thread = thread::spawn(move || work(&told).map_err(|why| why.to_string()));
        Self { progress, thread: Some(thread) }
    }

    /// Media flows.
    pub fn is_ready(&self) -> bool {
        self.progress.is_ready()
    }

    /// It has given up.
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(thread::JoinHandle::is_finished)
    }

    /// So far.
    pub fn done(&self) -> Done {
        let Progress { packets, bytes, keyframes_asked, packets_asked, .. } = &*self.progress;
        let [packets, bytes, keyframes_asked, packets_asked] =
            [packets, bytes, keyframes_asked, packets_asked].map(|count| count.load(Ordering::Relaxed));
        Done { packets, bytes, keyframes_asked, packets_asked }
    }

    /// Ends it; says why it had ended before, if it had.
    pub fn end(&mut self) -> Result<(), String> {
        self.progress.stop.store(true, Ordering::Relaxed);
        let panicked = || Err("a publisher panicked".to_owned());
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or_else(|_| panicked()))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // Why it ended was asked for before, or is of no interest.
        let _ = self.end();
    }
}

impl Progress {
    pub(crate) fn is_told_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed)
    }

    pub(crate) fn begins(&self) {
        self.is_ready.store(true, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, packets: u64, bytes: usize) {
        self.packets.fetch_add(packets, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn was_asked(&self, keyframes: u64, packets: u64) {
        self.keyframes_asked.fetch_add(keyframes, Ordering::Relaxed);
        self.packets_asked.fetch_add(packets, Ordering::Relaxed);
    }
}
