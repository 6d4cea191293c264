//! What others score on the same events: RITA, and two naive measures.

use super::families::Event;
use super::measure::{median, quantile};

/// RITA's total: the mean of four parts, by its published formulas.
pub fn rita(events: &[Event], window: f64) -> f64 {
    if events.len() < 4 {
        return 0.0;
    }
    let gaps: Vec<f64> = events.windows(2).map(|two| (two[1].0 - two[0].0).round()).collect();
    let bytes: Vec<f64> = events.iter().map(|event| event.1).collect();
    let mut bins = [0.0_f64; 24];
    for (time, _) in events {
        bins[((time / window * 24.0) as usize).min(23)] += 1.0;
    }
    let mean = bins.iter().sum::<f64>() / 24.0;
    let deviation = (bins.iter().map(|bin| (bin - mean).powi(2)).sum::<f64>() / 24.0).sqrt();
    let flat = (1.0 - deviation / mean).clamp(0.0, 1.0);
    let duration = ((events[events.len() - 1].0 - events[0].0) / window).clamp(0.0, 1.0);
    (regular(&gaps) + regular(&bytes) + flat + duration) / 4.0
}

/// The mean of 1 - |Bowley's skew| and (median - median absolute deviation) / median.
fn regular(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let [low, middle, high] = [0.25, 0.5, 0.75].map(|at| quantile(&sorted, at));
    let skew = if low < middle && middle < high { (low + high - 2.0 * middle) / (high - low) } else { 0.0 };
    let deviation = median(&values.iter().map(|value| (value - middle).abs()).collect::<Vec<_>>());
    let steady = if middle >= 1.0 { ((middle - deviation) / middle).max(0.0) } else { 0.0 };
    f64::midpoint(1.0 - skew.abs(), steady)
}

/// The share of the most frequent gap, give or take 5 %.
pub fn most_frequent(events: &[Event]) -> f64 {
    if events.len() < 4 {
        return 0.0;
    }
    let mut gaps: Vec<f64> = events.windows(2).map(|two| (two[1].0 - two[0].0).max(0.5)).collect();
    gaps.sort_by(f64::total_cmp);
    let most = gaps
        .iter()
        .map(|gap| gaps.partition_point(|other| *other <= gap * 1.1) - gaps.partition_point(|other| other < gap));
    most.max().unwrap_or(0) as f64 / gaps.len() as f64
}

/// The coefficient of variation of the gaps, turned round so that steady scores high.
pub fn steadiness(events: &[Event]) -> f64 {
    if events.len() < 4 {
        return 0.0;
    }
    let gaps: Vec<f64> = events.windows(2).map(|two| two[1].0 - two[0].0).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
    1.0 / (1.0 + deviation / mean.max(1e-9))
}
