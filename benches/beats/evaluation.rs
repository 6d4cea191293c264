//! The table: how well each family is found, and how soon.

use std::fmt::Write;

use camwatch::analyse::beat::Beat;
use camwatch::time::Timestamp;

use super::families::{Event, FAMILIES, Family};
use super::measure::{above, auc, median, reaching, threshold};
use super::yardsticks;

/// The fixed threshold: level `beacon`.
const THRESHOLD: f64 = 6.0;
/// Series of a family that are followed from their start, to see when the threshold is first crossed.
const FOLLOWED: u64 = 100;
/// And for so many events.
const MOST_EVENTS: usize = 600;

pub struct Options {
    pub seed: u64,
    pub each: u64,
    pub held_out: bool,
}

/// One family's scores, by each method.
struct Scores {
    family: Family,
    beat: Vec<f64>,
    others: [Vec<f64>; 3],
    /// Beats until the threshold was first crossed; infinite where it never was.
    found_after: Vec<f64>,
    /// Share of series that crossed the threshold at any look.
    ever: f64,
}

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_nanos(1_427_878_800_000_000_000 + (seconds * 1e9) as i64)
}

/// Scores a series as of the window's end.
fn at_the_end(events: &[Event], window: f64) -> f64 {
    let mut beat = Beat::default();
    for (time, _) in events {
        beat.event(at(*time));
    }
    beat.score(at(window)).map_or(0.0, |score| score.score)
}

/// Looks after each of the first 40 events, then after every 8th: the beats until the threshold was crossed.
fn first_crossing(events: &[Event]) -> Option<f64> {
    let mut beat = Beat::default();
    for (number, (time, _)) in events.iter().enumerate().take(MOST_EVENTS) {
        beat.event(at(*time));
        if (number < 40 || number.is_multiple_of(8))
            && let Some(score) = beat.score(at(*time)).filter(|score| score.score >= THRESHOLD)
        {
            return Some((beat.events() as f64 / score.burst).round());
        }
    }
    None
}

fn scores(family: Family, options: &Options, window: f64) -> Scores {
    let seeds = (0..options.each).map(|number| {
        let name = family.name.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        options.seed.wrapping_mul(1_000_003) ^ name.wrapping_add(number << 32) ^ (window as u64)
    });
    let mut scores =
        Scores { family, beat: Vec::new(), others: Default::default(), found_after: Vec::new(), ever: 0.0 };
    for (number, seed) in (0..).zip(seeds) {
        let events = family.series(seed, window);
        scores.beat.push(at_the_end(&events, window));
        scores.others[0].push(yardsticks::rita(&events, window));
        scores.others[1].push(yardsticks::most_frequent(&events));
        scores.others[2].push(yardsticks::steadiness(&events));
        if number < FOLLOWED {
            scores.found_after.push(first_crossing(&events).unwrap_or(f64::INFINITY));
        }
    }
    let ever = scores.found_after.iter().filter(|beats| beats.is_finite()).count();
    scores.ever = ever as f64 / scores.found_after.len().max(1) as f64;
    scores
}

/// The table of a window, in text.
pub fn table(options: &Options, window: f64) -> String {
    let families = FAMILIES.into_iter().filter(|family| family.held_out == options.held_out);
    let all: Vec<Scores> = families.map(|family| scores(family, options, window)).collect();
    let pooled = |beacon: bool, of: &dyn Fn(&Scores) -> Vec<f64>| -> Vec<f64> {
        all.iter().filter(|scores| scores.family.beacon == beacon).flat_map(of).collect()
    };
    let beat = |scores: &Scores| scores.beat.clone();
    let benign = pooled(false, &beat);
    let (one, tenth) = (threshold(&benign, 0.01), threshold(&benign, 0.001));
    let rita_benign = pooled(false, &|scores| scores.others[0].clone());
    let rita_one = threshold(&rita_benign, 0.01);
    let mut out = String::new();
    let head = if options.held_out { ", families that nothing was tuned on" } else { "" };
    let _ = writeln!(out, "\n{} h, seed {}, {} of each family{head}\n", window / 3600.0, options.seed, options.each);
    let _ = writeln!(
        out,
        "  {:<22} {:>6} {:>8} {:>8} {:>8} {:>6} {:>7}  {:>9} {:>9}",
        "family", "AUC", "TPR@1%", "TPR@.1%", "at 6", "ever", "beats", "RITA AUC", "RITA @1%"
    );
    for scores in &all {
        let (name, here) = (scores.family.name, &scores.beat);
        if scores.family.beacon {
            let beats = median(&scores.found_after);
            let beats = if beats.is_finite() { format!("{beats:.0}") } else { "–".to_owned() };
            let _ = writeln!(
                out,
                "  {name:<22} {:>6.3} {:>8.3} {:>8.3} {:>8.3} {:>6.3} {beats:>7}  {:>9.3} {:>9.3}",
                auc(here, &benign),
                above(here, one),
                above(here, tenth),
                reaching(here, THRESHOLD),
                scores.ever,
                auc(&scores.others[0], &rita_benign),
                above(&scores.others[0], rita_one),
            );
        } else {
            let worst = here.iter().copied().fold(0.0, f64::max);
            let _ = writeln!(
                out,
                "  {name:<22} {:>6} {:>8.4} {:>8.4} {:>8.4} {:>6.3}  highest {worst:.2}",
                "benign",
                above(here, one),
                above(here, tenth),
                reaching(here, THRESHOLD),
                scores.ever
            );
        }
    }
    let beacons = pooled(true, &beat);
    let _ = writeln!(
        out,
        "\n  beat: AUC {:.4}, TPR {:.3} at 1 % FPR (score {one:.2}), {:.3} at 0.1 % (score {tenth:.2}); at 6: TPR {:.3}, FPR {:.2} %; \
         benign pairs that ever cross 6: {:.1} %",
        auc(&beacons, &benign),
        above(&beacons, one),
        above(&beacons, tenth),
        reaching(&beacons, THRESHOLD),
        reaching(&benign, THRESHOLD) * 100.0,
        100.0 * all.iter().filter(|scores| !scores.family.beacon).map(|scores| scores.ever).sum::<f64>()
            / all.iter().filter(|scores| !scores.family.beacon).count() as f64,
    );
    for (number, name) in ["RITA, total", "most frequent gap", "steadiness"].into_iter().enumerate() {
        let of = |scores: &Scores| scores.others[number].clone();
        let (beacons, benign) = (pooled(true, &of), pooled(false, &of));
        let _ = writeln!(
            out,
            "  {name}: AUC {:.4}, TPR {:.3} at 1 % FPR, {:.3} at 0.1 %",
            auc(&beacons, &benign),
            above(&beacons, threshold(&benign, 0.01)),
            above(&beacons, threshold(&benign, 0.001)),
        );
        if number == 0 {
            let (found, wrong) = (reaching(&beacons, 0.7), reaching(&benign, 0.7));
            let _ = writeln!(out, "    at its own 0.7: TPR {found:.3}, FPR {:.1} %", wrong * 100.0);
        }
    }
    out
}
