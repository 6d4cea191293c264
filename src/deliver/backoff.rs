//! How long to wait after a failure: longer each time, and never in step with others.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

const FIRST: Duration = Duration::from_millis(500);

/// The wait after so many failures in a row, from 1: half a second, doubled each time up to `most`, of which a random part
/// of up to a half is left out, so that many sinks of a receiver that comes back do not all knock at once.
pub(super) fn wait(failures: u32, most: Duration) -> Duration {
    let whole = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(most);
    whole.mul_f64(1.0 - random() / 2.0)
}

/// From 0 to 1.
fn random() -> f64 {
    let mut bytes = [0; 4];
    // Without chance the waits are whole, which is right too.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        return 0.0;
    }
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_its_bound_and_is_never_less_than_half() {
        let most = Duration::from_secs(60);
        for (failures, whole) in [(1, 0.5), (2, 1.0), (5, 8.0), (8, 60.0), (u32::MAX, 60.0)] {
            let waits: Vec<f64> = (0..50).map(|_| wait(failures, most).as_secs_f64()).collect();
            assert!(waits.iter().all(|wait| (whole / 2.0..=whole).contains(wait)), "{failures}: {waits:?}");
            assert!(waits.iter().any(|wait| (wait - waits[0]).abs() > 1e-6), "they differ");
        }
    }
}
