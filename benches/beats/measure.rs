//! How well scores tell two classes apart.

/// The share of (beacon, benign) pairs in which the beacon scores higher; equal scores count half.
pub fn auc(beacons: &[f64], benign: &[f64]) -> f64 {
    let mut sorted = benign.to_vec();
    sorted.sort_by(f64::total_cmp);
    let won: f64 = beacons
        .iter()
        .map(|score| {
            let below = sorted.partition_point(|other| other < score);
            let upto = sorted.partition_point(|other| other <= score);
            below as f64 + (upto - below) as f64 / 2.0
        })
        .sum();
    won / (beacons.len() * benign.len()) as f64
}

/// The lowest threshold that at most `share` of the benign scores exceed.
pub fn threshold(benign: &[f64], share: f64) -> f64 {
    let mut sorted = benign.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    sorted.get((benign.len() as f64 * share) as usize).copied().unwrap_or(0.0)
}

/// The share of scores above a threshold.
pub fn above(scores: &[f64], threshold: f64) -> f64 {
    scores.iter().filter(|score| **score > threshold).count() as f64 / scores.len().max(1) as f64
}

/// The share of scores at or above a threshold.
pub fn reaching(scores: &[f64], threshold: f64) -> f64 {
    scores.iter().filter(|score| **score >= threshold).count() as f64 / scores.len().max(1) as f64
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

/// Of ascending values, by linear interpolation.
pub fn quantile(sorted: &[f64], at: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = at * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}
