use std::time::Duration;

/// How long a worker must have lived for its death to be an accident rather than a habit.
const LONG: Duration = Duration::from_secs(3);
/// After an accident another one starts at once, or nearly.
const FIRST: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_secs(30);

/// Says how long to wait before a worker is started again.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    /// Workers in a row that died young.
    failures: u32,
}

impl Backoff {
    /// A worker died after having lived that long.
    pub(crate) fn died(&mut self, lived: Duration) -> Duration {
        if lived >= LONG {
            self.failures = 0;
        }
        let wait = FIRST.saturating_mul(1 << (2 * self.failures).min(20)).min(MOST);
        self.failures = self.failures.saturating_add(1);
        wait
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accident_is_mended_at_once_and_a_habit_later_and_later() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            assert_eq!(backoff.died(Duration::from_secs(5)), FIRST);
        }
        let waits: Vec<_> = (0..6).map(|_| backoff.died(Duration::from_millis(100)).as_millis()).collect();
        assert_eq!(waits, [200, 800, 3200, 12_800, 30_000, 30_000]);
        assert_eq!(backoff.died(Duration::from_secs(60)), FIRST);
    }
}
