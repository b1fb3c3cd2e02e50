use std::time::{Duration, Instant};

/// What is offered before anything is known, bits a second.
const BEGIN: f64 = 3_000_000.0;
const LEAST: f64 = 300_000.0;
const INTERVAL: Duration = Duration::from_secs(1);

/// How much a sender that knows only REMB is told to send: more while little is lost, less while much is.
#[derive(Debug)]
pub(super) struct Estimate {
    most: f64,
    rate: f64,
    due: Instant,
}

impl Estimate {
    pub(super) fn new(most_bps: u64, now: Instant) -> Self {
        let most = (most_bps as f64).max(LEAST);
        Self { most, rate: BEGIN.min(most), due: now }
    }

    /// Bits a second to offer, once in a while. `loss` is a share of packets, `received_bps` what comes now.
    pub(super) fn poll(&mut self, now: Instant, loss: f32, received_bps: u64) -> Option<u64> {
        if now < self.due {
            return None;
        }
        self.due = now + INTERVAL;
        let loss = f64::from(loss);
        if loss > 0.1 {
            // As a sender would by itself (draft-ietf-rmcat-gcc §6).
            self.rate = (self.rate.min(received_bps as f64 * 1.2)) * (1.0 - 0.5 * loss);
        } else if loss < 0.02 {
            // Nothing is gained by offering far more than is used.
            let useful = (2.0 * received_bps as f64).max(BEGIN);
            self.rate = self.rate.max((self.rate * 1.08).min(useful));
        }
        self.rate = self.rate.clamp(LEAST, self.most);
        Some(self.rate as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_halves_what_is_offered_and_peace_restores_it() {
        let start = Instant::now();
        let mut estimate = Estimate::new(8_000_000, start);
        let mut at = |second: u64, loss, received| estimate.poll(start + INTERVAL * second as u32, loss, received);
        assert_eq!((at(0, 0.0, 0), at(0, 0.0, 0)), (Some(3_000_000), None));
        let calm = (1..30).filter_map(|second| at(second, 0.0, 4_000_000)).last();
        assert_eq!(calm, Some(8_000_000));
        assert_eq!(at(30, 0.5, 4_000_000), Some(3_600_000));
        assert!((31..60).filter_map(|second| at(second, 1.0, 100_000)).all(|rate| rate >= 300_000));
    }
}
