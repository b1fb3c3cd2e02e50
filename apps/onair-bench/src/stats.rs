//! What was seen, counted.

use std::fmt;

use serde::Serialize;

/// Durations or distances, kept one by one: a window of ten seconds holds few enough.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f32>);

/// Samples in a few numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How many.
    pub count: usize,
    /// Half are at most this.
    pub p50: f32,
    /// All but one in a hundred are at most this.
    pub p99: f32,
    /// The largest.
    pub max: f32,
}

impl Samples {
    /// Adds one.
    pub fn add(&mut self, value: f32) {
        self.0.push(value);
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// By the nearest-rank method: every number named was really seen.
    pub fn summary(&self) -> Summary {
        let mut sorted = self.0.clone();
        sorted.sort_by(f32::total_cmp);
        let rank = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).max(1);
            sorted.get(rank - 1).copied().unwrap_or(0.0)
        };
        Summary { count: sorted.len(), p50: rank(50), p99: rank(99), max: rank(100) }
    }
}

/// Summaries of milliseconds, a line each.
pub(crate) fn table<'a>(f: &mut fmt::Formatter<'_>, rows: impl Iterator<Item = (&'a str, Summary)>) -> fmt::Result {
    writeln!(f, "  {:<16} {:>8} {:>9} {:>9} {:>9}", "milliseconds", "count", "p50", "p99", "max")?;
    for (name, Summary { count, p50, p99, max }) in rows {
        writeln!(f, "  {name:<16} {count:>8} {p50:>9.1} {p99:>9.1} {max:>9.1}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let mut samples = Samples::default();
        (1..=200).rev().for_each(|n| samples.add(n as f32));
        assert_eq!(samples.summary(), Summary { count: 200, p50: 100.0, p99: 198.0, max: 200.0 });
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(Samples::default().summary(), Summary::default());
        let mut one = Samples::default();
        one.add(7.0);
        assert_eq!(one.summary(), Summary { count: 1, p50: 7.0, p99: 7.0, max: 7.0 });
    }
}
