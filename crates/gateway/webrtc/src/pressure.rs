use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};

use crate::load::State;

/// How a thread of viewers stands, as others see it.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    permille: AtomicU32,
    state: AtomicU8,
    degraded: AtomicUsize,
}

impl Pressure {
    pub(crate) fn set(&self, state: State, busy: f64, degraded: usize) {
        self.permille.store((busy * 1000.0) as u32, Ordering::Relaxed);
        self.degraded.store(degraded, Ordering::Relaxed);
        self.state.store(state as u8, Ordering::Relaxed);
    }

    pub(crate) fn state(&self) -> State {
        match self.state.load(Ordering::Relaxed) {
            0 => State::Calm,
            1 => State::Full,
            _ => State::Overloaded,
        }
    }

    /// The share of its time that it is busy.
    pub(crate) fn busy(&self) -> f64 {
        f64::from(self.permille.load(Ordering::Relaxed)) / 1000.0
    }

    /// Viewers that are sent less than they could have.
    pub(crate) fn degraded(&self) -> usize {
        self.degraded.load(Ordering::Relaxed)
    }
}
