//! How long something took, put into buckets as Prometheus wants it.

use std::time::Duration;

/// Upper bounds of the buckets, in seconds: from a look at nothing to a receiver that is waited for in vain.
pub const BOUNDS_S: [f64; 11] = [0.000_1, 0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Durations since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// How many were at most as long as each bound, and longer than the one before.
    counts: [u64; BOUNDS_S.len()],
    all: u64,
    sum: Duration,
}

impl Latency {
    /// Takes one in.
    pub fn observe(&mut self, took: Duration) {
        self.all += 1;
        self.sum = self.sum.saturating_add(took);
        let took_s = took.as_secs_f64();
        if let Some((_, count)) = BOUNDS_S.iter().zip(&mut self.counts).find(|(bound_s, _)| took_s <= **bound_s) {
            *count += 1;
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.all
    }

    /// Their sum, in seconds.
    pub fn sum_s(&self) -> f64 {
        self.sum.as_secs_f64()
    }

    /// Each bound in seconds, with how many were at most as long.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS_S.iter().zip(self.counts).scan(0, |sum, (bound_s, count)| {
            *sum += count;
            Some((*bound_s, *sum))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_at_most_as_long() {
        let mut latency = Latency::default();
        for millis in [0, 1, 2, 600, 60_000] {
            latency.observe(Duration::from_millis(millis));
        }
        let counts: Vec<u64> = latency.cumulative().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4]);
        assert_eq!((latency.count(), latency.sum_s()), (5, 60.603));
    }
}
