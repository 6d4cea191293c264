//! The period that is hardest to explain by chance, among the gaps of one scale.

use std::sync::LazyLock;

use super::SEARCHED;
use super::series::{Gaps, RING};

/// How far off a gap may be, as shares of the period, and how wide that is on a logarithmic scale.
static TOLERANCES: LazyLock<[(f64, f64); 5]> = LazyLock::new(|| {
    [0.05, 0.15, 0.30, 0.37, 0.50].map(|tolerance: f64| (tolerance, ((1.0 + tolerance) / (1.0 - tolerance)).ln()))
});
const MOST_MULTIPLES: usize = 16;
/// Around so many periods chance is measured where gaps are to be multiples.
const LEAST_REACH: f64 = 1.0 / 3.0;
const MOST_REACH: f64 = MOST_MULTIPLES as f64 + 0.5;

/// The intervals around whole multiples of a period, in periods: the jitter of so many sleeps adds up by the root of
/// their number.
struct Lattice {
    tolerance: f64,
    intervals: [(f64, f64); MOST_MULTIPLES],
    /// How wide they are in all, on a logarithmic scale.
    log_width: f64,
    /// What each gap may speak against chance at most, in nats: where all of them fit.
    most: f64,
}

static LATTICES: LazyLock<[Lattice; 2]> = LazyLock::new(|| {
    [0.08, 0.04].map(|tolerance: f64| {
        let intervals = std::array::from_fn(|place| {
            let multiple = place as f64 + 1.0;
            let reach = tolerance * multiple.sqrt();
            (multiple - reach, multiple + reach)
        });
        let log_width: f64 = intervals.iter().map(|(from, to): &(f64, f64)| (to / from).ln()).sum();
        Lattice { tolerance, intervals, log_width, most: (MOST_REACH / LEAST_REACH).ln().ln() - log_width.ln() }
    })
});

/// By what a period shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Gaps are near it, or near two or three of it.
    Near,
    /// Gaps are whole multiples of it.
    Multiples,
}

/// A candidate period and the evidence for it.
#[derive(Debug, Clone, Copy)]
pub struct Fit {
    /// What speaks against chance, in nats.
    pub evidence: f64,
    /// By what the period shows.
    pub way: Way,
    /// In seconds.
    pub period: f64,
    /// How far off a gap may be, as a share of the period.
    pub tolerance: f64,
    /// Gaps that fit.
    pub hits: u32,
    /// Of so many.
    pub of: u32,
    /// How much time the gaps that fit make up, in seconds.
    pub explained_s: f64,
    /// The probability that a gap fits by chance.
    pub chance: f64,
}

/// The log likelihood ratio of so many hits against the chance of one, in nats: a binomial's.
fn evidence(hits: u32, of: u32, chance: f64) -> f64 {
    let chance = chance.clamp(1e-4, 0.9999);
    let share = (f64::from(hits) / f64::from(of.max(1))).clamp(1e-9, 1.0 - 1e-9);
    if share <= chance {
        return 0.0;
    }
    f64::from(of) * (share * (share / chance).ln() + (1.0 - share) * ((1.0 - share) / (1.0 - chance)).ln())
}

/// Every candidate period with what speaks for it, told to `hear`; `silence` is what parts the scale's bursts. What
/// `hear` gives back, `least` at first, is evidence that a candidate must exceed to be worth telling.
pub(super) fn candidates(gaps: &Gaps, silence: f64, mut least: f64, mut hear: impl FnMut(Fit) -> f64) {
    let mean = (gaps.span() / gaps.sorted().len() as f64 - silence).max(1e-6);
    // Chance A: events as they come (Poisson) after a silence.
    let poisson = |x: f64| 1.0 - (-(x - silence).max(0.0) / mean).exp();
    let mut before = 0.0;
    for &period in gaps.sorted() {
        let low = (period / 3.0).max(silence);
        if period <= 0.0 || period < before * 1.01 || low >= 3.0 * period {
            continue;
        }
        before = period;
        let around = Around::of(gaps, period, low);
        for tolerance in TOLERANCES.iter() {
            if let Some(fit) = near(gaps, &poisson, &around, *tolerance, least) {
                least = hear(fit);
            }
        }
        // Where single periods are rare, two of them may be the shortest gap that was seen.
        for base in [period, period / 2.0] {
            for lattice in LATTICES.iter() {
                if let Some(fit) = multiples(gaps, silence, &poisson, base, lattice, least) {
                    least = hear(fit);
                }
            }
        }
    }
}

/// The best of [`candidates`]: the first of equals. None where none is worth more than the search for it.
pub(super) fn best(gaps: &Gaps, silence: f64) -> Option<Fit> {
    let mut best: Option<Fit> = None;
    candidates(gaps, silence, SEARCHED, |fit| {
        if fit.evidence > best.map_or(SEARCHED, |best| best.evidence) {
            best = Some(fit);
        }
        best.map_or(SEARCHED, |best| best.evidence)
    });
    best
}

/// A period and its surroundings, from a third of it to three times: the same for every tolerance.
struct Around {
    period: f64,
    /// The share of the gaps that lie there.
    share: f64,
    /// How wide that is on a logarithmic scale.
    log_width: f64,
}

impl Around {
    /// `low` is where they begin.
    fn of(gaps: &Gaps, period: f64, low: f64) -> Self {
        let of = gaps.sorted().len() as u32;
        let share = f64::from(gaps.within(low, 3.0 * period)) / f64::from(of.max(1));
        Self { period, share, log_width: (3.0 * period / low).ln() }
    }
}

/// Gaps near the period; with the narrow tolerances also near two and three periods, where beats were missed. None
/// where the evidence is not above `least`.
fn near(
    gaps: &Gaps,
    poisson: &impl Fn(f64) -> f64,
    around: &Around,
    (tolerance, log_width): (f64, f64),
    least: f64,
) -> Option<Fit> {
    let period = around.period;
    let of = gaps.sorted().len() as u32;
    let multiples = if tolerance < 0.2 { 1..=3 } else { 1..=1 };
    let intervals = multiples.map(f64::from).map(|multiple| {
        let (from, to) = (period * (multiple - tolerance), period * (multiple + tolerance));
        (multiple, from, to)
    });
    let (mut hits, mut explained_s) = (0, 0.0);
    for (multiple, from, to) in intervals.clone() {
        let here = gaps.within(from, to);
        hits += here;
        explained_s += f64::from(here) * period * multiple;
    }
    let hits = hits.min(of);
    // Chance B: heavy tails, flat on a logarithmic scale around the period.
    let log_flat = around.share * (log_width / around.log_width).clamp(0.0, 1.0);
    // Chance A can only take evidence away, and is dear.
    if evidence(hits, of, log_flat) <= least {
        return None;
    }
    let chance = log_flat.max(intervals.map(|(_, from, to)| poisson(to) - poisson(from)).sum());
    let evidence = evidence(hits, of, chance);
    Some(Fit { evidence, way: Way::Near, period, tolerance, hits, of, explained_s, chance })
}

/// Gaps that are whole multiples of a period, as where each beat goes to one of several addresses. The period is made
/// more exact with each gap that fits. None where the evidence is not above `least`.
fn multiples(
    gaps: &Gaps,
    silence: f64,
    poisson: &impl Fn(f64) -> f64,
    base: f64,
    lattice: &Lattice,
    least: f64,
) -> Option<Fit> {
    let of = gaps.sorted().len() as u32;
    // A rhythm that is plain already leaves nothing to be found, and looking takes the most of a score.
    if f64::from(of) * lattice.most <= least {
        return None;
    }
    let (mut explained_s, mut beats, mut hits) = (0.0, 0.0, 0);
    let mut frequency = 1.0 / base;
    for &gap in gaps.sorted() {
        let periods = gap * frequency;
        let nearest = (periods + 0.5) as usize;
        if nearest > MOST_MULTIPLES {
            break;
        }
        let Some((from, to)) = nearest.checked_sub(1).and_then(|place| lattice.intervals.get(place)) else { continue };
        if (*from..=*to).contains(&periods) {
            hits += 1;
            explained_s += gap;
            beats += nearest as f64;
            frequency = beats / explained_s;
        }
    }
    let period = 1.0 / frequency;
    let (low, high) = ((period * LEAST_REACH).max(silence), MOST_REACH * period);
    if hits == 0 || low >= high {
        return None;
    }
    let near_share = f64::from(gaps.within(low, high).max(hits)) / f64::from(of);
    let log_flat = near_share * (lattice.log_width / (high / low).ln()).clamp(0.0, 1.0);
    // The other kind of chance can only take evidence away, and is dear.
    if evidence(hits, of, log_flat) <= least {
        return None;
    }
    let poisson: f64 = lattice.intervals.iter().map(|(from, to)| poisson(period * to) - poisson(period * from)).sum();
    let chance = log_flat.max(poisson);
    let tolerance = lattice.tolerance;
    let evidence = evidence(hits, of, chance);
    Some(Fit { evidence, way: Way::Multiples, period, tolerance, hits, of, explained_s, chance })
}

/// The median of at most as many values as a ring holds.
pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted = [0.0; RING];
    let mut count = 0;
    for (place, value) in sorted.iter_mut().zip(values) {
        *place = value;
        count += 1;
    }
    let sorted = &mut sorted[..count];
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = count / 2;
    if count % 2 == 1 {
        sorted.get(middle).copied()
    } else {
        Some((sorted.get(middle.checked_sub(1)?)? + sorted.get(middle)?) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No share of hits among gaps that are all measured speaks for more than a lattice's most.
    #[test]
    fn what_is_not_looked_for_could_not_have_been_found() {
        let widest = (MOST_REACH / LEAST_REACH).ln();
        for lattice in LATTICES.iter() {
            for of in 5..=RING as u32 {
                for hits in 0..=of {
                    for near in hits..=of {
                        let chance = f64::from(near) / f64::from(of) * (lattice.log_width / widest);
                        let found = evidence(hits, of, chance);
                        assert!(found <= f64::from(of) * lattice.most + 1e-6, "{hits} of {of}, {near} near: {found}");
                    }
                }
            }
        }
    }
}
